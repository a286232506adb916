package engine_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/oracle"
)

// TestChangedRules changes random rules in the middle of random histories. From then on, whatever stock CEL says of the whole history,
// the engine says too, or says that it does not know, in which case the membership stands; and it does not know only as long as it said.
func TestChangedRules(t *testing.T) {
	schema := loadSchema(t)
	var total changedStats
	deadline, limited := t.Deadline()
	for seed := *seedFlag; total.cases < min(*pairsFlag, 4000)/8+1; seed++ {
		if limited && time.Until(deadline) < 15*time.Second {
			t.Errorf("no more time after seed %d: fewer pairs (-pairs), or a longer -timeout", seed)
			break
		}
		c := newChangedCase(seed, schema)
		if !c.accept() {
			continue
		}
		stats, err := c.run()
		total.add(stats)
		if err != nil {
			small := c.shrink()
			_, err = small.run()
			t.Errorf("%s%v", small, err)
			break
		}
		if *onceFlag {
			break
		}
	}
	t.Logf("%d cases, %d changes of rules, %d answers compared, %d unknown; %d changes by rules, %d by time that ended a wait",
		total.cases, total.sweeps, total.compared, total.unknown, total.byRules, total.learnt)
	if !*onceFlag && !t.Failed() && (total.unknown == 0 || total.unknown > total.compared/2 || total.learnt == 0) {
		t.Error("the cases have little to say")
	}
}

// FuzzChangedRules is TestChangedRules with the seed chosen by the fuzzer.
func FuzzChangedRules(f *testing.F) {
	f.Add(uint64(1))
	schema := loadSchema(f)
	f.Fuzz(func(t *testing.T, seed uint64) {
		c := newChangedCase(seed, schema)
		if !c.accept() {
			return
		}
		if _, err := c.run(); err != nil {
			small := c.shrink()
			_, err = small.run()
			t.Errorf("%s%v", small, err)
		}
	})
}

type changedStats struct{ cases, sweeps, compared, unknown, byRules, learnt int }

func (s *changedStats) add(o changedStats) {
	s.cases++
	s.sweeps += o.sweeps
	s.compared += o.compared
	s.unknown += o.unknown
	s.byRules += o.byRules
	s.learnt += o.learnt
}

// changedCase is a history through which several sets of rules follow one another.
type changedCase struct {
	differentialCase
	sets []oracle.Rules
	at   []int // before which event each set takes force; the first at 0
	end  int64
}

func newChangedCase(seed uint64, schema *event.Schema) *changedCase {
	r := rand.New(rand.NewPCG(seed, 1))
	g := oracle.NewGenerator(r, schema)
	first := g.Rules()
	c := &changedCase{sets: []oracle.Rules{first}, at: []int{0}}
	for range 1 + r.IntN(3) {
		last := c.sets[len(c.sets)-1]
		var next oracle.Rules
		switch r.IntN(6) {
		case 0:
			next = g.Rules()
		case 1:
			next = first // what was dropped comes back
		case 2, 3:
			next = withMore(last, g.Rules())
		default:
			next = mutated(r, last)
		}
		c.sets = append(c.sets, next)
	}
	c.differentialCase = differentialCase{seed: seed, schema: schema, events: g.History(), zone: g.Zone(), window: 24 * time.Hour,
		live: r.IntN(4) == 0, lateness: 30 * 24 * time.Hour}
	if r.IntN(2) == 0 {
		c.lateness = greatestLateness(c.events)
	}
	if r.IntN(2) == 0 {
		c.sets = newTemplates(r, c.events, schema).sets(len(c.sets))
	}
	for range c.sets[1:] {
		c.at = append(c.at, 1+r.IntN(len(c.events)))
		if n := len(c.at); n > 2 && r.IntN(3) == 0 {
			c.at[n-1] = c.at[n-2] // before every customer was decided
		}
	}
	slices.Sort(c.at)
	if r.IntN(3) == 0 { // every set has some of them
		variants := g.Variants(nil)
		for i := range c.sets {
			c.sets[i].Segments = slices.Clone(c.sets[i].Segments)
			for _, v := range variants {
				if r.IntN(3) > 0 {
					c.sets[i].Segments = append(c.sets[i].Segments, v)
				}
			}
		}
	}
	first0, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, e := range c.events {
		first0, last = min(first0, e.Time), max(last, e.Time)
	}
	c.end = last + (last-first0)*int64(r.IntN(3))
	return c
}

