package engine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/oracle"
	"github.com/ruas/ruas/internal/rule"
)

var (
	pairsFlag = flag.Int("pairs", envInt("RUAS_PAIRS", 1500), "pairs of a segment and a history to compare (RUAS_PAIRS)")
	seedFlag  = flag.Uint64("seed", uint64(envInt("RUAS_SEED", 1)), "the first seed (RUAS_SEED); every case takes the next")
	onceFlag  = flag.Bool("once", false, "stop after the first seed")
	saveFlag  = flag.Bool("save", false, "keep each difference reported in testdata/differential, for TestFixedDifferences")
	moreFlag  = flag.Int("more", 0, "go on after a difference, and report that many of the shortest at the end")
)

func envInt(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestDifferential compares the engine with stock CEL over random rules and histories: the same changes, in the same order.
func TestDifferential(t *testing.T) {
	schema := loadSchema(t)
	var found []*difference
	pairs, sets, refused, changes := 0, 0, 0, 0
	// Rather fewer pairs than no report.
	deadline, limited := t.Deadline()
	for seed := *seedFlag; pairs < *pairsFlag; seed++ {
		if limited && time.Until(deadline) < 15*time.Second {
			t.Errorf("no more time after seed %d: fewer pairs (-pairs), or a longer -timeout", seed)
			break
		}
		out := newCase(seed, schema).run()
		sets++
		refused += out.refused
		pairs += out.pairs
		changes += out.changes
		if out.diff != nil {
			found = append(found, out.diff)
			if *moreFlag == 0 {
				break
			}
		}
		if *onceFlag {
			break
		}
	}
	t.Logf("%d pairs in %d sets of rules, %d expressions refused, %d changes, %d sets differ", pairs, sets, refused, changes, len(found))
	slices.SortFunc(found, func(a, b *difference) int { return a.size() - b.size() })
	for _, d := range found[:min(len(found), max(1, *moreFlag))] {
		t.Error(d)
		if *saveFlag {
			d.c.save(t, filepath.Join("testdata", "differential", fmt.Sprintf("seed_%d", d.c.seed)))
		}
	}
}

// FuzzDifferential is TestDifferential with the seed chosen by the fuzzer.
func FuzzDifferential(f *testing.F) {
	f.Add(uint64(1))
	schema := loadSchema(f)
	f.Fuzz(func(t *testing.T, seed uint64) {
		if out := newCase(seed, schema).run(); out.diff != nil {
			t.Error(out.diff)
		}
	})
}

func loadSchema(tb testing.TB) *event.Schema {
	tb.Helper()
	s, err := event.LoadSchema()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// differentialCase is one set of rules with one history.
type differentialCase struct {
	seed   uint64
	schema *event.Schema
	rules  oracle.Rules
	files  map[string][]byte // instead of rules, where a case was saved
	events []*event.Event
	zone   string
	until  *int64
	window time.Duration
	// live keeps customers in memory; otherwise each is encoded and decoded between any two steps.
	live bool
	// coarse fires a lone customer once for all moments before the next event, not for each.
	coarse bool
	// lateness is what the engine is told: no event of the history is later.
	lateness time.Duration
	// probe, where there is one, is asked after each step.
	probe func(eng *engine.Engine, c *engine.Customer, clock int64) error
}

func newCase(seed uint64, schema *event.Schema) *differentialCase {
	r := rand.New(rand.NewPCG(seed, 0))
	g := oracle.NewGenerator(r, schema)
	c := &differentialCase{seed: seed, schema: schema, rules: g.Rules(), events: g.History(), zone: g.Zone(), window: 24 * time.Hour}
	c.until = g.Until(c.events)
	if r.IntN(4) == 0 {
		c.window = time.Duration(1+r.IntN(5)) * time.Second
	}
	c.live = r.IntN(4) == 0
	c.coarse = r.IntN(3) == 0
	c.lateness = 30 * 24 * time.Hour
	if r.IntN(2) == 0 {
		c.lateness = greatestLateness(c.events)
	}
	if r.IntN(3) == 0 {
		c.rules.Segments = append(c.rules.Segments, g.Variants(names(c.rules.Segments))...)
	}
	return c
}

func names(segments []oracle.SegmentText) (names []string) {
	for _, s := range segments {
		names = append(names, s.Name)
	}
	return names
}

// greatestLateness is how far behind the clock the latest of the events is, a whole second at least.
func greatestLateness(events []*event.Event) time.Duration {
	clock, most := int64(math.MinInt64), int64(1000)
	for _, e := range events {
		clock = max(clock, e.Time)
		most = max(most, clock-e.Time)
	}
	return time.Duration(most) * time.Millisecond
}

type outcome struct {
	pairs, refused, changes int
	diff                    *difference
}

// difference is a case that the engine and the oracle decide differently, made as small as leaving things out can make it.
type difference struct {
	c    *differentialCase
	what string
}

func (d *difference) size() int {
	n := 0
	for _, f := range d.c.rules.Features {
		n += len(f.Expr)
	}
	for _, s := range d.c.rules.Segments {
		n += len(s.When) + len(s.Until)
	}
	return n + 20*len(d.c.events)
}

func (d *difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d (go test -run TestDifferential -seed %d -once): zone %s, dedup window %s, live %v, coarse %v, max lateness %s\n",
		d.c.seed, d.c.seed, d.c.zone, d.c.window, d.c.live, d.c.coarse, d.c.lateness)
	if d.c.until != nil {
		fmt.Fprintf(&b, "until %s\n", time.UnixMilli(*d.c.until).UTC().Format("2006-01-02T15:04:05.000Z"))
	}
	files := d.c.rules.Files()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		b.Write(files[name])
	}
	for _, e := range d.c.events {
		b.Write(oracle.JSON(e))
		b.WriteByte('\n')
	}
	b.WriteString(d.what)
	return b.String()
}

