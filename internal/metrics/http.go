package metrics

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ruas/ruas/internal/api"
)

// HTTP is an api.Observer that keeps Prometheus metrics.
type HTTP struct {
	requests *prometheus.CounterVec   // by route and status
	took     *prometheus.HistogramVec // by route; without streams
	inFlight prometheus.Gauge
	streams  prometheus.Gauge
	now      func() time.Time
}

var _ api.Observer = (*HTTP)(nil)

// NewHTTP registers the metrics of requests. now is the clock that they are timed with.
func NewHTTP(registry *prometheus.Registry, now func() time.Time) *HTTP {
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "ruas", Subsystem: "http", Name: name, Help: help})
	}
	m := &HTTP{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "ruas", Subsystem: "http", Name: "requests_total", Help: "Requests that were answered.",
		}, []string{"route", "status"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: "ruas", Subsystem: "http", Name: "request_seconds", Help: "Time of answering a request, streams of changes left out.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10},
		}, []string{"route"}),
		inFlight: gauge("in_flight", "Requests that are being answered, streams of changes among them."),
		streams:  gauge("streams", "Streams of changes that are open."),
		now:      now,
	}
	registry.MustRegister(m.requests, m.took, m.inFlight, m.streams)
	return m
}

type contextKey int

// keyBegan has the time at which a request began.
const keyBegan contextKey = iota

// Began implements api.Observer.
func (m *HTTP) Began(r *http.Request) context.Context {
	m.inFlight.Inc()
	return context.WithValue(r.Context(), keyBegan, m.now())
}

// Answered implements api.Observer.
func (m *HTTP) Answered(ctx context.Context, a api.Answer) {
	m.inFlight.Dec()
	m.requests.WithLabelValues(a.Route, strconv.Itoa(a.Status)).Inc()
	if began, ok := ctx.Value(keyBegan).(time.Time); ok && !a.Stream {
		m.took.WithLabelValues(a.Route).Observe(m.now().Sub(began).Seconds())
	}
}

// Streams implements api.Observer.
func (m *HTTP) Streams(open int) { m.streams.Set(float64(open)) }
