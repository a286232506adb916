package pipeline

import (
	"container/list"

	"github.com/ruas/ruas/internal/engine"
)

// customer is one that the task holds decoded.
type customer struct {
	id         string
	state      *engine.Customer
	generation uint64 // of the last sweep that it had
	size       int    // of its last encoding, in bytes
	shed       int64  // entries that the bounds had pushed out by then
	// batch is the number of the batch that changed it last. Until the view has that batch, it stays in memory.
	batch uint64
	// fired says that the current batch took its deadline, so that the view's is replaced.
	fired bool
	// viewed is no earlier than the deadline that the view holds; Never: not known.
	viewed int64
	place  *list.Element
}

// due is when the customer is to be looked at next.
func (c *customer) due() int64 {
	at := c.state.Deadline()
	if aside, ok := c.state.Aside(); ok {
		at = min(at, aside.Time)
	}
	return at
}

// customers is a bounded cache of those that were used last.
type customers struct {
	bound int
	byID  map[string]*customer
	order *list.List // most recently used first
}

func newCustomers(bound int) *customers {
	return &customers{bound: bound, byID: make(map[string]*customer), order: list.New()}
}

// get returns nil where the customer is not in memory.
func (cs *customers) get(id string) *customer {
	c := cs.byID[id]
	if c != nil {
		cs.order.MoveToFront(c.place)
	}
	return c
}

func (cs *customers) add(c *customer) {
	cs.byID[c.id] = c
	c.place = cs.order.PushFront(c)
}

// trim forgets the customers used longest ago, but for those that the view does not have yet: written is the number of the last batch
// that it has.
func (cs *customers) trim(written uint64) {
	for e := cs.order.Back(); e != nil && cs.order.Len() > cs.bound; {
		c, _ := e.Value.(*customer)
		e = e.Prev()
		if c.batch <= written {
			cs.order.Remove(c.place)
			delete(cs.byID, c.id)
		}
	}
}
