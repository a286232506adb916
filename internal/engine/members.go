package engine

import (
	"cmp"
	"slices"

	"github.com/ruas/ruas/internal/plan"
)

// member is what a customer is to a segment that it ever was in, or that time alone may change: in while seq is odd. at is the moment at
// which time alone may change it; Never: it does not.
type member struct {
	head  uint64 // the segment's place above seqBits, the number of its changes below
	since int64
	at    int64
}

const (
	seqBits = 40 // a change each millisecond for 34 years
	seqMost = 1<<seqBits - 1
)

func (m *member) segment() int { return int(m.head >> seqBits) }
func (m *member) seq() uint64  { return m.head & seqMost }
func (m *member) in() bool     { return m.head&1 != 0 }

// newMember returns the member of a segment whose number is seq.
func newMember(segment int, seq uint64) member {
	return member{head: uint64(segment)<<seqBits | seq, at: Never}
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
	return c.holds(place, segment) && c.members[place].in()
}

const (
	// few is the number of members up to which a walk beats halving.
	few = 8
	// many is the number of members from which on their moments stand in order, beside them.
	many = 32
)

// place returns the place in members that a segment has or would get.
func (c *Customer) place(segment int) int {
	lo, hi, head := 0, len(c.members), uint64(segment)<<seqBits
	for hi-lo > few {
		if mid := int(uint(lo+hi) >> 1); c.members[mid].head < head {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for lo < hi && c.members[lo].head < head {
		lo++
	}
	return lo
}

// holds tells whether a segment is at its place.
func (c *Customer) holds(place, segment int) bool {
	return place < len(c.members) && c.members[place].segment() == segment
}

func (c *Customer) hold(place, segment int) *member {
	if !c.holds(place, segment) {
		c.members = slices.Insert(c.members, place, newMember(segment, 0))
		c.order()
	}
	return &c.members[place]
}

// flip changes the membership of a segment, given its place, and returns the number of the change.
func (c *Customer) flip(place, segment int, now int64) uint64 {
	m := c.hold(place, segment)
	m.head++
	m.since = now
	return m.seq()
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
	m := c.hold(place, segment)
	m.at = at
	if c.ordered() {
		c.moveDue(segment, before, at)
	}
	if at == Never && m.seq() == 0 {
		c.members = slices.Delete(c.members, place, place+1)
	}
}

// ordered tells whether there are so many members that their moments stand in order.
func (c *Customer) ordered() bool { return c.rare != nil && c.rare.due != nil }

// order puts the moments in order once there are many members.
func (c *Customer) order() {
	if len(c.members) < many || c.ordered() {
		return
	}
	r := c.more()
	r.due = make([]due, 0, many)
	for i := range c.members {
		if m := &c.members[i]; m.at != Never {
			r.due = append(r.due, due{m.at, m.segment()})
		}
	}
	slices.SortFunc(r.due, due.compare)
}

// moveDue moves a segment's moment to its place in the order.
func (c *Customer) moveDue(segment int, from, to int64) {
	r := c.rare
	if from != Never {
		i, _ := slices.BinarySearchFunc(r.due, due{from, segment}, due.compare)
		r.due = slices.Delete(r.due, i, i+1)
	}
	if to != Never {
		i, _ := slices.BinarySearchFunc(r.due, due{to, segment}, due.compare)
		r.due = slices.Insert(r.due, i, due{to, segment})
	}
}

// dueBy touches the segments that time alone may change at or before m.
func (c *Customer) dueBy(m int64, touched *plan.Touched) {
	if c.deadline > m {
		return
	}
	if c.ordered() {
		for _, d := range c.rare.due {
			if d.at > m {
				return
			}
			touched.Add(d.segment)
		}
		return
	}
	for i := range c.members {
		if c.members[i].at <= m {
			touched.Add(c.members[i].segment())
		}
	}
}

// updateDeadline notes the first of the moments.
func (c *Customer) updateDeadline() {
	c.deadline = Never
	if c.ordered() {
		if len(c.rare.due) > 0 {
			c.deadline = c.rare.due[0].at
		}
		return
	}
	for i := range c.members {
		c.deadline = min(c.deadline, c.members[i].at)
	}
}

// setMembers takes members in any order, each segment once.
func (c *Customer) setMembers(members []member) {
	slices.SortFunc(members, func(a, b member) int { return cmp.Compare(a.head, b.head) })
	c.members = slices.CompactFunc(members, func(a, b member) bool { return a.segment() == b.segment() })
	c.order()
}

// Memberships yields each segment that the customer ever was in, by its place in Segments, with the moment and the number of
// the latest change.
func (c *Customer) Memberships(yield func(segment int, in bool, since int64, seq uint64) bool) {
	for i := range c.members {
		if m := &c.members[i]; m.seq() > 0 && !yield(m.segment(), m.in(), m.since, m.seq()) {
			return
		}
	}
}
