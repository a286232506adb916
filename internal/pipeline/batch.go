package pipeline

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
)

// planned is an input whose turn has come.
type planned struct {
	*input
	turn     turn
	customer *customer // whom it is about, once loaded; nil where it is no good
}

// turn is how an input is applied.
type turn uint8

const (
	inTime    turn = iota
	tooEarly       // it is later than the present: it is set aside
	forgetful      // it is a request to forget: it has no time
)

// batch is a piece of a task's work that is committed as one: what is planned of its stride in hand, and what came of all of them. The
// inputs of all strides are in the order of one merge.
type batch struct {
	number uint64
	began  int64     // where the clock stood before
	since  time.Time // when the first stride was planned

	// The stride.
	inputs []planned
	due    []*timer
	// until ends it: every deadline before it fires. bound is where the clock then goes.
	until moment
	bound int64
	// goesOn says that more was at hand than the stride had room for, or is on the broker.
	goesOn bool
	// idle says that there was no more to take.
	idle bool
	// extend says that the deadlines in memory do not reach further.
	extend bool
	// whole says that all that was planned was done.
	whole bool

	// taken counts the stride's inputs by source, once they are applied.
	taken []int

	// Of all strides.
	count  int   // inputs that were let go of
	fired  int   // deadlines
	events []int // inputs by source
	// passed says that a source was passed over that showed nothing, or an event set aside: what comes next may belong before what was
	// taken, and begins another batch.
	passed      bool
	last        moment // the newest deadline that was looked at
	rendered    int    // changes that are messages already
	changes     []engine.Change
	by          []*customer // whose change each one is
	rejects     []rejected
	touched     []*customer // their state changed
	rescheduled []*customer // their deadline alone
	forgotten   []Forgotten
	all         bool // the list of each customer who is touched is written
	stored      int  // customers' states, written or removed
	bytes       int  // about what will be written
}

// empty makes b one that has nothing, in the room that it had. What the room points to stays as it is: places of customers and inputs, which
// are used again, and little else.
func (b *batch) empty() *batch {
	*b = batch{
		inputs: b.inputs[:0], due: b.due[:0], changes: b.changes[:0], by: b.by[:0], touched: b.touched[:0], rescheduled: b.rescheduled[:0],
		until: moment{at: math.MinInt64},
	}
	return b
}

// moment orders deadlines.
type moment struct {
	at int64
	id string
}

func (m moment) before(o moment) bool { return m.at < o.at || m.at == o.at && m.id < o.id }

// rejected is an input on its way to the dead letters.
type rejected struct {
	*input
	reject *event.Reject
}

// aheadMost is how far ahead of the present an event may be.
const aheadMost = int64(5 * time.Minute / time.Millisecond)

// plan chooses, in the order of contract section 4, what the batch's next stride takes.
func (s *session) plan(b *batch, present int64, now time.Time) {
	defer s.planned(b)
	// Another worker's clock may have been ahead of this one's: what its clock has passed is not ahead of the present.
	present = max(present, s.clock)
	b.until, b.bound, b.idle, b.extend, b.goesOn, b.whole = moment{at: math.MinInt64}, s.clock, false, false, false, false
	// What did not fit was put in order by what was known then: it makes a batch of its own, where more may be known now.
	apart := len(s.carry) > 0 && s.carryApart
	most := s.left(b)
	for len(b.inputs)+len(b.due) < most {
		var next planned
		switch {
		case len(s.carry) > 0:
			next, s.carry = s.carry[0], s.carry[1:]
		case apart:
			return
		default:
			v := s.merge.decide(present, now)
			b.passed = b.passed || v.passed || v.verb == ahead
			switch v.verb {
			case take, ahead:
			case wait:
				b.goesOn = !b.passed && b.count+len(b.inputs) >= s.opt.Stride && s.merge.owed()
				return
			case idle, ended:
				b.idle = v.verb == ended || s.planTo(b, v.bound)
				return
			case forget:
				if b.count > 0 || len(b.inputs) > 0 && b.inputs[len(b.inputs)-1].turn != forgetful {
					return // it begins a batch
				}
			}
			next = planned{input: s.merge.lanes[v.lane].pop(), turn: turns[v.verb]}
		}
		if next.reject == nil && next.turn == tooEarly && next.event.Time > present+aheadMost {
			next.reject = &event.Reject{Reason: event.ReasonAhead}
		}
		if next.reject == nil && next.turn == inTime && !s.planTo(b, next.event.Time) {
			s.putBack(b, next)
			break
		}
		b.inputs = append(b.inputs, next)
	}
	b.goesOn = !b.passed && !apart && !b.extend
}