// templates write rules that look at the same events in ways that differ by little: by a window, a number, a property.
type templates struct {
	r     *rand.Rand
	types []*event.Type
	unit  int64 // seconds
}

// template is one condition.
type template struct {
	shape, filter int
	typ, other    *event.Type
	text, number  string // properties
	d, d2         int64  // seconds
	n             int
	op            string
	negate        bool
}

func newTemplates(r *rand.Rand, events []*event.Event, schema *event.Schema) *templates {
	t := &templates{r: r, unit: 1}
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for _, e := range events {
		first, last = min(first, e.Time), max(last, e.Time)
		if e.Type != schema.Profile() && !slices.Contains(t.types, e.Type) && len(t.types) < 2 {
			t.types = append(t.types, e.Type)
		}
	}
	if len(t.types) == 0 {
		t.types = append(t.types, schema.Type("purchase"))
	}
	for _, unit := range []int64{30, 6 * 3600, 24 * 3600} {
		if (last-first)/1000 > 5*unit {
			t.unit = unit
		}
	}
	return t
}

func (t *templates) draw() template {
	x := template{shape: t.r.IntN(17), filter: t.r.IntN(5), typ: t.types[t.r.IntN(len(t.types))], other: t.types[t.r.IntN(len(t.types))], negate: t.r.IntN(4) == 0}
	for part := range 6 {
		t.redraw(&x, part)
	}
	return x
}

// redraw changes a part of a template.
func (t *templates) redraw(x *template, part int) {
	field := func(kinds ...event.Kind) string {
		names := []string{"time"}
		for i := range x.typ.Properties {
			if slices.Contains(kinds, x.typ.Properties[i].Kind) {
				names = append(names, x.typ.Properties[i].Name)
			}
		}
		return names[min(len(names)-1, 1+t.r.IntN(3))]
	}
	length := func() int64 { return t.unit * []int64{1, 2, 3, 5, 8}[t.r.IntN(5)] }
	switch part {
	case 0:
		x.text = field(event.String)
	case 1:
		x.number = field(event.Int, event.Double)
	case 2:
		x.d = length()
	case 3:
		x.d2 = length()
	case 4:
		x.n = 1 + t.r.IntN(4)
	case 5:
		x.op = []string{">=", ">", "<", "==", "!=", "<="}[t.r.IntN(6)]
	}
}

func (x *template) String() string {
	l := x.typ.Name
	switch x.filter {
	case 0:
		l += fmt.Sprintf(".filter(e, e.%s == %q)", x.text, "a")
	case 1:
		l += fmt.Sprintf(".filter(e, has(e.%s))", x.number)
	}
	size := fmt.Sprintf("size() %s %d", x.op, x.n)
	d, d2 := fmt.Sprintf(`"%ds"`, x.d), fmt.Sprintf(`"%ds"`, x.d2)
	out := [...]string{
		l + ".last(" + d + ")." + size,
		l + ".between(" + d + `, "` + fmt.Sprint(x.d+x.d2) + `s").` + size,
		l + ".last(" + d + ").sum(e, has(e." + x.number + ") ? 1 : 10) " + x.op + fmt.Sprint(" ", 10*x.n),
		l + ".newest(" + fmt.Sprint(x.n) + ").exists(e, e." + x.text + " == \"a\" && e.time > ago(" + d + "))",
		l + ".newest(" + fmt.Sprint(x.n) + ").map(e, e." + x.text + ")." + size,
		l + ".before(" + d + ")." + size,
		l + ".before(" + d + ").newest().time > ago(" + d2 + ")",
		l + ".before(" + d + ").newest(" + fmt.Sprint(x.n) + ").exists(e, e.time > ago(" + d2 + "))",
		l + ".after(" + x.other.Name + ")." + size,
		l + ".last(" + d + ").after(" + x.other.Name + ")." + size,
		l + ".last(" + d + ").distinct(e, e." + x.text + ")." + size,
		l + ".first()." + x.text + " == \"a\"",
		l + "." + size,
		l + ".last(" + d + ").not_followed_by(" + x.other.Name + ", " + d2 + ")." + size,
		l + ".last(" + d + ").newest(" + fmt.Sprint(x.n) + ").exists(e, e." + x.text + " == \"a\")",
		"profile." + []string{"city", "province", "climate", "occupation"}[x.n-1] + " == \"a\"",
		l + ".not_followed_by(" + x.other.Name + ", " + d2 + ").newest(2).exists(e, e." + x.text + " == \"a\")",
	}[x.shape]
	if x.negate {
		return "!(" + out + ")"
	}
	return out
}

