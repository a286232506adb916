package main

import "github.com/ruas/ruas/internal/workload"

func (b *bench) warm() (*dataset, error) {
	return b.data("warm-", workload.Options{Events: 300_000, Customers: 15_000, Seed: 2})
}
func (b *bench) latency() error   { return nil }
func (b *bench) manyRules() error { return nil }
func (b *bench) memory() error    { return nil }
func (b *bench) lateness() error  { return nil }
func (b *bench) recovery() error  { return nil }
func (b *bench) replay() error    { return nil }
func (b *bench) workers() error   { return nil }
func writeReport(string) error    { return nil }