// putBack keeps planned inputs for later.
func (s *session) putBack(b *batch, in ...planned) {
	s.carryApart = b.passed || s.carryApart && len(s.carry) > 0
	s.carry = append(append([]planned(nil), in...), s.carry...)
}

// turns says how an input is applied that decide gave a verb.
var turns = [...]turn{take: inTime, ahead: tooEarly, forget: forgetful, ended: inTime}

// planTo plans to move the clock to a moment, with every deadline before it. false: the stride ends earlier.
func (s *session) planTo(b *batch, to int64) bool {
	// A deadline that is sooner than need be may be behind the clock, where another worker left it in the view.
	to = max(to, b.bound)
	reach := to
	if to-1 > s.timers.horizon {
		reach, b.extend = s.timers.horizon+1, true
	}
	for {
		x := s.timers.first(moment{at: reach})
		if x == nil {
			break
		}
		if len(b.inputs)+len(b.due) >= s.left(b) {
			last := b.due[len(b.due)-1]
			b.until = moment{last.at, last.id + "\x00"}
			return false
		}
		s.timers.take(x)
		b.due = append(b.due, x)
	}
	b.bound = max(b.bound, reach)
	b.until = moment{at: b.bound}
	return reach == to
}

// planned gives the deadlines back that planning took: a step may move them.
func (s *session) planned(b *batch) {
	for _, x := range b.due {
		s.timers.put(x)
	}
}

// full tells whether the batch is to be cut. Whom it changed stays in memory until the view has it: no more than the cache keeps anyway, or
// what makes a batch worth its transaction.
func (s *session) full(b *batch) bool {
	return b.bytes >= s.opt.BatchBytes || len(b.touched) >= max(s.customers.bound, worthTouched)
}

// worthTouched is how many customers a batch may change however small the cache is.
const worthTouched = 10_000

// step applies the stride. What does not fit is left for the next batch. It does no IO.
func (s *session) step(b *batch) error {
	for i, in := range b.inputs {
		if i%fetchAhead == 0 {
			s.fetch(b.inputs[i:min(i+fetchAhead, len(b.inputs))])
		}
		if in.reject == nil && in.turn == inTime {
			whole, err := s.fire(b, moment{at: in.event.Time})
			if err != nil {
				return err
			}
			if !whole {
				s.cut(b, i)
				return nil
			}
		}
		if s.full(b) {
			s.cut(b, i)
			return nil
		}
		b.taken[in.source]++
		switch {
		case in.reject != nil:
			b.rejects = append(b.rejects, rejected{in.input, in.reject})
			b.bytes += len(in.record.Value)
		case in.turn == forgetful:
			s.forget(b, &b.inputs[i])
		case in.turn == tooEarly:
			aside := engine.Aside{Time: in.event.Time, Source: s.opt.Sources[in.source].Name, Record: in.record.Value}
			if !in.customer.state.Holds(aside) {
				in.reject = &event.Reject{Reason: event.ReasonAhead, Detail: "the customer has more events ahead of the present than its state holds"}
				b.rejects = append(b.rejects, rejected{in.input, in.reject})
				b.bytes += len(in.record.Value)
				break
			}
			in.customer.state.SetAside(aside)
			s.touch(b, in.customer)
		default:
			s.clock = max(s.clock, in.event.Time)
			s.apply(b, in.customer, &in.event)
		}
	}
	whole, err := s.fire(b, b.until)
	if err != nil {
		return err
	}
	if b.whole = whole; whole {
		s.clock = max(s.clock, b.bound)
	}
	return nil
}

