package pipeline_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/pipeline"
)

// warmRules are followed by others that ask for what was not kept.
const (
	warmRules = "segments:\n  buyer:\n    when: purchase.size() >= 1\n"
	warmOther = warmRules + "  viewer:\n    when: product_view.last(\"5s\").size() == 0\n"
	warmAfter = warmRules + "  quiet:\n    when: product_view.last(\"10s\").size() == 0\n  stranger:\n    when: product_view.size() == 0\n"
)

// warm produces a purchase of each customer, and a view before it of every third, and returns where the clock of each partition stands
// then.
func (r *rig) warm(ids []string) (clocks map[int32]int64) {
	r.t.Helper()
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		r.t.Fatal(err)
	}
	clocks = make(map[int32]int64)
	var events []*kgo.Record
	for i, c := range ids {
		if i%3 == 0 {
			events = append(events, record("browsing", c, "v", "product_view", int64(900+i), ""))
		}
		at := int64(1000 + i)
		events = append(events, record("purchases", c, "a", "purchase", at, `,"amount":5`))
		p := partition([]byte(c), partitions)
		clocks[p] = max(clocks[p], at)
	}
	r.produce(events...)
	return clocks
}

// warming reads what the view says of warming segments.
func (r *rig) warming() map[string]int64 {
	r.t.Helper()
	view := r.view(new(wire))
	defer func() { _ = view.Close() }()
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		r.t.Fatal(err)
	}
	got, err := view.Reader(partitions, partition).Segments(r.t.Context(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return got.Warming
}

// warmth is an observer that remembers which segments are warming.
type warmth struct {
	mu sync.Mutex
	by map[int32][]engine.Warming
}

func (o *warmth) Committed(int32, pipeline.Committed) {}
func (o *warmth) Written(int32, time.Duration)        {}
func (o *warmth) Lag(int32, string, int64)            {}
func (o *warmth) Clock(int32, int64, int)             {}
func (o *warmth) Released(int32)                      {}
func (o *warmth) Warming(number int32, segments []engine.Warming) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.by == nil {
		o.by = make(map[int32][]engine.Warming)
	}
	o.by[number] = segments
}

