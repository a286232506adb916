package plan

import (
	"time"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
)

// State is what is kept of one customer's history for the rules of one Plan. Series and Accs stand in the plan's slots; nil
// where nothing is kept. It must not be copied once Init has made it.
type State struct {
	Series []*feature.Series
	Accs   []*feature.Acc
	Attrs  []Attr

	// since says of each of the plan's pieces after which time it is complete. nil, as of nearly all customers: everything is known.
	since []int64

	// Most sets of rules have few slots: they stand beside the rest, for a step pays for each place in memory that it looks at.
	series [16]*feature.Series
	accs   [8]*feature.Acc
}

// Attr is the latest update of one attribute of the profile. The zero value: never set.
type Attr struct {
	// Value is None where the attribute was removed.
	Value feature.Val
	// Time is the event time of the update.
	Time int64
	Set  bool
}

// Members tells a customer's membership of a segment, by the segment's place in the set.
type Members interface {
	In(segment int) bool
}

// Frame is where one evaluation works: a customer's state at a moment. It is reused, by one goroutine at a time.
type Frame struct {
	plan    *Plan
	state   *State
	members Members
	now     int64

	// ev is the event that is being taken in; only the expressions of series read it.
	ev *event.Event

	vars  []feature.Val // variables of lambdas and comprehensions, by slot
	rows  [][]row       // buffers for lists
	depth int
	zone  *time.Location // nil: not looked up yet
	vals  []feature.Val  // the columns of the event that is being taken in
	texts *interns

	// Of the event that is being taken in:
	feeding feeding
	taken   []*series // that it has entered

	walked int // entries of series that lists were made of so far
}

// NewFrame returns a frame for the plan.
func (p *Plan) NewFrame() *Frame {
	return &Frame{plan: p, vars: make([]feature.Val, p.vars), vals: make([]feature.Val, p.widest), texts: new(interns)}
}

// Bind points the frame at a customer and a moment.
func (f *Frame) Bind(st *State, m Members, now int64) {
	f.state, f.members, f.now, f.zone = st, m, now, nil
}

// row is where an event of a list is kept: the slot of its series in the upper half, its index in the lower.
type row uint64

func rowOf(slot, i int) row { return row(uint64(slot)<<32 | uint64(uint32(i))) }

func (r row) slot() int  { return int(r >> 32) }
func (r row) index() int { return int(uint32(r)) }

// series returns the series of a slot; slots behind the plan's series are the kept rows of accs.
func (f *Frame) series(slot int) *feature.Series {
	if slot < len(f.state.Series) {
		return f.state.Series[slot]
	}
	if a := f.state.Accs[slot-len(f.state.Series)]; a != nil {
		return a.Rows
	}
	return nil
}

func (f *Frame) time(r row) int64 { return f.series(r.slot()).Time(r.index()) }

// buffer lends a buffer for rows; release gives the latest one back.
func (f *Frame) buffer() []row {
	if f.depth == len(f.rows) {
		f.rows = append(f.rows, nil)
	}
	f.depth++
	return f.rows[f.depth-1][:0]
}

func (f *Frame) release(used []row) {
	f.depth--
	f.rows[f.depth] = used
}

// location returns the zone in force for the customer: the profile's time_zone where it names one, else the configuration's.
func (f *Frame) location() *time.Location {
	if f.zone == nil {
		f.zone = f.plan.zone
		if f.plan.zoneAttr >= 0 {
			if a := &f.state.Attrs[f.plan.zoneAttr]; a.Value.K == feature.String {
				if loc := zones.load(a.Value.S); loc != nil {
					f.zone = loc
				}
			}
		}
	}
	return f.zone
}
