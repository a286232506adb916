package deadletter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/pipeline"
)

// memory is a Log of one topic, and notes what is written.
type memory struct {
	records map[int32][]Record // by partition, with gaps between the offsets
	first   map[int32]int64
	end     map[int32]int64
	written []Outgoing
	refuse  map[string]error // by key
	reads   int
}

func (m *memory) Bounds(context.Context, string) (first, end map[int32]int64, err error) {
	return m.first, m.end, nil
}

func (m *memory) Records(_ context.Context, _ string, from, to map[int32]int64, each func(*Record) error) error {
	m.reads++
	for _, p := range slices.Sorted(maps.Keys(from)) {
		if to[p] > m.end[p] {
			return fmt.Errorf("partition %d is read to %d, beyond its end", p, to[p])
		}
		for _, r := range m.records[p] {
			if r.Offset < from[p] || r.Offset >= to[p] {
				continue
			}
			if err := each(&r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Write(_ context.Context, records []Outgoing) []error {
	errs := make([]error, len(records))
	for i, r := range records {
		if errs[i] = m.refuse[string(r.Key)]; errs[i] == nil {
			m.written = append(m.written, r)
		}
	}
	return errs
}

// put appends a letter, behind so many offsets that hold nothing.
func (m *memory) put(p int32, gap, time int64, reason, topic, key, value string, own ...pipeline.Header) Place {
	at := Place{p, m.end[p] + gap}
	m.end[p] = at.Offset + 1
	m.records[p] = append(m.records[p], Record{
		Place: at, Time: time, Key: []byte(key), Value: []byte(value),
		Headers: append(own, pipeline.Header{Key: pipeline.HeaderReason, Value: []byte(reason)}, pipeline.Header{Key: pipeline.HeaderTopic, Value: []byte(topic)},
			pipeline.Header{Key: pipeline.HeaderPartition, Value: []byte("1")}, pipeline.Header{Key: pipeline.HeaderOffset, Value: []byte("7")}),
	})
	return at
}

func newMemory() *memory {
	return &memory{records: map[int32][]Record{}, first: map[int32]int64{}, end: map[int32]int64{}, refuse: map[string]error{}}
}

func (m *memory) letters() *Letters {
	return New(Options{Log: m, Topic: "dead", Sources: []Source{{"shop", "shop-events"}, {"app", "app-events"}}, Partitions: 2, Now: func() time.Time { return time.UnixMilli(9) }})
}

// TestPages reads random topics page by page, and compares with all letters in order.
func TestPages(t *testing.T) {
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		m := newMemory()
		type entry struct {
			place  Place
			time   int64
			reason string
		}
		var all []entry
		partitions := 1 + rnd.IntN(4)
		times := make([]int64, partitions)
		for range rnd.IntN(300) {
			p := rnd.IntN(partitions)
			times[p] += rnd.Int64N(5) + 1
			e := entry{time: times[p]*8 + int64(p), reason: []string{"not_json", "bad_time"}[rnd.IntN(2)]}
			e.place = m.put(int32(p), rnd.Int64N(40), e.time, e.reason, "shop-events", "k", "v")
			all = append(all, e)
		}
		for p := range partitions { // what ends with gaps
			m.end[int32(p)] += rnd.Int64N(50)
			if rnd.IntN(3) == 0 {
				m.first[int32(p)] = rnd.Int64N(m.end[int32(p)] + 1)
			}
		}
		reason := []string{"", "bad_time"}[rnd.IntN(2)]
		var want, got []Place
		slices.SortFunc(all, func(a, b entry) int { return cmp.Compare(b.time, a.time) })
		for _, e := range all {
			if e.place.Offset >= m.first[e.place.Partition] && (reason == "" || reason == e.reason) {
				want = append(want, e.place)
			}
		}
		q := Query{Reason: reason, Limit: 1 + rnd.IntN(20)}
		for pages := 0; ; pages++ {
			page, err := m.letters().List(t.Context(), q)
			if err != nil || len(page.Letters) > q.Limit || pages > 400 {
				t.Fatalf("seed %d, page %d: %d letters, %v", seed, pages, len(page.Letters), err)
			}
			for _, l := range page.Letters {
				got = append(got, l.Place)
			}
			if q.Before = page.Next; q.Before == nil {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: letters %v, want %v", seed, got, want)
		}
	}
}

// TestLookingBackIsBounded looks for one letter behind many others.
func TestLookingBackIsBounded(t *testing.T) {
	m := newMemory()
	m.put(0, 0, 1, "bad_time", "shop-events", "k", "v")
	for range 3 {
		m.put(0, looksMost/2, 2, "not_json", "shop-events", "k", "v")
	}
	page, err := m.letters().List(t.Context(), Query{Reason: "bad_time", Limit: 1})
	if err != nil || len(page.Letters) > 0 || page.Next == nil {
		t.Fatalf("%+v, %v", page, err)
	}
	page, err = m.letters().List(t.Context(), Query{Reason: "bad_time", Limit: 1, Before: page.Next})
	if err != nil || len(page.Letters) != 1 || page.Next != nil {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestWhatALetterShows(t *testing.T) {
	m := newMemory()
	long := strings.Repeat("é", mostValue)
	m.put(0, 0, 5, "bad_time", "shop-events", "k", "x"+long, pipeline.Header{Key: "reason", Value: []byte("mine")}, pipeline.Header{Key: HeaderReplayOf, Value: []byte("0:4")})
	m.records[0][0].Headers = append(m.records[0][0].Headers, pipeline.Header{Key: pipeline.HeaderDetail, Value: []byte("no \xfftime")}, pipeline.Header{Key: pipeline.HeaderCut, Value: []byte("1000000")})
	m.records[0] = append(m.records[0], Record{Place: Place{0, 1}, Time: 4, Value: []byte("not a letter")})
	m.end[0] = 2
	page, err := m.letters().List(t.Context(), Query{Limit: 5})
	if err != nil || len(page.Letters) != 2 {
		t.Fatalf("%+v, %v", page, err)
	}
	l := page.Letters[1]
	if l.Reason != "bad_time" || l.Detail != "no \uFFFDtime" || l.Source != "shop" || l.SourcePartition != 1 || l.SourceOffset != 7 || l.Size != 1_000_000 ||
		!l.ValueCut || len(l.Value) != mostValue-1 || l.Never != Cut || l.ReplayOf == nil || *l.ReplayOf != (Place{0, 4}) {
		t.Errorf("%+v", l)
	}
	if l = page.Letters[0]; l.Reason != "" || l.Never != NoSource || l.SourcePartition != -1 || l.ValueCut {
		t.Errorf("what is no letter: %+v", l)
	}
}

func TestReplay(t *testing.T) {
	m := newMemory()
	good := m.put(0, 0, 1, "bad_time", "shop-events", "a", "1", pipeline.Header{Key: "own", Value: []byte("x")}, pipeline.Header{Key: HeaderReplayOf, Value: []byte("0:0")})
	other := m.put(0, 3, 2, "not_json", "app-events", "b", "2")
	elsewhere := m.put(1, 0, 3, "bad_time", "segment-state", "c", "3")
	refused := m.put(1, 5*near, 4, "bad_time", "shop-events", "d", "4")
	m.refuse["d"] = fmt.Errorf("%w: too much", ErrTooLarge)
	l := m.letters()
	replay := func(r Request, sent int, skipped map[Why]int) {
		t.Helper()
		if done, err := l.Replay(t.Context(), r); err != nil || done.Replayed != sent || !maps.Equal(done.Skipped, skipped) || done.From != nil {
			t.Errorf("%+v: %+v, %v; want %d, %v", r, done, err, sent, skipped)
		}
	}
	replay(Request{Places: []Place{refused, good, good, elsewhere, {0, 1}, {0, 99}, {7, 0}}}, 1, map[Why]int{Gone: 3, NoSource: 1, TooLarge: 1})
	want := Outgoing{Topic: "shop-events", Partition: 1, Key: []byte("a"), Value: []byte("1"), Headers: []pipeline.Header{
		{Key: "own", Value: []byte("x")}, {Key: HeaderReplayOf, Value: []byte(good.String())},
	}}
	if fmt.Sprint(m.written) != fmt.Sprint([]Outgoing{want}) {
		t.Errorf("sent %+v, want %+v", m.written, want)
	}
	replay(Request{Reason: "bad_time"}, 0, map[Why]int{Repeated: 1, NoSource: 1, TooLarge: 1})
	replay(Request{Source: "app", Until: 2}, 0, nil)
	m.refuse["b"] = errors.New("no broker")
	if done, err := l.Replay(t.Context(), Request{Source: "app"}); err == nil || done.Replayed != 0 {
		t.Errorf("a fault: %+v, %v", done, err)
	}
	delete(m.refuse, "b")
	replay(Request{Source: "app", Until: 3}, 1, nil)
	if l.sentAt(other) != 9 {
		t.Errorf("sent at %d", l.sentAt(other))
	}
}

// TestReplayGoesOn sends more letters than one request does; what comes back meanwhile is left alone.
func TestReplayGoesOn(t *testing.T) {
	m := newMemory()
	const all = 2*replayMost + 10
	for i := range all {
		m.put(int32(i%3), int64(i%2), int64(i), "bad_time", "shop-events", "k", fmt.Sprint(i))
	}
	l, r, sent, requests := m.letters(), Request{Reason: "bad_time"}, 0, 0
	for {
		done, err := l.Replay(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		sent += done.Replayed
		requests++
		for p := range int32(3) {
			m.put(p, 1, all, "bad_time", "shop-events", "back", "back")
		}
		if done.From == nil {
			break
		}
		r.From, r.To = done.From, done.To
	}
	if sent != all || len(m.written) != all || requests != 3 {
		t.Errorf("%d of %d letters sent in %d requests", sent, all, requests)
	}
	for i, w := range m.written {
		if string(w.Key) == "back" {
			t.Fatalf("the %dth is one that came back", i)
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	l := newMemory().letters()
	for i := range int64(remembered + 5) {
		l.remember(Place{0, i})
		l.remember(Place{0, i})
	}
	if len(l.sent) != remembered || l.sentAt(Place{0, 4}) != 0 || l.sentAt(Place{0, 5}) == 0 || l.sentAt(Place{0, remembered + 4}) == 0 {
		t.Errorf("%d letters are remembered", len(l.sent))
	}
}
