package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/client"
)

func newStudy(s streams) *cobra.Command {
	var (
		a            *asking
		rules, since string
	)
	cmd := &cobra.Command{
		Use:   "study SEGMENT",
		Short: "Say who the members of a segment are, or would be by another rule",
		Long: `Reads all events again, and shows how many members a segment has, what they have in common beside everybody, and what they bought. With
--rules the segment is studied as that file has it, beside the rule that runs: who would join, and who would leave. Nothing is changed.
An interrupt ends the study.
` + askHelp,
		Example: `  ruas study big_spender --since 90d
  ruas study big_spender --rules draft.yaml`,
		Args: someArguments("SEGMENT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ask := client.StudyRequest{Segment: args[0], Since: since}
			if rules != "" {
				text, err := os.ReadFile(rules)
				if err != nil {
					return usage(fmt.Errorf("reading the rules: %w", err))
				}
				ask.Rules = string(text)
			}
			c, err := a.client()
			if err != nil {
				return err
			}
			found, err := studied(cmd.Context(), c, ask, s.err)
			if err != nil {
				return err
			}
			if a.json {
				return writeJSON(s.out, found)
			}
			writeStudy(s.out, found)
			return nil
		},
	}
	a = askingFlags(cmd, s)
	cmd.Flags().StringVar(&rules, "rules", "", "YAML `file` with the segment as it might be")
	cmd.Flags().StringVar(&since, "since", "", "which purchases count as sales, as rules write `durations` (90d); without it all")
	return cmd
}

// studyEvery is how often a study is asked how far it is.
const studyEvery = 500 * time.Millisecond

// studied has a study made, and shows its progress on a terminal.
func studied(ctx context.Context, c *client.Client, ask client.StudyRequest, progress io.Writer) (*client.Study, error) {
	started, err := c.StartStudy(ctx, ask)
	if err != nil {
		return nil, mistaken(err, ask)
	}
	show := func(*client.Study) {}
	if isTerminal(progress) {
		show = func(s *client.Study) { fmt.Fprintf(progress, "\r\x1b[K%s", studyProgress(s)) }
		defer fmt.Fprint(progress, "\r\x1b[K")
	}
	found, err := c.AwaitStudy(ctx, started.ID, studyEvery, show)
	if err != nil {
		if ctx.Err() != nil {
			// Nobody waits for it any more. It ends by itself where the server cannot be told.
			end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			_ = c.EndStudy(end, started.ID)
		}
		return nil, asked(err)
	}
	if found.State == "failed" {
		return nil, unreachable(fmt.Errorf("the study %s failed: %s", found.ID, found.Problem))
	}
	return found, nil
}

// mistaken words mistakes in the rules as check does.
func mistaken(err error, ask client.StudyRequest) error {
	p := new(client.Problem)
	if !errors.As(err, &p) || len(p.Mistakes) == 0 || ask.Rules == "" {
		return asked(err)
	}
	var lines []string
	for _, m := range p.Mistakes {
		line := m.File
		if m.Line > 0 {
			line += fmt.Sprintf(":%d:%d", m.Line, m.Column)
		}
		line += ": " + m.Message
		if m.Suggestion != "" {
			line += "; did you mean " + strconv.Quote(m.Suggestion) + "?"
		}
		lines = append(lines, line)
	}
	return errors.New(strings.Join(lines, "\n"))
}

func studyProgress(s *client.Study) string {
	switch {
	case s.State == "waiting":
		return "waiting for another study"
	case s.Progress.Total == 0:
		return "looking at the sources"
	}
	return fmt.Sprintf("%d of %d records read, %d %%", s.Progress.Read, s.Progress.Total, 100*s.Progress.Read/s.Progress.Total)
}

// writeStudy writes what was found as tables.
func writeStudy(out io.Writer, s *client.Study) {
	r := s.Result
	fmt.Fprintf(out, "%s, as of %s: %d of %d customers", s.Segment, written(r.AsOf), r.Members, r.Customers)
	if a := r.Against; a != nil {
		fmt.Fprintf(out, "; as it runs %d: %d would join, %d would leave", a.Members, a.Joins, a.Leaves)
	}
	fmt.Fprintf(out, ".\n%d events since %s", r.Events, written(r.SourcesSince))
	if r.Rejected > 0 {
		fmt.Fprintf(out, ", and %d %s no good", r.Rejected, plural(int(r.Rejected), "record that was", "records that were"))
	}
	fmt.Fprintln(out, ".")
	if !r.Complete {
		fmt.Fprintf(out, "Not all of it: the beginning of %s is no longer on the broker.\n", strings.Join(r.Incomplete, ", "))
	}
	if r.Against != nil {
		writeSample(out, r)
	}
	writeAttributes(out, r)
	writeSales(out, r.Sales)
}

// fewShown is how many rows of each kind are shown; --json has all.
const fewShown = 5

func writeSample(out io.Writer, r *client.StudyResult) {
	for _, kind := range []struct {
		member bool
		what   string
	}{{true, "would join"}, {false, "would leave"}} {
		var ids []string
		for _, c := range r.Sample {
			if c.Member == kind.member && c.Was != kind.member {
				ids = append(ids, c.Customer)
			}
		}
		if len(ids) > fewShown {
			ids = append(ids[:fewShown], "…")
		}
		if len(ids) > 0 {
			fmt.Fprintf(out, "%s: %s\n", kind.what, strings.Join(ids, ", "))
		}
	}
}

func writeAttributes(out io.Writer, r *client.StudyResult) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nattribute\tvalue\tof members\tof everybody")
	for _, a := range r.Attributes[:min(len(r.Attributes), fewShown)] {
		name := a.Name
		for _, v := range a.Values[:min(len(a.Values), fewShown)] {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, v.Value, percent(v.Members, r.Members), percent(v.Customers, r.Customers))
			name = ""
		}
	}
	_ = table.Flush() // as all that is written to out
}

func percent(n, of int64) string {
	if of == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}

func writeSales(out io.Writer, s *client.Sales) {
	if s == nil {
		return
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nsales %s\tmembers\torders\ttotal\taverage\teverybody\torders\ttotal\taverage\n", s.Currency)
	row := func(what string, members, everybody client.SalesFigures) {
		fmt.Fprintf(table, "%s\t%s\t%s\n", what, figures(members), figures(everybody))
	}
	row("all", s.Members, s.Everybody)
	for _, groups := range [][]client.SalesGroup{s.ByAge, s.ByCity} {
		for _, g := range groups {
			name := g.Group
			switch {
			case g.Unknown:
				name = "(not known)"
			case g.Other:
				name = "(others)"
			}
			row(name, g.Members, g.Everybody)
		}
	}
	_ = table.Flush() // as all that is written to out
	for _, other := range s.LeftOut {
		fmt.Fprintf(out, "left out: %d %s in %s\n", other.Orders, plural(int(other.Orders), "order", "orders"), cmp.Or(other.Currency, "no currency"))
	}
}

func figures(f client.SalesFigures) string {
	average := "-"
	if f.AverageOrder != nil {
		average = strconv.FormatFloat(*f.AverageOrder, 'f', 2, 64)
	}
	return fmt.Sprintf("%d\t%d\t%s\t%s", f.Customers, f.Orders, strconv.FormatFloat(f.Total, 'f', -1, 64), average)
}
