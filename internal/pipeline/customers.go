package pipeline

import (
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/hashindex"
)

// customer is one in memory. It stays in its place: its state must not be copied.
type customer struct {
	state      engine.Customer
	timer      *timer // nil: there is none up to the horizon
	generation uint64 // of the last sweep that it had
	size       int    // of its last encoding, in bytes
	shed       int64  // entries that the bounds had pushed out by then
	// batch is the number of the batch that changed it last. Until the view has that batch, it stays in memory.
	batch uint64
	// erased is the number of the batch that forgot it.
	erased uint64
	// viewed is no earlier than the deadline that the view holds; Never: not known.
	viewed int64
	// fired says that the current batch took its deadline, so that the view's is replaced.
	fired bool
	// divided says that an archive stands beside the state.
	divided bool
	// used says that it was asked for since the cache last looked at it.
	used bool
	// there says that the place is taken.
	there bool
}

func (c *customer) id() string { return c.state.ID() }

// due is when the customer is to be looked at next.
func (c *customer) due() int64 { return dueOf(&c.state) }

func dueOf(c *engine.Customer) int64 {
	at := c.Deadline()
	if aside, ok := c.Aside(); ok {
		at = min(at, aside.Time)
	}
	return at
}

// customers is a bounded cache. It forgets by second chance (the clock algorithm: Corbató, A Paging Experiment with the Multics System,
// 1969), for which asking for a customer writes no more than a mark. Customers stand side by side, in places with numbers from 1: the
// garbage collector follows few pointers to them, and what is looked for next can be fetched before its turn. A place that was let go of
// is given to another customer.
type customers struct {
	bound  int
	index  *hashindex.Index
	chunks []*[chunkSize]customer
	free   []uint32 // places that were let go of
	n      int      // customers
	hand   uint32
	// whole says that nobody is known who is not in memory: the state topic had no record, and none was let go of.
	whole bool
}

const chunkSize = 64

func newCustomers(bound int) *customers {
	return &customers{bound: bound, index: hashindex.New()}
}

func (cs *customers) at(number uint32) *customer {
	return &cs.chunks[(number-1)/chunkSize][(number-1)%chunkSize]
}

// places is how many there are.
func (cs *customers) places() uint32 { return uint32(chunkSize * len(cs.chunks)) }

// get returns nil where the customer is not in memory.
func (cs *customers) get(id string) *customer { return cs.find(cs.index.Hash(id), id) }

// find is get for who knows the hash.
func (cs *customers) find(hash uint32, id string) *customer {
	c := cs.look(hash, id)
	if c != nil {
		c.used = true
	}
	return c
}

// peek is get, and no use of the customer.
func (cs *customers) peek(id string) *customer { return cs.look(cs.index.Hash(id), id) }

func (cs *customers) look(hash uint32, id string) *customer {
	for number, next := cs.index.First(hash); number != 0; number, next = cs.index.Next(hash, next) {
		if c := cs.at(number); c.id() == id {
			return c
		}
	}
	return nil
}

// add gives a place to a customer that is not in memory. Whoever asked for it fills its state, with this id, before it is looked for.
func (cs *customers) add(id string) *customer {
	if len(cs.free) == 0 {
		first := cs.places() + 1
		cs.chunks = append(cs.chunks, new([chunkSize]customer))
		for i := range uint32(chunkSize) {
			cs.free = append(cs.free, first+chunkSize-1-i)
		}
	}
	last := len(cs.free) - 1
	number := cs.free[last]
	cs.free = cs.free[:last]
	cs.n++
	cs.index.Add(cs.index.Hash(id), number)
	c := cs.at(number)
	c.viewed, c.used, c.there = Never, true, true
	return c
}

// all yields those who are in memory.
func (cs *customers) all(yield func(*customer) bool) {
	for number := range cs.places() {
		if c := cs.at(number + 1); c.there && !yield(c) {
			return
		}
	}
}

// trim forgets customers that were not used for long, but for those that the view does not have yet: written is the number of the last
// batch that it has. forget is told of each.
func (cs *customers) trim(written uint64, forget func(*customer)) {
	// In two rounds each one was met without its mark.
	for looks := 2 * cs.places(); looks > 0 && cs.n > cs.bound; looks-- {
		if cs.hand++; cs.hand > cs.places() {
			cs.hand = 1
		}
		c := cs.at(cs.hand)
		switch {
		case !c.there:
		case c.used || c.batch > written:
			c.used = false
		default:
			forget(c)
			cs.whole = false
			cs.index.Remove(cs.index.Hash(c.id()), cs.hand)
			*c = customer{}
			cs.free = append(cs.free, cs.hand)
			cs.n--
		}
	}
}