// fetchAhead is how many events, with their customers, are at hand in the processor's cache together.
const fetchAhead = 64

// fetch reads from the memory of the events that come next, and of their customers: their cache misses then wait together, and not one
// after the other.
func (s *session) fetch(next []planned) {
	for i := range next {
		if c := next[i].customer; c != nil { // else the event is none: what it had aliases memory that others write to
			s.fetched += next[i].event.Fetch() + c.state.Fetch()
		}
	}
}

// cut ends the batch before input i.
func (s *session) cut(b *batch, i int) {
	s.putBack(b, b.inputs[i:]...)
	b.inputs = b.inputs[:i]
}

// apply hands an event to the engine at the clock.
func (s *session) apply(b *batch, c *customer, ev *event.Event) {
	b.changes = s.opt.Engine.Apply(&c.state, ev, s.clock, b.changes)
	b.credit(c)
	s.touch(b, c)
}

// credit notes whose the newest changes are.
func (b *batch) credit(c *customer) {
	for len(b.by) < len(b.changes) {
		b.by = append(b.by, c)
		b.bytes += changeBytes
	}
}

// changeBytes is about what a change takes on the wire.
const changeBytes = 320

// touch notes that a customer's state changed, and when it is due next.
func (s *session) touch(b *batch, c *customer) {
	if c.batch != b.number {
		c.batch = b.number
		b.touched = append(b.touched, c)
		b.bytes += c.size + 64 + s.opt.Engine.ArchiveDue(&c.state)
	}
	if s.timers.set(c, c.due()) {
		c.fired = true
	}
}

// fire moves the clock through every deadline before a moment, in order. false: the batch is full before it is there.
func (s *session) fire(b *batch, until moment) (bool, error) {
	for {
		x := s.timers.first(until)
		if x == nil {
			return true, nil
		}
		if s.full(b) {
			return false, nil
		}
		c, at := x.of, x.at
		if c == nil {
			return false, fmt.Errorf("customer %q is due at %d and was not loaded", x.id, at)
		}
		s.clock = max(s.clock, at)
		b.last = moment{at, c.id()}
		c.fired = true
		if c.due() > at { // the deadline was sooner than need be
			s.timers.stop(x)
			b.rescheduled = append(b.rescheduled, c)
			continue
		}
		s.takeAside(b, c, at)
		if c.state.Deadline() <= at {
			b.changes = s.opt.Engine.Fire(&c.state, at, b.changes)
			b.credit(c)
		}
		s.touch(b, c)
		if c.due() <= at {
			return false, fmt.Errorf("customer %q is due at %d again after it was decided", c.id(), at)
		}
	}
}

// takeAside applies the events of a customer whose time has come.
func (s *session) takeAside(b *batch, c *customer, at int64) {
	for {
		if first, ok := c.state.Aside(); !ok || first.Time > at {
			return
		}
		aside := c.state.TakeAside(s.sourceNamed)
		in := &input{source: s.sourceNamed(aside.Source), record: Record{Key: []byte(c.id()), Value: aside.Record, Offset: -1}}
		if in.reject = s.judgeAside(in); in.reject != nil {
			b.rejects = append(b.rejects, rejected{in, in.reject})
			continue
		}
		s.apply(b, c, &in.event)
	}
}

// sourceNamed gives the place of a source, by which events of one time are ordered. One that is no longer configured has the first's.
func (s *session) sourceNamed(name string) int {
	return max(0, slices.IndexFunc(s.opt.Sources, func(o Source) bool { return o.Name == name }))
}

// effects tells whether there is anything to commit.
func (b *batch) effects() bool {
	return b.count+len(b.inputs)+len(b.touched)+len(b.rescheduled)+len(b.rejects) > 0
}
