package engine

import (
	"slices"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/plan"
)

// Customer is the state of one customer. One goroutine at a time may use it.
type Customer struct {
	// A step pays for each place in memory that it looks at: what nearly all look at stands first.
	deadline int64
	// at is the moment of the latest decision.
	at      int64
	id      string
	state   plan.State
	members []member // sorted by segment
	room    int      // how much the encoding may grow before it is measured
	// born: there was an event. Nobody is a member before.
	born bool
	// fresh is how many ids came since the archive was written; from maxSeen on it stands.
	fresh int32
	rare  *rare // nil for nearly all

	// Most customers have few memberships: they stand beside the rest.
	firstMembers [2]member
}

// rare is what few customers have.
type rare struct {
	asides []Aside // sorted by time, ties in order of arrival
	shed   int64   // attributes that lost their value for want of room; the parts of state count their own
	// due, of many members, holds their moments, sorted, then by segment; nil: the members are looked through.
	due []due
}

// more is what is rare of c, made where there is nothing.
func (c *Customer) more() *rare {
	if c.rare == nil {
		c.rare = new(rare)
	}
	return c.rare
}

func (c *Customer) asides() []Aside {
	if c.rare == nil {
		return nil
	}
	return c.rare.asides
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
	c.members = c.firstMembers[:0]
	c.room = room(c, 0)
}

// Fetch reads from the memory that a step of c will look at, for those who know some events ahead whose turn it will be: by then the
// processor has it at hand. What it returns means nothing.
func (c *Customer) Fetch() uint64 {
	x := uint64(c.deadline) + uint64(c.room) + c.firstMembers[1].head + c.state.Kept.Fetch()
	if n := len(c.members); n > 0 {
		x += c.members[0].head + c.members[n-1].head
	}
	return x
}

// ID returns the customer's id.
func (c *Customer) ID() string { return c.id }

// Empty tells that nothing is known of the customer.
func (c *Customer) Empty() bool { return !c.born && len(c.asides()) == 0 }

// Deadline returns the next moment at which time alone may flip a segment; Never where it cannot.
func (c *Customer) Deadline() int64 { return c.deadline }

// Aside returns the earliest event that was set aside.
func (c *Customer) Aside() (a Aside, ok bool) {
	if len(c.asides()) == 0 {
		return Aside{}, false
	}
	return c.rare.asides[0], true
}

// SetAside keeps an event until its time. It clones the record.
func (c *Customer) SetAside(a Aside) {
	a.Record = slices.Clone(a.Record)
	c.room -= len(a.Record) + len(a.Source)
	r := c.more()
	i := len(r.asides)
	for i > 0 && r.asides[i-1].Time > a.Time {
		i--
	}
	r.asides = slices.Insert(r.asides, i, a)
}

// TakeAside removes and returns the earliest event that was set aside, of those of one time that of the source with the least rank, then
// the one that came first. There must be one.
func (c *Customer) TakeAside(rank func(source string) int) Aside {
	first, asides := 0, c.rare.asides
	for i := 1; i < len(asides) && asides[i].Time == asides[0].Time; i++ {
		if rank(asides[i].Source) < rank(asides[first].Source) {
			first = i
		}
	}
	a := asides[first]
	c.rare.asides = slices.Delete(asides, first, first+1)
	return a
}

// identity hashes the type and the id of an event (FNV-1a, 64 bits, with a final mix from MurmurHash3).
func (e *Engine) identity(ev *event.Event) uint64 {
	h := fnv(e.identities[ev.Type.Index], ev.ID)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// identitiesOf returns, by the types' places, what identities begin with.
func identitiesOf(types []*event.Type) []uint64 {
	hashes := make([]uint64, len(types))
	for i, t := range types {
		const offset = 14695981039346656037
		hashes[i] = fnv(offset, t.Name)
	}
	return hashes
}

// fnv goes on hashing with a text, and with a byte that no text has.
func fnv(h uint64, text string) uint64 {
	const prime = 1099511628211
	for i := 0; i < len(text); i++ {
		h = (h ^ uint64(text[i])) * prime
	}
	return (h ^ 0xff) * prime
}
