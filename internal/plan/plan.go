// Package plan compiles the checked rules of a set into what an engine steps through: series of kept events, accs of settled
// ones, and closures over both. It owns the meaning of an expression, and what must be kept to know it. It does no IO, and
// knows neither clocks nor memberships, nor how a state is stored.
//
// An expression is cut into lists of events (eventlist.go, list.go, filter.go, sequence.go), what they add up to
// (reduction.go, size.go, reduce.go) and the rest (compile.go, call.go, compare.go, comprehension.go, time.go). Each part
// gives its value at a moment, and a moment up to which time alone does not change it.
package plan

import (
	"slices"
	"time"

	"cel.dev/cel-go/cel"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// Options are what the meaning of rules depends on beside the rules.
type Options struct {
	// Zone is the zone of customers whose profile names none. nil: UTC.
	Zone *time.Location
	// MaxLateness is how far behind the clock an event still counts for sequences over lists without a window, in milliseconds.
	MaxLateness int64
	// Bound is the number of entries that a series, or a set of groups, keeps. 0: 4,096.
	Bound int
}

// DefaultBound is the number of entries a series keeps.
const DefaultBound = 4096

// Plan is a compiled set of rules. It does not change, and serves any number of frames at the same time.
type Plan struct {
	Segments []Segment
	Features []Feature
	// Set is what was compiled.
	Set *rule.Set

	series   []*series
	accs     []*acc
	attrs    []attrPlan
	feeds    []feed // by event type: the series that its events may enter
	needs    event.Needs
	zone     *time.Location
	zoneAttr int // slot of the attribute time_zone; -1: no rule looks at it
	bound    int
	vars     int
	widest   int       // the greatest number of columns
	growth   []growth  // by event type
	deciders []decider // of the Segments
	dawn     []int     // the segments that may have members of whom there are no events
	profile  int       // index of the type profile

	bySeries, byAcc, byAttr, bySegment map[uint32]int // slots by the hashes of their definitions

	pieces  []piece
	byPiece map[uint32]int
	places  map[place]int

	// To compile parts of rules again:
	env      *cel.Env
	lateness int64
}

// attrPlan is one attribute that rules look at.
type attrPlan struct {
	name     string
	text     string // with the kind
	prop     int
	hash     uint32
	segments []int
	watch    watch
}

// Segment is a compiled segment.
type Segment struct {
	Name    string
	Include []int // places in Plan.Features
	Hash    uint32
	// Asks holds the segments that ask for this one with in_segment.
	Asked []int
	// Warnings are about what is kept up to the bound because nothing limits it.
	Warnings    rule.Errors
	rule        *rule.Segment
	when, until node
	hasUntil    bool
	uses        *uses
	reads       *reads // all that when and until look at
}

// steady tells that an event more in the series of a slot does not end a membership, nor let time end it sooner.
func (s *Segment) steady(slot int) bool {
	return s.when.steady(slot) && !(s.hasUntil && s.until.looksAt(slot))
}

// decider is what of a Segment every decision needs, in one line of a cache.
type decider struct {
	when, until         func(f *Frame) feature.Val // until is nil where there is none
	nextWhen, nextUntil func(f *Frame) int64
	asked               []int
}

// Feature is a compiled feature. One that is a list of events has no value of its own.
type Feature struct {
	Name     string
	node     node
	list     bool
	uses     *uses
	warnings rule.Errors
}

// New compiles a set. Where rules cannot be kept in bounded state, or their next moment cannot be known, the error is rule.Errors: all of
// them, each with its place.
func New(set *rule.Set, opt Options) (p *Plan, err error) {
	env, err := rule.NewEnv(set.Schema)
	if err != nil {
		return nil, err
	}
	p = &Plan{Set: set, zone: opt.Zone, bound: opt.Bound, zoneAttr: -1, needs: event.Needs{}, profile: set.Schema.Profile().Index,
		env: env.CEL(), lateness: opt.MaxLateness}
	if p.zone == nil {
		p.zone = time.UTC
	}
	if p.bound == 0 {
		p.bound = DefaultBound
	}
	c := &compiler{
		p: p, schema: set.Schema, env: p.env, lateness: p.lateness,
		features: map[string]*rule.Feature{}, segments: map[string]int{},
		series: map[string]*series{}, accs: map[string]*acc{}, attrs: map[string]int{},
	}
	for _, f := range set.Features {
		c.features[f.Name] = f
	}
	for i, s := range set.Segments {
		c.segments[s.Name] = i
	}
	for _, s := range set.Segments {
		c.segment(s)
	}
	c.sent(set)
	if len(c.errs) > 0 {
		return nil, c.errs.Sorted()
	}
	c.finish()
	return p, nil
}

// root compiles an expression of its own.
func (c *compiler) root(x *rule.Expr) node {
	c.source = x
	return c.operand(x.AST.Expr(), nil, c.try)
}

func (c *compiler) segment(s *rule.Segment) {
	c.uses, c.warnings = newUses(), nil
	out := Segment{Name: s.Name, rule: s, uses: c.uses, when: c.root(s.When)}
	if s.Until != nil {
		out.hasUntil = true
		out.until = c.root(s.Until)
	}
	out.Warnings, out.reads = c.warnings, &reads{uses: c.uses}
	c.reads = append(c.reads, out.reads)
	c.p.Segments = append(c.p.Segments, out)
}

// sent compiles every feature for its own value: what is sent along with changes and answered by the API.
func (c *compiler) sent(set *rule.Set) {
	places := map[string]int{}
	for i, f := range set.Features {
		c.uses, c.warnings = newUses(), nil
		out := Feature{Name: f.Name, uses: c.uses}
		if _, out.list = rule.ListEventType(f.Type); !out.list {
			out.node = c.root(f.Expr)
		}
		out.warnings = c.warnings
		places[f.Name] = i
		c.p.Features = append(c.p.Features, out)
	}
	for i, s := range set.Segments {
		for _, name := range s.Include {
			c.p.Segments[i].Include = append(c.p.Segments[i].Include, places[name])
		}
	}
}

// finish links what was planned.
func (c *compiler) finish() {
	p := c.p
	p.feeds = make([]feed, len(c.schema.Types))
	for _, s := range p.series {
		for t := range c.schema.Types {
			if s.typ == t || s.typ == anyType {
				p.feeds[t].add(s)
			}
		}
		s.kinds = nil
		for i := range s.cols {
			s.kinds = append(s.kinds, kindOf(&s.cols[i].node))
		}
		s.keeps = len(s.needs) > 0
		for _, a := range s.fed {
			s.keeps = s.keeps || a.fold.Oldest+a.fold.Newest > 0
		}
		s.widest = widest(s.needs)
		for _, n := range s.widest {
			s.plain = append(s.plain, n.Need)
			s.chased = s.chased || n.after != nil
		}
		p.widest = max(p.widest, len(s.cols))
	}
	for i := range p.Segments {
		u := p.Segments[i].uses
		for slot := range u.series {
			p.series[slot].segments = append(p.series[slot].segments, i)
		}
		for slot := range u.attrs {
			p.attrs[slot].segments = append(p.attrs[slot].segments, i)
		}
		for asked := range u.segments {
			p.Segments[asked].Asked = append(p.Segments[asked].Asked, i)
		}
	}
	for i := range p.Segments {
		slices.Sort(p.Segments[i].Asked)
	}
	for _, s := range p.series {
		s.watch = p.newWatch(s.segments, s.slot)
	}
	for i := range p.attrs {
		p.attrs[i].watch = p.newWatch(p.attrs[i].segments, -1)
	}
	for i := range p.Segments {
		s := &p.Segments[i]
		p.deciders = append(p.deciders, decider{when: s.when.eval, until: s.until.eval, nextWhen: s.when.next, nextUntil: s.until.next, asked: s.Asked})
	}
	p.measure(c.schema.Types)
	c.identify()
	p.dawn = p.membersByTime()
}

// require notes that a property is read.
func (p *Plan) require(typ, property string) {
	if p.needs[typ] == nil {
		p.needs[typ] = map[string]bool{}
	}
	p.needs[typ][property] = true
}

// Needs returns the properties that the rules read.
func (p *Plan) Needs() event.Needs { return p.needs }

// Init makes st the state of a customer without events.
func (p *Plan) Init(st *State) {
	*st = State{}
}

// Slots returns the number of slots that the plan uses of a State's series.
func (p *Plan) Slots() int { return len(p.series) }

// nobody is a member of no segment.
type nobody struct{}

func (nobody) In(int) bool { return false }

// membersByTime returns the segments that may get members by time alone, whatever is known of those.
func (p *Plan) membersByTime() (segments []int) {
	const first = -62135596800000 // the year 1, in UTC
	var st State
	p.Init(&st)
	f := p.NewFrame()
	f.Bind(&st, nobody{}, first)
	for i := range p.Segments {
		if p.Decide(f, i, false) || p.Next(f, i, false) != feature.Forever {
			segments = append(segments, i)
		}
	}
	return segments
}

// Begin touches what is to be decided of a new customer beside what the first event touches.
func (p *Plan) Begin(touched *Touched) { touched.AddAll(p.dawn) }

// Asked returns the segments that ask for one with in_segment.
func (p *Plan) Asked(segment int) []int { return p.deciders[segment].asked }

// Decide tells whether the customer that f is bound to belongs to a segment, where it did (in) or did not before. An error
// counts as false.
//
// Where it is unknown, the membership stands.
func (p *Plan) Decide(f *Frame, segment int, in bool) bool {
	if f.state.since() != nil {
		is, _ := p.judge(f, segment, in)
		return is
	}
	s := &p.deciders[segment]
	switch {
	case s.until == nil:
		return s.when(f).True()
	case in:
		return !s.until(f).True()
	}
	return s.when(f).True() && !s.until(f).True()
}

// Next returns a moment after now at which Decide may give another answer than in, which it gives now, by time alone: nothing
// changes before it. feature.Forever: it never does.
func (p *Plan) Next(f *Frame, segment int, in bool) int64 {
	if f.state.since() != nil {
		return p.nextJudged(f, segment, in)
	}
	s := &p.deciders[segment]
	if s.nextWhen == nil && s.nextUntil == nil {
		return feature.Forever
	}
	now := f.now
	defer func() { f.now = now }()
	most := f.walked + maxWalk
	for steps := 0; steps < maxSteps && (steps == 0 || f.walked < most); steps++ {
		next := int64(feature.Forever)
		f.early = false
		if s.nextWhen != nil && (s.until == nil || !in) {
			next = s.nextWhen(f)
		}
		if s.nextUntil != nil {
			next = min(next, s.nextUntil(f))
		}
		if next == feature.Forever {
			return next
		}
		// Most moments at which something leaves a window change no answer: look on until one does.
		f.now = max(next, f.now+1) // time goes on, whatever a part says
		if f.early || p.Decide(f, segment, in) != in {
			return f.now
		}
	}
	return f.now
}

// Value returns a feature's value; None where it has none, or it is unknown.
func (p *Plan) Value(f *Frame, i int) feature.Val {
	if p.Features[i].list {
		return feature.Val{}
	}
	if f.state.since() != nil {
		v, _ := p.Features[i].node.judge(f)
		return v
	}
	return p.Features[i].node.eval(f)
}
