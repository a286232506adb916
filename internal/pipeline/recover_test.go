package pipeline_test

import (
	"context"
	"testing"

	"github.com/ruas/ruas/internal/pipeline"
)

// headless is a log whose task records are gone.
type headless struct{ pipeline.Log }

func (l headless) Open(ctx context.Context, layout pipeline.Layout, number int32, member pipeline.Member) (pipeline.Partition, error) {
	p, err := l.Log.Open(ctx, layout, number, member)
	return headlessPartition{p}, err
}

type headlessPartition struct{ pipeline.Partition }

func (p headlessPartition) ReadState(ctx context.Context, from, to int64, each func(pipeline.StateRecord) error) error {
	return p.Partition.ReadState(ctx, from, to, func(r pipeline.StateRecord) error {
		if string(r.Key) == "t" {
			return nil
		}
		return each(r)
	})
}

// TestCustomersWithoutTaskRecord loses the tail of the state topic, with the task's record, where compaction has left the customers: they are
// no new ones, and what they had is not told again.
func TestCustomersWithoutTaskRecord(t *testing.T) {
	r, _ := fakes(t, "segments:\n  buyer:\n    when: purchase.size() >= 2\n")
	buys := func(id string, at int64) {
		for _, c := range customersOf(20) {
			r.produce(record("purchases", c, id, "purchase", at, `,"amount":5`))
		}
		w := r.start()
		r.settle()
		w.end()
	}
	buys("a", 1000)
	buys("b", 2000)
	told := r.changes()
	r.change = func(opt *pipeline.Options) { opt.Log = headless{opt.Log} }
	buys("c", 3000)
	r.compare(r.changes(), told)
}
