package pipeline_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/rule"
)

// shedding is an observer that adds up what states shed, and counts them.
type shedding struct {
	deaf
	entries, states atomic.Int64
}

func (o *shedding) Committed(_ int32, c pipeline.Committed) {
	o.entries.Add(c.Shed)
	o.states.Add(int64(c.Customers))
}

func TestWhatStatesShedIsTold(t *testing.T) {
	const rules = "segments:\n  spender:\n    when: purchase.last(\"90d\").sum(p, p.amount) > 100.0\n"
	r, _ := fakes(t, rules)
	set, err := rule.Parse(r.schema, map[string][]byte{"rules.yaml": []byte(rules)})
	if err != nil {
		t.Fatal(err)
	}
	if r.engine, err = engine.New(set, engine.Options{SeriesBound: 50}); err != nil {
		t.Fatal(err)
	}
	told := new(shedding)
	r.change = func(opt *pipeline.Options) {
		small(opt)
		opt.CacheCustomers, opt.Observer = 1, told // what was shed before a customer is read back is not told again
	}
	at := int64(0)
	for range 2 {
		var events []*kgo.Record
		for range 100 {
			for _, c := range []string{"c1", "c2", "c3", "c4", "c5", "c6"} {
				at += 1000
				events = append(events, record("purchases", c, fmt.Sprint("e", at), "purchase", at, `,"amount":5`))
			}
		}
		r.produce(events...)
		w := r.start()
		r.settle()
		w.end()
	}
	shed := make(map[string]int64)
	states, archives := int64(0), 0
	for _, rec := range r.read("segment-state") {
		if len(rec.Key) < 2 {
			continue // the task's own
		}
		if _, archive := pipeline.ArchiveOf(string(rec.Key[1:])); archive {
			archives++
			continue
		}
		states++
		_, state, err := pipeline.SplitState(rec.Value)
		if err != nil {
			t.Fatal(err)
		}
		c, err := r.engine.Decode(string(rec.Key[1:]), state)
		if err != nil {
			t.Fatal(err)
		}
		shed[string(rec.Key)] = r.engine.Shed(c)
	}
	want := int64(0)
	for _, n := range shed {
		want += n
	}
	if got := told.entries.Load(); got != want || want < 6*100 {
		t.Errorf("told of %d entries shed, want %d, and at least 600", got, want)
	}
	if got := told.states.Load(); got != states || archives == 0 {
		t.Errorf("told of %d states, want %d, beside %d archives, at least one", got, states, archives)
	}
}
