package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/replay"
	"github.com/ruas/ruas/internal/suggest"
)

type replayFlags struct {
	config, until, deadLetters string
	segments                   []string
	strict                     bool
	partitions                 int
}

func newReplay(s streams) *cobra.Command {
	var flags replayFlags
	cmd := &cobra.Command{
		Use:   "replay [flags] [SOURCE=]FILE...",
		Short: "Run the segments over files of events",
		Long: `Runs the same engine as 'ruas run' over files of JSON lines (.gz too; - is standard input), without Kafka and Redis, and prints every
change as a JSON line, in order of time. Several files are merged by time. A file without SOURCE= may hold events of every type under
the default names; SOURCE names one of the configuration's sources, with its fields. A line that is no good is reported on standard
error, or kept with --dead-letters. When interrupted, it prints what it had.
` + exitCodes,
		Example: `  ruas replay events.jsonl
  ruas replay --segments my.yaml --until 2026-12-01T00:00:00Z purchases=p.jsonl.gz browsing=b.jsonl.gz`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("replay needs a file of events (- is standard input)"))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runReplay(cmd, s, &flags, args) },
	}
	configFlag(cmd, &flags.config)
	f := cmd.Flags()
	f.StringSliceVar(&flags.segments, "segments", nil, "segment files or folders, instead of the configuration's")
	f.StringVar(&flags.until, "until", "", "end at this `time` (RFC 3339 with zone): later events are left out, and all that is due until then happens")
	f.StringVar(&flags.deadLetters, "dead-letters", "", "keep lines that are no good in this `file`, as JSON lines")
	f.BoolVar(&flags.strict, "strict", false, "exit 1 where a line is no good")
	f.IntVar(&flags.partitions, "partitions", 1, "divide customers as Kafka would (murmur2), with a clock for each of `N` parts")
	return cmd
}

func runReplay(cmd *cobra.Command, s streams, flags *replayFlags, args []string) (err error) {
	opt := replay.Options{Out: s.out, Stdin: s.in, Partitions: flags.partitions}
	if flags.partitions < 1 {
		return usage(fmt.Errorf("--partitions is %d: want a number from 1", flags.partitions))
	}
	if flags.until != "" {
		until, ok := event.ParseMoment(flags.until)
		if !ok {
			return usage(fmt.Errorf("--until is %q: want a time with zone, as 2026-12-01T00:00:00Z", flags.until))
		}
		opt.Until = &until
	}
	c, err := config.Load(flags.config, s.environ)
	if err != nil {
		return err
	}
	if opt.Files, err = replayFiles(c, args); err != nil {
		return err
	}
	compiled, err := compile(c, flags.segments)
	if err != nil {
		return err
	}
	opt.Engine, opt.Schema, opt.Sources = compiled.engine, compiled.schema, eventSources(c)
	terminal := isTerminal(s.err)
	if terminal {
		opt.Progress = s.err
	}
	opt.Rejects = replay.Report{W: s.err, Terminal: terminal}
	if flags.deadLetters != "" {
		if err := overwritten(flags.deadLetters, c, flags, opt.Files); err != nil {
			return err
		}
		file, err := os.Create(flags.deadLetters)
		if err != nil {
			return fmt.Errorf("making the file of dead letters: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		opt.Rejects = replay.NewDeadLetters(file)
	}
	if os.Getenv("GOGC") == "" {
		// Nearly all that a replay allocates it keeps: looking for garbage less often makes it a tenth faster.
		debug.SetGCPercent(300)
	}
	result, err := replay.Run(cmd.Context(), opt)
	if err != nil {
		return err
	}
	if result.Interrupted {
		fmt.Fprintln(s.err, "ruas: interrupted: these are the changes up to then")
	}
	if flags.strict && result.Rejected > 0 {
		return fmt.Errorf("%d %s no good", result.Rejected, plural(int(result.Rejected), "line is", "lines are"))
	}
	return nil
}

// overwritten refuses a file for dead letters that the replay reads.
func overwritten(path string, c *config.Config, flags *replayFlags, files []replay.File) error {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // there is nothing yet that could be lost
	}
	inputs := []string{flags.config}
	for _, f := range files {
		inputs = append(inputs, f.Path)
	}
	rules := flags.segments
	if len(rules) == 0 {
		rules = c.Segments
	}
	for _, given := range slices.Concat(rules, c.Schemas) {
		within, _ := filepath.Glob(filepath.Join(given, "*")) // of a folder
		inputs = append(append(inputs, given), within...)
	}
	for _, input := range inputs {
		if other, err := os.Stat(input); err == nil && os.SameFile(info, other) {
			return usage(fmt.Errorf("--dead-letters is %s, which is read: name another file", path))
		}
	}
	return nil
}

// replayFiles reads arguments as [SOURCE=]FILE. A name with an equals sign whose file exists, and that names no source, is a file.
func replayFiles(c *config.Config, args []string) ([]replay.File, error) {
	names := make([]string, len(c.Sources))
	for i, src := range c.Sources {
		names[i] = src.Name
	}
	files := make([]replay.File, len(args))
	for i, arg := range args {
		files[i] = replay.File{Path: arg}
		name, path, ok := strings.Cut(arg, "=")
		if !ok {
			continue
		}
		if slices.Contains(names, name) {
			if path == "" {
				return nil, usage(fmt.Errorf("%s names no file", arg))
			}
			files[i] = replay.File{Source: name, Path: path}
			continue
		}
		if _, err := os.Stat(arg); err == nil {
			continue
		}
		return nil, usage(fmt.Errorf("%s: there is no source %q in the configuration%s", arg, name, suggest.Hint(name, names)))
	}
	return files, nil
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
