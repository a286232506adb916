package engine

import (
	"slices"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/plan"
)

// Customer is the state of one customer. One goroutine at a time may use it.
type Customer struct {
	id string
	// born: there was an event. Nobody is a member before.
	born bool
	// at is the moment of the latest decision.
	at       int64
	state    plan.State
	members  []member // sorted by segment
	due      []due    // sorted by moment, then by segment
	deadline int64
	asides   []Aside // sorted by time, ties in order of arrival
	shed     int64   // attributes that lost their value for want of room; the parts of state count their own
	room     int     // how much the encoding may grow before it is measured

	// Most customers have few memberships and deadlines: they stand beside the rest, for a step pays for each place in memory
	// that it looks at.
	firstMembers [4]member
	firstDue     [4]due
}

// Aside is an event that is ahead of the present: it waits for its time as it came.
type Aside struct {
	Time   int64
	Source string
	Record []byte
}

// NewCustomer returns a customer without events.
func (e *Engine) NewCustomer(id string) *Customer {
	c := new(Customer)
	e.Init(c, id)
	return c
}

// Init makes c a customer without events: for those who keep customers inside of something larger. It must not be copied then.
func (e *Engine) Init(c *Customer, id string) {
	*c = Customer{id: id, deadline: Never}
	e.plan.Init(&c.state)
	c.members, c.due = c.firstMembers[:0], c.firstDue[:0]
	c.room = room(c, 0)
}

// Fetch reads from the memory that a step of c will look at, for those who know some events ahead whose turn it will be: by then the
// processor has it at hand. What it returns means nothing.
func (c *Customer) Fetch() uint64 {
	return uint64(c.deadline) + uint64(len(c.due)) + c.state.Kept.Fetch()
}

// ID returns the customer's id.
func (c *Customer) ID() string { return c.id }

// Empty tells that nothing is known of the customer.
func (c *Customer) Empty() bool { return !c.born && len(c.asides) == 0 }

// Deadline returns the next moment at which time alone may flip a segment; Never where it cannot.
func (c *Customer) Deadline() int64 { return c.deadline }

// Aside returns the earliest event that was set aside.
func (c *Customer) Aside() (a Aside, ok bool) {
	if len(c.asides) == 0 {
		return Aside{}, false
	}
	return c.asides[0], true
}

// SetAside keeps an event until its time. It clones the record.
func (c *Customer) SetAside(a Aside) {
	a.Record = slices.Clone(a.Record)
	c.room -= len(a.Record) + len(a.Source)
	i := len(c.asides)
	for i > 0 && c.asides[i-1].Time > a.Time {
		i--
	}
	c.asides = slices.Insert(c.asides, i, a)
}

// TakeAside removes and returns the earliest event that was set aside, of those of one time that of the source with the least rank, then
// the one that came first. There must be one.
func (c *Customer) TakeAside(rank func(source string) int) Aside {
	first := 0
	for i := 1; i < len(c.asides) && c.asides[i].Time == c.asides[0].Time; i++ {
		if rank(c.asides[i].Source) < rank(c.asides[first].Source) {
			first = i
		}
	}
	a := c.asides[first]
	c.asides = slices.Delete(c.asides, first, first+1)
	return a
}

// identity hashes the type and the id of an event (FNV-1a, 64 bits, with a final mix from MurmurHash3).
func identity(ev *event.Event) uint64 {
	const prime = 1099511628211
	h := uint64(14695981039346656037)
	for _, s := range [2]string{ev.Type.Name, ev.ID} {
		for i := 0; i < len(s); i++ {
			h = (h ^ uint64(s[i])) * prime
		}
		h = (h ^ 0xff) * prime
	}
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
