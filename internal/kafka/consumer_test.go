package kafka

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/pipeline"
)

// readingRig is a cluster with one source of two partitions, and a worker.
type readingRig struct {
	*testing.T
	ctx    context.Context //nolint:containedctx // one test's
	k      *Kafka
	client *kgo.Client
	layout pipeline.Layout
}

func newReading(t *testing.T) *readingRig {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	r := &readingRig{T: t, ctx: ctx}
	if r.client, err = kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	if _, err := kadm.NewClient(r.client).CreateTopic(ctx, 2, -1, nil, "source"); err != nil {
		t.Fatal(err)
	}
	if r.k, err = New(Options{Brokers: cluster.ListenAddrs(), Group: "reading"}); err != nil {
		t.Fatal(err)
	}
	r.layout, err = r.k.Prepare(ctx, pipeline.Topics{
		Sources: []pipeline.SourceTopic{{Topic: "source"}}, Changes: "changes", State: "state", DeadLetters: "dead",
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// write sends records of a size to a partition; each begins with its number.
func (r *readingRig) write(number int32, from, to, size int) {
	r.Helper()
	for i := from; i < to; i++ {
		value := make([]byte, size)
		copy(value, fmt.Sprintf("%d ", i))
		r.client.Produce(r.ctx, &kgo.Record{Topic: "source", Partition: number, Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				r.Error(err)
			}
		})
	}
	if err := r.client.Flush(r.ctx); err != nil {
		r.Fatal(err)
	}
}

// session reads a partition from its start.
func (r *readingRig) session(number int32) *partition {
	r.Helper()
	p, err := r.k.Open(r.ctx, r.layout, number, pipeline.Member{})
	if err != nil {
		r.Fatal(err)
	}
	if err := p.Consume([]int64{0}, time.Millisecond); err != nil {
		r.Fatal(err)
	}
	return p.(*partition)
}

// expect polls records from one number to another, in order and without a gap.
func (r *readingRig) expect(p *partition, from, to int) {
	r.Helper()
	for from < to {
		fetches, err := p.Poll(r.ctx)
		if err != nil {
			r.Fatal(err)
		}
		for _, f := range fetches {
			for _, record := range f.Records {
				var n int
				if _, err := fmt.Sscan(string(record.Value), &n); err != nil || n != from {
					r.Fatalf("partition %d: got record %q, want %d", p.number, record.Value, from)
				}
				from++
			}
		}
	}
}

func TestConsumerOnce(t *testing.T) {
	r := newReading(t)
	r.write(0, 0, 100, 10)
	r.write(1, 0, 100, 10)
	first, other := r.session(0), r.session(1)
	if first.consumer != other.consumer {
		t.Error("two sessions of a worker read with a client each")
	}
	r.expect(first, 0, 100)
	r.expect(other, 0, 100)
	// What is written now is on its way to the first session, or in its inbox, when the next one begins.
	r.write(0, 100, 200, 10)
	old := first.consumer
	first.Close()
	second := r.session(0)
	if second.consumer == old {
		t.Error("a client was given a partition a second time")
	}
	r.expect(second, 0, 200)
	r.write(1, 100, 200, 10)
	r.expect(other, 100, 200)
	other.Close()
	select {
	case <-old.done:
	case <-r.ctx.Done():
		t.Fatal("a client is left that nobody reads with")
	}
	third := r.session(1)
	if third.consumer != second.consumer {
		t.Error("a session does not read with the newest client")
	}
	r.expect(third, 0, 200)
	third.Close()
	second.Close()
	if r.k.consumers.newest != nil {
		t.Error("a client that is closed may be joined")
	}
}

func TestInbox(t *testing.T) {
	r := newReading(t)
	stuck, other := r.session(0), r.session(1)
	defer stuck.Close()
	defer other.Close()
	const records, size = 8000, 1000
	r.write(0, 0, records, size)
	full := func() bool {
		stuck.inbox.mu.Lock()
		defer stuck.inbox.mu.Unlock()
		return stuck.inbox.sources[0].full
	}
	for !full() {
		if !sleep(r.ctx, time.Millisecond) {
			t.Fatal("a session that does not poll takes all there is")
		}
	}
	r.write(1, 0, 1000, size)
	r.expect(other, 0, 1000)
	stuck.Pause(0)
	stuck.Resume(0) // the inbox is still full
	stuck.inbox.mu.Lock()
	held := stuck.inbox.sources[0].bytes
	stuck.inbox.mu.Unlock()
	if held >= records*size {
		t.Errorf("%d bytes wait for a session that does not poll", held)
	}
	r.expect(stuck, 0, records)
}
