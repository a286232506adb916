package main

import (
	"fmt"
	"math"
	"strconv"
)

// bound is what a figure is to be.
type bound struct {
	sign  string // ≤, < or ≥
	limit float64
}

func (b bound) met(v float64) bool {
	switch b.sign {
	case "≥":
		return v >= b.limit
	case "<":
		return v < b.limit
	default:
		return v <= b.limit
	}
}

// unit says how a figure is written.
type unit struct {
	name  string
	scale float64 // what it is divided by
}

var (
	plain        = unit{"", 1}
	times        = unit{" ×", 1}
	milliseconds = unit{" ms", 1e-3}
	seconds      = unit{" s", 1}
	mebibytes    = unit{" MiB", 1 << 20}
	bytesUnit    = unit{" B", 1}
	perSecond    = unit{"/s", 1}
)

func (u unit) write(v float64) string { return number(v/u.scale) + u.name }

// number writes three digits, or all of a whole number.
func number(v float64) string {
	size := math.Abs(v)
	switch {
	case size >= 1000:
		return grouped(int64(math.Round(v)))
	case size >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case size >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
}

func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// target is a line of the table of what ruas must reach, and what it aims at.
type target struct {
	what      string
	unit      unit
	measured  func(reader) (stat, bool)
	must, aim *bound
}

func atMost(limit float64) *bound  { return &bound{"≤", limit} }
func below(limit float64) *bound   { return &bound{"<", limit} }
func atLeast(limit float64) *bound { return &bound{"≥", limit} }

const (
	workerCPU = "worker_cpu_seconds_per_million"
	brokerCPU = "broker_cpu_seconds_per_million"
	redisCPU  = "redis_cpu_seconds_per_million"
	rate      = "events_per_second"
	peakRSS   = "peak_rss_bytes"
)

const (
	rocksdb = "streams rocksdb"
	expert  = "streams expert"
)

// targets are in the order of the table.
func targets() []target {
	of := func(measure, series, name string) func(reader) (stat, bool) {
		return func(r reader) (stat, bool) { return r.stat(measure, series, value(name)) }
	}
	against := func(measure, peer string, names ...string) func(reader) (stat, bool) {
		return func(r reader) (stat, bool) { return r.ratio(measure, "ruas", value(names...), peer, value(names...)) }
	}
	rules := func(set string) func(reader) (stat, bool) {
		return func(r reader) (stat, bool) {
			return r.ratio("rules", set, value(perEventAndChange), "S10", value(perEventAndChange))
		}
	}
	list := []target{
		{"drain: worker's CPU s a million events", seconds, of("drain", "ruas", workerCPU), atMost(2.5), atMost(1.4)},
		{"… of Kafka Streams (RocksDB)", times, against("drain", rocksdb, workerCPU), atMost(1. / 4), nil},
		{"… of the expert's Kafka Streams", times, against("drain", expert, workerCPU), nil, atMost(1. / 5)},
		{"… of Flink", times, against("drain", "flink", workerCPU), atMost(1. / 3), nil},
		{"drain: CPU of worker, broker and Redis, of Kafka Streams (RocksDB) and broker", times, against("drain", rocksdb, workerCPU, brokerCPU, redisCPU), below(1. / 2), atMost(1. / 4)},
		{"drain: events a second, of Kafka Streams (RocksDB)", times, against("drain", rocksdb, rate), atLeast(3), nil},
		{"… of Flink", times, against("drain", "flink", rate), atLeast(3), nil},
		{"… of the expert's Kafka Streams", times, against("drain", expert, rate), atLeast(1.5), nil},
		{"… of the ceiling", times, against("drain", "ceiling", rate), nil, atLeast(0.6)},
		{"latency at a steady rate: p99, of the expert's Kafka Streams", times, against("latency", expert, "p99_seconds"), below(1), atMost(0.5)},
		{"latency: p50", milliseconds, of("latency", "ruas", "p50_seconds"), nil, atMost(8e-3)},
		{"latency: p99", milliseconds, of("latency", "ruas", "p99_seconds"), nil, atMost(20e-3)},
	}
	for i, peer := range []struct{ name, told string }{{expert, "the expert's Kafka Streams"}, {rocksdb, "Kafka Streams (RocksDB)"}, {"flink", "Flink"}} {
		what := "… of " + peer.told
		if i == 0 {
			what = "worker's CPU at a steady rate, of " + peer.told
		}
		list = append(list, target{what, times, against("latency", peer.name, workerCPU), atMost(1. / 2), atMost(1. / 4)})
	}
	return append(list,
		target{"rules: CPU an event and change, S1000 of S10", times, rules("S1000"), atMost(1.5), atMost(1.2)},
		target{"… S10000 of S10", times, rules("S10000"), atMost(3), atMost(2)},
		target{"state a customer on the changelog, median", bytesUnit, of("memory", fewCustomers, "changelog_median_bytes"), atMost(300), atMost(150)},
		target{"state a customer in Redis, all told", bytesUnit, of("memory", fewCustomers, "redis_bytes_per_customer"), atMost(400), atMost(250)},
		target{"worker's peak resident memory, " + fewCustomers, mebibytes, of("memory", fewCustomers, peakRSS), atMost(400 << 20), atMost(200 << 20)},
		target{"… " + manyCustomers, mebibytes, of("memory", manyCustomers, peakRSS), atMost(600 << 20), atMost(300 << 20)},
		target{"lateness of 100,000 deadlines in a minute: p99", milliseconds, of("time", "ruas", "p99_seconds"), atMost(0.3), atMost(0.05)},
		target{"… worst", milliseconds, of("time", "ruas", "worst_seconds"), atMost(1), nil},
		target{"recovery from FLUSHALL", seconds, of("recovery", flushed, "seconds"), atMost(10), atMost(3)},
		target{"recovery from kill -9, past the session time-out", seconds, of("recovery", killed, "past_session_seconds"), atMost(5), atMost(1)},
		target{"replay on one core: events a second", perSecond, replayed, atLeast(500_000), atLeast(1_000_000)},
		target{"… peak memory with four times the events", times, replayGrowth, atMost(1.25), nil},
		target{"… CPU, of DuckDB's final memberships", times, replayAgainstSQL, nil, below(1)},
		target{"API: a customer at 2,000 requests a second beside the pipeline, p99", milliseconds, of("api", "ruas", "p99_seconds"), below(5e-3), nil},
	)
}

// line writes a target as a row of the table.
func (t target) line(r reader) string {
	got, ok := t.measured(r)
	measured := "not measured"
	if ok {
		measured = t.unit.write(got.median)
		if got.runs > 1 {
			measured += fmt.Sprintf(" (%s–%s)", number(got.least/t.unit.scale), number(got.most/t.unit.scale))
		}
		if got.apart {
			measured += ", not of one run"
		}
	}
	told := func(b *bound) string {
		if b == nil {
			return " | "
		}
		text := b.sign + " " + t.unit.write(b.limit) + " | "
		switch {
		case !ok:
			return text
		case b.met(got.median):
			return text + "yes"
		default:
			return text + "**no**"
		}
	}
	return fmt.Sprintf("| %s | %s | %s | %s |", t.what, measured, told(t.must), told(t.aim))
}
