package oracle

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// Generated rules are read by rule.Parse: no syntax or type error, and whatever is refused is refused for a reason of its own.
func TestGeneratedRules(t *testing.T) {
	s := schema(t)
	refused := 0
	const n = 400
	for seed := range uint64(n) {
		rules := NewGenerator(source(seed), s).Rules()
		if _, err := rule.Parse(s, rules.Files()); err != nil {
			refused++
			t.Logf("seed %d: %v", seed, err)
		}
	}
	if refused > n/4 {
		t.Errorf("%d of %d sets are refused", refused, n)
	}
}

// Every function of the rules, every macro and every kind of attribute comes up often enough to be tried.
func TestGeneratedRulesCoverAll(t *testing.T) {
	s := schema(t)
	var all strings.Builder
	for seed := range uint64(2000) {
		for _, f := range NewGenerator(source(seed), s).Rules().Files() {
			all.Write(f)
		}
	}
	text := all.String()
	for _, part := range []string{
		".last(", ".before(", ".between(", ".after(", ".followed_by(", ".not_followed_by(", ".not_yet_followed_by(", ".filter(", ".exists(",
		".all(", ".map(", ".size()", ".sum(", ".avg(", ".min(", ".max(", ".distinct(", ".count_by(", ".sum_by(", ".first()", ".newest()",
		".newest(2)", "ago(", "day(", "days_since(", "days_until(", "age(", "in_segment(", "feature.", "has(feature.", "has(profile.", " in ",
		"until:", "include:", "&&", "||", "!(", " ? ", ".exists_one(", ".existsOne(", ".transformList(", ".transformMap(", "getHours(",
		"getDayOfWeek(", "timestamp(", "profile.signed_up", "profile.birth_date", "profile.income", "profile.household_size",
		"profile.interests", "profile.city", "events", ".startsWith(", ".matches(", ".contains(", ".endsWith(", "now <", "> now",
		`, \"cart_id\")`, " % ", " / ", " * ", "double(", "string(",
	} {
		if n := strings.Count(text, part); n < 20 {
			t.Errorf("%s comes up %d times", part, n)
		}
	}
}

// Generated histories go through a decoder unchanged.
func TestGeneratedHistories(t *testing.T) {
	s := schema(t)
	decoder, err := event.NewDecoder(s, event.Source{Name: "test"}, s.All())
	if err != nil {
		t.Fatal(err)
	}
	for seed := range uint64(200) {
		for _, e := range NewGenerator(source(seed), s).History() {
			var got event.Event
			record := JSON(e)
			if err := decoder.Decode(record, &got); err != nil {
				t.Fatalf("seed %d: %s: %v", seed, record, err)
			}
			if again := JSON(&got); !bytes.Equal(again, record) {
				t.Fatalf("seed %d: %s came back as %s", seed, record, again)
			}
		}
	}
}

// Whatever is generated can be replayed, and the interesting things happen.
func TestGeneratedReplays(t *testing.T) {
	s := schema(t)
	var joins, leaves, byTime, pairs int
	for seed := range uint64(300) {
		g := NewGenerator(source(seed), s)
		set, err := rule.Parse(s, g.Rules().Files())
		if err != nil {
			continue
		}
		o, err := New(set)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		history := g.History()
		changes, err := o.Replay(history, Options{Zone: g.Zone(), Until: g.Until(history)})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		pairs += len(set.Segments)
		for _, c := range changes {
			if c.Join {
				joins++
			} else {
				leaves++
			}
			if c.Cause == CauseTime {
				byTime++
			}
		}
	}
	t.Logf("%d pairs: %d joins, %d leaves, %d of them by time alone", pairs, joins, leaves, byTime)
	if joins < pairs/2 || leaves < pairs/4 || byTime < pairs/10 {
		t.Error("too little happens")
	}
}

// Evaluating at many more moments than the candidates finds no other change: every millisecond where a case plays in seconds, else the
// candidates of all durations twice over and a fine grid.
func TestCandidatesAreComplete(t *testing.T) {
	s := schema(t)
	for seed, tried := uint64(0), 0; tried < 12; seed++ {
		g := NewGenerator(source(seed), s)
		set, err := rule.Parse(s, g.Rules().Files())
		if err != nil {
			continue
		}
		history := g.History()
		opt := Options{Zone: g.Zone(), Until: g.Until(history)}
		step := max(1, g.scale.unit/1000)
		if g.scale.unit == 1000 && tried%6 != 0 {
			step = 7 // each millisecond is slow: a few cases do
		}
		o, err := New(set)
		if err != nil {
			t.Fatal(err)
		}
		want, err := o.Replay(history, opt)
		if err != nil {
			t.Fatal(err)
		}
		work := newClockwork(set)
		got, err := o.replay(history, opt, func(h *History, from, to int64) []int64 {
			all := work.moments(h, opt.Zone, from, to)
			for m := from; m <= to; m += step {
				all = append(all, m)
			}
			slices.Sort(all)
			return all
		})
		if err != nil {
			t.Fatal(err)
		}
		tried++
		if len(got) != len(want) {
			t.Errorf("seed %d: %d changes, %d where every moment is tried", seed, len(want), len(got))
		}
		for i := range min(len(got), len(want)) {
			if got[i].String() != want[i].String() {
				t.Errorf("seed %d: %s, but %s", seed, want[i], got[i])
				break
			}
		}
	}
}
