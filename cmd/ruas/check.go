package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/plan"
	"github.com/ruas/ruas/internal/rule"
)

func newCheck(s streams) *cobra.Command {
	var path, format string
	cmd := &cobra.Command{
		Use:   "check [flags] [PATH...]",
		Short: "Compile segment files, and say what they cost",
		Long: `Compiles segment files or folders, those of the configuration where none is given, and prints what each segment keeps of a customer; or
everything that is wrong, with the place, and what was probably meant.
` + exitCodes,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			if format != "table" && format != "json" {
				return usage(fmt.Errorf("--format is %q: want table or json", format))
			}
			c, err := config.Load(path, s.environ)
			if err != nil {
				return err
			}
			compiled, err := compile(c, args)
			if err != nil {
				return s.mistakes(err, format)
			}
			report := compiled.engine.Report()
			if format == "json" {
				return writeJSON(s.out, checked{Errors: rule.Errors{}, Report: &report})
			}
			return writeReport(s.out, &report)
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().StringVar(&format, "format", "table", "table, or json for editors and CI")
	return cmd
}

// checked is what --format json prints: what is wrong, or what the segments keep.
type checked struct {
	Errors rule.Errors `json:"errors"`
	*plan.Report
}

func writeJSON(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// mistakes prints what is wrong with segment files; other errors are returned as they are.
func (s streams) mistakes(err error, format string) error {
	var list rule.Errors
	if !errors.As(err, &list) {
		return err
	}
	if format == "json" {
		if err := writeJSON(s.out, checked{Errors: list}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(s.err, "%v\n\n%d %s\n", list, len(list), plural(len(list), "mistake", "mistakes"))
	}
	return errReported
}

func plural(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}
