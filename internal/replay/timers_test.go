package replay

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ruas/ruas/internal/event"
)

// TestCustomersAndTimers has many customers with deadlines that move both ways, in the table and in the heap, beside a plain walk.
func TestCustomersAndTimers(t *testing.T) {
	opt := newOptions(t, `
segments:
  brief: {when: purchase.last("1h").size() > 0 && page_view.last("1m").size() == 0}
  long: {when: purchase.last("3h").size() > 1}
`)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 0))
		all, heap := newCustomers(opt.Engine), timers{}
		var known []*customer
		now := int64(0)
		for i := range 4000 {
			id := fmt.Sprint("c", r.IntN(1+r.IntN(900)))
			h := all.hash(id)
			c := all.find(h, id)
			if c == nil {
				c = all.add(h, id)
				known = append(known, c)
			}
			if c.ID() != id || all.find(h, id) != c || all.n != len(known) {
				t.Fatalf("seed %d: %s finds %s, %d customers", seed, id, c.ID(), all.n)
			}
			now += r.Int64N(20_000)
			for {
				got, at := heap.soonest(now)
				var want *customer
				for _, k := range known {
					if d := k.Deadline(); d < now && (want == nil || d < want.Deadline() || d == want.Deadline() && k.ID() < want.ID()) {
						want = k
					}
				}
				if got != want || want != nil && at != want.Deadline() {
					t.Fatalf("seed %d, event %d: the soonest is at %d, not the one that is due first", seed, i, at)
				}
				if want == nil {
					break
				}
				opt.Engine.Fire(&want.Customer, at, nil)
			}
			typ := opt.Schema.Type([]string{"purchase", "page_view"}[r.IntN(2)])
			ev := event.Event{Type: typ, ID: fmt.Sprint("e", i), Customer: id, Time: now, Props: make([]event.Value, len(typ.Properties))}
			opt.Engine.Apply(&c.Customer, &ev, now, nil)
			heap.schedule(c)
			if len(heap.list) > 2*heap.live+65 {
				t.Fatalf("seed %d: %d timers for %d customers", seed, len(heap.list), heap.live)
			}
		}
	}
}
