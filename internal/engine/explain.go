package engine

import (
	"encoding/json"
	"slices"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/plan"
)

// Moment is a time in milliseconds since the epoch. As JSON it is written as changes write it. Never is none, and left out.
type Moment int64

// IsZero tells whether there is no moment.
func (m Moment) IsZero() bool { return m == Never }

// MarshalJSON writes the moment in UTC with three decimals, or null.
func (m Moment) MarshalJSON() ([]byte, error) {
	if m == Never {
		return []byte("null"), nil
	}
	return append(AppendTime([]byte{'"'}, int64(m)), '"'), nil
}

// Explanation says why a customer belongs to a segment at a moment, or why not, and what time alone will make of it.
type Explanation struct {
	Customer string `json:"customer_id"`
	Segment  string `json:"segment"`
	// At is the moment that is explained.
	At     Moment `json:"at"`
	Member bool   `json:"member"`
	// Known is false where the membership cannot be decided yet: it stands as it was.
	Known bool `json:"known"`
	// Since and Seq are those of the latest change; Never and 0: there was none.
	Since Moment `json:"since,omitzero"`
	Seq   uint64 `json:"seq"`
	// When has to hold, all of it, for a join; and for a member to stay, where there is no Until.
	When []Condition `json:"when"`
	// Until ends a membership where all of it holds.
	Until []Condition `json:"until,omitempty"`
	// Next is when time alone changes Member, if nothing happens before; Never: it does not. Then it is NextMember.
	Next       Moment `json:"next,omitzero"`
	NextMember bool   `json:"next_member"`
	// SameUntil is set where nobody looked further ahead: nothing changes Member before it.
	SameUntil Moment `json:"same_until,omitzero"`
}

// Condition is a part of a rule: see plan.Condition.
type Condition struct {
	Text string `json:"text"`
	Op   string `json:"op"`
	// Holds is false where the condition does not hold, where something that it needs is Missing (an attribute, a property, an average of
	// nothing), and where it is not Known, for the rules have not kept it for long enough.
	Holds   bool `json:"holds"`
	Known   bool `json:"known"`
	Missing bool `json:"missing,omitempty"`
	// Value is what the condition is about. AtLeast: there may be more, the rule need not know.
	Value   json.RawMessage `json:"value,omitempty"`
	AtLeast bool            `json:"at_least,omitempty"`
	// Threshold is what Value is compared with.
	Threshold json.RawMessage `json:"threshold,omitempty"`
	// Segment is the one that in_segment asks for.
	Segment string      `json:"segment,omitempty"`
	Events  []EventList `json:"events,omitempty"`
	// Lossy: the bound on what is kept of a customer pushed out some of what the condition looks at.
	Lossy bool `json:"lossy,omitempty"`
	// Next is when time alone changes Holds or Known, if nothing happens before; Never: it does not.
	Next Moment `json:"next,omitzero"`
	// SameUntil is set where nobody looked further ahead: nothing changes before it.
	SameUntil Moment      `json:"same_until,omitzero"`
	Of        []Condition `json:"of,omitempty"`
}

// EventList is a list of events that a condition looks at, as far as they are kept.
type EventList struct {
	// List is the list as the rule has it.
	List  string `json:"list"`
	Total int    `json:"total"`
	// AtLeast: there may be more than Total, the rule need not know.
	AtLeast bool `json:"at_least,omitempty"`
	// Events are the newest, in order of time.
	Events []EventSeen `json:"events"`
}

// EventSeen is what is kept of one event: by the name of a property, or the text of what a rule makes of it.
type EventSeen struct {
	Type   string                     `json:"type,omitempty"`
	Time   Moment                     `json:"time"`
	Fields map[string]json.RawMessage `json:"fields,omitempty"`
}

const (
	// maxEvents is the most events of a list that an explanation shows.
	maxEvents = 50
	// maxAhead, maxSteps and maxWalked bound how far ahead an explanation looks: in milliseconds, in moments, and in events that are looked
	// at one by one.
	maxAhead  = 100 * 365 * feature.DayMS
	maxSteps  = 2048
	maxWalked = 1 << 20
)

// Explain explains a membership at a moment, not before the latest decision about the customer. What time alone changes up to that moment
// has happened then, whether it was fired or not. c stays as it is.
func (e *Engine) Explain(c *Customer, segment int, now int64) Explanation {
	x := e.plan.Explainer(segment)
	now = max(now, c.at)
	o := newOutlook(e, c, x)
	if !c.born { // nobody is a member before the first event
		o.bind(now)
	} else {
		o.bind(c.at)
		for at := o.next(); at <= now; at = o.next() {
			o.decide(at)
		}
		o.decide(now)
	}
	own, _ := slices.BinarySearch(x.Asks, segment)
	out := Explanation{
		Customer: c.id, Segment: e.plan.Segments[segment].Name, At: Moment(now), Member: o.in[own], Known: !c.born || e.plan.Known(x.Frame, segment),
		Since: Moment(o.since[own]), Seq: o.seq[own], Next: Never, NextMember: o.in[own], SameUntil: Never,
	}
	var parts []part
	out.When, parts = o.conditions(x.When, parts)
	out.Until, parts = o.conditions(x.Until, parts)
	o.lookAhead(&out, own, parts)
	return out
}

