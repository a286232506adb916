package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/feature"
)

// day0 is when the hand-made cases begin.
var day0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// life is a customer who lives through several sets of rules. Moments are in days after day0.
type life struct {
	*bench
	t       *testing.T
	c       *Customer
	clock   int64
	unknown []byte
	n       int
}

func segmentsOf(rules map[string]string) []byte {
	out := "segments:\n"
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		when, until, both := strings.Cut(rules[name], " UNTIL ")
		out += fmt.Sprintf("  %s:\n    when: %q\n", name, when)
		if both {
			out += fmt.Sprintf("    until: %q\n", until)
		}
	}
	return []byte(out)
}

func newLife(t *testing.T, rules map[string]string) *life {
	b := newBench(t, segmentsOf(rules), Options{})
	return &life{bench: b, t: t, c: b.eng.NewCustomer("c"), clock: day0}
}

// names writes changes in short.
func (l *life) names(changes []Change) string {
	out := []string{}
	for _, ch := range changes {
		word := "-"
		if ch.Join {
			word = "+"
		}
		out = append(out, word+l.eng.Segments()[ch.Segment].Name+" "+ch.Cause.String())
	}
	return strings.Join(out, ", ")
}

// event applies an event of a day; more is of its properties.
func (l *life) event(day float64, kind, more string) string {
	l.t.Helper()
	l.n++
	at := day0 + int64(day*float64(feature.DayMS))
	record := fmt.Sprintf(`{"id":"e%d","type":%q,"customer_id":"c","time":%q%s}`, l.n, kind, time.UnixMilli(at).UTC().Format(time.RFC3339Nano), more)
	out := l.step(l.c, &l.clock, record)
	l.store()
	return l.names(out)
}

// pass lets time go on to a day.
func (l *life) pass(day float64) string {
	to := day0 + int64(day*float64(feature.DayMS))
	out := l.eng.Fire(l.c, to, nil)
	l.clock = max(l.clock, to)
	l.store()
	return l.names(out)
}

func (l *life) store() {
	l.t.Helper()
	b := l.eng.Encode(l.c, nil)
	c, err := l.eng.Decode("c", b)
	if err != nil {
		l.t.Fatal(err)
	}
	if again := l.eng.Encode(c, nil); !bytes.Equal(again, b) {
		l.t.Fatalf("the state is written as %x, then as %x", b, again)
	}
	l.c = c
}

// change puts other rules in force, and returns what they decide.
func (l *life) change(rules map[string]string) string {
	l.t.Helper()
	state, old := l.eng.Encode(l.c, nil), l.eng
	l.bench = newBench(l.t, segmentsOf(rules), Options{})
	takeover, err := l.eng.Takeover(old.Catalog(), l.clock)
	if err != nil {
		l.t.Fatal(err)
	}
	l.c = new(Customer)
	if err := takeover.DecodeInto(l.c, "c", state, nil); err != nil {
		l.t.Fatal(err)
	}
	var again Customer
	if err := takeover.DecodeInto(&again, "c", state, nil); err != nil || !bytes.Equal(l.eng.Encode(&again, nil), l.eng.Encode(l.c, nil)) {
		l.t.Errorf("taken over twice, it is another: %v", err)
	}
	if l.unknown, err = takeover.Unknown(l.unknown); err != nil {
		l.t.Fatal(err)
	}
	out := l.eng.Redecide(l.c, l.clock, CauseRules, nil)
	l.store()
	return l.names(out)
}

// warming says which segments are warming, and for how many days after day0.
func (l *life) warming() string {
	l.t.Helper()
	list, err := l.eng.Warming(l.unknown)
	if err != nil {
		l.t.Fatal(err)
	}
	out := []string{}
	for _, w := range list {
		if w.Until <= l.clock {
			continue // it is over
		}
		until := "anew"
		if w.Until != Never {
			until = fmt.Sprint(float64(w.Until-day0) / float64(feature.DayMS))
		}
		out = append(out, w.Segment+" "+until)
	}
	return strings.Join(out, ", ")
}

// undecided names the segments that cannot be decided of the customer.
func (l *life) undecided() string {
	out := []string{}
	l.eng.Undecided(l.c, l.clock, func(segment int) bool {
		out = append(out, l.eng.Segments()[segment].Name)
		return true
	})
	return strings.Join(out, ", ")
}

