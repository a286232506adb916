package pipeline

import (
	"context"

	"github.com/ruas/ruas/internal/engine"
)

// timers holds the deadlines up to a horizon; those beyond it are in the view alone. What is in the heap is exact, what is in the view
// may be too early: such a deadline finds nothing due, and is set anew.
type timers struct {
	heap engine.Timers
	// horizon: every customer with a deadline at or before it is in the heap, and no other.
	horizon int64
	window  int // how many deadlines are read at once
}

// set takes a customer's new deadline. It tells whether the view must hold exactly this one: the customer left the heap, and would be
// lost if the view's were before the horizon.
func (t *timers) set(id string, at int64) (exact bool) {
	if at <= t.horizon && at != Never {
		t.heap.Set(id, at)
		return false
	}
	before := t.heap.Len()
	t.heap.Remove(id)
	return t.heap.Len() < before
}

// extend reads the deadlines after the horizon from the view, which must have every batch.
func (t *timers) extend(ctx context.Context, shard Shard, least Fence, after int64) error {
	for limit := t.window; ; limit *= 4 {
		list, err := shard.Deadlines(ctx, least, after, limit)
		if err != nil {
			return err
		}
		horizon := int64(Never)
		if len(list) == limit {
			// The last moment may have more customers than were read.
			horizon = list[limit-1].At - 1
			if list[0].At > horizon {
				continue
			}
		}
		for _, d := range list {
			if d.At <= horizon {
				t.heap.Set(d.Customer, d.At)
			}
		}
		t.horizon = horizon
		return nil
	}
}
