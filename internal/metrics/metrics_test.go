package metrics

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/pipeline"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	now := time.UnixMilli(100_000)
	m := New(Options{
		Registry: registry, Sources: []string{"purchases", "browsing"}, Segments: []string{"big", "small"}, Version: "v1",
		Now: func() time.Time { return now },
	})
	ready := errors.New("not in the group")
	server := httptest.NewServer(Operators(registry, func() error { return ready }, http.NotFoundHandler()))
	t.Cleanup(server.Close)

	m.Committed(3, pipeline.Committed{
		Events: []int{5, 7}, Joins: []int{2, 0}, Leaves: []int{0, 1}, Reasons: map[string]int{"json": 4},
		Customers: 6, StateBytes: 600, Shed: 11, Due: 8, Took: 30 * time.Millisecond,
	})
	m.Written(3, 3*time.Millisecond)
	m.Lag(3, "purchases", 12)
	m.Clock(3, 99_000, 9)
	m.Warming(3, []engine.Warming{{Segment: "big", Until: 1}, {Segment: "small", Until: 2}})
	m.Warming(3, []engine.Warming{{Segment: "small", Until: 2}})
	now = now.Add(4 * time.Second) // the clock stands

	_, page := get(t, server.URL+"/metrics")
	for _, line := range []string{
		`ruas_events_total{partition="3",source="browsing"} 7`,
		`ruas_events_total{partition="3",source="purchases"} 5`,
		`ruas_changes_total{change="join",segment="big"} 2`,
		`ruas_changes_total{change="leave",segment="small"} 1`,
		`ruas_changes_total{change="leave",segment="big"} 0`, // there from the start, so that a rate has a beginning
		`ruas_dead_letters_total{reason="json"} 4`,
		`ruas_lag_records{partition="3",source="purchases"} 12`,
		`ruas_clock_lag_seconds{partition="3"} 5`,
		`ruas_deadlines{partition="3"} 9`,
		`ruas_segment_warming{partition="3",segment="small"} 1`,
		`ruas_deadlines_fired_total 8`,
		`ruas_states_written_total 6`,
		`ruas_state_bytes_written_total 600`,
		`ruas_state_shed_total 11`,
		`ruas_transaction_seconds_bucket{le="0.05"} 1`,
		`ruas_redis_write_seconds_bucket{le="0.005"} 1`,
		`ruas_build_info{version="v1"} 1`,
	} {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("the page lacks %s", line)
		}
	}
	if strings.Contains(page, `ruas_segment_warming{partition="3",segment="big"}`) {
		t.Error("a segment that has warmed up is still told of")
	}
	m.Released(3)
	_, page = get(t, server.URL+"/metrics")
	for _, gone := range []string{"ruas_lag_records{", "ruas_clock_lag_seconds{", "ruas_deadlines{", "ruas_segment_warming{"} {
		if strings.Contains(page, gone) {
			t.Errorf("a partition given up is still told of in %s", gone)
		}
	}
}

func TestOperators(t *testing.T) {
	ready := errors.New("not in the group")
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	public := httptest.NewServer(Operators(prometheus.NewRegistry(), func() error { return ready }, next))
	t.Cleanup(public.Close)
	admin := httptest.NewServer(Admin(prometheus.NewRegistry(), func() error { return ready }))
	t.Cleanup(admin.Close)
	expect := func(url string, status int, body string) {
		t.Helper()
		if code, text := get(t, url); code != status || !strings.Contains(text, body) {
			t.Errorf("%s: %d %s", url, code, text)
		}
	}
	for _, base := range []string{public.URL, admin.URL} {
		expect(base+"/healthz", http.StatusOK, "alive")
		expect(base+"/readyz", http.StatusServiceUnavailable, "not ready: not in the group")
	}
	ready = nil
	expect(public.URL+"/readyz", http.StatusOK, "ready")
	expect(public.URL+"/v1/segments", http.StatusTeapot, "")
	expect(public.URL+"/debug/pprof/", http.StatusTeapot, "") // profiles are not for the public
	expect(admin.URL+"/debug/pprof/cmdline", http.StatusOK, "metrics.test")
	expect(admin.URL+"/", http.StatusNotFound, "")
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}
