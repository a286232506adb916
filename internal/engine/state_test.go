package engine

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

var update = flag.Bool("update", false, "write the golden files anew")

const stateFolder = "testdata/state-v1"

// bench is rules with an engine, and what turns JSON into events for it.
type bench struct {
	t       testing.TB
	eng     *Engine
	decoder *event.Decoder
}

// newBench compiles a rule file; schemas are of the user's own types.
func newBench(t testing.TB, yaml []byte, opt Options, schemas ...string) *bench {
	t.Helper()
	schema, err := event.LoadSchema(schemas...)
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"rules.yaml": yaml})
	if err != nil {
		t.Fatal(err)
	}
	eng, err := New(set, opt)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := event.NewDecoder(schema, event.Source{Name: "test"}, eng.Needs())
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, eng: eng, decoder: decoder}
}

func (b *bench) event(record string) *event.Event {
	b.t.Helper()
	var ev event.Event
	if err := b.decoder.Decode([]byte(record), &ev); err != nil {
		b.t.Fatalf("%s: %v", record, err)
	}
	return &ev
}

// step moves the clock to an event, with everything due before it, and applies it.
func (b *bench) step(c *Customer, clock *int64, record string) []Change {
	b.t.Helper()
	ev := b.event(record)
	var out []Change
	if ev.Time > *clock {
		out = b.eng.Fire(c, ev.Time-1, nil)
		*clock = ev.Time
	}
	return b.eng.Apply(c, ev, *clock, out)
}

// run steps through records and returns the changes as JSON lines.
func (b *bench) run(c *Customer, clock *int64, records []string) []byte {
	b.t.Helper()
	var lines []byte
	for _, r := range records {
		for _, ch := range b.step(c, clock, r) {
			lines = append(b.eng.AppendJSON(lines, &ch), '\n')
		}
	}
	return lines
}

func readLines(t testing.TB, name string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(stateFolder, name))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for in := bufio.NewScanner(bytes.NewReader(content)); in.Scan(); {
		lines = append(lines, in.Text())
	}
	return lines
}

// Golden compares with a file, or writes it, and returns what it holds.
func Golden(t testing.TB, path string, got []byte) []byte {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs (after a change that is meant: go test -update, and a new version of the encoding where states of before cannot be read)\ngot\n%s\nwant\n%s", path, got, want)
	}
	return want
}

// dump writes bytes as lines of hexadecimal.
func dump(b []byte) []byte {
	var out bytes.Buffer
	for len(b) > 0 {
		n := min(32, len(b))
		fmt.Fprintf(&out, "%x\n", b[:n])
		b = b[n:]
	}
	return out.Bytes()
}

