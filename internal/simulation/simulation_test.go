package simulation_test

import (
	"flag"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/simulation"
)

var (
	seeds = flag.Int("seeds", 20, "how many seeds are run, from -seed on")
	seed  = flag.Uint64("seed", 1, "the first seed; 0: one from the clock")
	keep  = flag.String("keep", "", "numbers of the faults that take place, with commas; empty: all")
	times = flag.Int("times", 1, "how often each seed is run")
	show  = flag.Bool("show", false, "show the log of each run")
)

// TestSimulation runs seeds. One that fails is shrunk, and printed with the command that repeats it.
func TestSimulation(t *testing.T) { //nolint:tparallel // the seeds are parallel, to one another alone
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	if testing.Short() {
		*seeds = min(*seeds, 4)
	}
	t.Logf("seeds %d to %d", first, first+uint64(*seeds)-1)
	var all account
	t.Cleanup(func() { t.Log(all.table()) })
	for n := range *seeds {
		t.Run(fmt.Sprintf("seed=%d", first+uint64(n)), func(t *testing.T) {
			t.Parallel()
			for range *times {
				one(t, first+uint64(n), &all)
			}
		})
	}
}

// account adds up what took place.
type account struct {
	mu      sync.Mutex
	runs    int
	changes int
	lasted  time.Duration
	faults  map[simulation.Kind]int

	forgotten, gone, archives int
}

func (a *account) add(r *simulation.Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.runs++
	a.changes += r.Changes
	a.lasted += r.Lasted
	a.forgotten += r.Forgotten
	a.gone += r.Gone
	a.archives += r.Archives
	if a.faults == nil {
		a.faults = make(map[simulation.Kind]int)
	}
	for kind, n := range r.Faults {
		a.faults[kind] += n
	}
}

func (a *account) table() string {
	var b strings.Builder
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(a.faults)) {
		fmt.Fprintf(&b, "%8d  %s\n", a.faults[kind], kind)
		total += a.faults[kind]
	}
	return fmt.Sprintf("%d runs, %v of virtual time, %d changes, %d times somebody was forgotten, %d of them for good, %d archives, %d faults:\n%s",
		a.runs, a.lasted.Round(time.Minute), a.changes, a.forgotten, a.gone, a.archives, total, b.String())
}

func one(t *testing.T, seed uint64, all *account) {
	t.Helper()
	s := simulation.New(seed)
	if *keep != "" {
		var numbers []int
		for _, k := range strings.Split(*keep, ",") {
			n, err := strconv.Atoi(k)
			if err != nil {
				t.Fatalf("-keep: %v", err)
			}
			numbers = append(numbers, n)
		}
		s.Keep(numbers)
	}
	start := time.Now()
	r := simulation.Run(t, s)
	all.add(r)
	if *show {
		t.Logf("%v\n%s\n%d changes, %v in %v", s, r.Log, r.Changes, r.Lasted, time.Since(start))
	}
	if len(r.Wrong) == 0 {
		return
	}
	least, again := simulation.Shrink(t, s, 3)
	if again == nil {
		t.Errorf("seed %d failed once and passed three times after:\n%s\n%v\n%s", seed, strings.Join(r.Wrong, "\n"), s, r.Log)
		return
	}
	t.Errorf("seed %d fails:\n%s\nleast schedule: %v\n%s\nagain: go test ./internal/simulation -run TestSimulation -args -seeds 1 -seed %d -keep %s -times 5",
		seed, strings.Join(again.Wrong, "\n"), least, again.Log, seed, least.Kept())
}
