package replay

import (
	"cmp"
	"math"
	"slices"
)

// timers is a heap of customers by the moment at which to look at them, then by id. A customer's deadline may have moved to a later
// moment since: looking then costs less than moving the timer with every event. One that moved to an earlier moment gets another timer,
// and the old one, which is not that of its customer any more, is passed over.
type timers struct {
	list []timer
	live int // customers that have a timer
}

type timer struct {
	at int64
	c  *customer
}

// never is the moment of no timer.
const never = math.MaxInt64

func (a timer) compare(b timer) int {
	if a.at != b.at {
		return cmp.Compare(a.at, b.at)
	}
	return cmp.Compare(a.c.ID(), b.c.ID())
}

// soonest returns the customer whose deadline is the first, with the deadline; never: there is none before t.
func (t *timers) soonest(before int64) (*customer, int64) {
	for len(t.list) > 0 && t.list[0].at < before {
		first := t.list[0]
		at := first.c.Deadline()
		switch {
		case first.at != first.c.timer:
			t.pop()
		case at == first.at:
			return first.c, at
		default:
			t.pop()
			first.c.timer = never
			t.live--
			t.schedule(first.c)
		}
	}
	return nil, never
}

// schedule makes sure that the customer is looked at no later than at its deadline.
func (t *timers) schedule(c *customer) {
	at := c.Deadline()
	if at >= c.timer {
		return
	}
	if c.timer == never {
		t.live++
	}
	c.timer = at
	if len(t.list) > 2*t.live+64 {
		t.list = slices.DeleteFunc(t.list, func(x timer) bool { return x.at != x.c.timer || x.c == c })
		slices.SortFunc(t.list, timer.compare)
		t.list = slices.CompactFunc(t.list, func(a, b timer) bool { return a.c == b.c })
	}
	t.push(timer{at, c})
}

func (t *timers) push(x timer) {
	t.list = append(t.list, x)
	i := len(t.list) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if x.compare(t.list[parent]) >= 0 {
			break
		}
		t.list[i] = t.list[parent]
		i = parent
	}
	t.list[i] = x
}

// pop removes the first.
func (t *timers) pop() {
	last := len(t.list) - 1
	x := t.list[last]
	t.list[last] = timer{}
	t.list = t.list[:last]
	if last == 0 {
		return
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= last {
			break
		}
		if r := child + 1; r < last && t.list[r].compare(t.list[child]) < 0 {
			child = r
		}
		if t.list[child].compare(x) >= 0 {
			break
		}
		t.list[i] = t.list[child]
		i = child
	}
	t.list[i] = x
}
