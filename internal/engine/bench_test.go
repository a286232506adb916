package engine_test

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/workload"
)

var (
	eventsFlag    = flag.Int("events", 100_000, "events of BenchmarkStep")
	customersFlag = flag.Int("customers", 0, "customers of BenchmarkStep; 0: one for each 20 events")
)

// BenchmarkStep applies the benchmark's events under its ten segments, or a thousand or ten thousand variants of them, with deadlines.
// It reports CPU time an event and an event or change, and the bytes of state that customers end up with.
func BenchmarkStep(b *testing.B) {
	for _, segments := range []int{10, 1000, 10000} {
		b.Run(fmt.Sprint("S", segments), func(b *testing.B) { benchmarkStep(b, segments) })
	}
}

// cpuTime is what the process has used so far, its kernel's part included.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkStep(b *testing.B, segments int) {
	schema := loadSchema(b)
	yaml, err := workload.Rules(segments)
	if err != nil {
		b.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"segments.yaml": yaml})
	if err != nil {
		b.Fatal(err)
	}
	eng, err := engine.New(set, engine.Options{})
	if err != nil {
		b.Fatal(err)
	}
	decoder, err := event.NewDecoder(schema, event.Source{}, eng.Needs())
	if err != nil {
		b.Fatal(err)
	}
	var events []*event.Event
	for r := range workload.Records(workload.Options{Events: *eventsFlag, Customers: cmp.Or(*customersFlag, max(1, *eventsFlag/20))}) {
		var ev event.Event
		if err := decoder.Decode(r.Value, &ev); err != nil {
			b.Fatal(err)
		}
		events = append(events, ev.Clone())
	}
	b.ReportAllocs()
	changes := 0
	var customers map[string]*engine.Customer
	before := cpuTime(b)
	for b.Loop() {
		customers = map[string]*engine.Customer{}
		changes = step(eng, events, customers)
	}
	used := float64(cpuTime(b)-before) / float64(b.N)
	var sizes []int
	for _, c := range customers {
		sizes = append(sizes, len(eng.Encode(c, nil)))
	}
	slices.Sort(sizes)
	total := 0
	for _, n := range sizes {
		total += n
	}
	b.ReportMetric(used/float64(len(events)), "cpu-ns/event")
	b.ReportMetric(used/float64(len(events)+changes), "cpu-ns/event+change")
	b.ReportMetric(float64(changes)/float64(len(events)), "changes/event")
	b.ReportMetric(float64(sizes[len(sizes)/2]), "state-B/median")
	b.ReportMetric(float64(total/len(sizes)), "state-B/mean")
}

// step applies events in order of time.
func step(eng *engine.Engine, events []*event.Event, customers map[string]*engine.Customer) (changes int) {
	var timers engine.Timers
	var out []engine.Change
	for _, ev := range events {
		for {
			id, at, ok := timers.Peek()
			if !ok || at >= ev.Time {
				break
			}
			out = eng.Fire(customers[id], at, out[:0])
			changes += len(out)
			timers.Set(id, customers[id].Deadline())
		}
		c := customers[ev.Customer]
		if c == nil {
			c = eng.NewCustomer(ev.Customer)
			customers[ev.Customer] = c
		}
		out = eng.Apply(c, ev, ev.Time, out[:0])
		changes += len(out)
		timers.Set(ev.Customer, c.Deadline())
	}
	return changes
}
