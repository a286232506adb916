package main

import (
	"fmt"
	"time"

	"github.com/ruas/ruas/internal/workload"
)

const (
	longHistory = fewCustomers + ", twice the history"
	allOfAShop  = "10,000,000 customers"
)

// scale measures what grows with the number of customers, and what with the length of the history: memory of worker and Redis, the
// changelog, and the time to build Redis anew.
func (b *bench) scale() error {
	if !b.opt.takes(ruas.name) {
		return nil
	}
	main, err := b.data("", b.opt.workload())
	if err != nil {
		return err
	}
	long := b.opt.workload()
	long.Events *= 2
	long.At = func(i int) int64 { // as dense as the main dataset
		return workload.Start.UnixMilli() + int64(i)*workload.Span.Milliseconds()/int64(b.opt.events)
	}
	longer, err := b.data("long-", long)
	if err != nil {
		return err
	}
	for _, of := range []struct {
		series string
		data   *dataset
	}{{fewCustomers, main}, {longHistory, longer}} {
		if err := b.scaleOnce(of.series, of.data); err != nil {
			return err
		}
	}
	all, err := b.everybodyTwice("all-", 50*b.opt.customers)
	if err != nil {
		return err
	}
	if err := b.scaleOnce(allOfAShop, all); err != nil {
		return err
	}
	return b.remove(all.prefix)
}

func (b *bench) scaleOnce(series string, d *dataset) error {
	j := job{app: b.name("scale"), topics: d.topics(), rules: 10, config: "clock: records", countOnly: true}
	values, err := b.weigh(j, d)
	if err != nil {
		return err
	}
	if err := b.view.FlushAll(b.ctx).Err(); err != nil {
		return fmt.Errorf("emptying Redis: %w", err)
	}
	began := time.Now()
	worker, err := b.startRuas(j)
	if err != nil {
		return err
	}
	defer worker.stop()
	for range partitions {
		if err := worker.await(b.ctx, "partition at work", false, drainTimeout); err != nil {
			return err
		}
	}
	values["rebuild_seconds"] = time.Since(began).Seconds()
	progress("scale, %s: built anew in %.1f s", series, values["rebuild_seconds"])
	worker.stop()
	if err := b.store.add("scale", series, sample{Values: values}); err != nil {
		return err
	}
	return b.remove(j.app)
}
