package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/bench/internal/shop"
)

const (
	// drainTimeout is how long a program may take to drain the events.
	drainTimeout = 10 * time.Minute
	// settled is for how long nothing may change at the end.
	settled = 1500 * time.Millisecond
	// unmeasured is how many drains go before those that are measured: a broker that has just started gets most of its code compiled in
	// them, and whoever came first would pay for it.
	unmeasured = 2
)

// drained is what came of draining a dataset.
type drained struct {
	took    time.Duration
	used    usage
	resting float64 // bytes resident at the end
	peak    float64
	count   int      // of changes
	changes []string // sorted; nil where they were only counted
}

// values are those that a sample holds of it.
func (d drained) values(events int) map[string]float64 {
	million := float64(events) / 1e6
	return map[string]float64{
		"events": float64(events), "seconds": d.took.Seconds(), "events_per_second": float64(events) / d.took.Seconds(),
		"worker_cpu_seconds_per_million": d.used.worker.Seconds() / million,
		"broker_cpu_seconds_per_million": d.used.broker.Seconds() / million,
		"redis_cpu_seconds_per_million":  d.used.redis.Seconds() / million,
		"peak_rss_bytes":                 d.peak, "changes": float64(d.count),
	}
}

// drain measures how programs read what is there: measure 1.
func (b *bench) drain() error {
	main, err := b.data("", b.opt.workload())
	if err != nil {
		return err
	}
	warm, err := b.warm()
	if err != nil {
		return err
	}
	programs := b.wanted([]program{ceiling, ruas, streams("expert", time.Second), streams("rocksdb", time.Second), flink(time.Second), naive})
	if len(programs) == 0 {
		return nil
	}
	for range unmeasured {
		job := job{app: b.name("broker"), topics: main.topics(), rules: 10, config: "clock: records", countOnly: true}
		if _, err := b.drainOnce(ruas, main, job, 1); err != nil {
			return err
		}
		progress("drain: one that is not counted, for the broker")
	}
	for run := range b.opt.runs {
		for _, p := range programs {
			d := main
			if p.name == naive.name {
				if d = warm; run > 0 { // a round trip an event: fewer must do, and once
					continue
				}
			}
			job := job{app: b.name(p.name), topics: d.topics(), rules: 10, config: "clock: records"}
			got, err := b.drainOnce(p, d, job, 1)
			if err != nil {
				return err
			}
			taken := sample{Run: run, Values: got.values(d.opt.Events)}
			if p.name != ceiling.name {
				want, err := d.expect(10)
				if err != nil {
					return err
				}
				taken.Values["changes_expected"] = float64(len(want))
				if difference := differ(got.changes, want); difference != "" {
					if p.void {
						taken.Void = difference
					}
					progress("%s: %s", p.name, difference)
				}
			}
			progress("drain, run %d, %s: %.0f events/s, CPU s a million: %.2f, broker %.2f, Redis %.2f; peak %.0f MiB, %d changes", run+1, p.name,
				taken.Values["events_per_second"], taken.Values["worker_cpu_seconds_per_million"], taken.Values["broker_cpu_seconds_per_million"],
				taken.Values["redis_cpu_seconds_per_million"], got.peak/(1<<20), got.count)
			if err := b.store.add("drain", p.name, taken); err != nil {
				return err
			}
		}
	}
	return nil
}

// drainOnce lets a program, in so many processes, drain a dataset.
func (b *bench) drainOnce(p program, d *dataset, j job, workers int) (drained, error) {
	if err := shop.CreateTopics(b.ctx, b.admin, partitions, j.out()); err != nil {
		return drained{}, err
	}
	var all []*started
	var processes []*process
	defer func() {
		for _, s := range all {
			if s.process != nil {
				s.stop()
			}
		}
	}()
	for range workers {
		s, err := b.launch(p, j)
		if err != nil {
			return drained{}, err
		}
		all = append(all, s)
	}
	if err := b.pause(b.opt.settle); err != nil { // the servers finish what they were at
		return drained{}, err
	}
	for _, s := range all {
		if err := s.begin(); err != nil {
			return drained{}, err
		}
		processes = append(processes, s.process)
	}
	if err := all[0].first(b.ctx, p); err != nil {
		return drained{}, err
	}
	before, err := b.use(processes...)
	if err != nil {
		return drained{}, err
	}
	for _, w := range processes {
		if err := resetPeak(w.pid()); err != nil {
			return drained{}, fmt.Errorf("watching the memory of %s: %w", p.name, err)
		}
	}
	after, err := b.awaitEnd(d.ends, j, processes)
	if err != nil {
		return drained{}, err
	}
	result := drained{took: after.at.Sub(before.at), used: after.since(before)}
	for _, w := range processes {
		now, peak := resident(w.pid())
		result.resting, result.peak = result.resting+now, result.peak+peak
	}
	for _, s := range all {
		s.stop()
	}
	if j.countOnly {
		err = b.each(b.ctx, j.out(), func(*kgo.Record) error {
			result.count++
			return nil
		})
	} else {
		result.changes, err = b.published(j.out())
		result.count = len(result.changes)
	}
	if err != nil {
		return drained{}, err
	}
	if !b.opt.keep {
		err = b.remove(j.app)
	}
	return result, err
}

// awaitEnd waits until the group has committed all inputs and everything in the output is committed too, and stays so. It gives what was
// used when that was so first.
func (b *bench) awaitEnd(ends kadm.ListedOffsets, j job, workers []*process) (usage, error) {
	var reached usage
	var size int64
	for began := time.Now(); ; {
		end, whole, err := b.progress(ends, j)
		if err != nil {
			return reached, err
		}
		switch {
		case !whole || end != size:
			reached, size = usage{}, end
			if whole {
				if reached, err = b.use(workers...); err != nil {
					return reached, err
				}
			}
		case !reached.at.IsZero() && time.Since(reached.at) > settled:
			return reached, nil
		case reached.at.IsZero():
			if reached, err = b.use(workers...); err != nil {
				return reached, err
			}
		}
		for _, w := range workers {
			if err := w.lives(); err != nil {
				return reached, err
			}
		}
		if time.Since(began) > drainTimeout {
			return reached, fmt.Errorf("%s has not drained the events after %v%s", workers[0].name, drainTimeout, workers[0].tail())
		}
		if err := b.pause(25 * time.Millisecond); err != nil {
			return reached, err
		}
	}
}

// progress tells how much there is of the output, and whether all is committed, inputs and output.
func (b *bench) progress(ends kadm.ListedOffsets, j job) (size int64, whole bool, err error) {
	committed, err := b.admin.FetchOffsets(b.ctx, j.app)
	if kerr.IsRetriable(err) { // the first group of a broker has no coordinator yet
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("asking for the offsets of %s: %w", j.app, err)
	}
	whole = true
	ends.Each(func(end kadm.ListedOffset) {
		if at, ok := committed.Lookup(end.Topic, end.Partition); !ok || at.At < end.Offset {
			whole = false
		}
	})
	if !whole {
		return 0, false, nil
	}
	high, err := b.admin.ListEndOffsets(b.ctx, j.out())
	stable, err2 := b.admin.ListCommittedOffsets(b.ctx, j.out())
	if err := errors.Join(err, err2, high.Error(), stable.Error()); err != nil {
		return 0, false, fmt.Errorf("asking for the end of %s: %w", j.out(), err)
	}
	high.Each(func(end kadm.ListedOffset) {
		size += end.Offset
		if at, ok := stable.Lookup(end.Topic, end.Partition); !ok || at.Offset != end.Offset {
			whole = false
		}
	})
	return size, whole, nil
}
