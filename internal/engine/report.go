package engine

import (
	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/plan"
)

// What the engine's own part of a customer's state assumes, beside what the plan's sizes do.
const (
	typicalIDs     = 1 // remembered, of an event a day
	typicalSeq     = 5
	typicalSojourn = 30 * feature.DayMS
	typicalWait    = 7 * feature.DayMS
	atMostSeq      = seqMost
	atMostSpan     = 100 * 365 * feature.DayMS
	reportedAt     = 60 * 365 * feature.DayMS // a moment in these years
)

// Report says what is kept of a customer for each segment and altogether: what the rules ask for, the memberships (of every
// segment, once) and the ids of the latest events. Events that wait for their time come on top.
func (e *Engine) Report() plan.Report {
	r := e.plan.Report()
	for i := range r.Segments {
		s := &r.Segments[i]
		membership := plan.Size{
			Typical: e.membershipSize(i, s.TimeMoves, typicalSeq, typicalSojourn, typicalWait),
			AtMost:  e.membershipSize(i, s.TimeMoves, atMostSeq, atMostSpan, atMostSpan),
		}
		s.State = s.State.Plus(membership)
		r.State = r.State.Plus(membership)
	}
	r.State = r.State.Plus(plan.Size{Typical: e.idsSize(typicalIDs), AtMost: e.idsSize(maxSeen)})
	r.Limit = maxState
	return r
}

// membershipSize measures the record of one membership.
func (e *Engine) membershipSize(segment int, timeMoves bool, seq uint64, sojourn, wait int64) int {
	c := e.bare()
	without := len(e.Encode(c, nil))
	c.members = []member{newMember(segment, seq)}
	c.members[0].since = c.at - sojourn
	if timeMoves {
		c.members[0].at = c.at + wait
	}
	return len(e.Encode(c, nil)) - without
}

// idsSize measures a customer with n ids of events and nothing else.
func (e *Engine) idsSize(n int) int {
	c := e.bare()
	var s feature.Series
	e.openSeen(c, &s)
	for range n {
		e.remember(c, &s, ^uint64(0), c.at-e.dedup+1)
	}
	return len(e.Encode(c, nil))
}

// bare is a customer of whom nothing but a first event is known.
func (e *Engine) bare() *Customer {
	c := e.NewCustomer("")
	c.born, c.at = true, reportedAt
	return c
}
