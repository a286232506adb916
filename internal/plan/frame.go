package plan

import (
	"time"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
)

// State is what is kept of one customer's history for the rules of one Plan.
type State struct {
	// Kept holds the series, in the plan's slots; slots from Plan.Slots on are free for others.
	Kept feature.Store
	// Accs stand in the plan's slots too; nil before there is any.
	Accs []*feature.Acc
	rare *rare // nil for most
}

// rare is what is kept of few customers, or looked at with few events.
type rare struct {
	attrs []Attr // in the plan's slots; nil before there is any
	// since says of each of the plan's pieces after which time it is complete. nil, as of nearly all customers: everything is known.
	since []int64
}

// more is what is rare of st, made where there is nothing.
func (st *State) more() *rare {
	if st.rare == nil {
		st.rare = new(rare)
	}
	return st.rare
}

// since is rare.since.
func (st *State) since() []int64 {
	if st.rare == nil {
		return nil
	}
	return st.rare.since
}

// Attrs returns the attributes that were ever set, in the plan's slots; nil where none was.
func (st *State) Attrs() []Attr {
	if st.rare == nil {
		return nil
	}
	return st.rare.attrs
}

// ownAttrs is Attrs, to be written to.
func (p *Plan) ownAttrs(st *State) []Attr {
	r := st.more()
	if r.attrs == nil {
		r.attrs = make([]Attr, len(p.attrs))
	}
	return r.attrs
}

// Acc returns the acc of a slot, nil where nothing was added to it.
func (st *State) Acc(slot int) *feature.Acc {
	if st.Accs == nil {
		return nil
	}
	return st.Accs[slot]
}

// attr returns the attribute of a slot, to be read only.
func (st *State) attr(slot int) *Attr {
	if st.rare == nil || st.rare.attrs == nil {
		return &noAttr
	}
	return &st.rare.attrs[slot]
}

var noAttr Attr

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
	needs []feature.Need

	// Of the event that is being taken in:
	feeding feeding
	taken   []*series // that it has entered

	// early says that a part gave a moment that was not looked for to the end: it is looked at again when it comes.
	early  bool
	walked int // entries of series that lists were made of so far

	// The series that were opened since the state was bound, or since its memory moved: those whose bound is the frame's.
	open  []openSeries
	bound uint64
}

type openSeries struct {
	feature.Series
	bound uint64
}

// NewFrame returns a frame for the plan.
func (p *Plan) NewFrame() *Frame {
	return &Frame{plan: p, vars: make([]feature.Val, p.vars), vals: make([]feature.Val, p.widest), texts: new(interns), open: make([]openSeries, len(p.series))}
}

// Bind points the frame at a customer and a moment.
func (f *Frame) Bind(st *State, m Members, now int64) {
	f.state, f.members, f.now, f.zone = st, m, now, nil
	f.bound++
}

// row is where an event of a list is kept: the slot of its series in the upper half, its index in the lower.
type row uint64

func rowOf(slot, i int) row { return row(uint64(slot)<<32 | uint64(uint32(i))) }

func (r row) slot() int  { return int(r >> 32) }
func (r row) index() int { return int(uint32(r)) }

// Reopen is for who changed the bound state's series by other ways than Ingest.
func (f *Frame) Reopen() { f.bound++ }

// kept returns the series of a slot. It is good until the next step.
func (f *Frame) kept(slot int) *feature.Series {
	s := &f.open[slot]
	if s.bound != f.bound {
		f.state.Kept.Open(slot, f.plan.series[slot].kinds, &s.Series)
		s.bound = f.bound
	}
	return &s.Series
}

// grow is kept, with room for one more entry.
func (f *Frame) grow(slot int) *feature.Series {
	s := &f.open[slot]
	if f.state.Kept.Grow(slot, f.plan.series[slot].kinds, &s.Series) {
		f.bound++
	}
	s.bound = f.bound
	return &s.Series
}

// put takes back a series that was changed.
func (f *Frame) put(slot int) {
	if f.state.Kept.Put(slot, &f.open[slot].Series) {
		f.bound++
	}
}

// series returns the series of a slot; slots behind the plan's series are the kept rows of accs.
func (f *Frame) series(slot int) *feature.Series {
	if slot < len(f.open) {
		return f.kept(slot)
	}
	if a := f.state.Acc(slot - len(f.open)); a != nil {
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
			if a := f.state.attr(f.plan.zoneAttr); a.Value.K == feature.String {
				if loc := zones.load(a.Value.S); loc != nil {
					f.zone = loc
				}
			}
		}
	}
	return f.zone
}
