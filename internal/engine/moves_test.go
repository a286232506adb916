package engine_test

import (
	"math"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/rule"
)

// TestTimeMovesOnlyWhatIsReported steps customers through random histories under random rules, lets a month pass, and wants time alone
// to flip no segment of which the report says that only events do.
func TestTimeMovesOnlyWhatIsReported(t *testing.T) {
	schema := loadSchema(t)
	flips := 0
	for seed := uint64(1); seed <= 200; seed++ {
		c := newCase(seed, schema)
		set, err := rule.Parse(schema, c.rules.Files())
		if err != nil {
			continue
		}
		e, err := engine.New(set, engine.Options{Zone: c.zone, DedupWindow: time.Second, MaxLateness: c.lateness, SeriesBound: 4096})
		if err != nil {
			continue
		}
		report := e.Report()
		customers := map[string]*engine.Customer{}
		clock := int64(math.MinInt64)
		var changes []engine.Change
		for _, ev := range c.events {
			clock = max(clock, ev.Time)
			customer := customers[ev.Customer]
			if customer == nil {
				customer = e.NewCustomer(ev.Customer)
				customers[ev.Customer] = customer
			}
			changes = e.Fire(customer, clock-1, changes)
			changes = e.Apply(customer, ev, clock, changes)
		}
		for _, customer := range customers {
			changes = e.Fire(customer, clock+31*24*60*60*1000, changes)
		}
		for _, ch := range changes {
			if ch.Cause != engine.CauseTime {
				continue
			}
			flips++
			if s := report.Segments[ch.Segment]; !s.TimeMoves {
				t.Fatalf("seed %d: time moved %s, of which the report says that it does not", seed, s.Name)
			}
		}
	}
	if flips == 0 {
		t.Error("time moved nobody")
	}
}
