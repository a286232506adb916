package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ruas/ruas/internal/sizing"
)

// measures are the files that are read of the benchmark's results.
var measures = []string{"drain", "latency", "rules", "memory", "recovery", "replay"}

// measured is one file of the benchmark's results.
type measured struct {
	Sessions map[string]struct {
		Date, Commit, CPU string
		Cores             int
		Options           string
	}
	Series map[string][]struct {
		Session string
		Values  map[string]float64
		Void    string
	}
}

type reader struct {
	folder string
	files  map[string]*measured
}

func (r *reader) load(name string) error {
	text, err := os.ReadFile(filepath.Join(r.folder, name+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	m := &measured{}
	if err := json.Unmarshal(text, m); err != nil {
		return fmt.Errorf("reading %s.json: %w", name, err)
	}
	r.files[name] = m
	return nil
}

// number is a value with its source.
type number struct {
	value  float64
	source string
}

// median of one value of a series over its runs.
func (r *reader) median(measure, series, value string) (number, bool) {
	m := r.files[measure]
	if m == nil {
		return number{}, false
	}
	var values []float64
	session := ""
	for _, s := range m.Series[series] {
		if v, ok := s.Values[value]; ok && s.Void == "" {
			values, session = append(values, v), s.Session
		}
	}
	if len(values) == 0 {
		return number{}, false
	}
	slices.Sort(values)
	n := len(values)
	e := m.Sessions[session]
	source := fmt.Sprintf("%s.json, %s: %s", measure, series, strings.ReplaceAll(value, "_", " "))
	if n > 1 {
		source += fmt.Sprintf(", median of %d (%.3g to %.3g)", n, values[0], values[n-1])
	}
	source += fmt.Sprintf("; %s, %s, %d cores %s", e.Date, e.Commit, e.Cores, e.CPU)
	if e.Options != "" {
		source += ", bench " + e.Options
	}
	return number{(values[(n-1)/2] + values[n/2]) / 2, source}, true
}

// want is a figure that results give.
type want struct {
	to         *sizing.Figure
	what, unit string
	from       func(*reader) (number, bool)
}

const (
	workerCPU  = "worker_cpu_seconds_per_million"
	brokerCPU  = "broker_cpu_seconds_per_million"
	redisCPU   = "redis_cpu_seconds_per_million"
	peak       = "peak_rss_bytes"
	few        = "200,000 customers"
	many       = "2,000,000 customers"
	perMillion = "CPU s a million events"
)

// The settings that the benchmark does not write down.
const (
	steadyRate = 10_000 // events a second
	partitions = 4
	cached     = partitions * 50_000 // customers, with the default cache
	cores      = 2                   // that two workers, the broker and Redis share
)

func wanted(f *sizing.Figures) []want {
	of := func(measure, series, value string) func(*reader) (number, bool) {
		return func(r *reader) (number, bool) { return r.median(measure, series, value) }
	}
	given := func(v float64, source string) func(*reader) (number, bool) {
		return func(*reader) (number, bool) { return number{v, source}, true }
	}
	return []want{
		{&f.WorkerCPU, "worker, customers in its cache", perMillion, of("drain", "ruas", workerCPU)},
		{&f.WorkerCPUMany, "worker, ten times the customers", perMillion, of("memory", many, workerCPU)},
		{&f.BrokerCPU, "broker, customers in the worker's cache", perMillion, of("drain", "ruas", brokerCPU)},
		{&f.BrokerCPUMany, "broker, ten times the customers", perMillion, of("memory", many, brokerCPU)},
		{&f.RedisCPU, "Redis, customers in the worker's cache", perMillion, of("drain", "ruas", redisCPU)},
		{&f.RedisCPUMany, "Redis, ten times the customers", perMillion, of("memory", many, redisCPU)},
		{&f.ReplayCPU, "decoding, stepping and writing changes alone", perMillion, replayed},
		{&f.SteadyWorker, "worker at a steady rate, small batches", perMillion, of("latency", "ruas", workerCPU)},
		{&f.SteadyBroker, "broker at a steady rate, with the producer's and the readers' requests", perMillion, of("latency", "ruas", brokerCPU)},
		{&f.SteadyRedis, "Redis at a steady rate", perMillion, of("latency", "ruas", redisCPU)},
		{&f.SteadyRate, "the steady rate", "events a second", given(steadyRate, "the benchmark's")},
		{&f.SteadyPartitions, "partitions at the steady rate", "", given(partitions, "the benchmark's")},
		{&f.Rules1000, "CPU of an event and change with S1000, of that with S10", "", againstS10("S1000")},
		{&f.Rules10000, "the same with S10000", "", againstS10("S10000")},
		{&f.Changes1000, "changes an event with S1000", "", changesOf("S1000")},
		{&f.Changes10000, "changes an event with S10000", "", changesOf("S10000")},
		{&f.StateBytes, "a customer's state, mean", "B", of("memory", few, "changelog_mean_bytes")},
		{&f.RedisBytes, "a customer in Redis, all told", "B", of("memory", few, "redis_bytes_per_customer")},
		{&f.WorkerCustomer, "a customer in the worker's cache", "B", func(r *reader) (number, bool) { _, each, ok := resident(r); return each, ok }},
		{&f.WorkerBase, "a worker without customers, with what it has read ahead of 12 partitions", "B", func(r *reader) (number, bool) { base, _, ok := resident(r); return base, ok }},
		{&f.RebuildRate, "customers rebuilt in Redis", "a second and core", rebuilt},
		{&f.Takeover, "a lost worker's partitions publish again, past the session time-out", "s", of("recovery", "kill -9", "past_session_seconds")},
	}
}

// replayed takes the replay of the most events.
func replayed(r *reader) (best number, ok bool) {
	if r.files["replay"] == nil {
		return best, false
	}
	most := 0.
	for series := range r.files["replay"].Series {
		if n, ok := r.median("replay", series, "events"); ok && strings.HasPrefix(series, "ruas") && n.value > most {
			most = n.value
			best, _ = r.median("replay", series, workerCPU)
		}
	}
	return best, best.source != ""
}

func againstS10(set string) func(*reader) (number, bool) {
	return func(r *reader) (number, bool) {
		const value = "cpu_microseconds_per_event_and_change"
		base, ok := r.median("rules", "S10", value)
		n, ok2 := r.median("rules", set, value)
		if !ok || !ok2 || base.value == 0 {
			return number{}, false
		}
		return number{n.value / base.value, n.source + "; over that of S10"}, true
	}
}

func changesOf(set string) func(*reader) (number, bool) {
	return func(r *reader) (number, bool) {
		n, ok := r.median("rules", set, "changes")
		events, ok2 := r.median("rules", set, "events")
		if !ok || !ok2 || events.value == 0 {
			return number{}, false
		}
		return number{n.value / events.value, n.source + "; over the events"}, true
	}
}

// resident solves two equations: a worker's peak is what it takes anyway, and so much a cached customer.
func resident(r *reader) (base, each number, ok bool) {
	a, b := [2]string{"memory", few}, [2]string{"memory", many}
	customers := func(of [2]string) float64 {
		n, _ := r.median(of[0], of[1], "customers")
		return min(n.value, cached)
	}
	inA, inB := customers(a), customers(b)
	if max(inA, inB) < 2*min(inA, inB) { // too near each other: what else differs would count for customers
		const ofRules = 5_000 // that the benchmark's measure of many rules has
		b, inB = [2]string{"rules", "S10"}, ofRules
	}
	x, ok := r.median(a[0], a[1], peak)
	y, ok2 := r.median(b[0], b[1], peak)
	if !ok || !ok2 || inA == inB {
		return base, each, false
	}
	source := fmt.Sprintf("%s; with %s.json, %s: two equations for a part that is always there and one a cached customer", x.source, b[0], b[1])
	each = number{max(0, (x.value-y.value)/(inA-inB)), source}
	base = number{max(0, x.value-each.value*inA), source}
	return base, each, true
}

// rebuilt is the rate at which customers came back after Redis was emptied, from the loss to the first changes of all partitions.
func rebuilt(r *reader) (number, bool) {
	took, ok := r.median("recovery", "FLUSHALL", "seconds")
	n, ok2 := r.median("recovery", "FLUSHALL", "customers")
	if !ok || !ok2 || took.value == 0 {
		return number{}, false
	}
	return number{
		n.value / took.value / cores,
		took.source + fmt.Sprintf("; %.0f customers came back, on %d cores that workers, broker and Redis share", n.value, cores),
	}, true
}
