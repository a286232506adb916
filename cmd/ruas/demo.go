package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/demo"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/rulefiles"
	"github.com/ruas/ruas/segments"
)

func newDemo(s streams) *cobra.Command {
	var (
		paths  []string
		listen string
		opt    demo.Options
	)
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch customers of a simulated shop join and leave segments",
		Long: `Runs everything in this one process: a simulated shop, an embedded Kafka and Redis, the pipeline with the starter segments, a live table,
and the API and the console. Rules that are saved in the console are in force at once; they are written to the folder given with --segments,
else to a folder of their own, which is named at the end. Ctrl-C ends it.
` + exitCodes,
		Example: `  ruas demo
  ruas demo --segments mine.yaml --speed 600`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if opt.Speed <= 0 {
				return usage(errors.New("--speed must be more than 0"))
			}
			if opt.Logger, err = newLogger(config.Log{Level: zap.WarnLevel.String(), Format: "console"}, s.err); err != nil {
				return err
			}
			shown, err := newDemoRules(paths, (&config.HTTP{Listen: listen}).Exposed())
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, shown.close(s)) }()
			opt.Schema, opt.Engine, opt.Rules, opt.Switch = shown.schema, shown.engine, shown.files, shown.put
			opt.Listen, opt.Out = listen, s.out
			return demo.Run(cmd.Context(), opt)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&paths, "segments", nil, "your own segment files or folders, instead of the starter segments")
	f.Float64Var(&opt.Speed, "speed", 60, "how many times as fast the shop's time runs")
	f.IntVar(&opt.Customers, "customers", 0, "how many customers the shop has at its opening; 0: the default")
	f.Uint64Var(&opt.Seed, "seed", 1, "what the customers' doings are drawn from")
	f.StringVar(&listen, "listen", "127.0.0.1:8080", "address of the API and the console; empty: none")
	return cmd
}

// demoRules are the demo's, and what brings it others.
type demoRules struct {
	rules
	put   *demo.Switch
	own   string // a folder that was made for them; "": none
	saved atomic.Bool
}

// newDemoRules compiles the segment files at paths, or the starter segments. Files may be written in the first folder of paths, where there
// is none in one of their own, and nowhere where others than this machine can ask.
func newDemoRules(paths []string, exposed bool) (_ *demoRules, err error) {
	d := &demoRules{put: demo.NewSwitch()}
	defer func() {
		if err != nil && d.own != "" {
			err = errors.Join(err, os.RemoveAll(d.own))
		}
	}()
	opt := rulefiles.Options{
		Paths: paths, Closed: "no rules can be saved: the demo asks nobody who they are, and others than this machine can reach it (--listen)",
	}
	first := slices.IndexFunc(paths, isFolder)
	if first >= 0 && !exposed {
		opt.Folder = paths[first]
	}
	if first < 0 && (len(paths) == 0 || !exposed) {
		if d.own, err = os.MkdirTemp("", "ruas-demo-"); err != nil {
			return nil, fmt.Errorf("making a folder for rules: %w", err)
		}
		if len(paths) == 0 {
			if err := copyStarters(d.own); err != nil {
				return nil, err
			}
			opt.Paths = []string{d.own}
		}
		if !exposed {
			opt.Folder = d.own
		}
	}
	d.rules, err = compileFiles(config.Default(), opt, func(ctx context.Context, e *engine.Engine) {
		d.saved.Store(true)
		d.put.Put(ctx, e)
	})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// copyStarters writes the starter segments, which are in the program, to a folder.
func copyStarters(folder string) error {
	names, err := fs.Glob(segments.Files, "*.yaml")
	if err != nil {
		return err
	}
	for _, name := range names {
		text, err := segments.Files.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name), text, 0o600)
		}
		if err != nil {
			return fmt.Errorf("copying the starter segments: %w", err)
		}
	}
	return nil
}

// close leaves a folder of the demo's own only where somebody saved something in it.
func (d *demoRules) close(s streams) error {
	switch {
	case d.own == "":
		return nil
	case d.saved.Load():
		fmt.Fprintf(s.err, "The rules as they were saved are in %s\n", d.own)
		return nil
	}
	return os.RemoveAll(d.own)
}
