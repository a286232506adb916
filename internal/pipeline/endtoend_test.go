package pipeline_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/workload"
)

// refuse fails a test in which a record is no good.
type refuse struct{ t *testing.T }

func (r refuse) Reject(file string, line int64, reason error, _ []byte, _ int) error {
	r.t.Errorf("%s:%d: %v", file, line, reason)
	return nil
}

func (r refuse) Flush() error { return nil }

// shop is the benchmark's data, as records and as files, with the closing events.
type shop struct {
	records []*kgo.Record
	closing []*kgo.Record
	files   map[string][]byte
	until   int64
}

func newShop(t *testing.T, events, customers int) shop {
	t.Helper()
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		t.Fatal(err)
	}
	opt := workload.Options{Events: events, Customers: customers, Seed: 7}
	s := shop{files: make(map[string][]byte)}
	for rec := range workload.Records(opt) {
		s.records = append(s.records, &kgo.Record{Topic: rec.Topic, Key: []byte(rec.Key), Value: bytes.Clone(rec.Value)})
		s.files[rec.Topic] = append(append(s.files[rec.Topic], rec.Value...), '\n')
		s.until = rec.Time
	}
	key := func(p int) string {
		for i := 0; ; i++ {
			if k := fmt.Sprintf("end%d", i); partition([]byte(k), partitions) == int32(p) {
				return k
			}
		}
	}
	for rec := range workload.Closing(opt, partitions, key) {
		s.closing = append(s.closing, &kgo.Record{Topic: rec.Topic, Key: []byte(rec.Key), Value: bytes.Clone(rec.Value)})
	}
	return s
}

func s10(t *testing.T) string {
	t.Helper()
	rules, err := workload.Rules(10)
	if err != nil {
		t.Fatal(err)
	}
	return string(rules)
}

// small batches and caches, so that everything that a large run does happens in a small one.
func small(opt *pipeline.Options) {
	opt.BatchRecords, opt.Stride, opt.BatchBytes, opt.ReadAhead, opt.CacheCustomers, opt.Deadlines = 100, 30, 20_000, 200, 20, 10
}

func TestDrainEqualsReplay(t *testing.T) {
	r, _ := fakes(t, s10(t))
	drain(r, newShop(t, 20_000, 400))
}

func TestSmallBatchesEqualReplay(t *testing.T) {
	r, _ := fakes(t, s10(t))
	r.change = small
	drain(r, newShop(t, 6_000, 300))
}

// commits counts the transactions that had events.
type commits struct {
	deaf
	transactions, events atomic.Int64
}

// deaf hears of nothing.
type deaf struct{}

func (deaf) Written(int32, time.Duration)    {}
func (deaf) Lag(int32, string, int64)        {}
func (deaf) Clock(int32, int64, int)         {}
func (deaf) Warming(int32, []engine.Warming) {}
func (deaf) Released(int32)                  {}

func (c *commits) Committed(_ int32, done pipeline.Committed) {
	events := 0
	for _, n := range done.Events {
		events += n
	}
	if events > 0 {
		c.transactions.Add(1)
		c.events.Add(int64(events))
	}
}

// Where much waits, many strides make one transaction.
func TestBacklogTakesFewTransactions(t *testing.T) {
	r, _ := fakes(t, s10(t))
	var seen commits
	r.change = func(opt *pipeline.Options) {
		opt.Stride, opt.ReadAhead, opt.Observer = 50, 500, &seen
	}
	s := newShop(t, 20_000, 400)
	drain(r, s)
	strides := seen.events.Load() / 50
	if n := seen.transactions.Load(); n == 0 || n > strides/4 {
		t.Errorf("%d events took %d transactions: about %d strides, of which some four at least are to share one", seen.events.Load(), n, strides)
	}
}

// drain reads everything that was produced beforehand.
func drain(r *rig, s shop) {
	r.t.Helper()
	r.produce(s.records...)
	r.produce(s.closing...)
	start := time.Now()
	w := r.start()
	r.settle()
	r.t.Logf("%d events in %v", len(s.records), time.Since(start))
	w.end()
	r.compare(r.changes(), r.replayed(s.files, s.until))
}

func TestFaultsEqualReplay(t *testing.T) {
	r, mini := fakes(t, s10(t))
	r.change = small
	faults(r, newShop(t, 30_000, 500), mini.FlushAll, 12)
}

// faults kills, stops and starts workers, and empties Redis, while events are read.
func faults(r *rig, s shop, lose func(), n int) {
	r.t.Helper()
	r.produce(s.records...)
	r.produce(s.closing...)
	seed := uint64(time.Now().UnixNano())
	r.t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	workers := []*worker{r.start()}
	for range n {
		time.Sleep(time.Duration(rnd.IntN(400)) * time.Millisecond)
		i := rnd.IntN(len(workers))
		switch rnd.IntN(5) {
		case 0, 1:
			lose()
		case 2:
			workers[i].kill()
			workers[i] = r.start()
		case 3:
			workers[i].end()
			workers[i] = r.start()
		case 4:
			if len(workers) < 3 {
				workers = append(workers, r.start())
			}
		}
	}
	r.settle()
	for _, w := range workers {
		w.end()
	}
	r.compare(r.changes(), r.replayed(s.files, s.until))
}