// sets writes so many sets of rules, each like the one before.
func (t *templates) sets(n int) (out []oracle.Rules) {
	pool := make([]template, 1+t.r.IntN(4))
	for i := range pool {
		pool[i] = t.draw()
	}
	for range n {
		var rules oracle.Rules
		for i := range pool {
			switch t.r.IntN(6) {
			case 0:
				continue // left out, and back perhaps with the next rules
			case 1:
				pool[i] = t.draw()
			default:
				t.redraw(&pool[i], t.r.IntN(6))
			}
			s := oracle.SegmentText{Name: fmt.Sprintf("t%d", i), When: pool[i].String()}
			other := pool[t.r.IntN(len(pool))]
			switch t.r.IntN(8) {
			case 0:
				s.When += " && " + other.String()
			case 1:
				s.When += " || " + other.String()
			case 2:
				s.Until = other.String()
			case 3:
				if n := len(rules.Segments); n > 0 {
					s.When += fmt.Sprintf(` && !in_segment(%q)`, rules.Segments[t.r.IntN(n)].Name)
				}
			}
			rules.Segments = append(rules.Segments, s)
		}
		if len(rules.Segments) == 0 {
			rules.Segments = []oracle.SegmentText{{Name: "all", When: "true"}}
		}
		out = append(out, rules)
	}
	return out
}

// withMore adds the segments of another set that need no features.
func withMore(a, more oracle.Rules) oracle.Rules {
	out := oracle.Rules{Features: a.Features, Segments: slices.Clone(a.Segments)}
	for i, s := range more.Segments {
		if !strings.Contains(s.When+s.Until, "feature.") && !strings.Contains(s.When+s.Until, "in_segment") {
			out.Segments = append(out.Segments, oracle.SegmentText{Name: fmt.Sprintf("more%d_%d", len(a.Segments), i), When: s.When, Until: s.Until})
		}
	}
	return out
}

var (
	durations = regexp.MustCompile(`"[0-9]+[smhdw]"`)
	limits    = regexp.MustCompile(`(<|>|<=|>=|==|!=) ([0-9]+)\b`)
)

// mutated changes lengths and limits, and leaves segments out.
func mutated(r *rand.Rand, a oracle.Rules) oracle.Rules {
	all := []string{}
	for _, s := range a.Segments {
		all = append(all, durations.FindAllString(s.When+s.Until, -1)...)
	}
	change := func(text string) string {
		text = durations.ReplaceAllStringFunc(text, func(d string) string {
			if len(all) == 0 || r.IntN(2) == 0 {
				return d
			}
			return all[r.IntN(len(all))]
		})
		return limits.ReplaceAllStringFunc(text, func(l string) string {
			if r.IntN(2) == 0 {
				return l
			}
			op, _, _ := strings.Cut(l, " ")
			return fmt.Sprintf("%s %d", op, r.IntN(5))
		})
	}
	var out oracle.Rules
	for _, f := range a.Features {
		if r.IntN(3) == 0 {
			f.Expr = change(f.Expr)
		}
		out.Features = append(out.Features, f)
	}
	for _, s := range a.Segments {
		if r.IntN(2) == 0 {
			s.When, s.Until = change(s.When), change(s.Until)
		}
		out.Segments = append(out.Segments, s)
	}
	if n := len(out.Segments); n > 1 && r.IntN(2) == 0 {
		out.Segments = slices.Delete(out.Segments, n-1, n) // nobody asks for the last
	}
	return out
}