func (l *life) expect(what, got, want string) {
	l.t.Helper()
	if got != want {
		l.t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestAWindowThatWasNotKept(t *testing.T) {
	l := newLife(t, map[string]string{"buyer": `purchase.last("30d").size() > 0`})
	l.event(0, "product_view", "")
	l.event(1, "purchase", `,"amount":5`)
	rules := map[string]string{
		"buyer": `purchase.last("30d").size() > 0`,
		"quiet": `product_view.last("10d").size() == 0`,
		"both":  `in_segment("quiet") && in_segment("buyer")`,
		"never": `in_segment("quiet") && purchase.last("30d").size() == 0`,
	}
	l.expect("at the change", l.change(rules), "")
	l.expect("warming", l.warming(), "quiet 11, both 11, never 11")
	l.expect("undecided", l.undecided(), "quiet, both") // never is false, whoever is quiet
	l.expect("just before", l.pass(10.9), "")
	l.expect("when the window holds nothing of before", l.pass(11), "+quiet time, +both time")
	l.expect("undecided in the end", l.undecided(), "")
	if l.eng.Encode(l.c, nil)[0] != 1 {
		t.Error("a state of which everything is known is not written as version 1")
	}

	l = newLife(t, map[string]string{"buyer": `purchase.last("30d").size() > 0`})
	l.event(0, "purchase", `,"amount":5`)
	l.change(rules)
	l.expect("an event that is known", l.event(3, "product_view", ""), "")
	l.expect("undecided after it", l.undecided(), "")
	l.expect("when it has left the window", l.pass(13), "+quiet time, +both time")
}

func TestAWiderWindow(t *testing.T) {
	l := newLife(t, map[string]string{"spender": `purchase.last("30d").sum(p, p.amount) >= 100`})
	l.event(0, "purchase", `,"amount":60`)
	l.event(40, "purchase", `,"amount":50`)
	l.expect("at the change", l.change(map[string]string{"spender": `purchase.last("60d").sum(p, p.amount) >= 100`}), "")
	l.expect("warming", l.warming(), "spender 70")
	l.expect("more than enough", l.event(45, "purchase", `,"amount":70`), "") // a negative amount may be among what is not known
	l.expect("as soon as it is known", l.pass(70), "+spender time")
	l.expect("a narrower one", l.change(map[string]string{"spender": `purchase.last("20d").sum(p, p.amount) >= 100`}), "-spender rules")
	l.expect("warming with a narrower one", l.warming(), "")
}

func TestAnotherLimit(t *testing.T) {
	three, five := map[string]string{"often": `purchase.last("30d").size() >= 3`}, map[string]string{"often": `purchase.last("30d").size() >= 5`}
	l := newLife(t, three)
	l.event(0, "purchase", `,"amount":5`)
	l.event(1, "purchase", `,"amount":5`)
	l.change(five)
	l.expect("of two purchases all are kept", l.undecided(), "")
	l = newLife(t, three)
	for i := range 4 {
		l.event(float64(i), "purchase", `,"amount":5`)
	}
	l.expect("of four purchases three are kept", l.change(five), "")
	l.expect("warming", l.warming(), "often 33")
	l.expect("undecided", l.undecided(), "often")
	l.event(4, "purchase", `,"amount":5`)
	l.expect("five that are known", l.event(5, "purchase", `,"amount":5`), "")
	l = newLife(t, five)
	for i := range 4 {
		l.event(float64(i), "purchase", `,"amount":5`)
	}
	l.expect("of five as many as of three", l.change(three), "+often rules")
}

// TestTheLastMillisecond looks at what is unknown a millisecond longer than it may seem: an event that is just too old for a window is
// dropped, and of events of one moment only some may be kept.
func TestTheLastMillisecond(t *testing.T) {
	const ms = 1.0 / float64(feature.DayMS)
	l := newLife(t, map[string]string{"one": `purchase.last("30d").size() == 1`})
	l.event(10, "purchase", `,"amount":5`)
	l.event(40, "purchase", `,"amount":5`) // the first is out of the window now, and dropped
	l.expect("at the change", l.change(map[string]string{"one": `purchase.last("60d").size() > 1`}), "")
	l.pass(70 - ms)
	l.expect("in the window's last millisecond over it", l.undecided(), "one")
	l.expect("then", l.pass(70), "-one time")

	l = newLife(t, map[string]string{"some": `purchase.last("30d").size() >= 3`})
	for range 4 {
		l.event(5, "purchase", `,"amount":5`)
	}
	l.expect("three of four are kept", l.change(map[string]string{"some": `purchase.last("30d").size() == 3`}), "")
	l.pass(35 - ms)
	l.expect("while the four are in the window", l.undecided(), "some")
	l.expect("then", l.pass(35), "-some time")
}

// TestTheNewestOfTheOlder asks for the newest event that is old enough: one that is seen counts when it is.
func TestTheNewestOfTheOlder(t *testing.T) {
	l := newLife(t, map[string]string{"other": `login.size() > 0`})
	l.event(0, "purchase", `,"amount":5`)
	l.event(2, "login", "")
	rules := map[string]string{"fresh": `purchase.before("5d").newest(1).size() == 0`, "long": `purchase.before("5d").newest().time < ago("8d")`}
	l.expect("at the change", l.change(rules), "")
	l.event(3, "purchase", `,"amount":5`)
	l.pass(7)
	l.expect("before the event that is known is old enough", l.undecided(), "fresh, long")
	l.expect("when it is", l.pass(8), "")
	l.expect("undecided then", l.undecided(), "")
	l.expect("time goes on", l.pass(12), "+long time")
}

func TestWhatComesBack(t *testing.T) {
	views := map[string]string{"viewer": `product_view.last("10d").size() == 0`, "buyer": `purchase.size() > 0`, "old": `purchase.size() >= 2`}
	l := newLife(t, views)
	l.event(0, "purchase", `,"amount":5`)
	l.event(20, "purchase", `,"amount":5`)
	l.change(map[string]string{"other": `login.size() > 0`})
	l.event(21, "product_view", "")
	l.expect("what was dropped is unknown of the gap", l.change(views), "")
	l.expect("undecided", l.undecided(), "buyer, old, viewer")
	l.expect("warming", l.warming(), "buyer anew, old anew, viewer 31")
	l.expect("one is enough for one of them", l.event(25, "purchase", `,"amount":5`), "+buyer event")
	l.expect("undecided then", l.undecided(), "old, viewer")
	l.expect("two for the other", l.event(26, "purchase", `,"amount":5`), "+old event")
	l.expect("the window has passed", l.pass(31), "+viewer time")
}

func TestMoreColumnsOfWhatIsKept(t *testing.T) {
	l := newLife(t, map[string]string{"spender": `purchase.last("30d").sum(p, p.amount) >= 100`, "first": `purchase.first().amount > 50.0`})
	l.event(0, "purchase", `,"amount":60,"category":"a"`)
	l.event(5, "purchase", `,"amount":60,"category":"b"`)
	rules := map[string]string{
		"spender": `purchase.last("30d").sum(p, p.amount) >= 90`, "first": `purchase.first().amount > 70.0`,
		"wide": `purchase.last("30d").map(p, p.category).size() == 2`, "begun": `purchase.first().category == "a"`,
	}
	l.expect("at the change", l.change(rules), "-first rules")
	l.expect("undecided", l.undecided(), "begun, wide")
	l.expect("warming", l.warming(), "begun anew, wide 35")
	l.expect("the last event without the column leaves", l.pass(36), "-spender time")
	l.expect("undecided then", l.undecided(), "begun")

	l = newLife(t, map[string]string{"spender": `purchase.last("30d").sum(p, p.amount) >= 100`})
	l.event(0, "login", "")
	l.change(rules)
	l.expect("of a customer who bought nothing", l.undecided(), "begun, first")
}

// A filter behind which a window stands is asked about events that are older than the window too: what is unknown of them is no error.
func TestFilteredBeforeTheWindow(t *testing.T) {
	t.Parallel()
	l := newLife(t, map[string]string{"any": `purchase.last("10d").size() > 5`})
	l.event(0, "purchase", `,"amount":1`)
	l.change(map[string]string{"none": `purchase.after(cart_add.last("2d")).filter(p, has(p.items)).last("2d").sum(p, p.items) == 0`})
	l.expect("undecided", l.undecided(), "none")
	l.expect("changes once the purchase is too old", l.pass(2), "+none time")
}

func TestAttributesThatWereNotKept(t *testing.T) {
	l := newLife(t, map[string]string{"buyer": `purchase.size() > 0`})
	l.event(0, "profile", `,"city":"Bandung"`)
	l.event(1, "purchase", `,"amount":5`)
	l.expect("at the change", l.change(map[string]string{"here": `profile.city == "Bandung"`, "nowhere": `!has(profile.city)`}), "")
	l.expect("undecided", l.undecided(), "here, nowhere")
	l.expect("a late update may not be the latest", l.event(0.5, "profile", `,"city":"Medan"`), "")
	l.expect("undecided then", l.undecided(), "here, nowhere")
	l.expect("a later one is", l.event(2, "profile", `,"city":"Bandung"`), "+here event")
	l.expect("undecided in the end", l.undecided(), "")
}

// TestWhoAsksForTheUnknown asks for a segment that becomes known without a change.
func TestWhoAsksForTheUnknown(t *testing.T) {
	l := newLife(t, map[string]string{"buyer": `purchase.size() > 0`})
	l.event(0, "purchase", `,"amount":5`)
	rules := map[string]string{"busy": `product_view.last("10d").size() > 0`, "calm": `!in_segment("busy")`, "neither": `!in_segment("calm") && !in_segment("busy")`}
	l.expect("at the change", l.change(rules), "")
	l.expect("undecided", l.undecided(), "busy, calm, neither")
	l.expect("when nobody can be busy", l.pass(10), "+calm time")
	l.expect("undecided then", l.undecided(), "")
}

// TestErrorsThatAreUnknown counts events where one of before may be an error.
func TestErrorsThatAreUnknown(t *testing.T) {
	l := newLife(t, map[string]string{"buyer": `purchase.size() > 0`})
	l.event(0, "purchase", `,"amount":5`)
	shoes := map[string]string{"shoes": `purchase.last("10d").filter(p, p.category == "shoes").size() >= 1`, "some": `purchase.exists(p, p.category == "shoes")`}
	l.expect("at the change", l.change(shoes), "")
	l.expect("one that is known", l.event(1, "purchase", `,"amount":5,"category":"shoes"`), "+some event")
	l.expect("undecided", l.undecided(), "shoes")
	l.expect("when no error can be left", l.pass(10), "+shoes time")
}

func TestHysteresisThatIsUnknown(t *testing.T) {
	l := newLife(t, map[string]string{"active": `purchase.last("5d").size() > 0`})
	l.event(0, "purchase", `,"amount":5`)
	l.expect("until is unknown", l.change(map[string]string{"active": `purchase.last("5d").size() > 0 UNTIL login.last("10d").size() == 0`}), "")
	l.expect("still a member when the purchase is old", l.pass(9), "")
	l.expect("until is known", l.pass(10), "-active time")
}

func TestUnknownFeaturesAreLeftOut(t *testing.T) {
	l := newLife(t, map[string]string{"buyer": `purchase.size() > 0`})
	l.event(0, "login", "")
	b := newBench(t, []byte("features:\n  spent: purchase.last(\"10d\").sum(p, p.amount)\n  logins: login.size()\n  has_spent: has(feature.spent)\n"+
		"segments:\n  buyer:\n    when: purchase.size() > 0\n    include: [spent, has_spent]\n"), Options{})
	takeover, err := b.eng.Takeover(l.eng.Catalog(), l.clock)
	if err != nil {
		t.Fatal(err)
	}
	c := new(Customer)
	if err := takeover.DecodeInto(c, "c", l.eng.Encode(l.c, nil), nil); err != nil {
		t.Fatal(err)
	}
	for day, want := range map[float64]string{1: "{}", 11: `{"spent":5,"has_spent":true}`} {
		one, err := b.eng.Decode("c", b.eng.Encode(c, nil))
		if err != nil {
			t.Fatal(err)
		}
		at := day0 + int64(day*float64(feature.DayMS))
		out := b.run(one, &at, []string{fmt.Sprintf(`{"id":"x","type":"purchase","customer_id":"c","time":%q,"amount":5}`, time.UnixMilli(at).UTC().Format(time.RFC3339))})
		if !strings.Contains(string(out), `"features":`+want) {
			t.Errorf("on day %v: %s, want the features %s", day, out, want)
		}
	}
}

func TestNewCustomersKnowEverything(t *testing.T) {
	l := newLife(t, map[string]string{"buyer": `purchase.size() > 0`})
	l.event(5, "purchase", `,"amount":5`)
	l.change(map[string]string{"stranger": `product_view.size() == 0`})
	c := l.eng.NewCustomer("d")
	if out := l.eng.Apply(c, l.bench.event(`{"id":"x","type":"login","customer_id":"d","time":"2026-02-01T00:00:00Z"}`), day0+40*feature.DayMS, nil); len(out) != 1 {
		t.Errorf("a new customer makes the changes %v, want one join of stranger", out)
	}
	// Of a customer with nothing but an event ahead of the present nothing can be unknown.
	l = newLife(t, map[string]string{"buyer": `purchase.size() > 0`})
	l.c.SetAside(Aside{Time: day0, Source: "purchases", Record: []byte("{}")})
	l.change(map[string]string{"stranger": `product_view.size() == 0`})
	l.expect("undecided", l.undecided(), "")
}

// TestNoCatalog reads a state of which nobody noted what was kept.
func TestNoCatalog(t *testing.T) {
	l := newLife(t, map[string]string{"buyer": `purchase.size() > 0`, "recent": `purchase.last("5d").size() > 0`})
	l.event(0, "purchase", `,"amount":5`)
	state := l.eng.Encode(l.c, nil)
	takeover, err := l.eng.Takeover(nil, l.clock)
	if err != nil {
		t.Fatal(err)
	}
	l.c = new(Customer)
	if err := takeover.DecodeInto(l.c, "c", state, nil); err != nil {
		t.Fatal(err)
	}
	if l.unknown, err = takeover.Unknown(nil); err != nil {
		t.Fatal(err)
	}
	l.expect("decided anew", l.names(l.eng.Redecide(l.c, l.clock, CauseRules, nil)), "")
	l.expect("warming", l.warming(), "buyer anew, recent 5")
	l.expect("time goes on", l.pass(6), "-recent time")
}

func TestDamagedCatalogs(t *testing.T) {
	eng := stateBench(t).eng
	good := eng.Catalog()
	for n := 1; n < len(good); n++ {
		if _, err := eng.Takeover(good[:n], 0); !errors.Is(err, feature.ErrTruncated) {
			t.Fatalf("%d of %d bytes give %v", n, len(good), err)
		}
	}
	if _, err := eng.Takeover(append([]byte{99}, good[1:]...), 0); err == nil || !strings.Contains(err.Error(), "version 99") {
		t.Errorf("a newer catalog gives %v", err)
	}
}

// TestGoldenUnknown holds version 2 of the encoding, and what a catalog is written as, to their bytes: the golden state of version 1 is taken over by
// other rules.
func TestGoldenUnknown(t *testing.T) {
	const folder = "testdata/state-v2"
	file := func(name string, got []byte) []byte { return Golden(t, filepath.Join(folder, name), got) }
	b := stateBench(t)
	_, clock, _ := goldenCustomer(t, b)
	catalog := undump(t, strings.Fields(string(file("catalog.hex", dump(b.eng.Catalog())))))
	rules, err := os.ReadFile(filepath.Join(folder, "rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	after := newBench(t, rules, Options{SeriesBound: 8, MaxLateness: 5 * 24 * time.Hour}, filepath.Join(stateFolder, "schema.json"))
	takeover, err := after.eng.Takeover(catalog, clock)
	if err != nil {
		t.Fatal(err)
	}
	c := new(Customer)
	if err := takeover.DecodeInto(c, "c1", undump(t, readLines(t, "state.hex")), nil); err != nil {
		t.Fatal(err)
	}
	var lines []byte
	for _, ch := range after.eng.Redecide(c, clock, CauseRules, nil) {
		lines = append(after.eng.AppendJSON(lines, &ch), '\n')
	}
	file("changes.jsonl", lines)
	stored := undump(t, strings.Fields(string(file("state.hex", dump(after.eng.Encode(c, nil))))))
	if stored[0] != 2 {
		t.Fatalf("the golden state of version 2 is of version %d", stored[0])
	}
	read, err := after.eng.Decode("c1", stored)
	if err != nil {
		t.Fatal(err)
	}
	if again := after.eng.Encode(read, nil); !bytes.Equal(again, stored) {
		t.Errorf("the golden state is written anew as\n%s", dump(again))
	}
	for n := range stored {
		if _, err := after.eng.Decode("c1", stored[:n]); !errors.Is(err, feature.ErrTruncated) {
			t.Fatalf("%d of %d bytes give %v", n, len(stored), err)
		}
	}
	at := clock
	lines = after.run(read, &at, readLines(t, "next.jsonl"))
	for _, ch := range after.eng.Fire(read, at+400*feature.DayMS, nil) {
		lines = append(after.eng.AppendJSON(lines, &ch), '\n')
	}
	file("next-changes.jsonl", lines)
}
