package engine

import "slices"

// Forget makes c a customer without events: of what was kept nothing is left, not even the ids of its events. A leave at the clock is
// appended to out for each membership, without features.
func (e *Engine) Forget(c *Customer, clock int64, out []Change) []Change {
	for i := range c.members {
		if m := &c.members[i]; m.in() {
			out = append(out, Change{Customer: c.id, Segment: m.segment(), Time: clock, Cause: CauseForget, Seq: m.seq() + 1})
		}
	}
	e.Init(c, c.id)
	return out
}

// AppendMemberships writes the segments that c is in, by name, as one JSON object without a line end; at is the moment of the latest change.
func (e *Engine) AppendMemberships(dst []byte, c *Customer, at int64) []byte {
	var names []string
	for i := range c.members {
		if m := &c.members[i]; m.in() {
			names = append(names, e.plan.Segments[m.segment()].Name)
		}
	}
	slices.Sort(names)
	dst = appendString(append(dst, `{"customer_id":`...), c.id)
	dst = append(dst, `,"segments":[`...)
	for i, name := range names {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, '"'), name...), '"')
	}
	dst = AppendTime(append(dst, `],"time":"`...), at)
	return append(dst, `"}`...)
}
