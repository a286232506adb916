package replay

import "math"

// timers is a heap of customers by the moment at which to look at them, then by id. A customer's deadline may have moved to a later
// moment since: looking then costs less than moving the timer with every event.
type timers struct{ list []timer }

type timer struct {
	at int64
	c  *customer
}

// none is the place of a customer without a timer.
const none = -1

func (t *timers) less(i, j int) bool {
	a, b := &t.list[i], &t.list[j]
	return a.at < b.at || a.at == b.at && a.c.ID() < b.c.ID()
}

func (t *timers) swap(i, j int) {
	t.list[i], t.list[j] = t.list[j], t.list[i]
	t.list[i].c.timer, t.list[j].c.timer = i, j
}

// soonest returns the customer whose deadline is the first, with the deadline; math.MaxInt64: there is none.
func (t *timers) soonest() (*customer, int64) {
	for len(t.list) > 0 {
		first := t.list[0]
		at := first.c.Deadline()
		if at == first.at {
			return first.c, at
		}
		t.set(first.c, at)
	}
	return nil, math.MaxInt64
}

// schedule makes sure that the customer is looked at no later than at its deadline.
func (t *timers) schedule(c *customer) {
	at := c.Deadline()
	if c.timer != none && at >= t.list[c.timer].at || c.timer == none && at == math.MaxInt64 {
		return
	}
	t.set(c, at)
}

// set moves the customer's timer, makes one, or, for math.MaxInt64, takes it away.
func (t *timers) set(c *customer, at int64) {
	i := c.timer
	switch {
	case at == math.MaxInt64:
		last := len(t.list) - 1
		t.swap(i, last)
		t.list[last] = timer{}
		t.list = t.list[:last]
		c.timer = none
		if i == last {
			return
		}
	case i == none:
		i = len(t.list)
		c.timer = i
		t.list = append(t.list, timer{at, c})
	default:
		t.list[i].at = at
	}
	t.fix(i)
}

func (t *timers) fix(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !t.less(i, parent) {
			break
		}
		t.swap(i, parent)
		i = parent
	}
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(t.list); child++ {
			if t.less(child, least) {
				least = child
			}
		}
		if least == i {
			return
		}
		t.swap(i, least)
		i = least
	}
}
