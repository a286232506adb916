package chaos

import (
	"slices"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
)

// A replay knows no forgetting, and where in a customer's history a request took effect nobody but the worker knew. So of a customer who was
// asked about there must be a way: moments between two of their events, or deadlines, at no more of which than there were requests they
// are made a customer without events, so that the engine says exactly what was published, and what is kept is what is left then.

// account is one such customer.
type account struct {
	id        string
	engine    *engine.Engine
	events    []timed
	until     int64    // every deadline up to it has passed
	published []string // changes
	parsed    []leave
	least     int // how often there surely was somebody to forget
	most      int // how often they may have been forgotten
	segments  []string
	kept      bool // there is a state

	seen map[way]bool
}

// timed is an event, and where the clock stood with it.
type timed struct {
	event event.Event
	clock int64
}

// leave is what of a published change says whether forgetting caused it.
type leave struct {
	Cause string
	Time  time.Time
}

// way is a place on the way: the next event and change, of a customer without events who was forgotten so often.
type way struct{ event, change, forgotten int }

// possible tells whether there is a way.
func (a *account) possible() bool {
	a.seen = make(map[way]bool)
	return a.from(way{})
}

func (a *account) from(at way) bool {
	if a.seen[at] {
		return false // it was tried
	}
	a.seen[at] = true
	c := a.engine.NewCustomer(a.id)
	clock := int64(0)
	for {
		next := a.until + 1 // up to which time passes before the next event
		if at.event < len(a.events) {
			next = a.events[at.event].clock
		}
		for {
			if a.forget(c, at, clock, next) {
				return true
			}
			due := c.Deadline()
			if due >= next {
				break
			}
			clock = max(clock, due)
			if !a.match(&at, a.engine.Fire(c, due, nil)) {
				return false
			}
		}
		if at.event == len(a.events) {
			return at.change == len(a.published) && at.forgotten >= a.least && c.Empty() == !a.kept && slices.Equal(segmentsOf(a.engine, c), a.segments)
		}
		ev := &a.events[at.event]
		clock = ev.clock
		if !a.match(&at, a.engine.Apply(c, &ev.event, clock, nil)) {
			return false
		}
		at.event++
	}
}

// forget tells whether there is a way on which c is forgotten now, at a clock between two.
func (a *account) forget(c *engine.Customer, at way, least, most int64) bool {
	if at.forgotten == a.most || c.Empty() {
		return false
	}
	moment := least
	members := len(segmentsOf(a.engine, c))
	if members > 0 {
		if len(a.published)-at.change < members || a.parsed[at.change].Cause != engine.CauseForget.String() {
			return false
		}
		moment = a.parsed[at.change].Time.UnixMilli()
	}
	if moment < least || moment > most || c.Deadline() < moment {
		return false
	}
	gone, err := a.engine.Decode(a.id, a.engine.Encode(c, nil))
	if err != nil {
		panic(err) // the engine reads what it writes
	}
	if !a.match(&at, a.engine.Forget(gone, moment, nil)) {
		return false
	}
	at.forgotten++
	return a.from(at)
}

// match goes on behind changes, if they are those that were published next.
func (a *account) match(at *way, list []engine.Change) bool {
	for i := range list {
		if at.change == len(a.published) || string(a.engine.AppendJSON(nil, &list[i])) != a.published[at.change] {
			return false
		}
		at.change++
	}
	return true
}

// segmentsOf gives the segments that a customer is in, by name.
func segmentsOf(e *engine.Engine, c *engine.Customer) (names []string) {
	c.Memberships(func(segment int, in bool, _ int64, _ uint64) bool {
		if in {
			names = append(names, e.Segments()[segment].Name)
		}
		return true
	})
	slices.Sort(names)
	return names
}
