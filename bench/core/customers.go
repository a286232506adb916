package core

import (
	"cmp"
	"container/heap"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
)

// customers are those of a run.
type customers struct {
	engine *engine.Engine
	by     map[string]*customer
	timers timers
	out    []engine.Change
}

// customer is one with its timer, which may ring before the deadline, and never after it.
type customer struct {
	*engine.Customer
	timer int64
}

func newCustomers(e *engine.Engine) *customers {
	return &customers{engine: e, by: map[string]*customer{}}
}

// step fires what is due before an event, then applies it. It returns the changes, which are good until the next step.
func (c *customers) step(ev *event.Event) (*engine.Customer, []engine.Change) {
	c.out = c.out[:0]
	for len(c.timers) > 0 && c.timers[0].at < ev.Time {
		first := c.timers[0]
		heap.Pop(&c.timers)
		if first.at != first.of.timer {
			continue // another timer took its place
		}
		first.of.timer = engine.Never
		if first.of.Deadline() == first.at {
			c.out = c.engine.Fire(first.of.Customer, first.at, c.out)
		}
		c.schedule(first.of)
	}
	x := c.by[ev.Customer]
	if x == nil {
		x = &customer{c.engine.NewCustomer(ev.Customer), engine.Never}
		c.by[ev.Customer] = x
	}
	c.out = c.engine.Apply(x.Customer, ev, ev.Time, c.out)
	c.schedule(x)
	return x.Customer, c.out
}

func (c *customers) schedule(x *customer) {
	if at := x.Deadline(); at < x.timer {
		x.timer = at
		heap.Push(&c.timers, timer{at, x})
	}
}

type timer struct {
	at int64
	of *customer
}

// timers is a heap of timers in order of (moment, customer).
type timers []timer

func (t *timers) Len() int { return len(*t) }
func (t *timers) Less(i, j int) bool {
	a, b := (*t)[i], (*t)[j]
	return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.of.ID(), b.of.ID())) < 0
}
func (t *timers) Swap(i, j int) { (*t)[i], (*t)[j] = (*t)[j], (*t)[i] }
func (t *timers) Push(x any)    { *t = append(*t, x.(timer)) }
func (t *timers) Pop() any {
	last := (*t)[len(*t)-1]
	*t = (*t)[:len(*t)-1]
	return last
}
