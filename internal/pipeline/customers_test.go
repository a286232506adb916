package pipeline

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

// TestCustomersAreBounded asks for customers at random, and wants whoever is in memory to be the one that was put there, nobody to leave
// whom the view does not have, and no more places than were needed at a time.
func TestCustomersAreBounded(t *testing.T) {
	const bound = 100
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"rules.yaml": []byte("segments: {buyer: {when: purchase.size() > 0}}")})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(set, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 1))
		cs, there := newCustomers(bound), map[string]int{} // with the mark that each was given
		written, most := uint64(0), 0
		for batch := uint64(1); batch <= 400; batch++ {
			for range 1 + r.IntN(60) {
				id := "c" + strconv.Itoa(r.IntN(500))
				mark, in := there[id]
				c := cs.get(id)
				if (c != nil) != in || in && (c.id() != id || c.size != mark) {
					t.Fatalf("seed %d, batch %d: of %s, which is there: %t, there is %+v", seed, batch, id, in, c)
				}
				if c == nil {
					c = cs.add(id)
					if c.batch != 0 || c.timer != nil || c.size != 0 || c.viewed != Never {
						t.Fatalf("seed %d: a new place has %+v", seed, c)
					}
					e.Init(&c.state, id)
					c.size = r.Int()
					there[id] = c.size
				}
				if r.IntN(3) == 0 {
					c.batch = batch
				}
			}
			most = max(most, cs.n)
			if r.IntN(4) > 0 { // the view is a few batches behind
				written = batch - uint64(r.IntN(3))
			}
			cs.trim(written, func(c *customer) {
				if c.batch > written {
					t.Fatalf("seed %d: %s left, of batch %d, while the view has %d", seed, c.id(), c.batch, written)
				}
				delete(there, c.id())
			})
			if len(there) != cs.n {
				t.Fatalf("seed %d: %d are in memory, and %d were not told of", seed, cs.n, len(there))
			}
		}
		cs.trim(400, func(c *customer) { delete(there, c.id()) })
		n := 0
		for c := range cs.all {
			if n++; there[c.id()] != c.size {
				t.Errorf("seed %d: %s is not as it was put there", seed, c.id())
			}
		}
		if n != bound || len(there) != bound {
			t.Errorf("seed %d: in the end %d are in memory, and %d were not told of: want %d", seed, n, len(there), bound)
		}
		if places := int(cs.places()); places > most+chunkSize {
			t.Errorf("seed %d: %d places for %d customers at a time", seed, places, most)
		}
	}
}
