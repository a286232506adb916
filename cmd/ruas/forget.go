package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newForget(s streams) *cobra.Command {
	var a *asking
	cmd := &cobra.Command{
		Use:   "forget ID",
		Short: "Have a customer forgotten",
		Long: `Has everything that is kept of a customer erased: they leave every segment, and their state, its changelog and every index are emptied.
Events that come later begin a new history; those of before stay in their topics. It cannot be undone. A request that is recorded is done
whatever fails; asking twice does no harm.
` + askHelp,
		Args: someArguments("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			f, err := c.Forget(cmd.Context(), args[0])
			if err != nil {
				return asked(err)
			}
			if a.json {
				return writeJSON(s.out, f)
			}
			if !f.Done {
				fmt.Fprintf(s.out, "The request is recorded, and not done yet (%s, partition %d, offset %d).\n", f.Request.Topic, f.Request.Partition, f.Request.Offset)
				return nil
			}
			fmt.Fprintf(s.out, "%s is forgotten", f.Customer)
			if f.Changelog != nil {
				fmt.Fprintf(s.out, ": %d %s; the removal is in %s, partition %d, before offset %d",
					f.Changes, plural(f.Changes, "leave", "leaves"), f.Changelog.Topic, f.Changelog.Partition, f.Changelog.Offset)
			}
			fmt.Fprintf(s.out, " (request: %s, partition %d, offset %d).\n", f.Request.Topic, f.Request.Partition, f.Request.Offset)
			return nil
		},
	}
	a = askingFlags(cmd, s)
	return cmd
}
