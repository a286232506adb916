package engine

import (
	"cmp"
	"slices"
)

// member is what a customer is to a segment that it ever was in, or that time alone may change: in while seq is odd. at is the moment at
// which time alone may change it; Never: it does not.
type member struct {
	segment int
	seq     uint64
	since   int64
	at      int64
}

// due is the moment of a member's at.
type due struct {
	at      int64
	segment int
}

func (d due) compare(o due) int {
	if c := cmp.Compare(d.at, o.at); c != 0 {
		return c
	}
	return cmp.Compare(d.segment, o.segment)
}

// In tells whether the customer is a member of a segment.
func (c *Customer) In(segment int) bool { return c.in(c.place(segment), segment) }

// in is In for a segment with its place in members.
func (c *Customer) in(place, segment int) bool {
	return c.holds(place, segment) && c.members[place].seq%2 == 1
}

// few is the number of elements up to which a walk beats halving.
const few = 8

// place returns the place in members that a segment has or would get.
func (c *Customer) place(segment int) int {
	lo, hi := 0, len(c.members)
	for hi-lo > few {
		if mid := int(uint(lo+hi) >> 1); c.members[mid].segment < segment {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for lo < hi && c.members[lo].segment < segment {
		lo++
	}
	return lo
}

// holds tells whether a segment is at its place.
func (c *Customer) holds(place, segment int) bool {
	return place < len(c.members) && c.members[place].segment == segment
}

func (c *Customer) hold(place, segment int) *member {
	if !c.holds(place, segment) {
		c.members = slices.Insert(c.members, place, member{segment: segment, at: Never})
	}
	return &c.members[place]
}

// flip changes the membership of a segment, given its place, and returns the number of the change.
func (c *Customer) flip(place, segment int, now int64) uint64 {
	m := c.hold(place, segment)
	m.seq++
	m.since = now
	return m.seq
}

// setDue notes when a segment, given its place, is to be decided by time alone.
func (c *Customer) setDue(place, segment int, at int64) {
	before := int64(Never)
	if c.holds(place, segment) {
		before = c.members[place].at
	}
	if at == before {
		return
	}
	if before != Never {
		c.removeDue(due{before, segment})
	}
	if at != Never {
		c.addDue(due{at, segment})
	}
	m := c.hold(place, segment)
	if m.at = at; at == Never && m.seq == 0 {
		c.members = slices.Delete(c.members, place, place+1)
	}
}

func (c *Customer) addDue(d due) {
	i, _ := slices.BinarySearchFunc(c.due, d, due.compare)
	c.due = slices.Insert(c.due, i, d)
}

func (c *Customer) removeDue(d due) {
	i, _ := slices.BinarySearchFunc(c.due, d, due.compare)
	c.due = slices.Delete(c.due, i, i+1)
}

// updateDeadline notes the first of the moments.
func (c *Customer) updateDeadline() {
	c.deadline = Never
	if len(c.due) > 0 {
		c.deadline = c.due[0].at
	}
}

// setMembers takes members in any order, each segment once.
func (c *Customer) setMembers(members []member) {
	slices.SortFunc(members, func(a, b member) int { return a.segment - b.segment })
	c.members = slices.CompactFunc(members, func(a, b member) bool { return a.segment == b.segment })
	for _, m := range c.members {
		if m.at != Never {
			c.due = append(c.due, due{m.at, m.segment})
		}
	}
	slices.SortFunc(c.due, due.compare)
}

// Memberships yields each segment that the customer ever was in, by its place in Segments, with the moment and the number of
// the latest change.
func (c *Customer) Memberships(yield func(segment int, in bool, since int64, seq uint64) bool) {
	for _, m := range c.members {
		if m.seq > 0 && !yield(m.segment, m.seq%2 == 1, m.since, m.seq) {
			return
		}
	}
}
