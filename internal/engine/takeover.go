package engine

import (
	"fmt"
	"math"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/plan"
)

// Catalog says what the rules keep of customers. It is to be stored where their states are: once other rules are in force, they tell by
// it what a state holds, and what it cannot know.
func (e *Engine) Catalog() []byte { return e.plan.Catalog() }

// Takeover reads states that were made under other rules.
type Takeover struct {
	engine   *Engine
	transfer *plan.Transfer
	clock    int64
}

// Takeover returns what reads states that were made under the rules with this catalog (nil: nobody noted it). e's rules took force at
// the clock: what was not kept until then is unknown of the time before.
func (e *Engine) Takeover(catalog []byte, clock int64) (*Takeover, error) {
	var before *plan.Catalog
	if catalog != nil {
		var err error
		if before, err = plan.ReadCatalog(catalog); err != nil {
			return nil, err
		}
	}
	return &Takeover{engine: e, transfer: e.plan.Transfer(before), clock: clock}, nil
}

// DecodeInto is Engine.DecodeInto for a state that was made under the other rules. It gives the same whenever it is asked.
func (t *Takeover) DecodeInto(c *Customer, id string, b, archive []byte) error {
	if err := complete(b, archive); err != nil {
		return err
	}
	e := t.engine
	return e.decode(c, id, b, archive, func(c *Customer, r *feature.Reader, unknown plan.Since) {
		if !c.born { // of whom there is nothing to know
			e.plan.Read(r, c.at, &c.state)
			return
		}
		t.transfer.Read(r, c.at, unknown, t.clock, &c.state)
		s := e.stepper(c, t.clock)
		defer s.done()
		e.plan.Learn(s.frame)
	})
}

// Unknown says what is known of the customer of whom least is known, in a form to be stored, given what that was under the other rules
// (nil: everything was known).
func (t *Takeover) Unknown(before []byte) ([]byte, error) {
	if t.clock == math.MinInt64 { // there was no event, and so no customer
		return nil, nil
	}
	since, err := readUnknown(before)
	if err != nil {
		return nil, err
	}
	return t.transfer.AppendWorst(nil, since, t.clock), nil
}

func readUnknown(b []byte) (plan.Since, error) {
	if len(b) == 0 {
		return nil, nil
	}
	r := feature.NewReader(b)
	since := plan.ReadSince(r, 0)
	if r.Err() != nil || r.Rest() > 0 {
		return nil, fmt.Errorf("reading what is unknown of customers: %w", feature.ErrTruncated)
	}
	return since, nil
}

// Warming is a segment of which some customers cannot be decided yet: their memberships stand as they were.
type Warming struct {
	Segment string `json:"segment"`
	// Until is when that ends at the latest, in milliseconds since the epoch; Never: time alone does not end it.
	Until int64 `json:"until"`
}

// Warming says which segments are warming, in the order of Segments, from what Takeover.Unknown gave.
func (e *Engine) Warming(unknown []byte) ([]Warming, error) {
	since, err := readUnknown(unknown)
	if err != nil {
		return nil, err
	}
	var out []Warming
	until := e.plan.Warming(since)
	for i := range e.plan.Segments {
		if at, ok := until[i]; ok {
			out = append(out, Warming{Segment: e.plan.Segments[i].Name, Until: at})
		}
	}
	return out, nil
}

// Undecided yields the segments, by their places, that cannot be decided of c at a moment because something is unknown.
func (e *Engine) Undecided(c *Customer, now int64, yield func(segment int) bool) {
	if !c.state.Unknown() {
		return
	}
	s := e.stepper(c, now)
	defer s.done()
	for i := range e.plan.Segments {
		if !e.plan.Known(s.frame, i) && !yield(i) {
			return
		}
	}
}
