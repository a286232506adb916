package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/bench/internal/shop"
	"github.com/ruas/ruas/internal/workload"
)

const (
	flushed = "FLUSHALL"
	killed  = "kill -9"
	// recoveryRate is how many events a second go on while ruas recovers.
	recoveryRate = 2_000
	// sessionTimeout is ruas's default: for so long nobody can know that a worker is gone.
	sessionTimeout = 10 * time.Second
	// silence is for how long a partition publishes nothing only where something is wrong: it has some seventy changes a second.
	silence = 500 * time.Millisecond
)

// recovery measures how soon every partition publishes again, of two workers, after Redis is emptied and after a worker is killed: measure 6.
func (b *bench) recovery() error {
	if !b.opt.takes("ruas") {
		return nil
	}
	if err := b.serve(); err != nil {
		return err
	}
	app := b.name("recovery")
	j := job{app: app, topics: topicsOf(app + "-in-"), rules: 10, config: "clock: records"}
	if err := shop.CreateTopics(b.ctx, b.admin, partitions, append(j.topics, j.out())...); err != nil {
		return err
	}
	const days = 3 * 24 * time.Hour
	history, from := 3*b.opt.customers, time.Now().Add(-days)
	opt := workload.Options{Events: history, Customers: b.opt.customers, Seed: 6, At: func(i int) int64 {
		return from.Add(days / time.Duration(history) * time.Duration(i)).UnixMilli()
	}}
	if _, err := shop.Send(b.ctx, b.client, app+"-in-", everybody(b.opt.customers, from), workload.Records(opt)); err != nil {
		return err
	}
	ends, err := b.ends(j.topics...)
	if err != nil {
		return err
	}
	var workers [2]*process
	defer func() {
		for _, w := range workers {
			if w != nil {
				w.stop()
			}
		}
	}()
	for i := range workers {
		if workers[i], err = b.startRuas(j); err != nil {
			return err
		}
	}
	if _, err := b.awaitEnd(ends, j, workers[:]); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	l, err := b.newOpenLoop(app+"-in-", 0, b.opt.customers, time.Duration(b.opt.runs)*2*time.Minute)
	if err != nil {
		return err
	}
	l.rate.Store(recoveryRate)
	s := &silences{}
	running := make(chan error, 2)
	go func() { running <- l.run(ctx) }()
	go func() { running <- b.listen(ctx, j.out(), s) }()

	for run := range b.opt.runs {
		for _, c := range []struct {
			of     string
			passed time.Duration
			do     func() error
		}{
			{flushed, 0, func() error { return b.view.FlushAll(b.ctx).Err() }},
			{killed, sessionTimeout, func() error { workers[0].kill(); return nil }},
		} {
			if err := b.pause(8 * time.Second); err != nil {
				return err
			}
			began := s.watch()
			if err := c.do(); err != nil {
				return err
			}
			if err := b.pause(c.passed + 15*time.Second); err != nil {
				return err
			}
			took := s.back(began, time.Now())
			progress("recovery, run %d, %s: %.2f s", run+1, c.of, took.Seconds())
			err := b.store.add("recovery", c.of, sample{Run: run, Values: map[string]float64{
				"seconds": took.Seconds(), "past_session_seconds": max(0, (took - c.passed).Seconds()), "customers": float64(b.opt.customers),
			}})
			if err != nil {
				return err
			}
			if c.of == killed {
				if workers[0], err = b.startRuas(j); err != nil {
					return err
				}
			}
			if err := errors.Join(workers[0].lives(), workers[1].lives()); err != nil {
				return err
			}
		}
	}
	stop()
	if err := errors.Join(<-running, <-running); err != nil {
		return err
	}
	for _, w := range workers {
		w.stop()
	}
	return b.remove(app)
}

// silences notes when each partition was silent for long. It serves two goroutines.
type silences struct {
	mu    sync.Mutex
	last  [partitions]time.Time // each one's newest change
	first [partitions]time.Time // the first one since watch
	ends  [partitions]time.Time // the end of the latest silence since watch
}

// heard notes a change.
func (s *silences) heard(partition int32, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := s.last[partition]; !last.IsZero() && at.Sub(last) >= silence {
		s.ends[partition] = at
	}
	if s.first[partition].IsZero() {
		s.first[partition] = at
	}
	s.last[partition] = at
}

// watch begins to look for silences.
func (s *silences) watch() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.ends[:])
	clear(s.first[:])
	return time.Now()
}

// back gives the time from began to the first change behind the last silence, or where there was none to the first change at all, on the
// partition where that came last. A partition that is still silent is so until now.
func (s *silences) back(began, now time.Time) (took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range partitions {
		at := s.first[p]
		if !s.ends[p].IsZero() {
			at = s.ends[p]
		}
		if now.Sub(s.last[p]) >= silence {
			at = now
		}
		took = max(took, at.Sub(began))
	}
	return took
}

// listen notes all changes as a reader of what is committed sees them, until ctx is done.
func (b *bench) listen(ctx context.Context, topic string, s *silences) error {
	client, err := b.newClient(kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
		kgo.FetchMaxWait(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading changes: %w", err)
		}
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) { s.heard(r.Partition, now) })
	}
}
