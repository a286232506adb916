package pipeline_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/tracing"
)

// TestBatchesAreTraced sends the traces of a worker to a receiver in this process: each batch has its parts, in order, one after the other.
func TestBatchesAreTraced(t *testing.T) {
	r, _ := fakes(t, buyerRule)
	var (
		mu     sync.Mutex
		traces = map[string][]*otlp.Span{}
	)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		var export collector.ExportTraceServiceRequest
		if err := errors.Join(err, proto.Unmarshal(body, &export)); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, resource := range export.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, span := range scope.Spans {
					traces[string(span.TraceId)] = append(traces[string(span.TraceId)], span)
				}
			}
		}
	}))
	t.Cleanup(receiver.Close)
	tr, err := tracing.New(t.Context(), tracing.Options{Endpoint: receiver.URL, Sample: 1, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	r.change = func(opt *pipeline.Options) { opt.Traced = tr.Batch }
	w := r.start()
	for i, c := range []string{"a", "b", "c", "d"} {
		r.produce(record("purchases", c, "e", "purchase", int64(1000+i), `,"amount":5`))
		r.settle() // a transaction for each
	}
	w.end()
	if err := tr.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	inputs := int64(0)
	for _, spans := range traces {
		slices.SortFunc(spans, func(a, b *otlp.Span) int { return strings.Compare(a.Name, b.Name) })
		var names []string
		by := map[string]*otlp.Span{}
		for _, s := range spans {
			names = append(names, s.Name)
			by[s.Name] = s
		}
		if want := []string{"batch", "commit", "load", "poll", "step", "view"}; !slices.Equal(names, want) {
			t.Fatalf("a batch has the spans %q, want %q", names, want)
		}
		whole := by["batch"]
		last := whole.StartTimeUnixNano
		for _, name := range []string{"poll", "load", "step", "commit", "view"} {
			s := by[name]
			if string(s.ParentSpanId) != string(whole.SpanId) || s.StartTimeUnixNano < last || s.EndTimeUnixNano < s.StartTimeUnixNano {
				t.Errorf("%s from %d to %d, after %d, below %x in %x", name, s.StartTimeUnixNano, s.EndTimeUnixNano, last, s.ParentSpanId, whole.SpanId)
			}
			last = s.EndTimeUnixNano
		}
		if whole.EndTimeUnixNano != last {
			t.Errorf("the batch ends at %d, its last part at %d", whole.EndTimeUnixNano, last)
		}
		for _, a := range whole.Attributes {
			if a.Key == "ruas.inputs" {
				inputs += a.Value.GetIntValue()
			}
		}
	}
	if inputs != 4 || len(traces) < 4 {
		t.Errorf("%d batches with %d inputs, want 4", len(traces), inputs)
	}
}

// TestFailedBatchesAreTraced loses Redis while a batch waits for its customers.
func TestFailedBatchesAreTraced(t *testing.T) {
	r, mini := fakes(t, buyerRule)
	failed := make(chan *pipeline.Traced, 100)
	r.change = func(opt *pipeline.Options) {
		opt.CacheCustomers = 1
		opt.Traced = func(b *pipeline.Traced) {
			if b.Failed != nil {
				failed <- b
			}
		}
	}
	w := r.start()
	r.produce(record("purchases", "a", "e", "purchase", 1000, `,"amount":5`))
	r.settle()
	mini.FlushAll()
	for i, end := 0, time.Now().Add(30*time.Second); ; i++ {
		r.produce(record("purchases", "a"+strings.Repeat("x", i), "e", "purchase", int64(1001+i), `,"amount":5`))
		select {
		case b := <-failed:
			if !errors.Is(b.Failed, pipeline.ErrStale) {
				t.Errorf("failed by %v", b.Failed)
			}
			w.end()
			return
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(end) {
			t.Fatal("no batch failed")
		}
	}
}
