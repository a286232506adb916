package simulation_test

import (
	"flag"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/simulation"
)

var (
	seeds = flag.Int("seeds", 20, "how many seeds are run, from -seed on")
	seed  = flag.Uint64("seed", 0, "the first seed; 0: one from the clock")
	keep  = flag.String("keep", "", "numbers of the faults that take place, with commas; empty: all")
	times = flag.Int("times", 1, "how often each seed is run")
	show  = flag.Bool("show", false, "show the log of each run")
)

// TestSimulation runs seeds. One that fails is shrunk, and printed with the command that repeats it.
func TestSimulation(t *testing.T) {
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano()) % 1_000_000_000
	}
	t.Logf("seeds %d to %d", first, first+uint64(*seeds)-1)
	for n := range *seeds {
		t.Run(fmt.Sprintf("seed=%d", first+uint64(n)), func(t *testing.T) {
			t.Parallel()
			for range *times {
				one(t, first+uint64(n))
			}
		})
	}
}

func one(t *testing.T, seed uint64) {
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
	if *show {
		t.Logf("%v\n%s\n%d changes, %d faults, %v in %v", s, r.Log, r.Changes, r.Injected, r.Lasted, time.Since(start))
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
