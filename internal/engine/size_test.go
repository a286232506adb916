package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/ruas/ruas/internal/feature"
)

// TestBeyondTheBound has more events in a window than a series keeps: the newest count, and what is missing is counted.
func TestBeyondTheBound(t *testing.T) {
	const bound = 50
	b := newBench(t, []byte(`
features:
  n: purchase.last("1000s").size()
  spend: purchase.last("1000s").sum(p, p.amount)
segments:
  known:
    when: purchase.size() > 0
    include: [n, spend]
  many: {when: feature.n > 49}
  too_many: {when: feature.n > 50}
`), Options{SeriesBound: bound})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	var times []int64
	r := rand.New(rand.NewPCG(1, 0))
	for i := range 400 {
		ms := clock + r.Int64N(12_000)
		if r.IntN(5) == 0 {
			ms = max(0, clock-r.Int64N(400_000)) // late
		}
		b.step(c, &clock, purchase(fmt.Sprint("e", i), ms, ""))
		times = append(times, ms)
		truth := int64(0)
		for _, at := range times {
			if clock-at < 1_000_000 {
				truth++
			}
		}
		n, spend := featureOf(b, c, clock, 0), featureOf(b, c, clock, 1)
		if n != min(truth, bound) || spend != n {
			t.Fatalf("after %d events: %d purchases, spend %d; want the newest %d of %d", i+1, n, spend, bound, truth)
		}
		if i%20 == 0 {
			var err error
			if c, err = b.eng.Decode("c1", b.eng.Encode(c, nil)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if b.eng.Shed(c) == 0 {
		t.Fatal("nothing was shed")
	}
	if c.In(segmentOf(b, "too_many")) {
		t.Error("more are counted than are kept")
	}
	// What was shed left the window: the answers are exact again, and the count of what was shed stands.
	before := b.eng.Shed(c)
	clock += 2_000_000
	b.step(c, &clock, purchase("fresh", clock, ""))
	if n := featureOf(b, c, clock, 0); n != 1 || b.eng.Shed(c) != before {
		t.Errorf("%d purchases, %d shed; want 1, %d", n, b.eng.Shed(c), before)
	}
	read, err := b.eng.Decode("c1", b.eng.Encode(c, nil))
	if err != nil || b.eng.Shed(read) != before {
		t.Errorf("stored, %d are shed: %v", b.eng.Shed(read), err)
	}
}

// featureOf reads a feature at the clock.
func featureOf(b *bench, c *Customer, clock int64, i int) int64 {
	s := b.eng.stepper(c, clock)
	defer s.done()
	v := b.eng.plan.Value(s.frame, i)
	if v.K == feature.Double {
		return int64(v.Float())
	}
	return v.Int()
}

func segmentOf(b *bench, name string) int {
	for i, s := range b.eng.Segments() {
		if s.Name == name {
			return i
		}
	}
	b.t.Fatalf("no segment %s", name)
	return -1
}

// TestKeysBeyondTheBound counts by keys: those that came first are counted exactly, the events of others are shed.
func TestKeysBeyondTheBound(t *testing.T) {
	const bound = 10
	b := newBench(t, []byte(`
segments:
  fan:
    when: product_view.count_by(v, v.product_id).exists(p, n, n >= 3)
  wide:
    when: product_view.distinct(v, v.product_id).size() > 10
`), Options{SeriesBound: bound})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	view := func(i int, product string) []string {
		return told(b, c, &clock, fmt.Sprintf(`{"id":"v%d","type":"product_view","customer_id":"c1","time":%q,"product_id":%q}`, i, at(int64(1000*i)), product))
	}
	for i := range 30 {
		expect(t, view(i, fmt.Sprint("p", i)))
	}
	keys := b.eng.Shed(c)
	if keys == 0 || keys%20 != 0 {
		t.Errorf("%d events are shed, want 20 for each set of keys", keys)
	}
	expect(t, view(30, "p25"))
	expect(t, view(31, "p25"))
	expect(t, view(32, "p3"))
	expect(t, view(33, "p3"), "33000 fan join 1 event v33")
}

// wideRules keep texts and lists, in series, keys and attributes.
const wideRules = `
segments:
  viewer:
    when: page_view.last("90d").distinct(v, v.page).size() > 5000
  seeker:
    when: search.last("90d").distinct(s, s.query).size() > 5000
  counted:
    when: search.distinct(s, s.query).size() > 5000
  chosen:
    when: profile.lifestyle == "calm" || "tea" in profile.interests || profile.city == "Solo"
`

func searchFor(i int, ms int64, text string) string {
	return fmt.Sprintf(`{"id":"s%d","type":"search","customer_id":"c1","time":%q,"query":"%d %s"}`, i, at(ms), i, text)
}

// TestNoRecordExceeds fills a state with long texts: it never takes more than 900 kB, says what it shed, and goes on.
func TestNoRecordExceeds(t *testing.T) {
	for _, stored := range []bool{false, true} {
		b := newBench(t, []byte(wideRules), Options{})
		id := strings.Repeat("i", 2000)
		c, clock := b.eng.NewCustomer(id), int64(0)
		largest, shed := 0, int64(0)
		text := strings.Repeat("kemeja ", 150)
		for i := range 3000 {
			record := searchFor(i, int64(i)*1000, text)
			if i%3 == 0 {
				record = fmt.Sprintf(`{"id":"v%d","type":"page_view","customer_id":"c1","time":%q,"page":"%d %s"}`, i, at(int64(i)*1000), i, text)
			}
			b.step(c, &clock, record)
			if now := b.eng.Shed(c); now < shed {
				t.Fatalf("after %d events %d are shed, and %d before", i, now, shed)
			}
			shed = b.eng.Shed(c)
			if i%50 > 0 && i < 2900 {
				continue
			}
			state := b.eng.Encode(c, nil)
			if len(state)+len(id) > 900_000 {
				t.Fatalf("after %d events the state takes %d bytes", i, len(state))
			}
			largest = max(largest, len(state))
			if !stored {
				continue
			}
			before := c
			var err error
			if c, err = b.eng.Decode(id, state); err != nil {
				t.Fatal(err)
			}
			if again := b.eng.Encode(c, nil); !bytes.Equal(again, state) || b.eng.Shed(c) != b.eng.Shed(before) {
				t.Fatal("a state that shed is another one after it was stored")
			}
		}
		if largest < 600_000 || shed == 0 {
			t.Errorf("stored %v: at most %d bytes, %d shed: the states were not large", stored, largest, shed)
		}
		kept := 0
		for s := range b.eng.plan.Kept(&c.state) {
			if s.Len() > 0 {
				kept++
				if newest := s.Time(s.Len() - 1); clock-newest > 3000 {
					t.Errorf("the newest entry is of %d, at %d", newest, clock)
				}
			}
		}
		if b.eng.ids(c) == 0 || kept != 2 {
			t.Errorf("%d ids and %d series are left", b.eng.ids(c), kept)
		}
	}
}

// TestSmallStatesShedNothing stays below the limits with many small entries, at which states are measured now and then.
func TestSmallStatesShedNothing(t *testing.T) {
	b := newBench(t, []byte(wideRules), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	for i := range 4000 {
		b.step(c, &clock, searchFor(i, int64(i)*1000, strings.Repeat("x", 40)))
	}
	if n := b.eng.Shed(c); n != 0 {
		t.Errorf("%d shed of a state of %d bytes", n, len(b.eng.Encode(c, nil)))
	}
}

// TestShedSegmentsAreDecided has a count fall because its entries were pushed out: the leave is published with the event that
// did it, and no answer is left undecided.
func TestShedSegmentsAreDecided(t *testing.T) {
	b := newBench(t, []byte(`
segments:
  keen:
    when: search.last("90d").distinct(s, s.query).size() > purchase.size() + 299
`), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	text := strings.Repeat("y", 2000)
	leaves := 0
	for i := range 1200 {
		for _, ch := range b.step(c, &clock, searchFor(i, int64(i)*1000, text)) {
			if !ch.Join {
				leaves++
			}
		}
		s := b.eng.stepper(c, clock)
		if in := c.In(0); b.eng.plan.Decide(s.frame, 0, in) != in {
			t.Fatalf("after %d events the segment is undecided", i)
		}
		s.done()
	}
	if leaves == 0 || b.eng.Shed(c) == 0 {
		t.Errorf("%d leaves, %d shed", leaves, b.eng.Shed(c))
	}
}

// TestAttributesShedLast has attributes alone fill the state.
func TestAttributesShedLast(t *testing.T) {
	b := newBench(t, []byte(wideRules), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	long := strings.Repeat("z", 500_000)
	told(b, c, &clock, fmt.Sprintf(`{"id":"a","type":"profile","customer_id":"c1","time":"1970-01-01T00:00:01Z","lifestyle":%q}`, long))
	if n := b.eng.Shed(c); n != 0 {
		t.Fatalf("%d shed of 500 kB", n)
	}
	told(b, c, &clock, fmt.Sprintf(`{"id":"b","type":"profile","customer_id":"c1","time":"1970-01-01T00:00:02Z","city":%q,"interests":["tea"]}`, long[1:]))
	state := b.eng.Encode(c, nil)
	if len(state) > 600_000 || b.eng.Shed(c) != 1 {
		t.Errorf("%d bytes, %d shed", len(state), b.eng.Shed(c))
	}
	if !c.In(segmentOf(b, "chosen")) {
		t.Error("the short attribute is gone")
	}
	read, err := b.eng.Decode("c1", state)
	if err != nil || b.eng.Shed(read) != 1 || !bytes.Equal(b.eng.Encode(read, nil), state) {
		t.Errorf("stored, %v", err)
	}
}

// TestAsidesHaveRoom refuses what would not fit a record, and sheds entries for what does.
func TestAsidesHaveRoom(t *testing.T) {
	b := newBench(t, []byte(wideRules), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	for i := range 800 {
		b.step(c, &clock, searchFor(i, int64(i)*1000, strings.Repeat("w", 400)))
	}
	a := Aside{Time: clock + 1000, Record: bytes.Repeat([]byte("a"), 150_000)}
	for range 2 {
		if !c.Holds(a) {
			t.Fatal("there is no room for an event that is ahead")
		}
		c.SetAside(a)
	}
	if c.Holds(a) {
		t.Error("there is room for any number of events that are ahead")
	}
	if n := len(b.eng.Encode(c, nil)); n > 900_000 {
		t.Errorf("the state takes %d bytes", n)
	}
	if _, ok := c.Aside(); !ok {
		t.Error("an event that is ahead was shed")
	}
}

// TestEncodeIsTheLastResort has a state outgrow its record between two measurements.
func TestEncodeIsTheLastResort(t *testing.T) {
	b := newBench(t, []byte(wideRules), Options{})
	c, clock := b.eng.NewCustomer("c1"), int64(0)
	c.room = 1 << 40
	for i := range 1500 {
		c.room = 1 << 40
		b.step(c, &clock, searchFor(i, int64(i)*1000, strings.Repeat("v", 1000)))
	}
	first := b.eng.Encode(c, []byte("prefix"))
	if n := len(first) - len("prefix"); n > 900_000 || !bytes.HasPrefix(first, []byte("prefix")) {
		t.Errorf("the state takes %d bytes", n)
	}
	if second := b.eng.Encode(c, []byte("prefix")); !bytes.Equal(first, second) {
		t.Error("the same state is written in two ways")
	}
	if b.eng.Shed(c) == 0 {
		t.Error("nothing is told of what was shed")
	}
}