func (o *warmth) segments() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := make(map[string]bool)
	for _, list := range o.by {
		for _, w := range list {
			names[w.Segment] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// TestChangedRulesAskForWhatWasNotKept changes rules twice, each time with workers that are killed in the middle: customers who were there
// before are not decided by what nobody knows of them, until their windows hold nothing of that time.
func TestChangedRulesAskForWhatWasNotKept(t *testing.T) {
	r, _ := fakes(t, warmRules)
	told := new(warmth)
	r.change = func(opt *pipeline.Options) {
		small(opt)
		opt.Observer = told
	}
	ids := customersOf(300)
	clocks := r.warm(ids)
	w := r.start()
	r.settle()
	w.end()
	r.published(300)
	for _, rules := range []string{warmOther, warmAfter} {
		r.engine = r.compile(rules)
		for i := range 4 {
			w = r.start()
			r.trouble(w, "taken over")
			time.Sleep(time.Duration(20*i) * time.Millisecond)
			w.kill()
		}
	}
	w = r.start()
	r.ready(w)
	if got := r.published(300); len(got) != 300 {
		t.Errorf("%d changes after a change of rules, want none but the 300 of before: %+v", len(got), got[300:])
	}
	last := slices.Max(slices.Collect(maps.Values(clocks)))
	if got, want := r.warming(), map[string]int64{"quiet": last + 10_000, "stranger": engine.Never}; !maps.Equal(got, want) {
		t.Errorf("warming: %v, want %v", got, want)
	}
	if got := told.segments(); !slices.Equal(got, []string{"quiet", "stranger"}) {
		t.Errorf("the observer was told of %v", got)
	}

	// Time goes on: a view within the window is known, and what was before leaves it.
	r.produce(record("browsing", ids[1], "seen", "product_view", last+9_000, ""))
	var events []*kgo.Record
	for _, c := range ids {
		events = append(events, record("purchases", c, "b", "purchase", last+15_000, `,"amount":5`))
	}
	r.produce(append(events, record("purchases", "later", "a", "purchase", last+15_000, `,"amount":5`))...)
	got := make(map[string]string)
	for _, ch := range r.published(300 + 299 + 3) {
		if ch.Segment == "buyer" && ch.Customer != "later" {
			continue
		}
		got[ch.Customer+" "+ch.Segment] = fmt.Sprintf("%s %s %d", ch.Change, ch.Cause, ch.Time.UnixMilli())
	}
	want := map[string]string{"later buyer": "", "later quiet": "", "later stranger": ""}
	for k := range want {
		want[k] = fmt.Sprintf("join event %d", last+15_000)
	}
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range ids {
		if i != 1 {
			want[c+" quiet"] = fmt.Sprintf("join time %d", clocks[partition([]byte(c), partitions)]+10_000)
		}
	}
	for k := range want {
		if got[k] != want[k] {
			t.Errorf("%s: %q, want %q", k, got[k], want[k])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d changes, want %d", len(got), len(want))
	}
	r.settle()
	left := map[string]int64{"stranger": engine.Never}
	for end := time.Now().Add(30 * time.Second); !maps.Equal(r.warming(), left); time.Sleep(20 * time.Millisecond) { // the view follows the log
		if time.Now().After(end) {
			t.Fatalf("warming in the end: %v, want %v", r.warming(), left)
		}
	}
	if got := told.segments(); !slices.Equal(got, []string{"stranger"}) {
		t.Errorf("the observer was told of %v in the end", got)
	}
	w.end()
}

// rewriteTasks appends to each partition's state its last task record, edited.
func (r *rig) rewriteTasks(edit func(task map[string]any)) {
	r.t.Helper()
	newest := make(map[int32]*kgo.Record)
	for _, rec := range r.read("segment-state") {
		if string(rec.Key) == "t" {
			newest[rec.Partition] = rec
		}
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(r.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer cl.Close()
	for p, rec := range newest {
		var task map[string]any
		dec := json.NewDecoder(strings.NewReader(string(rec.Value)))
		dec.UseNumber()
		if err := dec.Decode(&task); err != nil {
			r.t.Fatal(err)
		}
		edit(task)
		value, err := json.Marshal(task)
		if err != nil {
			r.t.Fatal(err)
		}
		out := &kgo.Record{Topic: "segment-state" + r.suffix, Partition: p, Key: rec.Key, Value: value}
		if err := cl.ProduceSync(r.t.Context(), out).FirstErr(); err != nil {
			r.t.Fatal(err)
		}
	}
}

// older makes a task record one of version 1.
func older(task map[string]any) {
	task["version"] = 1
	delete(task, "kept")
	delete(task, "warming")
}

func TestStateOfAnOlderRelease(t *testing.T) {
	// What is in a state happened: two purchases are at least two. Whether there were more, only a release tells that noted what it kept.
	const more = warmRules + "  loyal:\n    when: purchase.size() >= 2\n  few:\n    when: purchase.size() < 3\n"
	for _, c := range []struct {
		name  string
		edit  func(task map[string]any)
		rules []string // started one after the other
		want  map[string]int64
		joins int
	}{
		{"upgraded, then changed", older, []string{warmRules, more}, map[string]int64{}, 200},
		{"upgraded and changed at once", older, []string{more}, map[string]int64{"buyer": engine.Never, "loyal": engine.Never, "few": engine.Never}, 100},
		{"what was noted is lost", func(task map[string]any) { task["kept"] = map[string]any{"from": 1 << 40, "hash": "1"} }, []string{warmRules, more},
			map[string]int64{"buyer": engine.Never, "loyal": engine.Never, "few": engine.Never}, 100},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := fakes(t, warmRules)
			ids := customersOf(100)
			r.warm(ids)
			var events []*kgo.Record
			for _, id := range ids {
				events = append(events, record("purchases", id, "b", "purchase", 5000, `,"amount":5`))
			}
			r.produce(events...)
			w := r.start()
			r.settle()
			w.end()
			r.published(100)
			r.rewriteTasks(c.edit)
			for _, rules := range c.rules {
				r.engine = r.compile(rules)
				w = r.start()
				r.ready(w)
				w.end()
			}
			if got := r.published(100 + c.joins); len(got) != 100+c.joins {
				t.Errorf("%d changes, want %d", len(got), 100+c.joins)
			}
			if got := r.warming(); !maps.Equal(got, c.want) {
				t.Errorf("warming: %v, want %v", got, c.want)
			}
		})
	}
}

func TestStateOfANewerRelease(t *testing.T) {
	r, _ := fakes(t, warmRules)
	r.warm(customersOf(20))
	w := r.start()
	r.settle()
	w.end()
	r.rewriteTasks(func(task map[string]any) { task["version"] = 99 })
	w = r.start()
	r.trouble(w, "run that release or a newer one")
	w.end()
}
