package chaos

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// Report is what a run came to.
type Report struct {
	Redis    string        `json:"redis"` // single or cluster
	Seed     uint64        `json:"seed"`
	Duration time.Duration `json:"duration"` // for which there were faults
	Events   int64         `json:"events"`
	Rate     float64       `json:"events_a_second"`
	Changes  int64         `json:"changes"` // committed
	Aborted  int64         `json:"aborted"` // records of aborted transactions among the changes
	// States, Members and DeadLetters are what there was at the end.
	States      int64 `json:"states"`
	Members     int64 `json:"members"`
	DeadLetters int64 `json:"dead_letters"`
	// Forgotten are the requests to forget somebody that were answered as done, Gone the customers of whom nothing is left.
	Forgotten int64 `json:"forgotten"`
	Gone      int64 `json:"gone"`
	// Restarts are workers that could not reach Kafka or Redis when they were started, while these were away, and were started again.
	Restarts int `json:"restarts"`
	// Differences between what was published, or is held, and what should be; none is what a run is for.
	Differences []string `json:"differences"`
	Kinds       []Row    `json:"kinds"`
	Faults      []*Fault `json:"faults"`
}

// Row sums up the faults of one kind: half of them took no longer than what bears Half in its name.
type Row struct {
	Kind  Kind `json:"kind"`
	Count int  `json:"count"`
	// Silence is the longest time without output on one partition.
	Silence time.Duration `json:"longest_silence"`
	// Return is the time from the fault's start to the first change behind its silence, After that from the fault's end.
	ReturnHalf time.Duration `json:"return_p50"`
	ReturnMost time.Duration `json:"return_max"`
	AfterHalf  time.Duration `json:"after_p50"`
	AfterMost  time.Duration `json:"after_max"`
}

// Sum fills Kinds from Faults.
func (r *Report) Sum() {
	by := make(map[Kind][]*Fault)
	for _, f := range r.Faults {
		by[f.Kind] = append(by[f.Kind], f)
	}
	r.Kinds = nil
	for kind, faults := range by {
		row := Row{Kind: kind, Count: len(faults)}
		for _, f := range faults {
			row.Silence = max(row.Silence, f.Silence)
		}
		row.ReturnHalf, row.ReturnMost = halfAndMost(faults, func(f *Fault) time.Duration { return f.Return })
		row.AfterHalf, row.AfterMost = halfAndMost(faults, (*Fault).after)
		r.Kinds = append(r.Kinds, row)
	}
	slices.SortFunc(r.Kinds, func(a, b Row) int { return cmp.Compare(a.Kind, b.Kind) })
}

func halfAndMost(faults []*Fault, of func(*Fault) time.Duration) (half, most time.Duration) {
	times := make([]time.Duration, len(faults))
	for i, f := range faults {
		times[i] = of(f)
	}
	slices.Sort(times)
	return times[(len(times)-1)/2], times[len(times)-1]
}

// Print writes the report as a table.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "Redis: %s, seed %d: %v with %d faults, %d events (%.0f a second), %d changes, %d states, %d memberships, %d dead letters\n",
		r.Redis, r.Seed, r.Duration.Round(time.Second), len(r.Faults), r.Events, r.Rate, r.Changes, r.States, r.Members, r.DeadLetters)
	fmt.Fprintf(w, "%d records of aborted transactions; %d workers were started again because Kafka or Redis was away; %d requests to forget were done, "+
		"%d customers are gone; %d differences\n\n", r.Aborted, r.Restarts, r.Forgotten, r.Gone, len(r.Differences))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "fault\tcount\tlongest silence\tstart to first change: p50\tmax\tend to first change: p50\tmax\t")
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	for _, row := range r.Kinds {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", row.Kind, row.Count, seconds(row.Silence),
			seconds(row.ReturnHalf), seconds(row.ReturnMost), seconds(row.AfterHalf), seconds(row.AfterMost))
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	for _, d := range r.Differences {
		fmt.Fprintf(w, "\nDIFFERENCE %s\n", d)
	}
	return nil
}
