package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/pipeline"
)

const silentRules = `segments:
  buyer:
    when: purchase.size() >= 1
  recent:
    when: purchase.last("10d").size() > 0
  dormant:
    when: purchase.size() > 0 && purchase.last("9d").size() == 0
  active:
    when: purchase.last("2s").size() > 0
`

// Days are in milliseconds.
const day = int64(24 * time.Hour / time.Millisecond)

// history gives every customer a purchase 35 days before a moment, and every fourth one another, 3 days before it.
func history(ids []string, present int64) []*kgo.Record {
	var records []*kgo.Record
	for i, c := range ids {
		records = append(records, record("purchases", c, "a", "purchase", present-35*day+int64(i), `,"amount":5`))
	}
	for i := 0; i < len(ids); i += 4 {
		records = append(records, record("purchases", ids[i], "b", "purchase", present-3*day+int64(i), `,"amount":5`))
	}
	return records
}

// silently starts workers in silence.
func silently(opt *pipeline.Options) {
	small(opt)
	opt.Silent = true
}

// told gives what was published of each customer, without the moments that the test does not know.
func (r *rig) told(n int) map[string][]string {
	r.t.Helper()
	by := make(map[string][]string)
	for _, ch := range r.published(n) {
		line := fmt.Sprintf("%s %s %d %s%s", ch.Segment, ch.Change, ch.Seq, ch.Cause, ch.EventID)
		if ch.Cause == "time" {
			line += fmt.Sprintf(" at %d", ch.Time.UnixMilli())
		}
		by[ch.Customer] = append(by[ch.Customer], line)
	}
	return by
}

func TestSilentFirstStart(t *testing.T) {
	r, _ := fakes(t, silentRules)
	began, first := time.Now(), time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	var jumped atomic.Int64 // days
	present := func() time.Time {
		return first.Add(time.Since(began)).Add(time.Duration(jumped.Load()) * 24 * time.Hour)
	}
	ids := customersOf(240)
	r.produce(history(ids, first.UnixMilli())...)
	silent := func(opt *pipeline.Options) {
		silently(opt)
		opt.Records, opt.Now = false, present
	}
	for range 3 { // killed while it reads, or in the middle of the sweep
		half := newInterrupted()
		r.change = func(opt *pipeline.Options) {
			silent(opt)
			half.View, opt.View = opt.View, half
		}
		w := r.start()
		select {
		case <-half.reached:
		case <-time.After(30 * time.Second):
			t.Fatal("the present is not reached")
		}
		w.kill()
	}
	r.change = silent
	w := r.start()
	defer w.end()
	want := make(map[string][]string)
	for i, c := range ids {
		second := "dormant join 1 backfill"
		if i%4 == 0 {
			second = "recent join 1 backfill"
		}
		want[c] = []string{"buyer join 1 backfill", second}
	}
	r.published(2 * len(ids))
	r.ready(w)
	r.compare(sorted(r.told(2*len(ids))), sorted(want))
	for _, ch := range r.published(2 * len(ids)) {
		if ch.Time.Before(first) || ch.Time.After(present()) {
			t.Fatalf("%+v is not at the present", ch)
		}
	}

	// From here on everything is told, and numbered from what was said.
	live := present().UnixMilli()
	r.produce(record("purchases", ids[1], "live", "purchase", live, `,"amount":5`))
	r.published(2*len(ids) + 4)
	jumped.Store(12)
	n := 2*len(ids) + 4 + 2 + len(ids)/4*2
	got := r.told(n)
	want[ids[1]] = append(want[ids[1]], "dormant leave 2 eventlive", "recent join 1 eventlive", "active join 1 eventlive",
		fmt.Sprintf("active leave 2 time at %d", live+2000),
		fmt.Sprintf("dormant join 3 time at %d", live+9*day), fmt.Sprintf("recent leave 2 time at %d", live+10*day))
	for i := 0; i < len(ids); i += 4 {
		at := first.UnixMilli() - 3*day + int64(i)
		want[ids[i]] = append(want[ids[i]], fmt.Sprintf("dormant join 1 time at %d", at+9*day), fmt.Sprintf("recent leave 2 time at %d", at+10*day))
	}
	r.compare(sorted(got), sorted(want))
}

func TestSilentFirstStartByRecordsAlone(t *testing.T) {
	rules, _, _ := strings.Cut(silentRules, "  active:") // the last events of each partition are younger than its window
	r, _ := fakes(t, rules)
	ids := customersOf(40)
	last := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	r.produce(history(ids, last)...)
	r.change = silently
	w := r.start()
	defer w.end()
	for _, ch := range r.published(2 * len(ids)) {
		if ch.Cause != "backfill" || ch.Change != "join" || ch.Seq != 1 || ch.Time.UnixMilli() < last-3*day {
			t.Fatalf("%+v is not the first word at the ends of the sources", ch)
		}
	}
	r.ready(w)
	r.produce(record("purchases", ids[1], "live", "purchase", last, `,"amount":5`))
	want := []string{"buyer join 1 backfill", "dormant join 1 backfill", "dormant leave 2 eventlive", "recent join 1 eventlive"}
	if got := sorted(r.told(2*len(ids) + 2))[ids[1]]; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// sorted puts what was told of each customer in the order of segments, in which the order of each segment's changes stays.
func sorted(by map[string][]string) map[string][]string {
	segment := func(line string) string { s, _, _ := strings.Cut(line, " "); return s }
	for _, lines := range by {
		slices.SortStableFunc(lines, func(a, b string) int { return strings.Compare(segment(a), segment(b)) })
	}
	return by
}

// interrupted is a view in which no scan gets further than half of the customers that it finds first: then it stands until the worker
// is killed.
type interrupted struct {
	pipeline.View
	once    sync.Once
	reached chan struct{}
}

func newInterrupted() *interrupted { return &interrupted{reached: make(chan struct{})} }

func (v *interrupted) Shard(number int32) pipeline.Shard {
	return &interruptedShard{v.View.Shard(number), v}
}

type interruptedShard struct {
	pipeline.Shard
	view *interrupted
}

func (s *interruptedShard) Scan(ctx context.Context, least func() pipeline.Fence, each func([]pipeline.StateRecord) error) error {
	return s.Shard.Scan(ctx, least, func(found []pipeline.StateRecord) error {
		if len(found) < 2 {
			return each(found)
		}
		if err := each(found[:len(found)/2]); err != nil {
			return err
		}
		s.view.once.Do(func() { close(s.view.reached) })
		<-ctx.Done()
		return ctx.Err()
	})
}