// run compares, and makes a difference small.
func (c *differentialCase) run() outcome {
	var out outcome
	set, eng, err := c.build()
	if err != nil {
		before := len(c.rules.Features) + len(c.rules.Segments)
		set, eng = c.acceptable()
		out.refused = before - len(c.rules.Features) - len(c.rules.Segments)
		if set == nil {
			return out
		}
	}
	out.pairs = len(set.Segments)
	what, n := c.compare(set, eng)
	out.changes = n
	if what != "" {
		small := c.shrink()
		out.diff = &difference{small, small.check()}
	}
	return out
}

func (c *differentialCase) build() (*rule.Set, *engine.Engine, error) {
	files := c.files
	if files == nil {
		files = c.rules.Files()
	}
	set, err := rule.Parse(c.schema, files)
	if err != nil {
		return nil, nil, err
	}
	eng, err := engine.New(set, engine.Options{Zone: c.zone, DedupWindow: c.window, MaxLateness: c.lateness, SeriesBound: 4096})
	if err != nil {
		return nil, nil, err
	}
	return set, eng, nil
}

// acceptable leaves out what is refused; nil where no segment is left.
func (c *differentialCase) acceptable() (*rule.Set, *engine.Engine) {
	all := c.rules
	c.rules = oracle.Rules{}
	for _, f := range all.Features {
		c.rules.Features = append(c.rules.Features, f)
		// A set without segments says little about a feature: it is asked for.
		c.rules.Segments = []oracle.SegmentText{{Name: "probe", When: "has(feature." + f.Name + ")"}}
		if _, _, err := c.build(); err != nil {
			c.rules.Features = c.rules.Features[:len(c.rules.Features)-1]
		}
	}
	c.rules.Segments = nil
	var set *rule.Set
	var eng *engine.Engine
	// Segments ask for each other, in an order that names do not show: until no more can be added.
	for grown := true; grown; {
		grown = false
		for _, s := range all.Segments {
			if slices.ContainsFunc(c.rules.Segments, func(x oracle.SegmentText) bool { return x.Name == s.Name }) {
				continue
			}
			c.rules.Segments = append(c.rules.Segments, s)
			if s2, e2, err := c.build(); err == nil {
				set, eng, grown = s2, e2, true
			} else {
				c.rules.Segments = c.rules.Segments[:len(c.rules.Segments)-1]
			}
		}
	}
	return set, eng
}

// check builds and compares; "" where all is well, or where the rules are refused.
func (c *differentialCase) check() string {
	set, eng, err := c.build()
	if err != nil {
		return ""
	}
	what, _ := c.compare(set, eng)
	return what
}

