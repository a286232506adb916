package replay

import (
	"hash/maphash"
	"strings"

	"github.com/ruas/ruas/internal/engine"
)

// customers finds customers by their ids. Each is looked for with its first event of a batch, so that what the processor fetches from
// memory for one customer overlaps with what it fetches for the others; so the table is one array of hashes, and the customers stand
// side by side.
type customers struct {
	engine *engine.Engine
	seed   maphash.Seed
	table  []slot // open addressing, linear probing; a power of two, at most three quarters full
	shift  int    // of a hash, to its place in the table
	chunks []*[chunkSize]customer
	n      int
}

// slot is a place in the table.
type slot struct {
	hash   uint32
	number uint32 // of the customer, from 1; 0: free
}

const chunkSize = 256

type customer struct {
	engine.Customer
	// timer is the moment of its timer; math.MaxInt64: it has none.
	timer  int64
	events int64 // that were applied
}

func newCustomers(e *engine.Engine) customers {
	return customers{engine: e, seed: maphash.MakeSeed(), table: make([]slot, 1<<10), shift: 32 - 10}
}

func (t *customers) hash(id string) uint32 { return uint32(maphash.String(t.seed, id) >> 32) }

func (t *customers) at(number uint32) *customer {
	return &t.chunks[(number-1)/chunkSize][(number-1)%chunkSize]
}

// all yields the customers in the order of their first events.
func (t *customers) all(yield func(*customer) bool) {
	for number := range t.n {
		if !yield(t.at(uint32(number) + 1)) {
			return
		}
	}
}

// fetch has the processor fetch the part of the table where a hash is looked for. What it returns is to be used, or the load would go.
func (t *customers) fetch(hash uint32) uint32 { return t.table[hash>>t.shift].number }

// find returns the customer with an id, nil where there is none.
func (t *customers) find(hash uint32, id string) *customer {
	mask := uint32(len(t.table) - 1)
	for i := hash >> t.shift; ; i = (i + 1) & mask {
		switch s := t.table[i]; {
		case s.number == 0:
			return nil
		case s.hash == hash:
			if c := t.at(s.number); c.ID() == id {
				return c
			}
		}
	}
}

// add makes a customer that there is not yet.
func (t *customers) add(hash uint32, id string) *customer {
	if 4*(t.n+1) > 3*len(t.table) {
		old := t.table
		t.table = make([]slot, 2*len(old))
		t.shift--
		for _, s := range old {
			if s.number != 0 {
				t.put(s)
			}
		}
	}
	if t.n%chunkSize == 0 {
		t.chunks = append(t.chunks, new([chunkSize]customer))
	}
	t.n++
	number := uint32(t.n)
	t.put(slot{hash, number})
	c := t.at(number)
	c.timer = never
	t.engine.Init(&c.Customer, strings.Clone(id))
	return c
}

func (t *customers) put(s slot) {
	mask := uint32(len(t.table) - 1)
	i := s.hash >> t.shift
	for t.table[i].number != 0 {
		i = (i + 1) & mask
	}
	t.table[i] = s
}
