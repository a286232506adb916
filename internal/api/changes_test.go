package api

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// reader reads a stream of server-sent events.
type reader struct {
	t    *testing.T
	scan *bufio.Scanner
}

// open begins a stream; headers come in pairs.
func (b *bench) open(t *testing.T, path string, headers ...string) *reader {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = answer.Body.Close() })
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Fatalf("%s: %d %q", path, answer.StatusCode, got)
	}
	r := &reader{t, bufio.NewScanner(answer.Body)}
	r.expect("retry: 1000")
	return r
}

// expect reads the next event.
func (r *reader) expect(want string) {
	r.t.Helper()
	var lines []string
	for r.scan.Scan() && r.scan.Text() != "" {
		lines = append(lines, r.scan.Text())
	}
	if got := strings.Join(lines, "\n"); got != want {
		r.t.Errorf("%q, want %q", got, want)
	}
}

func sent(id string, c []byte) string { return "id: " + id + "\nevent: change\ndata: " + string(c) }

func TestChangesAreStreamed(t *testing.T) {
	b := newBench(t, nil)
	now := time.Now()
	first, second, third := change(1, "buyer", "join", now), change(2, "big_spender", "join", now), change(3, "buyer", "leave", now)
	publish(t, b.feed, first, second, third)

	one := b.open(t, "/v1/changes?segment=buyer", "Last-Event-ID", "0:0,1:2")
	one.expect(sent("0:3,1:4", third))
	all := b.open(t, "/v1/changes?recent=2")
	all.expect(sent("0:3,1:3", second))
	all.expect(sent("0:3,1:4", third))
	customer := b.open(t, "/v1/changes?customer=c5&from=0:1,1:1")

	fourth, fifth := change(4, "big_spender", "leave", now), change(5, "buyer", "join", now)
	publish(t, b.feed, fourth, fifth)
	one.expect(sent("0:5,1:6", fifth))
	all.expect(sent("0:5,1:4", fourth))
	all.expect(sent("0:5,1:6", fifth))
	customer.expect(sent("0:5,1:6", fifth))
}

// topic is a Log of changes in two partitions.
type topic struct {
	records []Record
	reads   int
}

func (l *topic) Changes(_ context.Context, from, to Offsets, each func(Record) error) error {
	l.reads++
	for _, r := range l.records {
		if r.Offset < from[r.Partition] || r.Offset >= to[r.Partition] {
			continue
		}
		if err := each(r); err != nil {
			return err
		}
	}
	return nil
}

// TestStreamsTakeUpWhatIsForgotten resumes further back than the feed remembers: the topic gives the rest, each change once.
func TestStreamsTakeUpWhatIsForgotten(t *testing.T) {
	log := &topic{}
	b := newBench(t, func(o *Options) { o.Log = log })
	for i := range 40 {
		c := change(i, "buyer", "join", time.Now())
		log.records = append(log.records, Record{Partition: int32(i % 2), Offset: int64(i), Value: c})
		publish(t, b.feed, c)
	}
	at := Offsets{0: 10, 1: 12}
	r := b.open(t, "/v1/changes?from="+at.String())
	for i := range 40 {
		p := int32(i % 2)
		if int64(i) < at[p] {
			continue
		}
		at[p] = int64(i) + 1
		r.expect(sent(at.String(), log.records[i].Value))
	}
	if log.reads != 1 {
		t.Errorf("the topic was read %d times", log.reads)
	}
	next := change(41, "buyer", "leave", time.Now())
	publish(t, b.feed, next)
	at[1] = 42
	r.expect(sent(at.String(), next))
}

func TestStreamsWaitForTheFeed(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Feed = NewFeed(FeedOptions{Now: time.Now}) })
	answer := b.ask(t, "GET", "/v1/changes", "")
	refusal(t, "a feed that has not begun", answer, 503, "not followed yet")
}
