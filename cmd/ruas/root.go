package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ruas/ruas/internal/suggest"
)

const exitCodes = `
Exit codes: 0 fine, 1 the input is wrong, 2 usage, 3 a dependency could not be reached, or does not allow it.`

// execute runs one command line and gives its exit code.
func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !errors.Is(err, errReported) {
		fmt.Fprintf(s.err, "ruas: %v\n", err)
		if exitCode(err) == exitUsage {
			fmt.Fprintf(s.err, "Run '%s --help' for usage.\n", cmd.CommandPath())
		}
	}
	return exitCode(err)
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "ruas",
		Short: "Customer segments, kept up to date while events stream in",
		Long: `ruas keeps customer segments up to date while events stream in: it reads events from Kafka, and publishes who joins and who leaves
a segment. A segment is a CEL expression over a customer's history.

Begin with 'ruas demo'.
` + exitCodes,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				cmd.SetOut(s.err)
				return errors.Join(cmd.Help(), usageReported)
			}
			names := []string{}
			for _, c := range cmd.Commands() {
				names = append(names, c.Name())
			}
			return usage(fmt.Errorf("there is no command %q%s", args[0], suggest.Hint(args[0], names)))
		},
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		cmd.Flags().Visit(func(f *pflag.Flag) {
			// As of a variable of a shell that is not set. Where a flag is something by default, "" may mean that it is nothing.
			if nothing := f.DefValue == "" || f.DefValue == "[]"; nothing && f.Value.String() == f.DefValue && err == nil {
				err = usage(fmt.Errorf("--%s is empty: give it a value, or leave it out", f.Name))
			}
		})
		return err
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usage(err) })
	root.AddCommand(
		newDemo(s),
		newRun(s),
		newAPI(s),
		newCheck(s),
		newReplay(s),
		newCustomer(s),
		newMembers(s),
		newExplain(s),
		newWatch(s),
		newStudy(s),
		newForget(s),
		newDeadLetters(s),
		newToken(s),
		newSize(s),
		newHealth(s),
		newTraffic(s),
		newVersion(s),
	)
	return root
}

// usageReported is the error of a command line for which the help was written.
var usageReported = usage(errReported)

// noArguments refuses arguments.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(fmt.Errorf("%s takes no arguments, but was given %q", cmd.Name(), args[0]))
	}
	return nil
}

// configFlag adds -c.
func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", "", "configuration `file`; without it the defaults hold (docs/configuration.md)")
}
