package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/client"
)

func newExplain(s streams) *cobra.Command {
	var (
		a      *asking
		events bool
	)
	cmd := &cobra.Command{
		Use:   "explain CUSTOMER SEGMENT",
		Short: "Say why a customer is in a segment, or why not",
		Long: `Shows each condition of a segment's rule for one customer: whether it holds, its value and what that is compared with, and when time
alone will change it.
` + askHelp,
		Args: someArguments("CUSTOMER", "SEGMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.client()
			if err != nil {
				return err
			}
			x, err := c.Explain(cmd.Context(), args[0], args[1])
			if err != nil {
				return asked(err)
			}
			if a.json {
				return writeJSON(s.out, x)
			}
			writeExplanation(s.out, x, events)
			return nil
		},
	}
	a = askingFlags(cmd, s)
	cmd.Flags().BoolVar(&events, "events", false, "show the events that each condition looks at")
	return cmd
}

func writeExplanation(out io.Writer, x *client.Explanation, events bool) {
	is := "is not in"
	if x.Member {
		is = "is in"
	}
	fmt.Fprintf(out, "%s %s %s", x.Customer, is, x.Segment)
	if !x.Since.IsZero() {
		fmt.Fprintf(out, " since %s", written(x.Since))
	}
	fmt.Fprintf(out, ", as of %s.\n", written(x.AsOf))
	if !x.Known {
		fmt.Fprintln(out, "It cannot be decided yet, because the rules changed: the membership stands as it was.")
	}
	switch {
	case !x.Next.IsZero() && x.NextMember:
		fmt.Fprintf(out, "Joins at %s, if nothing happens before.\n", written(x.Next))
	case !x.Next.IsZero():
		fmt.Fprintf(out, "Leaves at %s, if nothing happens before.\n", written(x.Next))
	}
	fmt.Fprintln(out, "\nwhen")
	writeConditions(out, x.When, events, 1)
	if len(x.Until) > 0 {
		fmt.Fprintln(out, "\nuntil")
		writeConditions(out, x.Until, events, 1)
	}
}

func writeConditions(out io.Writer, list []client.Condition, events bool, depth int) {
	for i := range list {
		c := &list[i]
		sign := "✗"
		switch {
		case !c.Known:
			sign = "?"
		case c.Holds:
			sign = "✓"
		}
		indent := strings.Repeat("  ", depth)
		fmt.Fprintf(out, "%s%s %s%s\n", indent, sign, oneLine(c.Text), remarks(c))
		if events {
			writeEvents(out, c, indent)
		}
		writeConditions(out, c.Of, events, depth+1)
	}
}

func remarks(c *client.Condition) string {
	var words []string
	if len(c.Value) > 0 {
		value := string(c.Value)
		if c.AtLeast {
			value += " or more"
		}
		words = append(words, "it is "+value)
	}
	if c.Missing {
		words = append(words, "something that it asks for is missing")
	}
	if c.Lossy {
		words = append(words, "approximate")
	}
	if !c.Next.IsZero() {
		words = append(words, "changes at "+written(c.Next))
	}
	if len(words) == 0 {
		return ""
	}
	return "   (" + strings.Join(words, "; ") + ")"
}

func writeEvents(out io.Writer, c *client.Condition, indent string) {
	for _, list := range c.Events {
		fmt.Fprintf(out, "%s  %s: %d\n", indent, oneLine(list.List), list.Total)
		for _, e := range list.Events {
			fmt.Fprintf(out, "%s    %s %s", indent, e.Time.UTC().Format(time.RFC3339), e.Type)
			for _, name := range slices.Sorted(maps.Keys(e.Fields)) {
				fmt.Fprintf(out, " %s=%s", name, e.Fields[name])
			}
			fmt.Fprintln(out)
		}
	}
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