func undump(t testing.TB, lines []string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(lines, ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// stateBench has the rules of the golden state, which use every part of the encoding. Series keep little, so that they shed.
func stateBench(t testing.TB) *bench {
	t.Helper()
	yaml, err := os.ReadFile(filepath.Join(stateFolder, "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return newBench(t, yaml, Options{SeriesBound: 8, MaxLateness: 5 * 24 * time.Hour}, filepath.Join(stateFolder, "schema.json"))
}

// goldenCustomer is the state that the golden history leads to.
func goldenCustomer(t testing.TB, b *bench) (c *Customer, clock int64, changes []byte) {
	t.Helper()
	c = b.eng.NewCustomer("c1")
	changes = b.run(c, &clock, readLines(t, "history.jsonl"))
	c.SetAside(Aside{Time: clock + 90_000, Source: "purchases", Record: []byte(`{"id":"a2"}`)})
	c.SetAside(Aside{Time: clock + 60_000, Source: "browsing", Record: []byte(`{"id":"a1"}`)})
	return c, clock, changes
}

// TestGoldenState holds version 1 of the encoding to its bytes: a state that this release writes is read by every later one,
// and is stepped on as if it had never been stored.
func TestGoldenState(t *testing.T) {
	b := stateBench(t)
	made, clock, changes := goldenCustomer(t, b)
	Golden(t, filepath.Join(stateFolder, "changes.jsonl"), changes)
	if *update {
		Golden(t, filepath.Join(stateFolder, "state.hex"), dump(b.eng.Encode(made, nil)))
	}
	stored := undump(t, readLines(t, "state.hex"))
	if stored[0] != 1 {
		t.Fatalf("the golden state of version 1 is of version %d", stored[0])
	}
	read, err := b.eng.Decode("c1", stored)
	if err != nil {
		t.Fatal(err)
	}
	if again := b.eng.Encode(read, nil); !bytes.Equal(again, stored) {
		t.Errorf("the golden state is written anew as\n%s", dump(again))
	}
	if b.eng.Shed(read) != b.eng.Shed(made) {
		t.Errorf("shed %d, want %d", b.eng.Shed(read), b.eng.Shed(made))
	}
	if got, want := b.eng.Encode(undue(b, read), nil), b.eng.Encode(undue(b, made), nil); !bytes.Equal(got, want) {
		t.Errorf("the golden history leads to\n%swhich is not the golden state\n%s", dump(want), dump(got))
	}
	goOn := func(c *Customer) []byte {
		at := clock
		lines := b.run(c, &at, readLines(t, "next.jsonl"))
		for _, ch := range b.eng.Fire(c, at+400*feature.DayMS, nil) {
			lines = append(b.eng.AppendJSON(lines, &ch), '\n')
		}
		return lines
	}
	Golden(t, filepath.Join(stateFolder, "next-changes.jsonl"), goOn(read))
	Golden(t, filepath.Join(stateFolder, "next-changes.jsonl"), goOn(made))
	if x, y := b.eng.Encode(undue(b, read), nil), b.eng.Encode(undue(b, made), nil); !bytes.Equal(x, y) {
		t.Errorf("after more steps the decoded state is\n%sand the one that stayed in memory\n%s", dump(x), dump(y))
	}
}

// undue copies a customer without the moments at which it is due: a release may find better ones.
func undue(b *bench, c *Customer) *Customer {
	b.t.Helper()
	out, err := b.eng.Decode(c.id, b.eng.Encode(c, nil))
	if err != nil {
		b.t.Fatal(err)
	}
	if out.rare != nil {
		out.rare.due = nil
	}
	members := out.members[:0]
	for _, m := range out.members {
		if m.at = Never; m.seq() > 0 {
			members = append(members, m)
		}
	}
	out.members = members
	return out
}

// TestGoldenStateHasEverything proves that no part of the encoding is left out of the golden file.
func TestGoldenStateHasEverything(t *testing.T) {
	b := stateBench(t)
	c, _, _ := goldenCustomer(t, b)
	has := map[string]bool{}
	for s := range b.eng.plan.Kept(&c.state) {
		noteSeries(has, s)
	}
	for _, a := range c.state.Accs {
		if a == nil {
			continue
		}
		has["acc with a count"] = has["acc with a count"] || a.Count > 0
		has["acc with a sum"] = has["acc with a sum"] || a.Sum.Float64() != 0
		has["acc with a wide sum"] = has["acc with a wide sum"] || a.Sum.Float64() > 1e299
		has["acc with a least"] = has["acc with a least"] || a.Least.K != feature.None
		has["acc with a most"] = has["acc with a most"] || a.Most.K != feature.None
		has["acc with rows"] = has["acc with rows"] || a.Rows.Len() > 0
		has["acc settled"] = has["acc settled"] || a.Until > 0
		has["acc with gaps"] = has["acc with gaps"] || a.Gaps > 0
		if g := a.Group; g != nil {
			has["groups"] = true
			has["groups that shed"] = has["groups that shed"] || g.Shed > 0
			for _, k := range g.Keys {
				has[fmt.Sprint("key of kind ", k.Key.K)] = true
				has["groups with sums"] = has["groups with sums"] || k.Sum.Float64() != 0
			}
		}
	}
	for _, a := range c.state.Attrs() {
		if a.Set {
			has[fmt.Sprint("attribute of kind ", a.Value.K)] = true
		}
	}
	for _, m := range c.members {
		has["member"] = has["member"] || m.seq() == 1
		has["member again"] = has["member again"] || m.seq() > 1
		has["due and never a member"] = has["due and never a member"] || m.at != Never && m.seq() == 0
		has["due"] = has["due"] || m.at != Never
	}
	has["seen"] = b.eng.ids(c) > 0
	has["asides"] = len(c.asides()) > 0
	for _, want := range []string{
		"series", "series that shed", "column of kind 1", "column of kind 2", "column of kind 3", "column of kind 4", "column of kind 5", "column of kind 7",
		"column with gaps", "doubles without a scale",
		"acc with a count", "acc with a sum", "acc with a wide sum", "acc with a least", "acc with a most", "acc with rows", "acc settled", "acc with gaps",
		"groups", "groups that shed", "groups with sums", "key of kind 1", "key of kind 5",
		"attribute of kind 0", "attribute of kind 2", "attribute of kind 3", "attribute of kind 5", "attribute of kind 7",
		"member", "member again", "due", "due and never a member", "seen", "asides",
	} {
		if !has[want] {
			t.Errorf("the golden state has no %s", want)
		}
	}
}

func noteSeries(has map[string]bool, s *feature.Series) {
	if s.Len() == 0 {
		return
	}
	has["series"] = true
	has["series that shed"] = has["series that shed"] || s.Shed() > 0
	for col := range s.Columns() {
		has[fmt.Sprint("column of kind ", s.Kind(col))] = true
		for i := range s.Len() {
			v := s.Value(i, col)
			has["column with gaps"] = has["column with gaps"] || v.K == feature.None
			has["doubles without a scale"] = has["doubles without a scale"] || v.K == feature.Double && v.Float() == 1e-20
		}
	}
}

func TestVersions(t *testing.T) {
	b := stateBench(t)
	c, _, _ := goldenCustomer(t, b)
	good := b.eng.Encode(c, nil)
	newer := append([]byte{newestVersion + 1}, good[1:]...)
	if _, err := b.eng.Decode("c1", newer); !errors.Is(err, ErrVersion) {
		t.Errorf("a state of a newer version gives %v", err)
	}
	for name, bad := range map[string][]byte{"nothing": nil, "version 0": append([]byte{0}, good[1:]...), "one byte": {1}} {
		if _, err := b.eng.Decode("c1", bad); !errors.Is(err, feature.ErrTruncated) {
			t.Errorf("%s gives %v", name, err)
		}
	}
}

// TestEveryCutIsAnError cuts a state short at every length, and puts a byte behind it.
func TestEveryCutIsAnError(t *testing.T) {
	b := stateBench(t)
	c, _, _ := goldenCustomer(t, b)
	good := b.eng.Encode(c, nil)
	for n := range good {
		if _, err := b.eng.Decode("c1", good[:n]); !errors.Is(err, feature.ErrTruncated) {
			t.Fatalf("%d of %d bytes give %v", n, len(good), err)
		}
	}
	if _, err := b.eng.Decode("c1", append(bytes.Clone(good), 0)); !errors.Is(err, feature.ErrTruncated) {
		t.Errorf("a byte too much gives %v", err)
	}
}

// TestDamagedStates flips bits: the state is refused, or can be stepped on and stored. Nothing panics.
func TestDamagedStates(t *testing.T) {
	b := stateBench(t)
	c, clock, _ := goldenCustomer(t, b)
	good := b.eng.Encode(c, nil)
	next := readLines(t, "next.jsonl")
	refused := 0
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 0))
		bad := bytes.Clone(good)
		for range 1 + r.IntN(3) {
			bad[1+r.IntN(len(bad)-1)] ^= 1 << r.IntN(8)
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Fatalf("seed %d: %v\n%s", seed, p, dump(bad))
				}
			}()
			c, err := b.eng.Decode("c1", bad)
			if err != nil {
				refused++
				return
			}
			at := clock
			for _, record := range next {
				ev := b.event(record)
				at = max(at, ev.Time)
				b.eng.Apply(c, ev, at, nil)
			}
			b.eng.Encode(c, nil)
		}()
	}
	if refused == 0 {
		t.Error("no damage was refused")
	}
	t.Logf("%d of 3000 were refused", refused)
}

