// Package simulation runs the whole pipeline, unchanged, on an embedded Kafka and Redis in virtual time, while a schedule of faults that
// one seed decides crashes workers between any two requests, wakes them up as zombies, loses answers, rolls Redis back. Afterwards what a
// read_committed reader sees must be the engine's answer to the inputs as committed, and Redis must be what the state topic says.
//
// It is for tests alone. It owns the network between workers and servers, the schedule, the load and the checks; it must not know how the
// pipeline keeps its promises: it looks at records and keys, as a reader does.
//
// The idea is FoundationDB's (Zhou et al., FoundationDB: A Distributed Unbundled Transactional Key Value Store, SIGMOD 2021, section 4):
// everything outside of the program is simulated, and a seed that fails once fails again. Go's scheduler is not simulated: what two
// goroutines do at the same virtual nanosecond may change places between runs. Requests take virtual times of their own, so that this
// is rare; Shrink runs every candidate several times.
package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Scenario is a run: everything that a seed decides.
type Scenario struct {
	Seed       uint64
	Partitions int32
	// Workers at the start; a schedule may add more.
	Workers int
	// Records: time moves by records alone, and everything is produced before the first worker starts.
	Records bool
	// Skew is by how much each worker's clock is ahead of the virtual time.
	Skew [slots]time.Duration
	// After: the run goes on for a while when nothing goes wrong any more.
	After bool
	// Small batches, caches and windows of deadlines.
	Small bool
	// Forgetting: most requests are to forget somebody who is known, half of whom stay away, and workers crash when they do it.
	Forgetting bool

	Load   Load
	Faults []Fault
}

// slots is the greatest number of workers at one time.
const slots = 4

// New makes the scenario of a seed.
func New(seed uint64) *Scenario {
	rnd := rand.New(rand.NewPCG(seed, 1))
	s := &Scenario{
		Seed:       seed,
		Partitions: 1 + rnd.Int32N(4),
		Workers:    1 + rnd.IntN(3),
		Records:    rnd.IntN(4) == 0,
		Small:      rnd.IntN(2) == 0,
		After:      rnd.IntN(6) == 0,
		Forgetting: seed%aboutForgetting == 0,
	}
	s.Records = s.Records && !s.Forgetting // a replay knows no forgetting
	for i := range s.Skew {
		if rnd.IntN(3) == 0 {
			s.Skew[i] = time.Duration(rnd.IntN(4001)-2000) * time.Millisecond
		}
	}
	s.Load = newLoad(rnd, s.Records)
	s.Faults = newFaults(rnd, s.Load.Lasts)
	switch {
	case s.Forgetting:
		s.Load = s.Load.forgetKnown(rnd)
		s.Faults = append(s.Faults, forgettingFaults(rnd, s)...)
		slices.SortStableFunc(s.Faults, func(a, b Fault) int { return int(a.At - b.At) })
	case !s.Records && rnd.IntN(2) == 0:
		s.Load = s.Load.forget(rnd)
	}
	return s
}

// aboutForgetting is how many seeds there are to one that is.
const aboutForgetting = 6

// String shows the scenario, a fault a line, each with the number by which Keep knows it.
func (s *Scenario) String() string {
	var b strings.Builder
	clock := "present"
	if s.Records {
		clock = "records"
	}
	fmt.Fprintf(&b, "seed %d: %d partitions, %d workers, clock: %s, small: %v, forgetting: %v, skew %v\n%v\n", s.Seed, s.Partitions, s.Workers, clock, s.Small,
		s.Forgetting, s.Skew, s.Load)
	for i, f := range s.Faults {
		if f.Kind != none {
			fmt.Fprintf(&b, "  %2d  %v\n", i, f)
		}
	}
	return b.String()
}

// Keep leaves only the faults with these numbers.
func (s *Scenario) Keep(numbers []int) {
	keep := make(map[int]bool)
	for _, n := range numbers {
		keep[n] = true
	}
	for i := range s.Faults {
		if !keep[i] {
			s.Faults[i].Kind = none
		}
	}
}

// Result is what came of a run.
type Result struct {
	// Wrong says what differs, or what did not come to an end; empty: nothing.
	Wrong []string
	// Log holds the faults as they happened and the workers' logs, in virtual time.
	Log string
	// Faults that took place, by kind.
	Faults map[Kind]int
	// Changes that were published, Lasted in virtual time.
	Changes int
	Lasted  time.Duration
	// Forgotten is how often somebody who was known was forgotten, Gone how many of them did not come back.
	Forgotten, Gone int
	// Archives is how many stood at the end.
	Archives int
}

// Run runs a scenario in a bubble of its own. It fails t only where the simulation itself cannot go on.
func Run(t *testing.T, s *Scenario) *Result {
	t.Helper()
	result := &Result{}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, s)
		defer w.close()
		w.run()
		result.Wrong, result.Log = w.wrong, w.log.String()
		result.Changes, result.Faults, result.Lasted = w.changes, w.injected, time.Since(w.began)
		result.Forgotten, result.Gone, result.Archives = w.forgotten, w.gone, w.archives
	})
	return result
}

// Shrink leaves out faults as long as the run still fails in one of tries.
func Shrink(t *testing.T, s *Scenario, tries int) (*Scenario, *Result) {
	t.Helper()
	fails := func(c *Scenario) *Result {
		for range tries {
			if r := Run(t, c); len(r.Wrong) > 0 {
				return r
			}
		}
		return nil
	}
	least, result := s, fails(s)
	if result == nil {
		return s, nil
	}
	// Halves first, then single faults: Zeller and Hildebrandt, Simplifying and Isolating Failure-Inducing Input (TSE 2002), without the
	// complements, which single faults make up for.
	for size := len(s.Faults) / 2; size >= 1; size /= 2 {
		for from := 0; from < len(s.Faults); from += size {
			c := *least
			c.Faults = append([]Fault(nil), least.Faults...)
			some := false
			for i := from; i < min(from+size, len(c.Faults)); i++ {
				some = some || c.Faults[i].Kind != none
				c.Faults[i].Kind = none
			}
			if !some {
				continue
			}
			if r := fails(&c); r != nil {
				least, result = &c, r
			}
		}
	}
	return least, result
}

// Kept gives the numbers of the faults that are left.
func (s *Scenario) Kept() string {
	var kept []string
	for i, f := range s.Faults {
		if f.Kind != none {
			kept = append(kept, fmt.Sprint(i))
		}
	}
	return strings.Join(kept, ",")
}