// shrink leaves out events, segments and features as long as a difference remains.
func (c *differentialCase) shrink() *differentialCase {
	best := *c
	try := func(next differentialCase) bool {
		if next.check() == "" {
			return false
		}
		best = next
		return true
	}
	for again := true; again; {
		again = shrinkRules(best.rules, func(less oracle.Rules) bool {
			next := best
			next.rules = less
			return try(next)
		})
		for i := len(best.events) - 1; i >= 0; i-- {
			next := best
			next.events = slices.Delete(slices.Clone(best.events), i, i+1)
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

// compare runs both and tells how they differ; "" where they do not.
func (c *differentialCase) compare(set *rule.Set, eng *engine.Engine) (what string, changes int) {
	o, err := oracle.New(set)
	if err != nil {
		return "the oracle: " + err.Error(), 0
	}
	expected, err := o.Replay(c.events, oracle.Options{Zone: c.zone, DedupWindow: c.window, Until: c.until})
	if err != nil {
		return "the oracle: " + err.Error(), 0
	}
	var want []string
	for _, x := range expected {
		want = append(want, wantLine(x))
	}
	got, err := c.driveSafely(eng)
	if err != nil {
		return "the engine: " + err.Error(), 0
	}
	if slices.Equal(got, want) {
		return "", len(want)
	}
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	return fmt.Sprintf("the first %d changes are alike; then\nthe engine:\n%s\nstock CEL:\n%s\n", i, list(got[i:]), list(want[i:])), len(want)
}

func list(lines []string) string {
	if len(lines) == 0 {
		return "\tnothing"
	}
	return "\t" + strings.Join(lines[:min(len(lines), 6)], "\n\t")
}

func line(customer, segment string, join bool, at int64, cause, eventID string, seq uint64, features string) string {
	word := "leaves"
	if join {
		word = "joins"
	}
	return strings.TrimSpace(fmt.Sprintf("%s %s %s %s seq %d %s %s %s", time.UnixMilli(at).UTC().Format("2006-01-02T15:04:05.000Z"), customer, word,
		segment, seq, cause, eventID, features))
}

func wantLine(x oracle.Change) string {
	features := map[string]any{}
	for name, v := range x.Features {
		if n, ok := native(v); ok {
			features[name] = n
		}
	}
	return line(x.Customer, x.Segment, x.Join, x.Time, x.Cause, x.EventID, x.Seq, canonical(features))
}

// native is a feature's value as JSON has it; false for a number that JSON has not.
func native(v ref.Val) (any, bool) {
	switch x := v.(type) {
	case types.Bool:
		return bool(x), true
	case types.Int:
		return json.Number(strconv.FormatInt(int64(x), 10)), true
	case types.Double:
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 0) {
			return nil, false
		}
		return float64(x), true
	case types.String:
		return string(x), true
	case types.Timestamp:
		return x.UTC().Format("2006-01-02T15:04:05.000Z"), true
	case traits.Lister:
		out := []any{}
		for it := x.Iterator(); it.HasNext() == types.True; {
			n, ok := native(it.Next())
			if !ok {
				return nil, false
			}
			out = append(out, n)
		}
		return out, true
	}
	panic(fmt.Sprintf("a feature of %T", v))
}

// canonical is JSON in one form: a number is what it means, however it is written.
func canonical(v any) string {
	switch x := v.(type) {
	case map[string]any:
		if len(x) == 0 {
			return ""
		}
		var out []string
		for _, name := range slices.Sorted(maps.Keys(x)) {
			out = append(out, name+"="+canonical(x[name]))
		}
		return strings.Join(out, " ")
	case []any:
		var out []string
		for _, e := range x {
			out = append(out, canonical(e))
		}
		return "[" + strings.Join(out, " ") + "]"
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return strconv.FormatInt(n, 10)
		}
		f, err := x.Float64()
		if err != nil {
			return "bad number " + x.String()
		}
		return canonical(f)
	case float64:
		if x == 0 {
			return "0"
		}
		if x == math.Trunc(x) && math.Abs(x) < 1e21 {
			return strconv.FormatFloat(x, 'f', -1, 64)
		}
		return strconv.FormatFloat(x, 'g', -1, 64)
	default:
		return fmt.Sprintf("%#v", v)
	}
}

// driveSafely is drive with a panic as an error, so that the case can be made small.
func (c *differentialCase) driveSafely(eng *engine.Engine) (lines []string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	return c.drive(eng)
}

// drive runs the engine over the history as replay does: deadlines in order of (moment, customer) before each event that is later.
func (c *differentialCase) drive(eng *engine.Engine) ([]string, error) {
	d := &driver{eng: eng, probe: c.probe, live: c.live, coarse: c.coarse, customers: map[string]*customer{}, clock: math.MinInt64}
	decoder, err := event.NewDecoder(c.schema, event.Source{Name: "test"}, eng.Needs())
	if err != nil {
		return nil, err
	}
	end := int64(math.MinInt64)
	for _, e := range c.events {
		end = max(end, e.Time)
	}
	if c.until != nil {
		end = *c.until
	}
	var record []byte
	for _, e := range c.events {
		if e.Time > end {
			continue
		}
		// One buffer for all records, spoilt after each: whatever of the event the engine kept without a copy shows.
		record = append(record[:0], oracle.JSON(e)...)
		var ev event.Event
		if err := decoder.Decode(record, &ev); err != nil {
			return nil, err
		}
		if ev.Time > d.clock {
			if err := d.fire(ev.Time - 1); err != nil {
				return nil, err
			}
			d.clock = ev.Time
		}
		err := d.step(ev.Customer, func(cu *engine.Customer) []engine.Change { return eng.Apply(cu, &ev, d.clock, nil) })
		if err != nil {
			return nil, err
		}
		for i := range record {
			record[i] = '#'
		}
	}
	if err := d.fire(end); err != nil {
		return nil, err
	}
	return d.lines, nil
}

type driver struct {
	eng       *engine.Engine
	probe     func(eng *engine.Engine, c *engine.Customer, clock int64) error
	live      bool
	coarse    bool
	customers map[string]*customer
	clock     int64
	lines     []string
}

type customer struct {
	live     *engine.Customer
	encoded  []byte
	deadline int64
}

// fire lets everything happen that is due at or before to.
func (d *driver) fire(to int64) error {
	for fired := 0; ; fired++ {
		if fired > 3000 {
			return errors.New("more than 3000 deadlines before the next event")
		}
		id, at := "", int64(math.MaxInt64)
		for name, cu := range d.customers {
			if cu.deadline < at || cu.deadline == at && name < id {
				id, at = name, cu.deadline
			}
		}
		if at > to || at == math.MaxInt64 {
			return nil
		}
		if d.coarse && len(d.customers) == 1 {
			at = to
		}
		if err := d.step(id, func(cu *engine.Customer) []engine.Change { return d.eng.Fire(cu, at, nil) }); err != nil {
			return err
		}
		if after := d.customers[id].deadline; after <= at {
			return fmt.Errorf("the deadline %d of %s is still %d after it was fired", at, id, after)
		}
	}
}

// step does one thing to a customer; between any two the state is encoded and decoded, or not.
func (d *driver) step(id string, do func(*engine.Customer) []engine.Change) error {
	// The event's customer may alias a record that is spoilt later.
	id = strings.Clone(id)
	cu := d.customers[id]
	if cu == nil {
		cu = &customer{live: d.eng.NewCustomer(id)}
		d.customers[id] = cu
	} else if !d.live {
		decoded, err := d.eng.Decode(id, cu.encoded)
		if err != nil {
			return fmt.Errorf("decoding %s: %w", id, err)
		}
		cu.live = decoded
	}
	for _, ch := range do(cu.live) {
		l, err := d.line(&ch)
		if err != nil {
			return err
		}
		d.lines = append(d.lines, l)
	}
	cu.deadline = cu.live.Deadline()
	if d.probe != nil {
		if err := d.probe(d.eng, cu.live, d.clock); err != nil {
			return err
		}
	}
	if !d.live {
		cu.encoded = d.eng.Encode(cu.live, nil)
		again, err := d.eng.Decode(id, cu.encoded)
		if err != nil {
			return fmt.Errorf("decoding %s: %w", id, err)
		}
		if second := d.eng.Encode(again, nil); !bytes.Equal(second, cu.encoded) {
			return fmt.Errorf("the state of %s is encoded as %x, then as %x", id, cu.encoded, second)
		}
	}
	return nil
}

// line reads a change from its JSON, as a consumer does.
func (d *driver) line(ch *engine.Change) (string, error) {
	var got struct {
		Customer string         `json:"customer_id"`
		Segment  string         `json:"segment"`
		Change   string         `json:"change"`
		Time     time.Time      `json:"time"`
		Cause    string         `json:"cause"`
		EventID  string         `json:"event_id"`
		Seq      uint64         `json:"seq"`
		Features map[string]any `json:"features"`
	}
	text := d.eng.AppendJSON(nil, ch)
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&got); err != nil {
		return "", fmt.Errorf("%s: %w", text, err)
	}
	return line(got.Customer, got.Segment, got.Change == "join", got.Time.UnixMilli(), got.Cause, got.EventID, got.Seq,
		canonical(got.Features)), nil
}
