package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/client"
)

func newWatch(s streams) *cobra.Command {
	var (
		a      *asking
		filter client.Filter
		count  int
	)
	cmd := &cobra.Command{
		Use:   "watch [SEGMENT…]",
		Short: "Watch customers join and leave segments",
		Long: `Writes joins and leaves as they are published, those of the segments named or of all, until it is ended. A connection that breaks is
made anew, and nothing is missed.
` + askHelp,
		Example: `  ruas watch cart_abandoner loyal
  ruas watch --customer c42 --json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			if count < 0 {
				return usage(fmt.Errorf("--count is %d: want a number of changes, or 0 for no end", count))
			}
			filter.Segments = args
			filter.Broken = func(err error) { fmt.Fprintf(s.err, "ruas: %v: trying again\n", err) }
			for change, err := range c.Watch(cmd.Context(), filter) {
				if err != nil {
					return asked(err)
				}
				if a.json {
					fmt.Fprintf(s.out, "%s\n", change.JSON)
				} else {
					fmt.Fprintf(s.out, "%s  %-5s  %s  %s  by %s\n", written(change.Time), change.Change, change.Segment, change.Customer, change.Cause)
				}
				if count--; count == 0 {
					return nil
				}
			}
			return nil
		},
	}
	a = askingFlags(cmd, s)
	cmd.Flags().StringVar(&filter.Customer, "customer", "", "only changes of this customer")
	cmd.Flags().IntVar(&filter.Recent, "recent", 0, "begin with so many of the newest changes")
	cmd.Flags().StringVar(&filter.From, "from", "", "begin behind this place, as in Ruas-Offset (0:17,1:5)")
	cmd.Flags().IntVarP(&count, "count", "n", 0, "end after so many changes; 0: never")
	return cmd
}
