package main

import (
	"bufio"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"
)

func newMembers(s streams) *cobra.Command {
	var a *asking
	cmd := &cobra.Command{
		Use:   "members SEGMENT",
		Short: "List the members of a segment",
		Long: "Lists the ids of all members of a segment, in order, one on each line (with --json as JSON strings), however many there are.\n" +
			askHelp,
		Args: someArguments("SEGMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			out := bufio.NewWriter(s.out)
			for id, err := range c.Members(cmd.Context(), args[0]) {
				if err != nil {
					_ = out.Flush() // the reason why the list is not whole counts for more
					return asked(err)
				}
				if a.json {
					text, err := json.Marshal(id)
					if err != nil {
						return fmt.Errorf("writing a member: %w", err)
					}
					id = string(text)
				}
				fmt.Fprintln(out, id)
			}
			return out.Flush()
		},
	}
	a = askingFlags(cmd, s)
	return cmd
}
