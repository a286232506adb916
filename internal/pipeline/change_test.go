package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/pipeline"
)

// customersOf names n customers.
func customersOf(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("c%d", i)
	}
	return ids
}

func TestChangedRulesDecideEveryCustomer(t *testing.T) {
	const before, after = "segments:\n  buyer:\n    when: purchase.size() >= 1\n  gone:\n    when: purchase.size() >= 1\n",
		"segments:\n  buyer:\n    when: purchase.size() >= 2\n  other:\n    when: purchase.size() >= 1\n"
	r, _ := fakes(t, before)
	r.change = small
	var events []*kgo.Record
	for i, c := range customersOf(300) {
		events = append(events, record("purchases", c, "a", "purchase", int64(1000+i), `,"amount":5`))
		if i%3 == 0 {
			events = append(events, record("purchases", c, "b", "purchase", int64(2000+i), `,"amount":5`))
		}
	}
	r.produce(events...)
	w := r.start()
	r.settle()
	w.end()
	first := len(r.published(600))
	r.engine = r.compile(after)
	for i := range 4 { // most of these are killed before every customer was decided
		w = r.start()
		r.trouble(w, "taken over")
		time.Sleep(time.Duration(20*i) * time.Millisecond)
		w.kill()
	}
	w = r.start()
	got := r.published(first + 500)
	r.ready(w)
	w.end()
	by := make(map[string]int)
	for _, ch := range r.published(first + 500) {
		if ch.Cause == "rules" {
			by[fmt.Sprintf("%s %s %d", ch.Segment, ch.Change, ch.Seq)]++
		}
	}
	// Two of three customers bought once. Whether the state knows that a series under other rules is the same is the engine's.
	if by["buyer leave 2"] != 200 || by["other join 1"] != 300 || len(by) != 2 {
		t.Errorf("changes by rules: %v (of %d), want 200 leaves of buyer and 300 joins of other", by, len(got))
	}
	// Started once more, nothing is decided again.
	w = r.start()
	r.ready(w)
	time.Sleep(300 * time.Millisecond)
	w.end()
	if n := len(r.published(first + 500)); n != first+500 {
		t.Errorf("%d changes after another start, want %d", n, first+500)
	}
}

func TestOlderRulesVersionTakesNoPartition(t *testing.T) {
	r, _ := fakes(t, activeRule)
	r.change = func(opt *pipeline.Options) { opt.RulesVersion = 2 }
	w := r.start()
	r.ready(w)
	w.end()
	r.change = func(opt *pipeline.Options) { opt.RulesVersion = 1 }
	w = r.start()
	defer w.end()
	r.trouble(w, "rules_version 2")
}

// trouble waits until a worker says why it is not ready.
func (r *rig) trouble(w *worker, want string) {
	r.t.Helper()
	why := ""
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, why = w.Ready(); strings.Contains(why, want) {
			return
		}
	}
	r.t.Errorf("the worker says %q, want %q in it", why, want)
}

func TestLostOffsets(t *testing.T) {
	r, _ := fakes(t, activeRule)
	r.produce(record("purchases", "c1", "e1", "purchase", 1000, `,"amount":5`))
	w := r.start()
	r.settle()
	w.end()
	r.produce(record("purchases", "c1", "e2", "purchase", 5000, `,"amount":5`))
	r.produce(record("purchases", "c1", "e3", "purchase", 9000, `,"amount":5`))
	admin := kadm.NewClient(r.client)
	ends, err := admin.ListEndOffsets(t.Context(), "purchases")
	if err != nil {
		t.Fatal(err)
	}
	cut := make(kadm.Offsets)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			cut.AddOffset("purchases", o.Partition, o.Offset-1, -1)
		}
	})
	if _, err := admin.DeleteRecords(t.Context(), cut); err != nil {
		t.Fatal(err)
	}
	w = r.start()
	r.trouble(w, "is gone")
	w.end()
	r.change = func(opt *pipeline.Options) { opt.ContinueOnLoss = true }
	w = r.start()
	r.settle()
	w.end()
	last := r.published(3)[2]
	if last.EventID != "e3" || last.Seq != 3 {
		// e1 joined, the join ended before e3 came, and e2 is lost
		t.Errorf("the last change is %+v, want the join by e3", last)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, want  string
		unreachable bool
		change      func(r *rig, opt *pipeline.Options)
	}{
		{"a source without a topic", "the topic absent does not exist", true, func(_ *rig, opt *pipeline.Options) {
			opt.Sources[1].Topic = "absent"
		}},
		{"partition counts that differ", "purchases has 4, wide has 6", false, func(r *rig, opt *pipeline.Options) {
			if _, err := kadm.NewClient(r.client).CreateTopic(r.t.Context(), 6, 1, nil, "wide"); err != nil {
				r.t.Fatal(err)
			}
			opt.Sources[1].Topic = "wide"
		}},
		{"a state topic of another size", "but narrow has 2", false, func(r *rig, opt *pipeline.Options) {
			if _, err := kadm.NewClient(r.client).CreateTopic(r.t.Context(), 2, 1, nil, "narrow"); err != nil {
				r.t.Fatal(err)
			}
			opt.State = "narrow"
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := fakes(t, activeRule)
			r.change = func(opt *pipeline.Options) { c.change(r, opt) }
			w := r.start()
			err := <-w.done
			refusal := new(pipeline.Refusal)
			if !errors.As(err, &refusal) || !strings.Contains(err.Error(), c.want) || refusal.Unreachable != c.unreachable {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestOptionalSourceAppears(t *testing.T) {
	r, _ := fakes(t, activeRule)
	r.change = func(opt *pipeline.Options) {
		opt.Sources[1].Topic, opt.Sources[1].Optional = "later", true
		opt.LookForTopics = 100 * time.Millisecond
	}
	r.produce(record("purchases", "c1", "e1", "purchase", 1000, `,"amount":5`))
	w := r.start()
	if got := r.published(1); got[0].EventID != "e1" {
		t.Errorf("without the topic: %+v", got)
	}
	if _, err := kadm.NewClient(r.client).CreateTopic(t.Context(), partitions, 1, nil, "later"); err != nil {
		t.Fatal(err)
	}
	r.produce(record("later", "c2", "e2", "purchase", 1000, `,"amount":5`))
	got := r.published(2)
	w.end()
	if got[0].EventID != "e2" && got[1].EventID != "e2" {
		t.Errorf("with the topic: %+v", got)
	}
}
