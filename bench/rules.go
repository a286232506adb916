package main

import (
	"fmt"

	"github.com/ruas/ruas/internal/workload"
)

const perEventAndChange = "cpu_microseconds_per_event_and_change"

// manyRules measures what an event plus change costs under ten, a thousand and ten thousand rules: measure 3.
func (b *bench) manyRules() error {
	if !b.opt.takes("ruas") {
		return nil
	}
	// Ten thousand rules give dozens of changes an event: fewer events must do.
	d, err := b.data("rules-", workload.Options{Events: min(100_000, b.opt.events), Customers: min(5_000, b.opt.customers), Seed: 4})
	if err != nil {
		return err
	}
	for run := range b.opt.runs {
		for _, rules := range []int{10, 1_000, 10_000} {
			got, err := b.drainOnce(ruas, d, job{app: b.name("rules"), topics: d.topics(), rules: rules, config: "clock: records", countOnly: true}, 1)
			if err != nil {
				return err
			}
			values := got.values(d.opt.Events)
			values[perEventAndChange] = got.used.worker.Seconds() * 1e6 / float64(d.opt.Events+got.count)
			series := fmt.Sprintf("S%d", rules)
			progress("rules, run %d, %s: %.1f CPU µs an event and change, %d changes, %.1f s", run+1, series, values[perEventAndChange], got.count, got.took.Seconds())
			if err := b.store.add("rules", series, sample{Run: run, Values: values}); err != nil {
				return err
			}
		}
	}
	return nil
}

// workers measures what the work costs where more workers share the machine.
func (b *bench) workers() error {
	if !b.opt.takes("ruas") {
		return nil
	}
	d, err := b.data("", b.opt.workload())
	if err != nil {
		return err
	}
	for run := range b.opt.runs {
		for _, n := range []int{4, 1} {
			got, err := b.drainOnce(ruas, d, job{app: b.name("workers"), topics: d.topics(), rules: 10, config: "clock: records"}, n)
			if err != nil {
				return err
			}
			taken := sample{Run: run, Values: got.values(d.opt.Events)}
			want, err := d.expect(10)
			if err != nil {
				return err
			}
			taken.Void = differ(got.changes, want)
			series := fmt.Sprintf("%d workers", n)
			if n == 1 {
				series = "1 worker"
			}
			progress("workers, run %d, %s: %.2f CPU s a million, %.0f events/s", run+1, series, taken.Values[workerCPU], taken.Values[rate])
			if err := b.store.add("workers", series, taken); err != nil {
				return err
			}
		}
	}
	return nil
}
