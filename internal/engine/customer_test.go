package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/feature"
)

const anyPurchase = `
segments:
  buyer: {when: purchase.size() > 0}
`

// at writes a moment, in milliseconds since the epoch, as events do.
func at(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }

func purchase(id string, ms int64, more string) string {
	return fmt.Sprintf(`{"id":%q,"type":"purchase","customer_id":"c1","time":%q,"amount":1%s}`, id, at(ms), more)
}

// TestAsidesComeInOrder sets events aside in any order, stores the customer, and takes them back.
// rank turns the order of names around.
func rank(source string) int { return -int(source[1]) }

func TestAsidesComeInOrder(t *testing.T) {
	b := newBench(t, []byte(anyPurchase), Options{})
	for seed := range uint64(100) {
		r := rand.New(rand.NewPCG(seed, 0))
		c := b.eng.NewCustomer("c1")
		var want []Aside
		record := []byte("spoilt")
		for i := range r.IntN(12) {
			a := Aside{Time: int64(r.IntN(5)), Source: fmt.Sprint("s", i%3), Record: fmt.Append(record[:0], i)}
			c.SetAside(a)
			a.Record = slices.Clone(a.Record)
			want = append(want, a)
		}
		slices.SortStableFunc(want, func(a, b Aside) int {
			if a.Time != b.Time {
				return int(a.Time - b.Time)
			}
			return rank(a.Source) - rank(b.Source)
		})
		if c.Empty() != (len(want) == 0) {
			t.Fatalf("seed %d: with %d asides the customer is empty: %v", seed, len(want), c.Empty())
		}
		c, err := b.eng.Decode("c1", b.eng.Encode(c, nil))
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			first, ok := c.Aside()
			got := c.TakeAside(rank)
			if !ok || first.Time != w.Time || got.Time != w.Time || got.Source != w.Source || !bytes.Equal(got.Record, w.Record) {
				t.Fatalf("seed %d: %d %s %s comes, want %d %s %s", seed, got.Time, got.Source, got.Record, w.Time, w.Source, w.Record)
			}
		}
		if _, ok := c.Aside(); ok {
			t.Fatalf("seed %d: one aside too many", seed)
		}
	}
}

// TestDuplicates has the window to the millisecond: a duplicate is one for which the clock moved on by less since.
func TestDuplicates(t *testing.T) {
	const day = 24 * 60 * 60 * 1000
	rules := []byte(`
features:
  n: purchase.size()
segments:
  buyer: {when: feature.n > 0}
`)
	for _, stored := range []bool{false, true} {
		b := newBench(t, rules, Options{})
		c, clock := b.eng.NewCustomer("c1"), int64(0)
		count := func() int64 {
			t.Helper()
			if stored {
				var err error
				if c, err = b.eng.Decode("c1", b.eng.Encode(c, nil)); err != nil {
					t.Fatal(err)
				}
			}
			return c.state.Accs[0].Count
		}
		for i, s := range []struct {
			record string
			want   int64
		}{
			{purchase("e1", 1000, ""), 1},
			{purchase("e1", 1000, ""), 1},               // at once
			{purchase("e1", 500, ""), 1},                // late; only id and type tell
			{purchase("e1", 1000+day-1, ""), 1},         // the clock moved on by a millisecond less than a day
			{purchase("e2", 1000+day, ""), 2},           // a duplicate moved the clock, and is forgotten itself
			{purchase("e1", 1000, ""), 3},               // a day to the millisecond: accepted, however old its own time is
			{purchase("e1", 1000+2*day-1, ""), 3},       // anew from when it was accepted: a day later than the first time
			{purchase("e1", 1000+2*day, ""), 4},         //
			{purchase("e2", 1000+2*day, ""), 5},         //
			{purchase("e2", 1000+2*day, ""), 5},         //
			{purchase("E2", 1000+2*day, ""), 6},         // another id
			{purchase("e2 ", 1000+2*day, ""), 7},        //
			{purchase("e3", 1000+2*day+1, ""), 8},       //
			{purchase("e3", 1000+2*day+1+day-1, ""), 8}, //
		} {
			b.step(c, &clock, s.record)
			if got := count(); got != s.want {
				t.Fatalf("stored %v, step %d: %d purchases, want %d", stored, i, got, s.want)
			}
		}
	}
}

