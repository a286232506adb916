//go:build integration

package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// traces receives the spans of processes.
type traces struct {
	url  string
	mu   sync.Mutex
	seen []string // names of spans
}

func receiveTraces(t *testing.T) *traces {
	t.Helper()
	tr := &traces{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var export collector.ExportTraceServiceRequest
		if err := errors.Join(err, proto.Unmarshal(body, &export)); err != nil {
			t.Errorf("receiving traces: %v", err)
		}
		tr.mu.Lock()
		defer tr.mu.Unlock()
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					tr.seen = append(tr.seen, span.Name)
				}
			}
		}
	}))
	t.Cleanup(server.Close)
	tr.url = server.URL
	return tr
}

// environ has processes send all their traces, soon.
func (tr *traces) environ() []string {
	return []string{"RUAS_TRACING_ENDPOINT=" + tr.url, "RUAS_TRACING_SAMPLE=1", "OTEL_BSP_SCHEDULE_DELAY=100"}
}

// await waits for spans of these names.
func (tr *traces) await(t *testing.T, names ...string) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		tr.mu.Lock()
		missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(tr.seen, name) })
		tr.mu.Unlock()
		if len(missing) == 0 {
			return
		}
		if time.Now().After(end) {
			t.Errorf("no spans are named %q", missing)
			return
		}
	}
}
