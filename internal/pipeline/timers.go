package pipeline

import "context"

// timers holds the deadlines up to a horizon; those beyond it are in the view alone. A deadline may be sooner than need be, in the heap as
// in the view: most move to a later moment with each event, and looking once costs less than moving the timer as often.
type timers struct {
	heap deadlines
	// away holds the timers of customers that are not in memory.
	away map[string]*timer
	// horizon: every customer with a deadline at or before it is in the heap.
	horizon int64
	window  int // how many deadlines are read at once
}

// timer is the moment at which to look at a customer.
type timer struct {
	id    string
	at    int64
	place int       // in the heap
	of    *customer // nil: it is not in memory
}

// len returns the number of customers that are looked at up to the horizon.
func (t *timers) len() int { return len(t.heap.list) }

// set takes a customer's new deadline. It tells whether the view must hold exactly this one: the customer left the heap, and would be
// lost if the view's were before the horizon.
func (t *timers) set(c *customer, at int64) (exact bool) {
	switch x := c.timer; {
	case at > t.horizon || at == Never:
		return t.stop(x)
	case x == nil:
		c.timer = &timer{id: c.id(), at: at, of: c}
		t.heap.push(c.timer)
	case at < x.at:
		t.heap.move(x, at)
	}
	return false
}

// stop takes a timer out of the heap; false: there was none.
func (t *timers) stop(x *timer) bool {
	if x == nil {
		return false
	}
	t.heap.remove(x)
	if x.of == nil {
		delete(t.away, x.id)
	} else {
		x.of.timer = nil
	}
	return true
}

// first returns the earliest timer before a moment; nil: there is none. Where its customer is in memory and is due later, within the
// horizon, the timer moves there instead.
func (t *timers) first(until moment) *timer {
	for len(t.heap.list) > 0 {
		next := &t.heap.list[0]
		if next.at > until.at || !(moment{next.at, next.timer.id}).before(until) {
			return nil
		}
		x := next.timer
		if x.of == nil {
			return x
		}
		at := x.of.due()
		if at <= x.at || at > t.horizon || at == Never {
			return x
		}
		t.heap.move(x, at)
	}
	return nil
}

// take removes a timer from the heap for a while; put gives it back.
func (t *timers) take(x *timer) { t.heap.remove(x) }

func (t *timers) put(x *timer) { t.heap.push(x) }

// arrived links a customer that came into memory with its timer.
func (t *timers) arrived(c *customer) {
	if x := t.away[c.id()]; x != nil {
		delete(t.away, c.id())
		x.of, c.timer = c, x
	}
}

// left keeps the timer of a customer that leaves memory.
func (t *timers) left(c *customer) {
	x := c.timer
	if x == nil {
		return
	}
	if at := c.due(); at > x.at && at <= t.horizon {
		t.heap.move(x, at)
	}
	x.of, c.timer = nil, nil
	t.add(x)
}

func (t *timers) add(x *timer) {
	if t.away == nil {
		t.away = make(map[string]*timer)
	}
	t.away[x.id] = x
}

// extend reads the deadlines after the horizon from the view, which must have every batch. find gives a customer that is in memory.
func (t *timers) extend(ctx context.Context, shard Shard, least Fence, after int64, find func(id string) *customer) error {
	for limit := t.window; ; limit *= 4 {
		list, err := shard.Deadlines(ctx, least, after, limit)
		if err != nil {
			return err
		}
		horizon := int64(Never)
		if len(list) == limit {
			// The last moment may have more customers than were read.
			horizon = list[limit-1].At - 1
			if list[0].At > horizon {
				continue
			}
		}
		t.horizon = horizon
		for _, d := range list {
			if d.At > horizon {
				break
			}
			x := &timer{id: d.Customer, at: d.At}
			switch c := find(d.Customer); {
			case c == nil && t.away[x.id] == nil:
				t.add(x)
			case c != nil && c.timer == nil:
				x.of, c.timer = c, x
			default:
				continue // it has one, no later than need be
			}
			t.heap.push(x)
		}
		return nil
	}
}

// deadlines is a heap of timers in order of (moment, customer), four children to a node: it is read from the root far less often than it
// is written at its leaves. The moments stand in the heap itself, so that few comparisons look anywhere else.
type deadlines struct{ list []deadline }

type deadline struct {
	at    int64
	timer *timer
}

const arity = 4

func (h *deadlines) less(i, j int) bool {
	a, b := &h.list[i], &h.list[j]
	return a.at < b.at || a.at == b.at && a.timer.id < b.timer.id
}

func (h *deadlines) swap(i, j int) {
	h.list[i], h.list[j] = h.list[j], h.list[i]
	h.list[i].timer.place, h.list[j].timer.place = i, j
}

func (h *deadlines) push(x *timer) {
	x.place = len(h.list)
	h.list = append(h.list, deadline{x.at, x})
	h.up(x.place)
}

// move gives a timer another moment.
func (h *deadlines) move(x *timer, at int64) {
	x.at, h.list[x.place].at = at, at
	h.fix(x.place)
}

func (h *deadlines) remove(x *timer) {
	i, last := x.place, len(h.list)-1
	h.swap(i, last)
	h.list[last] = deadline{}
	h.list = h.list[:last]
	if i < last {
		h.fix(i)
	}
}

func (h *deadlines) fix(i int) {
	if !h.down(i) {
		h.up(i)
	}
}

func (h *deadlines) up(i int) {
	for i > 0 {
		parent := (i - 1) / arity
		if !h.less(i, parent) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h *deadlines) down(i int) (moved bool) {
	for {
		first := arity*i + 1
		if first >= len(h.list) {
			return moved
		}
		least := first
		for child := first + 1; child < min(first+arity, len(h.list)); child++ {
			if h.less(child, least) {
				least = child
			}
		}
		if !h.less(least, i) {
			return moved
		}
		h.swap(i, least)
		i, moved = least, true
	}
}