// TestSameIDOfAnotherType is no duplicate.
func TestSameIDOfAnotherType(t *testing.T) {
	b := newBench(t, []byte("segments:\n  both: {when: purchase.size() == 1 && refund.size() == 1}\n"), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	b.step(c, &clock, purchase("e1", 1000, ""))
	changes := b.step(c, &clock, `{"id":"e1","type":"refund","customer_id":"c1","time":"1970-01-01T00:00:01Z","amount":1}`)
	if len(changes) != 1 || !changes[0].Join {
		t.Errorf("the changes are %v", changes)
	}
}

// ids is the number of ids that are remembered.
func (e *Engine) ids(c *Customer) int {
	var s feature.Series
	e.openSeen(c, &s)
	return s.Len()
}

// TestNewestIDs remembers 4,096 ids and no more.
func TestNewestIDs(t *testing.T) {
	b := newBench(t, []byte(anyPurchase), Options{})
	c := b.eng.NewCustomer("c1")
	accepted := func(id string) bool { return b.eng.accept(c, b.eng.identity(b.event(purchase(id, 5, ""))), 5) }
	for i := range maxSeen {
		if !accepted(fmt.Sprint("e", i)) {
			t.Fatalf("e%d is a duplicate", i)
		}
	}
	if accepted("e0") || accepted("e4095") {
		t.Fatal("one of 4,096 ids is forgotten")
	}
	if !accepted("one more") {
		t.Fatal("a new id is a duplicate")
	}
	if accepted("e1") {
		t.Fatal("more than the oldest is forgotten")
	}
	if !accepted("e0") {
		t.Fatal("4,097 ids are remembered")
	}
	if n := b.eng.ids(c); n != maxSeen {
		t.Fatalf("%d ids", n)
	}
}

// TestForgottenIDsAreNotStored leaves out what no later clock can ask for.
func TestForgottenIDsAreNotStored(t *testing.T) {
	b := newBench(t, []byte(anyPurchase), Options{DedupWindow: time.Second})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	for i := range int64(100) {
		b.step(c, &clock, purchase(fmt.Sprint("e", i), 10_000*i, ""))
	}
	read, err := b.eng.Decode("c1", b.eng.Encode(c, nil))
	if err != nil {
		t.Fatal(err)
	}
	if n := b.eng.ids(read); n != 1 {
		t.Errorf("%d ids are stored, want the newest alone", n)
	}
}

// TestMemberships follows a customer in and out, stored in between.
func TestMemberships(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  a: {when: purchase.last("10s").size() > 0}
  b: {when: purchase.size() >= 2}
  c: {when: refund.size() > 0}
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	if !c.Empty() || c.Deadline() != Never || c.ID() != "c1" {
		t.Errorf("a new customer is empty: %v, due %d, id %s", c.Empty(), c.Deadline(), c.ID())
	}
	b.step(c, &clock, purchase("e1", 1000, ""))
	b.step(c, &clock, purchase("e2", 20_000, ""))
	c, err := b.eng.Decode("c1", b.eng.Encode(c, nil))
	if err != nil {
		t.Fatal(err)
	}
	if c.Deadline() != 30_000 || c.Empty() {
		t.Errorf("due %d, empty %v", c.Deadline(), c.Empty())
	}
	b.eng.Fire(c, 30_000, nil)
	var got []string
	c.Memberships(func(segment int, in bool, since int64, seq uint64) bool {
		got = append(got, fmt.Sprint(b.eng.Segments()[segment].Name, in, since, seq))
		return true
	})
	want := []string{fmt.Sprint("a", false, 30_000, 4), fmt.Sprint("b", true, 20_000, 1)}
	if !slices.Equal(got, want) {
		t.Errorf("memberships %v, want %v", got, want)
	}
	if c.In(0) || !c.In(1) || c.In(2) {
		t.Errorf("in %v %v %v", c.In(0), c.In(1), c.In(2))
	}
	seen := 0
	c.Memberships(func(int, bool, int64, uint64) bool { seen++; return false })
	if seen != 1 {
		t.Errorf("a walk that is stopped goes on to %d", seen)
	}
}
