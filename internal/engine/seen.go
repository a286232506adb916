package engine

import "github.com/ruas/ruas/internal/feature"

// The ids of accepted events stand beside the plan's series, in order of the clock: 64-bit hashes, so that of 4,096 remembered ids
// two different ones are taken for each other once in some 10^12 customers.
var seenKinds = []feature.Kind{feature.Int}

// openSeen makes s the ids that are remembered of c: entries of the clock at which they were accepted.
func (e *Engine) openSeen(c *Customer, s *feature.Series) {
	c.state.Kept.Open(e.plan.Slots(), seenKinds, s)
}

// accept tells whether an id is new at the clock, and remembers it.
func (e *Engine) accept(c *Customer, id uint64, clock int64) bool {
	var s feature.Series
	e.openSeen(c, &s)
	s.DropOldest(s.AfterOldest(clock - e.dedup))
	if s.Holds(int64(id)) {
		return false
	}
	s.DropOldest(max(0, s.Len()+1-maxSeen))
	e.remember(c, &s, id, clock)
	return true
}

func (e *Engine) remember(c *Customer, s *feature.Series, id uint64, clock int64) {
	if s.Full() {
		c.state.Kept.Put(e.plan.Slots(), s)
		c.state.Kept.Grow(e.plan.Slots(), seenKinds, s)
	}
	s.Insert(clock, []feature.Val{{K: feature.Int, N: id}})
	c.fresh = min(c.fresh+1, maxSeen)
	c.state.Kept.Put(e.plan.Slots(), s)
}

// readSeen reads the ids of an encoded customer.
func (e *Engine) readSeen(c *Customer, r *feature.Reader) {
	var s feature.Series
	e.openSeen(c, &s)
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		id := r.Uint64()
		e.remember(c, &s, id, c.at-r.Int())
	}
}
