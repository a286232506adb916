package main

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/bench/internal/shop"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/workload"
)

const (
	fewCustomers  = "200,000 customers"
	manyCustomers = "2,000,000 customers"
)

// memory measures what a customer takes on the changelog and in Redis, and what the worker takes: measure 4.
func (b *bench) memory() error {
	if !b.opt.takes("ruas") {
		return nil
	}
	main, err := b.data("", b.opt.workload())
	if err != nil {
		return err
	}
	if err := b.memoryOnce(fewCustomers, main); err != nil {
		return err
	}
	many, err := b.everybodyTwice("many-", 10*b.opt.customers)
	if err != nil {
		return err
	}
	if err := b.memoryOnce(manyCustomers, many); err != nil {
		return err
	}
	return b.remove(many.prefix)
}

// everybodyTwice is a dataset of an event of each customer, and as many more.
func (b *bench) everybodyTwice(prefix string, customers int) (*dataset, error) {
	opt := workload.Options{Events: customers, Customers: customers, Seed: 5}
	d := &dataset{b: b, opt: workload.Options{Events: 2 * customers}, prefix: prefix}
	if err := shop.CreateTopics(b.ctx, b.admin, partitions, d.topics()...); err != nil {
		return nil, err
	}
	_, err := shop.Send(b.ctx, b.client, d.prefix, everybody(customers, workload.Start), workload.Records(opt),
		workload.Closing(opt, partitions, shop.ClosingCustomer(partitions)))
	if err != nil {
		return nil, err
	}
	d.ends, err = b.ends(d.topics()...)
	return d, err
}

func (b *bench) memoryOnce(series string, d *dataset) error {
	j := job{app: b.name("memory"), topics: d.topics(), rules: 10, config: "clock: records", countOnly: true}
	values, err := b.weigh(j, d)
	if err != nil {
		return err
	}
	if err := b.store.add("memory", series, sample{Values: values}); err != nil {
		return err
	}
	return b.remove(j.app)
}

// weigh lets ruas drain a dataset, and gives what its customers take then. Topics and Redis stay as they are.
func (b *bench) weigh(j job, d *dataset) (map[string]float64, error) {
	empty, err := b.usedByRedis()
	if err != nil {
		return nil, err
	}
	kept := b.opt.keep
	b.opt.keep = true
	got, err := b.drainOnce(ruas, d, j, 1)
	b.opt.keep = kept
	if err != nil {
		return nil, err
	}
	full, err := b.usedByRedis()
	if err != nil {
		return nil, err
	}
	records := map[string]int{} // sizes of states and archives, by their keys
	err = b.each(b.ctx, j.app+"-state", func(r *kgo.Record) error {
		if len(r.Key) < 2 || r.Key[0] != 'c' {
			return nil // a record of the task's own
		}
		if key := string(r.Key[1:]); r.Value != nil {
			records[key] = len(r.Value)
		} else {
			delete(records, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	customers := map[string]int{} // what each one takes
	total, keys := 0, 0
	for key, n := range records {
		id, _ := pipeline.ArchiveOf(key)
		customers[id] += n
		total += n
		keys += len(key) + 1
	}
	sizes := slices.Sorted(maps.Values(customers))
	n := float64(len(sizes))
	values := got.values(d.opt.Events)
	values["customers"], values["rss_bytes"] = n, got.resting
	values["changelog_mean_bytes"], values["changelog_median_bytes"] = float64(total)/n, float64(sizes[len(sizes)/2])
	values["changelog_live_bytes"] = float64(total + keys)
	values["redis_bytes_per_customer"] = (full - empty) / n
	progress("%.0f customers: %.0f B on the changelog (median %.0f), %.0f B in Redis; worker %.0f MiB, peak %.0f", n, float64(total)/n,
		values["changelog_median_bytes"], values["redis_bytes_per_customer"], got.resting/(1<<20), got.peak/(1<<20))
	return values, nil
}

// usedByRedis gives the memory that Redis says it uses.
func (b *bench) usedByRedis() (float64, error) {
	info, err := b.view.Info(b.ctx, "memory").Result()
	if err != nil {
		return 0, fmt.Errorf("asking Redis for its memory: %w", err)
	}
	_, rest, _ := strings.Cut(info, "used_memory:")
	text, _, _ := strings.Cut(rest, "\r\n")
	return strconv.ParseFloat(text, 64)
}

// everybody gives each customer an event at the start.
func everybody(customers int, start time.Time) iter.Seq[workload.Record] {
	return func(yield func(workload.Record) bool) {
		at := start.UTC().Format("2006-01-02T15:04:05.000Z")
		for i := range customers {
			key := "c" + strconv.Itoa(i)
			value := fmt.Appendf(nil, `{"id":"first%d","type":"product_view","customer_id":%q,"time":%q,"product_id":"p1","category":"cat1","price":9.99}`, i, key, at)
			if !yield(workload.Record{Topic: "browsing", Key: key, Time: start.UnixMilli(), Value: value}) {
				return
			}
		}
	}
}
