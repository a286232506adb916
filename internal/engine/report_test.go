package engine_test

import (
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/rule"
)

// TestNoStateExceedsItsReport steps customers through random histories under random rules, with series so short that they fill,
// and wants every encoded state to be within what the report says it takes at most.
func TestNoStateExceedsItsReport(t *testing.T) {
	schema := loadSchema(t)
	fullest := 0.0
	for seed := uint64(1); seed <= 200; seed++ {
		c := newCase(seed, schema)
		set, err := rule.Parse(schema, c.rules.Files())
		if err != nil {
			continue // what is refused keeps nothing
		}
		for _, bound := range []int{1, 3, 4096} {
			e, err := engine.New(set, engine.Options{Zone: c.zone, DedupWindow: time.Second, MaxLateness: c.lateness, SeriesBound: bound})
			if err != nil {
				continue
			}
			report := e.Report()
			if report.State.AtMost < report.State.Typical {
				t.Errorf("seed %d, bound %d: %d bytes typically, %d at most", seed, bound, report.State.Typical, report.State.AtMost)
			}
			// The ids of all of a history's few events, instead of the most that are remembered, or every state would fit.
			kept := e.Plan().Report()
			atMost := kept.State.AtMost + 20 + 13*len(c.events)
			for i := range report.Segments {
				atMost += report.Segments[i].State.AtMost - kept.Segments[i].State.AtMost
			}
			customers := map[string]*engine.Customer{}
			clock := int64(0)
			for _, ev := range c.events {
				clock = max(clock, ev.Time)
				if customers[ev.Customer] == nil {
					customers[ev.Customer] = e.NewCustomer(ev.Customer)
				}
				customer := customers[ev.Customer]
				e.Apply(customer, ev, clock, nil)
				size := len(e.Encode(customer, nil))
				fullest = max(fullest, float64(size)/float64(atMost))
				if size > atMost {
					t.Fatalf("seed %d, bound %d: %s takes %d bytes, more than %d", seed, bound, ev.Customer, size, atMost)
				}
			}
		}
	}
	t.Logf("the fullest state took %.0f%% of what was reported", 100*fullest)
	if fullest < 0.2 {
		t.Error("what is reported says little of what is kept")
	}
}
