package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/bench/internal/shop"
	"github.com/ruas/ruas/internal/workload"
)

const (
	deadlines = 100_000
	// within is the time over which the deadlines are spread.
	within = time.Minute
	// wait is after how long a cart without a purchase is abandoned, in S10.
	wait = 30 * time.Minute
)

// lateness measures how long after its moment a change that time alone causes can be read: measure 5.
func (b *bench) lateness() error {
	if !b.opt.takes("ruas") {
		return nil
	}
	if err := b.serve(); err != nil {
		return err
	}
	for run := range b.opt.runs {
		values, err := b.latenessOnce()
		if err != nil {
			return err
		}
		progress("time, run %d: %.0f deadlines, p50 %.0f, p99 %.0f, worst %.0f ms", run+1, values["deadlines"], values["p50_seconds"]*1e3, values["p99_seconds"]*1e3,
			values["worst_seconds"]*1e3)
		if err := b.store.add("time", "ruas", sample{Run: run, Values: values}); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) latenessOnce() (map[string]float64, error) {
	app := b.name("time")
	j := job{app: app, topics: topicsOf(app + "-in-"), rules: 10, config: "clock: present"}
	if err := shop.CreateTopics(b.ctx, b.admin, partitions, append(j.topics, j.out())...); err != nil {
		return nil, err
	}
	// Everything is read before the first deadline.
	begin := time.Now().Add(b.opt.lead).Truncate(time.Millisecond)
	if _, err := shop.Send(b.ctx, b.client, app+"-in-", carts(begin)); err != nil {
		return nil, err
	}
	worker, err := b.startRuas(j)
	if err != nil {
		return nil, err
	}
	defer worker.stop()
	ctx, stop := context.WithDeadline(b.ctx, begin.Add(within+15*time.Second))
	defer stop()
	var late []time.Duration
	reader := make(chan error, 1)
	go func() { reader <- b.readLate(ctx, j.out(), &late) }()
	if err := b.pause(time.Until(begin)); err != nil {
		return nil, err
	}
	before, err := b.use(worker)
	if err == nil {
		err = b.pause(within)
	}
	if err != nil {
		return nil, err
	}
	after, err := b.use(worker)
	if err := errors.Join(err, <-reader, worker.lives()); err != nil {
		return nil, err
	}
	if len(late) != deadlines {
		return nil, fmt.Errorf("%d changes were caused by time, want %d", len(late), deadlines)
	}
	values := percentiles(late)
	used := after.since(before)
	values["deadlines"] = float64(len(late))
	values["worker_cpu_share"] = used.worker.Seconds() / after.at.Sub(before.at).Seconds()
	worker.stop()
	return values, b.remove(app)
}

// carts gives each of many customers a cart that is abandoned at a moment of its own, from begin on.
func carts(begin time.Time) iter.Seq[workload.Record] {
	return func(yield func(workload.Record) bool) {
		for i := range deadlines {
			at := begin.Add(time.Duration(i)*within/deadlines - wait)
			key := "c" + strconv.Itoa(i)
			value := fmt.Appendf(nil, `{"id":"e%d","type":"cart_add","customer_id":%q,"time":%q,"product_id":"p1","category":"cat1","price":9.99,"quantity":1}`,
				i, key, at.UTC().Format("2006-01-02T15:04:05.000Z"))
			if !yield(workload.Record{Topic: "browsing", Key: key, Time: at.UnixMilli(), Value: value}) {
				return
			}
		}
	}
}

// readLate notes how late changes caused by time can be read, until there are as many as expected or ctx is done.
func (b *bench) readLate(ctx context.Context, topic string, late *[]time.Duration) error {
	client, err := b.newClient(kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	for len(*late) < deadlines {
		fetches := client.PollFetches(ctx)
		now := time.Now()
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading changes: %w", err)
		}
		for _, r := range fetches.Records() {
			c, err := parseChange(r.Value)
			if err != nil {
				return err
			}
			at, err := time.Parse(time.RFC3339, c.Time)
			if err != nil {
				return err
			}
			if c.Cause == "time" {
				*late = append(*late, now.Sub(at))
			}
		}
	}
	return nil
}
