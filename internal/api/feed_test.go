package api

import (
	"fmt"
	"testing"
	"time"
)

func change(id int, segment, kind string, at time.Time) []byte {
	return fmt.Appendf(nil, `{"id":"x%d","customer_id":"c%d","segment":%q,"change":%q,"time":%q,"cause":"event","seq":1}`,
		id, id, segment, kind, at.UTC().Format(timeLayout))
}

func publish(t *testing.T, f *Feed, changes ...[]byte) {
	t.Helper()
	for _, c := range changes {
		if _, err := f.Publish(c); err != nil {
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
	for i := range 5 {
		publish(t, f, change(i, "s", "join", now))
	}
	for _, test := range []struct {
		after  string
		recent int
		want   string
	}{
		{"", 0, ""},
		{"", 2, "x3 x4 "},
		{"", 10, "x2 x3 x4 "},
		{"x2", 0, "x3 x4 "},
		{"x4", 5, ""},
		{"x0", 1, "x4 "}, // forgotten: as without
	} {
		l := f.Listen(test.after, test.recent)
		if got := ids(l.Missed()); got != test.want {
			t.Errorf("after %q, recent %d: %q, want %q", test.after, test.recent, got, test.want)
		}
		l.Close()
	}
	l := f.Listen("", 0)
	publish(t, f, change(9, "s", "leave", now))
	if c := <-l.Changes(); c.ID != "x9" || c.Join() || !c.Time.Equal(now) {
		t.Errorf("heard %+v", c)
	}
	if _, err := f.Publish([]byte("{")); err == nil {
		t.Error("what is no JSON is published")
	}
}

// A listener that does not listen holds up nobody: it is closed, and the others hear everything.
func TestFeedClosesSlowListeners(t *testing.T) {
	f := NewFeed(FeedOptions{Remember: 1, Now: time.Now})
	slow := f.Listen("", 0)
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
	if joins, leaves := f.LastMinute("unknown"); joins != 0 || leaves != 0 {
		t.Errorf("a segment without changes: %d joins, %d leaves", joins, leaves)
	}
}
