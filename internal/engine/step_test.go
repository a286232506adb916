package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// told runs records and returns each change in short: moment, segment, join or leave, seq, cause.
func told(b *bench, c *Customer, clock *int64, records ...string) []string {
	b.t.Helper()
	var out []string
	for _, r := range records {
		out = append(out, short(b, b.step(c, clock, r))...)
	}
	return out
}

func short(b *bench, changes []Change) []string {
	var out []string
	for i := range changes {
		ch := &changes[i]
		out = append(out, strings.TrimSpace(fmt.Sprintf("%d %s %s %d %s %s", ch.Time, b.eng.Segments()[ch.Segment].Name, ch.Kind(), ch.Seq, ch.Cause, ch.EventID)))
	}
	return out
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("the changes are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestUntil keeps a member in until the second expression holds, and lets nobody in while it does.
func TestUntil(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  vip:
    when: purchase.last("100s").sum(p, p.amount) >= 3
    until: purchase.last("100s").sum(p, p.amount) < 2
  never:
    when: purchase.size() > 0
    until: purchase.size() > 0
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	expect(t, told(b, c, &clock, purchase("a", 1000, ""), purchase("b", 2000, ""), purchase("c", 3000, "")), "3000 vip join 1 event c")
	// One leaves the window: 2 are not below 2. Another: 1 is.
	expect(t, short(b, b.eng.Fire(c, 101_999, nil)))
	expect(t, short(b, b.eng.Fire(c, 102_000, nil)), "102000 vip leave 2 time")
	clock = 102_000
	expect(t, told(b, c, &clock, purchase("d", 102_500, ""), purchase("e", 102_600, "")), "102600 vip join 3 event e")
}

// TestUntilTurnsByTime has an until that time alone makes true.
func TestUntilTurnsByTime(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  once:
    when: purchase.size() > 0
    until: purchase.last("10s").size() == 0
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	expect(t, told(b, c, &clock, purchase("a", 1000, "")), "1000 once join 1 event a")
	expect(t, short(b, b.eng.Fire(c, 1_000_000, nil)), "11000 once leave 2 time")
}

// TestSegmentsAfterThoseTheyAskFor decides by dependency, else by name, in one go and at one moment.
func TestSegmentsAfterThoseTheyAskFor(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  a_last: {when: in_segment("m_middle") && purchase.size() > 0}
  m_middle: {when: '!in_segment("z_first")'}
  z_first: {when: purchase.last("10s").size() > 0}
  q_alone: {when: purchase.size() > 0}
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	expect(t, told(b, c, &clock, purchase("a", 1000, "")), "1000 q_alone join 1 event a", "1000 z_first join 1 event a")
	expect(t, short(b, b.eng.Fire(c, 1_000_000, nil)),
		"11000 z_first leave 2 time", "11000 m_middle join 1 time", "11000 a_last join 1 time")
	clock = 20_000
	expect(t, told(b, c, &clock, purchase("b", 20_000, "")),
		"20000 z_first join 3 event b", "20000 m_middle leave 2 event b", "20000 a_last leave 2 event b")
}

// TestOneMillisecond applies and decides the events of one moment one by one.
func TestOneMillisecond(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  odd: {when: purchase.size() % 2 == 1}
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	expect(t, told(b, c, &clock, purchase("a", 1000, ""), purchase("b", 1000, ""), purchase("c", 1000, "")),
		"1000 odd join 1 event a", "1000 odd leave 2 event b", "1000 odd join 3 event c")
}

// TestLateEventsChangeAtTheClock has an event from before the clock flip a segment: the change has the clock as its time.
func TestLateEventsChangeAtTheClock(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  two: {when: purchase.last("1h").size() >= 2}
  left:
    when: cart_add.not_followed_by(purchase, "30m").size() > 0
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	cart := `{"id":"k","type":"cart_add","customer_id":"c1","time":"1970-01-01T00:00:01Z"}`
	expect(t, told(b, c, &clock, cart, purchase("a", 2_000_000, "")), "1801000 left join 1 time")
	// A purchase within the half hour, told late: what was published stands, what is so now is published now.
	expect(t, told(b, c, &clock, purchase("b", 60_000, "")), "2000000 left leave 2 event b", "2000000 two join 1 event b")
	// It leaves the window by its own time.
	expect(t, short(b, b.eng.Fire(c, 9_000_000, nil)), "3660000 two leave 2 time")
}

// TestEventAtTheVeryMoment counts what time alone would have done at the clock as done by the event, and a purchase at the
// last moment of the wait stops it.
func TestEventAtTheVeryMoment(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  left:
    when: cart_add.not_followed_by(purchase, "30m").size() > 0
  recent: {when: cart_add.last("30m").size() > 0}
`), Options{})
	cart := `{"id":"k","type":"cart_add","customer_id":"c1","time":"1970-01-01T00:00:01Z"}`
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	expect(t, told(b, c, &clock, cart, purchase("a", 1_801_000, "")), "1000 recent join 1 event k", "1801000 recent leave 2 event a")
	c, clock = b.eng.NewCustomer("c1"), 0
	expect(t, told(b, c, &clock, cart, purchase("a", 1_801_001, "")),
		"1000 recent join 1 event k", "1801000 left join 1 time", "1801000 recent leave 2 time")
}

// TestNobodyBeforeTheFirstEvent decides nothing of a customer without events, and all segments at the first.
func TestNobodyBeforeTheFirstEvent(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  absent: {when: purchase.size() == 0}
  later: {when: now > timestamp("1970-01-01T00:00:20Z")}
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	expect(t, short(b, b.eng.Redecide(c, 5000, CauseRules, nil)))
	c.SetAside(Aside{Time: 9000, Record: []byte("{}")})
	expect(t, short(b, b.eng.Redecide(c, 5000, CauseRules, nil)))
	if c.Deadline() != Never {
		t.Errorf("due at %d", c.Deadline())
	}
	c.TakeAside(func(string) int { return 0 })
	login := `{"id":"l","type":"login","customer_id":"c1","time":"1970-01-01T00:00:01Z"}`
	expect(t, told(b, c, &clock, login), "1000 absent join 1 event l")
	expect(t, short(b, b.eng.Fire(c, 100_000, nil)), "20001 later join 1 time")
}

// TestFireGoesMomentByMoment gives each change the moment at which it happens, however late it is asked for, and fires
// nothing beyond.
func TestFireGoesMomentByMoment(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  ten: {when: purchase.last("10s").size() > 0}
  five: {when: purchase.last("5s").size() > 0}
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	told(b, c, &clock, purchase("a", 1000, ""))
	expect(t, short(b, b.eng.Fire(c, 5999, nil)))
	expect(t, short(b, b.eng.Fire(c, 60_000, nil)), "6000 five leave 2 time", "11000 ten leave 2 time")
	if c.Deadline() != Never {
		t.Errorf("due at %d", c.Deadline())
	}
}

// TestRedecide gives the cause that it is told, and counts on.
func TestRedecide(t *testing.T) {
	b := newBench(t, []byte(anyPurchase), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	told(b, c, &clock, purchase("a", 1000, ""))
	state := b.eng.Encode(c, nil)
	other := newBench(t, []byte("segments:\n  buyer: {when: purchase.size() > 1}\n"), Options{})
	c, err := other.eng.Decode("c1", state)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, short(other, other.eng.Redecide(c, 7000, CauseRules, nil)), "7000 buyer leave 2 rules")
	expect(t, told(other, c, &clock, purchase("b", 8000, "")), "8000 buyer join 3 event b")
}

func TestOptions(t *testing.T) {
	b := newBench(t, []byte(anyPurchase), Options{})
	if _, err := New(b.eng.Plan().Set, Options{Zone: "Mars/Olympus"}); err == nil || !strings.Contains(err.Error(), `"Mars/Olympus"`) {
		t.Errorf("a zone that is none gives %v", err)
	}
	if b.eng.RulesHash() != b.eng.Plan().Set.Hash || !b.eng.Needs()["profile"]["time_zone"] && len(b.eng.Needs()["purchase"]) > 0 {
		t.Errorf("hash %q, needs %v", b.eng.RulesHash(), b.eng.Needs())
	}
}

// TestPutOff: an event that only puts a leave off asks nothing, and the deadline that was set is looked at when it comes.
func TestPutOff(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  busy:
    when: purchase.last("100s").size() >= 2
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	expect(t, told(b, c, &clock, purchase("a", 1000, ""), purchase("b", 2000, "")), "2000 busy join 1 event b")
	set := c.Deadline()
	if set != 101_000 {
		t.Fatalf("the deadline is %d", set)
	}
	expect(t, told(b, c, &clock, purchase("c", 50_000, ""), purchase("d", 60_000, "")))
	if c.Deadline() != set {
		t.Errorf("the deadline moved to %d: the segment was decided again", c.Deadline())
	}
	expect(t, short(b, b.eng.Fire(c, 149_999, nil)))
	expect(t, short(b, b.eng.Fire(c, 150_000, nil)), "150000 busy leave 2 time")
}
