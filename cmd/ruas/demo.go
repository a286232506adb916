package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/demo"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
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
and the API and the console. Ctrl-C ends it.
` + exitCodes,
		Example: `  ruas demo
  ruas demo --segments mine.yaml --speed 600`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.Speed <= 0 {
				return usage(errors.New("--speed must be more than 0"))
			}
			var err error
			if opt.Schema, opt.Engine, err = demoRules(paths); err != nil {
				return err
			}
			if opt.Logger, err = newLogger(config.Log{Level: zap.WarnLevel.String(), Format: "console"}, s.err); err != nil {
				return err
			}
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

// demoRules compiles the segment files at paths, or the starter segments, which are in the program.
func demoRules(paths []string) (*event.Schema, *engine.Engine, error) {
	if len(paths) > 0 {
		c := config.Default()
		c.Segments = paths
		compiled, err := compile(c, nil)
		return compiled.schema, compiled.engine, err
	}
	schema, err := event.LoadSchema()
	if err != nil {
		return nil, nil, err
	}
	names, err := fs.Glob(segments.Files, "*.yaml")
	if err != nil {
		return nil, nil, err
	}
	files := map[string][]byte{}
	for _, name := range names {
		if files["segments/"+name], err = segments.Files.ReadFile(name); err != nil {
			return nil, nil, fmt.Errorf("reading the starter segments: %w", err)
		}
	}
	set, err := rule.Parse(schema, files)
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.New(set, engine.Options{})
	return schema, e, err
}