// accept leaves out of each set what is refused; false where nothing is left of one.
func (c *changedCase) accept() bool {
	for i := range c.sets {
		d := c.differentialCase
		d.rules = c.sets[i]
		if _, _, err := d.build(); err == nil {
			continue
		}
		if set, _ := d.acceptable(); set == nil {
			return false
		}
		c.sets[i] = d.rules
	}
	return true
}

func (c *changedCase) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d (go test -run TestChangedRules -args -seed %d -once): zone %s, live %v, max lateness %s, end %s\n", c.seed, c.seed, c.zone, c.live,
		c.lateness, time.UnixMilli(c.end).UTC().Format("2006-01-02T15:04:05.000Z"))
	for i, e := range c.events {
		for k := range c.sets {
			if c.at[k] == i {
				fmt.Fprintf(&b, "--- rules %d\n", k)
				files := c.sets[k].Files()
				for _, name := range slices.Sorted(maps.Keys(files)) {
					b.Write(files[name])
				}
				b.WriteString("---\n")
			}
		}
		b.Write(oracle.JSON(e))
		b.WriteByte('\n')
	}
	return b.String()
}

// shrink leaves out what is not needed for an error.
func (c *changedCase) shrink() *changedCase {
	best := *c
	try := func(next changedCase) bool {
		for k := range next.sets {
			d := next.differentialCase
			d.rules = next.sets[k]
			if _, _, err := d.build(); err != nil {
				return false
			}
		}
		if _, err := next.run(); err == nil {
			return false
		}
		best = next
		return true
	}
	for again := true; again; {
		again = false
		for k := len(best.sets) - 1; k > 0 && len(best.sets) > 2; k-- {
			next := best
			next.sets, next.at = slices.Delete(slices.Clone(best.sets), k, k+1), slices.Delete(slices.Clone(best.at), k, k+1)
			again = try(next) || again
		}
		for k := range best.sets {
			again = shrinkRules(best.sets[k], func(less oracle.Rules) bool {
				next := best
				next.sets = slices.Clone(best.sets)
				next.sets[k] = less
				return try(next)
			}) || again
		}
		for i := len(best.events) - 1; i >= 0; i-- {
			next := best
			next.events, next.at = slices.Delete(slices.Clone(best.events), i, i+1), slices.Clone(best.at)
			for k := range next.at {
				if next.at[k] > i {
					next.at[k]--
				}
			}
			again = try(next) || again
		}
		again = shrinkProperties(best.events, func(less []*event.Event) bool {
			next := best
			next.events = less
			return try(next)
		}) || again
	}
	return &best
}

// changedRun is a case under way.
type changedRun struct {
	*changedCase
	engines   []*engine.Engine
	oracles   []*oracle.Oracle
	r         *rand.Rand
	now       int // which rules are in force
	clock     int64
	customers map[string]*changedCustomer
	unknown   []byte
	warming   map[string]int64
	stats     changedStats
}

// changedCustomer is a customer as the engine stores it, and all that was accepted of them.
type changedCustomer struct {
	id       string
	state    *engine.Customer
	encoded  []byte
	rules    int // under which it was made
	history  oracle.History
	accepted []acceptance
	waits    map[string]bool // segments that were unknown when it was looked at last
}

type acceptance struct {
	typ, id string
	clock   int64
}

