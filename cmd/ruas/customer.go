package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/client"
)

func newCustomer(s streams) *cobra.Command {
	var a *asking
	cmd := &cobra.Command{
		Use:   "customer ID",
		Short: "Show a customer's segments, features and profile",
		Long:  "Shows which segments a customer is in and since when, the values of features, and the attributes that rules read.\n" + askHelp,
		Args:  someArguments("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			customer, err := c.Customer(cmd.Context(), args[0])
			if err != nil {
				return asked(err)
			}
			if a.json {
				return writeJSON(s.out, customer)
			}
			return writeCustomer(s.out, customer)
		},
	}
	a = askingFlags(cmd, s)
	return cmd
}

func writeCustomer(out io.Writer, c *client.Customer) error {
	table := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(table, "customer\t%s\n", c.ID)
	if !c.AsOf.IsZero() {
		fmt.Fprintf(table, "as of\t%s\n", written(c.AsOf))
	}
	fmt.Fprintf(table, "\nsegment\tsince\tseq\n")
	for _, m := range c.Memberships {
		fmt.Fprintf(table, "%s\t%s\t%d\n", m.Segment, written(m.Since), m.Seq)
	}
	if len(c.Memberships) == 0 {
		fmt.Fprintln(table, "(none)")
	}
	for _, part := range []struct {
		title  string
		values map[string]any
	}{{"feature", c.Features}, {"attribute", c.Profile}} {
		if len(part.values) == 0 {
			continue
		}
		fmt.Fprintf(table, "\n%s\tvalue\n", part.title)
		for _, name := range slices.Sorted(maps.Keys(part.values)) {
			value, err := json.Marshal(part.values[name])
			if err != nil {
				return fmt.Errorf("writing %s: %w", name, err)
			}
			fmt.Fprintf(table, "%s\t%s\n", name, value)
		}
	}
	if c.Warming {
		fmt.Fprintln(table, "\nThe rules changed, and the customer is not decided by them yet: there are no features.")
	}
	return table.Flush()
}

// written is a moment for people who read logs too.
func written(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000 UTC") }
