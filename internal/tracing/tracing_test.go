package tracing

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/pipeline"
)

// receiver is an OTLP receiver in this process.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*otlp.Span
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		var export collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(body, &export); err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				r.spans = append(r.spans, scope.Spans...)
			}
		}
	})
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) tracing(t *testing.T, sample float64) *Tracing {
	t.Helper()
	tr, err := New(t.Context(), Options{Endpoint: r.URL, Sample: sample, Version: "v1", Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// received ends the sending, and gives the spans in order of their beginnings.
func (r *receiver) received(t *testing.T, tr *Tracing) []*otlp.Span {
	t.Helper()
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(r.spans, func(a, b *otlp.Span) int { return int(a.StartTimeUnixNano) - int(b.StartTimeUnixNano) })
	return r.spans
}

func attributes(s *otlp.Span) map[string]any {
	all := map[string]any{}
	for _, a := range s.Attributes {
		if a.Value.GetStringValue() != "" {
			all[a.Key] = a.Value.GetStringValue()
		} else {
			all[a.Key] = a.Value.GetIntValue()
		}
	}
	return all
}

func TestBatches(t *testing.T) {
	r := newReceiver(t)
	tr := r.tracing(t, 1)
	good := &pipeline.Traced{Partition: 3, Inputs: 20, Changes: 4}
	for part := range good.Parts {
		good.Parts[part].Began = time.Unix(100+int64(part)*10, 0)
		good.Parts[part].Ended = time.Unix(105+int64(part)*10, 0)
	}
	tr.Batch(good)
	bad := &pipeline.Traced{Failed: errors.New("no broker")}
	bad.Parts[pipeline.Polling].Began, bad.Parts[pipeline.Polling].Ended = time.Unix(200, 0), time.Unix(201, 0)
	bad.Parts[pipeline.Loading].Began = time.Unix(201, 0)
	tr.Batch(bad)

	spans := r.received(t, tr)
	var names []string
	for _, s := range spans {
		names = append(names, s.Name)
	}
	if want := []string{"batch", "poll", "load", "step", "commit", "view", "batch", "poll", "load"}; !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(want))) {
		t.Fatalf("spans %q, want %q", names, want)
	}
	by := map[string]*otlp.Span{}
	for _, s := range spans[:6] {
		by[s.Name] = s
	}
	root := by["batch"]
	if a := attributes(root); len(root.ParentSpanId) > 0 || a["ruas.partition"] != int64(3) || a["ruas.inputs"] != int64(20) || a["ruas.changes"] != int64(4) {
		t.Errorf("the batch: %v", root)
	}
	if root.StartTimeUnixNano != uint64(100*time.Second) || root.EndTimeUnixNano != uint64(145*time.Second) {
		t.Errorf("it took from %d to %d", root.StartTimeUnixNano, root.EndTimeUnixNano)
	}
	for name, s := range by {
		if name != "batch" && (string(s.ParentSpanId) != string(root.SpanId) || string(s.TraceId) != string(root.TraceId)) {
			t.Errorf("%s is not below the batch: %v", name, s)
		}
	}
	if s := by["commit"]; s.StartTimeUnixNano != uint64(130*time.Second) || s.EndTimeUnixNano != uint64(135*time.Second) {
		t.Errorf("commit took from %d to %d", s.StartTimeUnixNano, s.EndTimeUnixNano)
	}
	failed := 0
	for _, s := range spans[6:] {
		if s.Status.GetCode() == otlp.Status_STATUS_CODE_ERROR && s.Status.Message == "no broker" {
			failed++
		}
	}
	if failed != 2 {
		t.Errorf("%d spans failed, want the load and its batch", failed)
	}
}

func TestRequests(t *testing.T) {
	r := newReceiver(t)
	tr := r.tracing(t, 0) // those of sampled callers alone
	request := httptest.NewRequest(http.MethodGet, "/v1/customers/c42", http.NoBody)
	tr.Answered(tr.Began(request), api.Answer{Route: "GET /v1/customers/{id}", Status: 200})
	request.Header.Set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	tr.Answered(tr.Began(request), api.Answer{Route: "GET /v1/customers/{id}", Status: 503, RequestID: "r1"})
	spans := r.received(t, tr)
	if len(spans) != 1 {
		t.Fatalf("%d spans, want that of the sampled caller: %v", len(spans), spans)
	}
	s := spans[0]
	if hex.EncodeToString(s.TraceId) != "0af7651916cd43dd8448eb211c80319c" || hex.EncodeToString(s.ParentSpanId) != "b7ad6b7169203331" {
		t.Errorf("it does not belong to the caller's: %v", s)
	}
	a := attributes(s)
	if s.Name != "GET /v1/customers/{id}" || s.Kind != otlp.Span_SPAN_KIND_SERVER || a["http.route"] != "/v1/customers/{id}" ||
		a["http.response.status_code"] != int64(503) || a["ruas.request_id"] != "r1" || s.Status.GetCode() != otlp.Status_STATUS_CODE_ERROR {
		t.Errorf("%v", s)
	}
	for name, value := range a {
		if value == "c42" || value == "/v1/customers/c42" {
			t.Errorf("the span names the customer in %s", name)
		}
	}
}

// TestNobodyListens sends to where nothing is: nothing waits for it.
func TestNobodyListens(t *testing.T) {
	tr, err := New(t.Context(), Options{Endpoint: "http://127.0.0.1:1", Sample: 1, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for range 10_000 {
		tr.Batch(&pipeline.Traced{})
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_ = tr.Close(ctx) // what is lost is lost
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
