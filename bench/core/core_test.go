package core

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/replay"
)

// prepared keeps shops over the runs of a benchmark: preparing one costs more than many events.
var prepared = map[int]*shop{}

func prepare(b *testing.B, rules int) *shop {
	b.Helper()
	if prepared[rules] == nil {
		s, err := newShop(rules, Events)
		if err != nil {
			b.Fatal(err)
		}
		prepared[rules] = s
	}
	if b.N > Events {
		b.Fatalf("%d events are prepared: set -benchtime to %dx at most", Events, Events)
	}
	return prepared[rules]
}

// measure runs b.N events, and reports allocations finer than a benchmark does, which gives whole ones.
func measure(b *testing.B, do func()) {
	b.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b.ResetTimer()
	do()
	b.StopTimer()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/float64(b.N), "allocs/event")
}

func BenchmarkDecode(b *testing.B) { benchmarkDecode(b, 0) }

// BenchmarkPlanted is slower on purpose: bench/smoke must notice it when it takes it for BenchmarkDecode.
func BenchmarkPlanted(b *testing.B) { benchmarkDecode(b, 6) }

// benchmarkDecode decodes records, each one in so many twice; 0: none.
func benchmarkDecode(b *testing.B, twice int) {
	b.Helper()
	s := prepare(b, 10)
	var ev event.Event
	measure(b, func() {
		for i, record := range s.records[:b.N] {
			err := s.decoder.Decode(record, &ev)
			if twice > 0 && i%twice == 0 {
				err = errors.Join(err, s.decoder.Decode(record, &ev))
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkStepS10(b *testing.B)    { benchmarkStep(b, 10) }
func BenchmarkStepS1000(b *testing.B)  { benchmarkStep(b, 1_000) }
func BenchmarkStepS10000(b *testing.B) { benchmarkStep(b, 10_000) }

// benchmarkStep reports CPU time too, an event and an event or change, and the bytes of state that customers end up with.
func benchmarkStep(b *testing.B, rules int) {
	b.Helper()
	s := prepare(b, rules)
	c := newCustomers(s.engine)
	changes, before := 0, cpuTime(b)
	measure(b, func() {
		for _, ev := range s.events[:b.N] {
			_, out := c.step(ev)
			changes += len(out)
		}
	})
	used := float64(cpuTime(b) - before)
	var sizes []int
	total := 0
	for _, x := range c.by {
		n := len(s.engine.Encode(x.Customer, nil))
		sizes, total = append(sizes, n), total+n
	}
	slices.Sort(sizes)
	b.ReportMetric(used/float64(b.N), "cpu-ns/event")
	b.ReportMetric(used/float64(b.N+changes), "cpu-ns/event+change")
	b.ReportMetric(float64(changes)/float64(b.N), "changes/event")
	b.ReportMetric(float64(sizes[len(sizes)/2]), "state-B/median")
	b.ReportMetric(float64(total)/float64(len(sizes)), "state-B/mean")
}

// cpuTime is what the process has used so far, its kernel's part included.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEncode steps, and encodes and decodes the customer after each event: what a step costs of that, BenchmarkStepS10 says.
func BenchmarkEncode(b *testing.B) {
	s := prepare(b, 10)
	c := newCustomers(s.engine)
	var state []byte
	measure(b, func() {
		for _, ev := range s.events[:b.N] {
			customer, _ := c.step(ev)
			state = s.engine.Encode(customer, state[:0])
			if _, err := s.engine.Decode(ev.Customer, state); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkReplay(b *testing.B) {
	s := prepare(b, 10)
	input := append(bytes.Join(s.records[:b.N], []byte("\n")), '\n')
	measure(b, func() {
		_, err := replay.Run(b.Context(), replay.Options{
			Engine: s.engine, Schema: s.schema, Sources: []event.Source{{Name: "all"}}, Files: []replay.File{{Path: "-"}},
			Stdin: bytes.NewReader(input), Out: io.Discard, Rejects: replay.Report{W: io.Discard}, Partitions: 1,
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}