// part is a condition whose next change is looked for.
type part struct {
	of  *plan.Condition
	out *Condition
}

// outlook is what time alone makes of a customer's memberships: of the segments that one asks for, and of its own.
type outlook struct {
	engine *Engine
	c      *Customer
	x      *plan.Explainer
	in     []bool // by place in Asks, as the others
	since  []int64
	seq    []uint64
}

func newOutlook(e *Engine, c *Customer, x *plan.Explainer) *outlook {
	n := len(x.Asks)
	o := &outlook{engine: e, c: c, x: x, in: make([]bool, n), since: make([]int64, n), seq: make([]uint64, n)}
	for i, segment := range x.Asks {
		o.since[i] = Never
		if place := c.place(segment); c.holds(place, segment) && c.members[place].seq() > 0 {
			m := &c.members[place]
			o.in[i], o.since[i], o.seq[i] = m.in(), m.since, m.seq()
		}
	}
	return o
}

// In is plan.Members.
func (o *outlook) In(segment int) bool {
	if i, ok := slices.BinarySearch(o.x.Asks, segment); ok {
		return o.in[i]
	}
	return o.c.In(segment)
}

func (o *outlook) bind(at int64) { o.x.Frame.Bind(&o.c.state, o, at) }

// next returns a moment up to which time alone changes none of the memberships.
func (o *outlook) next() int64 {
	next := int64(Never)
	if !o.c.born {
		return next
	}
	for i, segment := range o.x.Asks {
		next = min(next, o.engine.plan.Next(o.x.Frame, segment, o.in[i]))
	}
	return next
}

// decide decides the memberships at a moment.
func (o *outlook) decide(at int64) {
	o.bind(at)
	if !o.c.born {
		return
	}
	for i, segment := range o.x.Asks {
		if in := o.engine.plan.Decide(o.x.Frame, segment, o.in[i]); in != o.in[i] {
			o.in[i], o.since[i] = in, at
			o.seq[i]++
		}
	}
}

// conditions says how conditions stand at the frame's moment; all of them are added to parts.
func (o *outlook) conditions(of []*plan.Condition, parts []part) ([]Condition, []part) {
	if len(of) == 0 {
		return nil, parts
	}
	out := make([]Condition, len(of))
	for i, cond := range of {
		out[i] = o.condition(cond)
		out[i].Of, parts = o.conditions(cond.Of, parts)
		parts = append(parts, part{cond, &out[i]})
	}
	return out, parts
}

func (o *outlook) condition(cond *plan.Condition) Condition {
	f := o.x.Frame
	out := Condition{Text: cond.Text, Op: cond.Op, Segment: cond.Segment, Lossy: cond.Lossy(f), Next: Never, SameUntil: Never}
	out.Holds, out.Missing, out.Known = cond.Truth(f)
	if v, atLeast := cond.Value(f); v.K != feature.None {
		out.Value, out.AtLeast = jsonOf(v), atLeast
	}
	if v := cond.Threshold(f); v.K != feature.None {
		out.Threshold = jsonOf(v)
	}
	for _, l := range cond.Lists(f, maxEvents) {
		list := EventList{List: l.Text, Total: l.Total, AtLeast: l.AtLeast, Events: []EventSeen{}}
		for _, ev := range l.Events {
			list.Events = append(list.Events, eventSeen(ev))
		}
		out.Events = append(out.Events, list)
	}
	return out
}

func eventSeen(ev plan.SeenEvent) EventSeen {
	out := EventSeen{Type: ev.Type, Time: Moment(ev.Time)}
	for _, field := range ev.Fields {
		if text := jsonOf(field.Value); text != nil {
			if out.Fields == nil {
				out.Fields = map[string]json.RawMessage{}
			}
			out.Fields[field.Name] = text
		}
	}
	return out
}

// jsonOf is AppendValue; nil for what JSON has no word for.
func jsonOf(v feature.Val) json.RawMessage {
	text, ok := AppendValue(nil, v)
	if !ok {
		return nil
	}
	return text
}

// lookAhead finds when time alone changes the membership at a place of Asks, and each condition.
func (o *outlook) lookAhead(out *Explanation, own int, parts []part) {
	f := o.x.Frame
	found, most, end := false, f.Walked()+maxWalked, f.At()+maxAhead
	for range maxSteps {
		next, asking := int64(Never), !found
		waiting := parts[:0]
		for _, p := range parts {
			at := p.of.Next(f)
			asking = asking || p.of.Asks()
			if next = min(next, at); at != Never || p.of.Asks() {
				waiting = append(waiting, p)
			}
		}
		parts = waiting
		if asking {
			next = min(next, o.next())
		}
		if next == Never {
			return
		}
		if f.Walked() > most || next > end {
			break
		}
		o.decide(max(next, f.At()+1))
		if in := o.in[own]; !found && in != out.Member {
			found, out.Next, out.NextMember = true, Moment(f.At()), in
		}
		waiting = parts[:0]
		for _, p := range parts {
			if holds, _, known := p.of.Truth(f); holds != p.out.Holds || known != p.out.Known {
				p.out.Next = Moment(f.At())
				continue
			}
			waiting = append(waiting, p)
		}
		parts = waiting
	}
	if !found && o.next() != Never {
		out.SameUntil = Moment(f.At())
	}
	for _, p := range parts {
		p.out.SameUntil = Moment(f.At())
	}
}
