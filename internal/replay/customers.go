package replay

import (
	"strings"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/hashindex"
)

// customers finds customers by their ids. Each is looked for with its first event of a batch, so that what the processor fetches from
// memory for one customer overlaps with what it fetches for the others; so the index is one array of hashes, and the customers stand
// side by side.
type customers struct {
	engine *engine.Engine
	index  *hashindex.Index
	chunks []*[chunkSize]customer
	n      int
}

const chunkSize = 256

type customer struct {
	engine.Customer
	// timer is the moment of its timer; math.MaxInt64: it has none.
	timer  int64
	events int64 // that were applied
}

func newCustomers(e *engine.Engine) customers {
	return customers{engine: e, index: hashindex.New()}
}

func (t *customers) hash(id string) uint32 { return t.index.Hash(id) }

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

// fetch has the processor fetch what find looks at first. What it returns is to be used, or the load would go.
func (t *customers) fetch(hash uint32) uint32 { return t.index.Fetch(hash) }

// find returns the customer with an id, nil where there is none.
func (t *customers) find(hash uint32, id string) *customer {
	for number, next := t.index.First(hash); number != 0; number, next = t.index.Next(hash, next) {
		if c := t.at(number); c.ID() == id {
			return c
		}
	}
	return nil
}

// add makes a customer that there is not yet.
func (t *customers) add(hash uint32, id string) *customer {
	if t.n%chunkSize == 0 {
		t.chunks = append(t.chunks, new([chunkSize]customer))
	}
	t.n++
	number := uint32(t.n)
	t.index.Add(hash, number)
	c := t.at(number)
	c.timer = never
	t.engine.Init(&c.Customer, strings.Clone(id))
	return c
}
