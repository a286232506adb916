package pipeline

import "github.com/ruas/ruas/internal/engine"

// customer is one that the task holds decoded.
type customer struct {
	id         string
	state      *engine.Customer
	timer      *timer // nil: there is none up to the horizon
	generation uint64 // of the last sweep that it had
	size       int    // of its last encoding, in bytes
	shed       int64  // entries that the bounds had pushed out by then
	// batch is the number of the batch that changed it last. Until the view has that batch, it stays in memory.
	batch uint64
	// erased is the number of the batch that forgot it.
	erased uint64
	// fired says that the current batch took its deadline, so that the view's is replaced.
	fired bool
	// used says that it was asked for since the cache last looked at it.
	used bool
	// viewed is no earlier than the deadline that the view holds; Never: not known.
	viewed int64
}

// due is when the customer is to be looked at next.
func (c *customer) due() int64 {
	at := c.state.Deadline()
	if aside, ok := c.state.Aside(); ok {
		at = min(at, aside.Time)
	}
	return at
}

// customers is a bounded cache. It forgets by second chance (the clock algorithm: Corbató, A Paging Experiment with the Multics System,
// 1969), for which asking for a customer writes no more than a mark.
type customers struct {
	bound int
	byID  map[string]*customer
	ring  []*customer
	hand  int
}

func newCustomers(bound int) *customers {
	return &customers{bound: bound, byID: make(map[string]*customer)}
}

// get returns nil where the customer is not in memory.
func (cs *customers) get(id string) *customer {
	c := cs.byID[id]
	if c != nil {
		c.used = true
	}
	return c
}

// peek is get, and no use of the customer.
func (cs *customers) peek(id string) *customer { return cs.byID[id] }

func (cs *customers) add(c *customer) {
	c.used = true
	cs.byID[c.id] = c
	cs.ring = append(cs.ring, c)
}

// trim forgets customers that were not used for long, but for those that the view does not have yet: written is the number of the last
// batch that it has. forget is told of each.
func (cs *customers) trim(written uint64, forget func(*customer)) {
	// In two rounds each one was met without its mark.
	for looks := 2 * len(cs.ring); looks > 0 && len(cs.ring) > cs.bound; looks-- {
		if cs.hand >= len(cs.ring) {
			cs.hand = 0
		}
		c := cs.ring[cs.hand]
		if c.used || c.batch > written {
			c.used = false
			cs.hand++
			continue
		}
		last := len(cs.ring) - 1
		cs.ring[cs.hand], cs.ring[last] = cs.ring[last], nil
		cs.ring = cs.ring[:last]
		delete(cs.byID, c.id)
		forget(c)
	}
}