// FuzzDecode reads anything, and steps on with what can be read.
func FuzzDecode(f *testing.F) {
	b := stateBench(f)
	c, clock, _ := goldenCustomer(f, b)
	f.Add(b.eng.Encode(c, nil))
	f.Add(b.eng.Encode(b.eng.NewCustomer("c1"), nil))
	var next []*event.Event
	for _, record := range readLines(f, "next.jsonl") {
		next = append(next, b.event(record).Clone())
	}
	f.Fuzz(func(_ *testing.T, state []byte) {
		c, err := b.eng.Decode("c1", state)
		if err != nil {
			return
		}
		for _, ev := range next {
			b.eng.Apply(c, ev, max(clock, ev.Time), nil)
		}
		b.eng.Encode(c, nil)
	})
}

// TestOtherRulesKeepWhatTheyKnow reads a state under rules that have some of its parts and none of the others.
func TestOtherRulesKeepWhatTheyKnow(t *testing.T) {
	b := stateBench(t)
	c, clock, _ := goldenCustomer(t, b)
	state := b.eng.Encode(c, nil)
	other := newBench(t, []byte(`
segments:
  a_new_one:
    when: profile.city == "Bandung"
  regular:
    when: purchase.size() >= 5
  spender:
    when: purchase.last("90d").sum(p, p.amount) >= 100
`), Options{SeriesBound: 8}, filepath.Join(stateFolder, "schema.json"))
	read, err := other.eng.Decode("c1", state)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]uint64{}
	read.Memberships(func(segment int, _ bool, _ int64, seq uint64) bool {
		names[other.eng.Segments()[segment].Name] = seq
		return true
	})
	if len(names) == 0 || names["regular"] == 0 || names["a_new_one"] != 0 {
		t.Errorf("memberships %v", names)
	}
	changes := map[string]bool{}
	for _, ch := range other.eng.Redecide(read, clock, CauseRules, nil) {
		changes[other.eng.Segments()[ch.Segment].Name] = ch.Join
		if ch.Cause != CauseRules || ch.Time != clock {
			t.Errorf("%+v", ch)
		}
	}
	if join, ok := changes["a_new_one"]; !ok || !join {
		t.Errorf("the changes are %v: the attribute is lost", changes)
	}
}
