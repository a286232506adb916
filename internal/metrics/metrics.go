// Package metrics owns what operators see of a running ruas: Prometheus metrics, health, readiness and profiles. It watches a pipeline as
// its observer, and must not know how the pipeline works.
package metrics

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/pipeline"
)

// Metrics is a pipeline.Observer that keeps Prometheus metrics.
type Metrics struct {
	events       *prometheus.CounterVec // by source and partition
	deadLetters  *prometheus.CounterVec // by reason
	lag          *prometheus.GaugeVec   // by source and partition
	deadlines    *prometheus.GaugeVec   // by partition
	warming      *prometheus.GaugeVec   // by segment and partition
	fired        prometheus.Counter
	customers    prometheus.Counter
	stateBytes   prometheus.Counter
	shed         prometheus.Counter
	transactions prometheus.Histogram
	writes       prometheus.Histogram
	clocks       *clocks

	sources  []string
	changes  *prometheus.CounterVec // by segment and kind
	segments atomic.Pointer[segmentCounters]
}

// segmentCounters count by segment, in the engine's order.
type segmentCounters struct {
	names         []string
	joins, leaves []prometheus.Counter
}

var _ pipeline.Observer = (*Metrics)(nil)

// Options says what is measured.
type Options struct {
	Registry *prometheus.Registry
	// Sources and Segments are names, in the order of the pipeline's sources and the engine's segments.
	Sources, Segments []string
	Version           string
	// Now is the present, for the lag of clocks.
	Now func() time.Time
}

// New registers the metrics.
func New(opt Options) *Metrics {
	latency := []float64{.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "ruas", Name: name, Help: help}, labels)
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "ruas", Name: name, Help: help})
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "ruas", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "ruas", Name: name, Help: help, Buckets: latency})
	}
	m := &Metrics{
		events:       counters("events_total", "Records of input taken, dead letters and duplicates among them.", "source", "partition"),
		deadLetters:  counters("dead_letters_total", "Records that went to the dead letters.", "reason"),
		lag:          gauges("lag_records", "Records between what was applied and the end of a source.", "source", "partition"),
		deadlines:    gauges("deadlines", "Customers with a moment ahead at which time alone may move them, as far as it is in memory.", "partition"),
		warming:      gauges("segment_warming", "1 for a segment that cannot be decided of every customer yet, because the rules changed: memberships stand meanwhile.", "segment", "partition"),
		fired:        counter("deadlines_fired_total", "Customers who were looked at because their moment had come."),
		customers:    counter("states_written_total", "Customers' states written."),
		stateBytes:   counter("state_bytes_written_total", "Size of the states written, with their archives; by states_written_total it gives what a write of a customer's state takes."),
		shed:         counter("state_shed_total", "Entries that the bounds pushed out of customers' states while a rule still asked for them: answers about these customers are approximate."),
		transactions: histogram("transaction_seconds", "Time of a Kafka transaction, from its first record to its commit."),
		writes:       histogram("redis_write_seconds", "Time of writing a batch to Redis."),
		clocks: &clocks{
			now: opt.Now, at: map[int32]int64{},
			desc: prometheus.NewDesc("ruas_clock_lag_seconds", "By how much a partition's clock is behind the present.", []string{"partition"}, nil),
		},
		sources: opt.Sources,
		changes: counters("changes_total", "Changes published.", "segment", "change"),
	}
	m.SetSegments(opt.Segments)
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "ruas", Name: "build_info", Help: "1, with the version.", ConstLabels: prometheus.Labels{"version": opt.Version},
	})
	info.Set(1)
	opt.Registry.MustRegister(m.events, m.changes, m.deadLetters, m.lag, m.deadlines, m.warming, m.fired, m.customers, m.stateBytes, m.shed, m.transactions, m.writes,
		m.clocks, info, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// SetSegments says that the pipeline to come has other segments, in the engine's order. Those that stay are counted on.
func (m *Metrics) SetSegments(names []string) {
	next := &segmentCounters{names: names}
	for _, segment := range names {
		next.joins = append(next.joins, m.changes.WithLabelValues(segment, "join"))
		next.leaves = append(next.leaves, m.changes.WithLabelValues(segment, "leave"))
	}
	before := m.segments.Swap(next)
	if before == nil {
		return
	}
	for _, segment := range before.names {
		if !slices.Contains(names, segment) {
			m.changes.DeletePartialMatch(prometheus.Labels{"segment": segment})
		}
	}
}

func label(number int32) string { return strconv.Itoa(int(number)) }

// Committed implements pipeline.Observer.
func (m *Metrics) Committed(number int32, c pipeline.Committed) {
	for i, n := range c.Events {
		m.events.WithLabelValues(m.sources[i], label(number)).Add(float64(n))
	}
	segments := m.segments.Load()
	for i, n := range c.Joins {
		segments.joins[i].Add(float64(n))
	}
	for i, n := range c.Leaves {
		segments.leaves[i].Add(float64(n))
	}
	for reason, n := range c.Reasons {
		m.deadLetters.WithLabelValues(reason).Add(float64(n))
	}
	m.fired.Add(float64(c.Due))
	m.customers.Add(float64(c.Customers))
	m.stateBytes.Add(float64(c.StateBytes))
	m.shed.Add(float64(c.Shed))
	m.transactions.Observe(c.Took.Seconds())
}

// Written implements pipeline.Observer.
func (m *Metrics) Written(_ int32, took time.Duration) { m.writes.Observe(took.Seconds()) }

// Lag implements pipeline.Observer.
func (m *Metrics) Lag(number int32, source string, records int64) {
	m.lag.WithLabelValues(source, label(number)).Set(float64(records))
}

// Clock implements pipeline.Observer.
func (m *Metrics) Clock(number int32, clock int64, deadlines int) {
	m.deadlines.WithLabelValues(label(number)).Set(float64(deadlines))
	m.clocks.set(number, clock)
}

// Warming implements pipeline.Observer.
func (m *Metrics) Warming(number int32, segments []engine.Warming) {
	m.warming.DeletePartialMatch(prometheus.Labels{"partition": label(number)})
	for _, s := range segments {
		m.warming.WithLabelValues(s.Segment, label(number)).Set(1)
	}
}

// Released implements pipeline.Observer: what another worker now tells of the partition is no longer told here.
func (m *Metrics) Released(number int32) {
	partition := prometheus.Labels{"partition": label(number)}
	m.lag.DeletePartialMatch(partition)
	m.deadlines.DeletePartialMatch(partition)
	m.warming.DeletePartialMatch(partition)
	m.clocks.remove(number)
}

// clocks tells how far partitions' clocks are behind at the moment when it is asked: a clock that stands falls further behind.
type clocks struct {
	now  func() time.Time
	desc *prometheus.Desc

	mu sync.Mutex
	at map[int32]int64 // milliseconds since the epoch
}

func (c *clocks) set(number int32, clock int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at[number] = clock
}

func (c *clocks) remove(number int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.at, number)
}

// Describe implements prometheus.Collector.
func (c *clocks) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- c.desc }

// Collect implements prometheus.Collector.
func (c *clocks) Collect(metrics chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now().UnixMilli()
	for number, at := range c.at {
		metrics <- prometheus.MustNewConstMetric(c.desc, prometheus.GaugeValue, float64(now-at)/1000, label(number))
	}
}