func (c *changedCase) run() (stats changedStats, err error) {
	x := &changedRun{changedCase: c, clock: math.MinInt64, customers: map[string]*changedCustomer{}, warming: map[string]int64{},
		r: rand.New(rand.NewPCG(c.seed, 2))}
	defer func() {
		stats = x.stats
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	for _, rules := range c.sets {
		d := c.differentialCase
		d.rules = rules
		set, eng, err := d.build()
		if err != nil {
			return stats, err
		}
		o, err := oracle.New(set)
		if err != nil {
			return stats, err
		}
		x.engines, x.oracles = append(x.engines, eng), append(x.oracles, o)
	}
	return stats, x.drive()
}

func (x *changedRun) drive() error {
	for i, e := range x.events {
		for x.now+1 < len(x.at) && x.at[x.now+1] <= i {
			if err := x.change(); err != nil {
				return err
			}
		}
		if err := x.apply(e); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	return x.fire(x.end)
}

// change puts the next rules in force; where others follow at once, only some customers are decided by them.
func (x *changedRun) change() error {
	x.now++
	x.stats.sweeps++
	eng := x.engines[x.now]
	unfinished := x.now+1 < len(x.at) && x.at[x.now+1] == x.at[x.now]
	t, err := eng.Takeover(x.engines[x.now-1].Catalog(), x.clock)
	if err != nil {
		return err
	}
	if x.unknown, err = t.Unknown(x.unknown); err != nil {
		return err
	}
	list, err := eng.Warming(x.unknown)
	if err != nil {
		return err
	}
	clear(x.warming)
	for _, w := range list {
		x.warming[w.Segment] = w.Until
	}
	for _, id := range slices.Sorted(maps.Keys(x.customers)) {
		cu := x.customers[id]
		if unfinished && x.r.IntN(2) == 0 {
			continue
		}
		if x.live {
			cu.encoded = x.engines[cu.rules].Encode(cu.state, nil)
		}
		t, err := eng.Takeover(x.engines[cu.rules].Catalog(), x.clock)
		if err != nil {
			return err
		}
		cu.state = new(engine.Customer)
		if err := t.DecodeInto(cu.state, id, cu.encoded, nil); err != nil {
			return fmt.Errorf("taking %s over: %w", id, err)
		}
		cu.rules = x.now
		for _, ch := range eng.Redecide(cu.state, x.clock, engine.CauseRules, nil) {
			x.stats.byRules++
			if err := x.checkFeatures(cu, &ch, x.clock); err != nil {
				return err
			}
		}
		cu.waits = map[string]bool{}
		if err := x.store(cu); err != nil {
			return err
		}
		if err := x.check(cu, x.clock); err != nil {
			return fmt.Errorf("when rules %d took force: %w", x.now, err)
		}
	}
	return nil
}

func (x *changedRun) apply(e *event.Event) error {
	if e.Time > x.clock {
		if err := x.fire(e.Time - 1); err != nil {
			return err
		}
		x.clock = e.Time
	}
	eng := x.engines[x.now]
	cu := x.customers[e.Customer]
	if cu == nil {
		cu = &changedCustomer{id: e.Customer, state: eng.NewCustomer(e.Customer), rules: x.now, waits: map[string]bool{}}
		x.customers[e.Customer] = cu
	} else if err := x.load(cu); err != nil {
		return err
	}
	duplicate := false
	for _, a := range cu.accepted {
		duplicate = duplicate || a.typ == e.Type.Name && a.id == e.ID && x.clock-a.clock < x.window.Milliseconds()
	}
	if !duplicate {
		cu.accepted = append(cu.accepted, acceptance{e.Type.Name, e.ID, x.clock})
		cu.history.Add(e)
	}
	for _, ch := range eng.Apply(cu.state, e.Clone(), x.clock, nil) {
		if err := x.checkFeatures(cu, &ch, x.clock); err != nil {
			return err
		}
	}
	if err := x.store(cu); err != nil || duplicate { // the moment is not over, and a duplicate decides nothing
		return err
	}
	return x.check(cu, x.clock)
}

// fire lets everything happen that is due at or before to, and looks at moments on the way.
func (x *changedRun) fire(to int64) error {
	eng := x.engines[x.now]
	for _, id := range slices.Sorted(maps.Keys(x.customers)) {
		cu := x.customers[id]
		moments := x.oracles[x.now].Moments(&cu.history, x.zone, x.clock+1, to)
		x.r.Shuffle(len(moments), func(i, j int) { moments[i], moments[j] = moments[j], moments[i] })
		moments = moments[:min(len(moments), 8)]
		slices.Sort(moments)
		for _, m := range append(moments, to) {
			for fired := 0; ; fired++ {
				if err := x.load(cu); err != nil {
					return err
				}
				at := cu.state.Deadline()
				if at > m {
					break
				}
				if fired > 3000 {
					return fmt.Errorf("%s: more than 3000 deadlines before %d", id, m)
				}
				for _, ch := range eng.Fire(cu.state, at, nil) {
					if ch.Cause != engine.CauseTime {
						return fmt.Errorf("%s: a change by time has the cause %s", id, ch.Cause)
					}
					if cu.waits[eng.Segments()[ch.Segment].Name] {
						x.stats.learnt++
					}
					if err := x.checkFeatures(cu, &ch, at); err != nil {
						return err
					}
				}
				if cu.state.Deadline() <= at {
					return fmt.Errorf("the deadline %d of %s is still there after it was fired", at, id)
				}
				if err := x.store(cu); err != nil {
					return err
				}
				if err := x.check(cu, at); err != nil {
					return err
				}
			}
			if m > x.clock {
				if err := x.check(cu, m); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (x *changedRun) load(cu *changedCustomer) (err error) {
	if !x.live {
		cu.state, err = x.engines[x.now].Decode(cu.id, cu.encoded)
	}
	return err
}

func (x *changedRun) store(cu *changedCustomer) error {
	if x.live {
		return nil
	}
	eng := x.engines[x.now]
	cu.encoded = eng.Encode(cu.state, nil)
	again, err := eng.Decode(cu.id, cu.encoded)
	if err != nil {
		return err
	}
	if second := eng.Encode(again, nil); !bytes.Equal(second, cu.encoded) {
		return fmt.Errorf("the state of %s is encoded as %x, then as %x", cu.id, cu.encoded, second)
	}
	return nil
}

func (x *changedRun) members(cu *changedCustomer) map[string]bool {
	members := map[string]bool{}
	cu.state.Memberships(func(segment int, in bool, _ int64, _ uint64) bool {
		if in {
			members[x.engines[x.now].Segments()[segment].Name] = true
		}
		return true
	})
	return members
}

// check compares every membership with what stock CEL says at a moment, but for those that are unknown and marked so.
func (x *changedRun) check(cu *changedCustomer, now int64) error {
	eng := x.engines[x.now]
	undecided := map[string]bool{}
	eng.Undecided(cu.state, now, func(segment int) bool {
		undecided[eng.Segments()[segment].Name] = true
		return true
	})
	cu.waits = undecided
	x.stats.compared += len(eng.Segments())
	x.stats.unknown += len(undecided)
	moment := time.UnixMilli(now).UTC().Format("2006-01-02T15:04:05.000Z")
	for name := range undecided {
		if until, ok := x.warming[name]; !ok || until <= now {
			return fmt.Errorf("%s: %s is unknown of %s and not marked as warming (%v until %d)", moment, name, cu.id, ok, until)
		}
	}
	flips, err := x.oracles[x.now].Evaluate(&cu.history, now, x.zone, x.members(cu))
	if err != nil {
		return err
	}
	for _, f := range flips {
		if !undecided[f.Segment.Name] {
			return fmt.Errorf("%s: %s should be a member of %s: %v; and is not undecided", moment, cu.id, f.Segment.Name, f.Join)
		}
	}
	return nil
}

// checkFeatures compares the features that come with a change with those of stock CEL. One that is unknown is left out.
func (x *changedRun) checkFeatures(cu *changedCustomer, ch *engine.Change, now int64) error {
	if ch.Features == nil {
		return nil
	}
	var got map[string]any
	dec := json.NewDecoder(bytes.NewReader(ch.Features))
	dec.UseNumber()
	if err := dec.Decode(&got); err != nil {
		return err
	}
	want, err := x.oracles[x.now].At(&cu.history, now, x.zone, x.members(cu)).Features()
	if err != nil {
		return err
	}
	for name, v := range got {
		if want[name] == nil {
			return fmt.Errorf("the feature %s of %s is %v, and has no value", name, cu.id, v)
		}
		n, ok := native(want[name])
		if !ok || canonical(n) != canonical(v) {
			return fmt.Errorf("%s: the feature %s of %s is %v, want %v", time.UnixMilli(now).UTC().Format(time.RFC3339Nano), name, cu.id, v, want[name])
		}
	}
	return nil
}
