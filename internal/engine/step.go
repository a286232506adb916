package engine

import (
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/plan"
)

// stepper is the scratch space of one step.
type stepper struct {
	*Engine
	frame   *plan.Frame
	touched *plan.Touched
	buf     []byte // for measuring
}

// stepper lends a stepper, bound to a customer at a moment; done gives it back.
func (e *Engine) stepper(c *Customer, now int64) *stepper {
	s, ok := e.steppers.Get().(*stepper)
	if !ok {
		s = &stepper{Engine: e, frame: e.plan.NewFrame(), touched: e.plan.NewTouched()}
	}
	s.frame.Bind(&c.state, c, now)
	return s
}

func (s *stepper) done() { s.steppers.Put(s) }

// Apply steps c by an event. The clock has moved to the greater of itself and the event's time. A duplicate changes nothing.
// Changes are appended to out; their moment is the clock.
func (e *Engine) Apply(c *Customer, ev *event.Event, clock int64, out []Change) []Change {
	if !e.accept(c, e.identity(ev), clock) {
		return out
	}
	s := e.stepper(c, clock)
	e.plan.Ingest(s.frame, ev, s.touched)
	s.held(c)
	if !c.born {
		c.born = true
		e.plan.Begin(s.touched)
	}
	if c.room -= e.plan.Growth(ev); c.room < 0 && s.fit(c) {
		s.all()
	}
	// What time alone would have moved at this very moment counts as moved by the event.
	c.dueBy(clock, s.touched)
	out = s.decide(c, clock, CauseEvent, ev.ID, out)
	s.done()
	return out
}

// Fire decides c wherever time alone may move it at or before m, in order of the moments.
func (e *Engine) Fire(c *Customer, m int64, out []Change) []Change {
	s := e.stepper(c, m)
	for c.deadline <= m {
		now := c.deadline
		s.frame.Bind(&c.state, c, now)
		c.dueBy(now, s.touched)
		out = s.decide(c, now, CauseTime, "", out)
	}
	s.done()
	return out
}

// Redecide decides every segment of c anew, for another cause than an event or time.
func (e *Engine) Redecide(c *Customer, clock int64, cause Cause, out []Change) []Change {
	if !c.born {
		return out
	}
	s := e.stepper(c, clock)
	defer s.done()
	s.all()
	return s.decide(c, clock, cause, "", out)
}

// Backfill gives the first word about c after a silent start: a join at the clock for each segment that c is in. All numbering
// before is forgotten, for nobody was told.
func (e *Engine) Backfill(c *Customer, clock int64, out []Change) []Change {
	s := e.stepper(c, clock)
	defer s.done()
	first := len(out)
	members := c.members[:0]
	for _, m := range c.members {
		in := m.in()
		m.head &^= seqMost
		if !in {
			if m.since = 0; m.at != Never {
				members = append(members, m)
			}
			continue
		}
		m.head, m.since = m.head|1, clock
		members = append(members, m)
		out = append(out, Change{Customer: c.id, Segment: m.segment(), Join: true, Time: clock, Cause: CauseBackfill, Seq: 1})
	}
	c.members, c.at = members, max(c.at, clock)
	s.include(out[first:])
	return out
}

// held touches what is to be decided only where it holds c.
func (s *stepper) held(c *Customer) {
	if !s.touched.Open() {
		return
	}
	for i := range c.members {
		if m := &c.members[i]; m.in() || m.at != Never {
			s.touched.Hold(m.segment(), m.in())
		}
	}
	s.touched.Close()
}

func (s *stepper) all() {
	for i := range s.plan.Segments {
		s.touched.Add(i)
	}
}

// decide decides the touched segments, each after those that it asks for, and those that ask for one that flipped.
func (s *stepper) decide(c *Customer, now int64, cause Cause, eventID string, out []Change) []Change {
	f, touched := s.frame, s.touched
	first := len(out)
	c.at = now
	unknown := c.state.Unknown()
	for segment, ok := touched.Take(); ok; segment, ok = touched.Take() {
		place := c.place(segment)
		in := c.in(place, segment)
		if s.plan.Decide(f, segment, in) != in {
			in = !in
			seq := c.flip(place, segment, now)
			out = append(out, Change{
				Customer: c.id, Segment: segment, Join: in, Time: now, Cause: cause, EventID: eventID, Seq: seq,
			})
			touched.AddAll(s.plan.Asked(segment))
		} else if unknown {
			touched.AddAll(s.plan.Asked(segment)) // what was unknown may be known, without a flip
		}
		c.setDue(place, segment, s.plan.Next(f, segment, in))
	}
	if unknown {
		s.plan.Learn(f)
	}
	c.updateDeadline()
	s.include(out[first:])
	return out
}

// include adds the features that are sent along, once all segments of a step are decided.
func (s *stepper) include(changes []Change) {
	for i := range changes {
		changes[i].Features = s.features(changes[i].Segment)
	}
}
