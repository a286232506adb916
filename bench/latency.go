package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/bench/internal/shop"
	"github.com/ruas/ruas/internal/workload"
)

const (
	steadyRate = 10_000 // events a second
	// trickle keeps a program that begins supplied with something to read.
	trickleRate = 200
)

// latency measures from the moment at which an event was due to be sent to that at which a reader has the change: measure 2.
func (b *bench) latency() error {
	if _, err := b.warm(); err != nil {
		return err
	}
	programs := b.wanted([]program{ruas, streams("expert", 10*time.Millisecond), streams("rocksdb", 100*time.Millisecond), flink(500 * time.Millisecond)})
	for run := -1; run < b.opt.runs; run++ {
		for i, p := range programs {
			if run < 0 && i > 0 || run > 0 && (p.name == rocksdb || p.name == "flink") {
				continue // far from the others: once will do
			}
			got, err := b.latencyOnce(p)
			if err != nil {
				return err
			}
			if run < 0 { // whoever came first would pay for the broker's compiler
				progress("latency: a run that is not counted, for the broker")
				continue
			}
			progress("latency, run %d, %s: p50 %.1f, p99 %.1f, p99.9 %.1f ms of %.0f changes; CPU s a million: %.2f", run+1, p.name, got["p50_seconds"]*1e3,
				got["p99_seconds"]*1e3, got["p999_seconds"]*1e3, got["changes"], got[workerCPU])
			if err := b.store.add("latency", p.name, sample{Run: run, Values: got}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) latencyOnce(p program) (map[string]float64, error) {
	app := b.name(p.name)
	j := job{app: app, topics: topicsOf(app + "-in-"), rules: 10, config: "clock: records"}
	if err := shop.CreateTopics(b.ctx, b.admin, partitions, append(j.topics, j.out())...); err != nil {
		return nil, err
	}
	s, err := b.launch(p, j)
	if err != nil {
		return nil, err
	}
	defer func() {
		if s.process != nil {
			s.stop()
		}
	}()
	if err := b.pause(b.opt.settle); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	l, err := b.newOpenLoop(app+"-in-", 0, workload.DefaultCustomers, b.opt.warmUp+b.opt.steady+2*time.Minute)
	if err != nil {
		return nil, err
	}
	reader := make(chan error, 1)
	go func() { reader <- b.readChangesOf(ctx, j.out(), l) }()
	sender := make(chan error, 1)
	go func() { sender <- l.run(ctx) }()
	if err := s.begin(); err != nil {
		return nil, err
	}
	if err := s.first(ctx, p); err != nil {
		return nil, err
	}
	if err := b.pause(2 * time.Second); err != nil {
		return nil, err
	}
	l.rate.Store(steadyRate)
	if err := b.pause(b.opt.warmUp); err != nil {
		return nil, err
	}
	from, sent := l.now(), l.sent.Load()
	before, err := b.use(s.process)
	if err == nil {
		err = b.pause(b.opt.steady)
	}
	if err != nil {
		return nil, err
	}
	after, err := b.use(s.process)
	if err != nil {
		return nil, err
	}
	to, sent := l.now(), l.sent.Load()-sent
	if err := b.pause(3 * time.Second); err != nil { // the last changes come
		return nil, err
	}
	stop()
	if err := errors.Join(<-sender, <-reader, s.lives()); err != nil {
		return nil, err
	}
	s.stop()
	used, wall := after.since(before), after.at.Sub(before.at)
	values := l.percentiles(from, to)
	million := float64(sent) / 1e6
	for name, v := range map[string]float64{
		"events": float64(sent), rate: float64(sent) / wall.Seconds(),
		workerCPU: used.worker.Seconds() / million, brokerCPU: used.broker.Seconds() / million, redisCPU: used.redis.Seconds() / million,
		"worker_cpu_share": used.worker.Seconds() / wall.Seconds(), "broker_cpu_share": used.broker.Seconds() / wall.Seconds(),
		"redis_cpu_share": used.redis.Seconds() / wall.Seconds(), "commit_interval_seconds": p.commit.Seconds(),
	} {
		values[name] = v
	}
	return values, b.remove(app)
}

// openLoop sends the benchmark's events at their moments, whether or not anybody keeps up. Its moments are nanoseconds since it was made.
type openLoop struct {
	client    *kgo.Client
	prefix    string
	customers int
	began     time.Time
	rate      atomic.Int64   // events a second
	sent      atomic.Int64   // events
	due       []atomic.Int64 // by event: when it was to be sent
	seen      []arrival      // the reader's until it has ended
}

// arrival is a change that a reader had.
type arrival struct {
	due  time.Duration
	took time.Duration
}

// newOpenLoop makes one whose producer lingers for so long; with 0, batches form while requests are under way.
func (b *bench) newOpenLoop(prefix string, linger time.Duration, customers int, atMost time.Duration) (*openLoop, error) {
	client, err := b.newClient(append(shop.Keyed(), kgo.ProducerLinger(linger), kgo.ProducerBatchCompression(kgo.NoCompression()))...)
	if err != nil {
		return nil, err
	}
	most := steadyRate * int(atMost/time.Second)
	l := &openLoop{client: client, prefix: prefix, customers: customers, began: time.Now(), due: make([]atomic.Int64, most)}
	l.rate.Store(trickleRate)
	return l, nil
}

func (l *openLoop) now() time.Duration { return time.Since(l.began) }

// run sends until ctx is done.
func (l *openLoop) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := time.Duration(0)
	opt := workload.Options{Events: len(l.due), Customers: l.customers, Seed: 3, At: func(i int) int64 {
		next += time.Second / time.Duration(l.rate.Load())
		if wait := next - l.now(); wait > 0 {
			time.Sleep(max(wait, 500*time.Microsecond)) // not for each event on its own: that would cost much of a core
		}
		l.due[i].Store(int64(next))
		return l.began.Add(next).UnixMilli()
	}}
	for r := range workload.Records(opt) {
		if ctx.Err() != nil {
			break
		}
		record := &kgo.Record{Topic: l.prefix + r.Topic, Key: []byte(r.Key), Value: bytes.Clone(r.Value)}
		l.client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil && ctx.Err() == nil {
				cancel(fmt.Errorf("sending: %w", err))
			}
		})
		l.sent.Add(1)
	}
	l.client.Close()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// readChangesOf notes when changes caused by events can be read, until ctx is done.
func (b *bench) readChangesOf(ctx context.Context, topic string, l *openLoop) error {
	client, err := b.newClient(kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		now := l.now()
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading changes: %w", err)
		}
		var failed error
		fetches.EachRecord(func(r *kgo.Record) {
			c, err := parseChange(r.Value)
			if err != nil {
				failed = err
				return
			}
			if c.Cause != "event" {
				return
			}
			i, err := strconv.Atoi(c.EventID[1:])
			if err != nil || i >= len(l.due) {
				failed = fmt.Errorf("the change %s is of no event", r.Value)
				return
			}
			due := time.Duration(l.due[i].Load())
			l.seen = append(l.seen, arrival{due, now - due})
		})
		if failed != nil {
			return failed
		}
	}
}

// percentiles are of the events that were due between two moments.
func (l *openLoop) percentiles(from, to time.Duration) map[string]float64 {
	var took []time.Duration
	for _, a := range l.seen {
		if a.due >= from && a.due < to {
			took = append(took, a.took)
		}
	}
	return percentiles(took)
}

// percentiles gives the usual ones, and the number of changes.
func percentiles(took []time.Duration) map[string]float64 {
	slices.Sort(took)
	values := map[string]float64{"changes": float64(len(took))}
	for name, part := range map[string]float64{"p50_seconds": 0.5, "p99_seconds": 0.99, "p999_seconds": 0.999, "worst_seconds": 1} {
		if len(took) > 0 {
			values[name] = took[int(part*float64(len(took)-1))].Seconds()
		}
	}
	return values
}
