package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
)

func change(id int, segment, kind string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":"x%d","customer_id":"c%d","segment":%q,"change":%q,"time":%q,"cause":"event","seq":1}`,
		id, id, segment, kind, moment(at.UnixMilli()))
}

func publish(t *testing.T, f *Feed, changes ...[]byte) {
	t.Helper()
	for _, c := range changes {
		var id struct{ ID string }
		if err := json.Unmarshal(c, &id); err != nil {
			t.Fatal(err)
		}
		n, err := strconv.Atoi(id.ID[1:])
		if err != nil {
			t.Fatal(err)
		}
		// Even ones are in partition 0, and odd ones in partition 1, each at the offset that its number says.
		if _, err := f.Publish(Record{Partition: int32(n % 2), Offset: int64(n), Value: c}); err != nil {
			t.Fatal(err)
		}
	}
}

func ids(changes []Change) string {
	out := ""
	for _, c := range changes {
		out += c.ID + " "
	}
	return out
}

func TestFeedRemembers(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	f := NewFeed(FeedOptions{Remember: 3, Now: func() time.Time { return now }})
	f.Begin(Offsets{0: 0, 1: 0})
	for i := range 5 {
		publish(t, f, change(i, "s", "join", now))
	}
	for _, test := range []struct {
		recent int
		want   string
		at     Offsets
	}{
		{0, "", Offsets{0: 5, 1: 4}},
		{2, "x3 x4 ", Offsets{0: 4, 1: 3}},
		{10, "x2 x3 x4 ", Offsets{0: 2, 1: 3}},
	} {
		l := f.Listen(test.recent)
		if got := ids(l.Missed()); got != test.want || !maps.Equal(l.At(), test.at) {
			t.Errorf("recent %d: %q at %v, want %q at %v", test.recent, got, l.At(), test.want, test.at)
		}
		l.Close()
	}
	for _, test := range []struct {
		from Offsets
		want string
		ok   bool
	}{
		{Offsets{0: 1, 1: 2}, "x2 x3 x4 ", true},
		{Offsets{0: 3, 1: 4}, "x4 ", true},
		{Offsets{1: 3}, "x3 ", true},
		{Offsets{0: 90, 1: 90, 7: 1}, "", true},
		{Offsets{0: 0, 1: 4}, "", false}, // x0 is forgotten
		{Offsets{0: 3, 1: 1}, "", false}, // and x1
	} {
		l, ok := f.ListenFrom(test.from)
		if ok != test.ok {
			t.Fatalf("from %v: %v, want %v", test.from, ok, test.ok)
		}
		if !ok {
			continue
		}
		if got := ids(l.Missed()); got != test.want {
			t.Errorf("from %v: %q, want %q", test.from, got, test.want)
		}
		l.Close()
	}
	l := f.Listen(0)
	publish(t, f, change(9, "s", "leave", now))
	if c := <-l.Changes(); c.ID != "x9" || c.Join() || !c.Time.Equal(now) {
		t.Errorf("heard %+v", c)
	}
	if _, err := f.Publish(Record{Value: []byte("{")}); err == nil {
		t.Error("what is no JSON is published")
	}
}

// A listener that does not listen holds up nobody: it is closed, and the others hear everything.
func TestFeedClosesSlowListeners(t *testing.T) {
	f := NewFeed(FeedOptions{Remember: 1, Now: time.Now})
	slow := f.Listen(0)
	for i := range listenerBuffer + 1 {
		publish(t, f, change(i, "s", "join", time.Now()))
	}
	heard := 0
	for range slow.Changes() {
		heard++
	}
	if heard != listenerBuffer {
		t.Errorf("heard %d changes before the end", heard)
	}
	slow.Close()
}

func TestFeedCountsTheLastMinute(t *testing.T) {
	now := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	f := NewFeed(FeedOptions{Now: func() time.Time { return now }, CountFrom: now})
	publish(t, f, change(0, "s", "join", now.Add(-time.Second)), change(1, "s", "join", now), change(2, "s", "leave", now), change(3, "r", "join", now))
	now = now.Add(59 * time.Second)
	publish(t, f, change(4, "s", "join", now))
	if joins, leaves := f.LastMinute("s"); joins != 2 || leaves != 1 {
		t.Errorf("after 59 s: %d joins, %d leaves", joins, leaves)
	}
	now = now.Add(time.Second)
	if joins, leaves := f.LastMinute("s"); joins != 1 || leaves != 0 {
		t.Errorf("after 60 s: %d joins, %d leaves", joins, leaves)
	}
	// The join at the hour, and the change after it.
	a := f.Activity("s", "15m")
	if want := (Activity{From: now.Add(-time.Minute), Step: 10 * time.Second, Joins: []uint32{1, 0, 0, 0, 0, 1, 0}, Leaves: []uint32{1, 0, 0, 0, 0, 0, 0}}); !reflect.DeepEqual(a, want) &&
		!a.From.Equal(want.From) {
		t.Errorf("activity %+v, want %+v", a, want)
	}
	if got := activityOf(a, 5).Members; !slices.Equal(got, []int64{4, 4, 4, 4, 4, 5, 5}) {
		t.Errorf("members %v", got)
	}
	if a := f.Activity("unknown", "7d"); len(a.Joins) != 1 || a.Step != time.Hour {
		t.Errorf("activity of what never happened: %+v", a)
	}
	if joins, leaves := f.LastMinute("unknown"); joins != 0 || leaves != 0 {
		t.Errorf("a segment without changes: %d joins, %d leaves", joins, leaves)
	}
}
