// Package tracing sends traces by OpenTelemetry, over OTLP: of the batches of a pipeline, and of requests to the API. It owns every use of
// OpenTelemetry, and must not know how a batch or an answer comes about. What is not sampled, or cannot be sent, is dropped: nothing waits for it.
package tracing

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/pipeline"
)

// Options says what is sent where.
type Options struct {
	// Endpoint is the URL of an OTLP receiver (HTTP, protobuf), as "http://127.0.0.1:4318"; without a path, /v1/traces is meant. Headers that
	// it wants are those of OTEL_EXPORTER_OTLP_HEADERS.
	Endpoint string
	// Sample is the share of batches, and of requests that no sampled trace of the caller's belongs to, that is sent: from 0 to 1.
	Sample float64
	// Version is that of ruas.
	Version string
	Logger  *zap.Logger
}

// Tracing sends traces.
type Tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
}

var _ api.Observer = (*Tracing)(nil)

// New begins to send. It does not connect: a receiver that is away is logged about when something could not be sent.
func New(ctx context.Context, opt Options) (*Tracing, error) {
	at, err := url.Parse(opt.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint: %w", err)
	}
	if strings.Trim(at.Path, "/") == "" {
		at.Path = "/v1/traces"
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(at.String()))
	if err != nil {
		return nil, fmt.Errorf("sending traces: %w", err)
	}
	// What the environment says of the process (OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME) counts for more.
	of, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "ruas"), attribute.String("service.version", opt.Version)),
		resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("describing the process for traces: %w", err)
	}
	said := &trouble{logger: opt.Logger}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(said.handle))
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(exporter),
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(opt.Sample))),
		sdk.WithResource(of),
	)
	return &Tracing{provider, provider.Tracer("github.com/ruas/ruas")}, nil
}

// Close sends what is left, or drops it when ctx is done.
func (t *Tracing) Close(ctx context.Context) error {
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("sending the last traces: %w", err)
	}
	return nil
}

// Batch sends the trace of a batch: one span for each part of the work on it, below one of the whole.
func (t *Tracing) Batch(b *pipeline.Traced) {
	at := func(when time.Time) trace.SpanStartEventOption { return trace.WithTimestamp(when) }
	began, ended := b.Parts[pipeline.Polling].Began, time.Time{}
	ctx, whole := t.tracer.Start(context.Background(), "batch", at(began), trace.WithNewRoot(), trace.WithAttributes(
		attribute.Int("ruas.partition", int(b.Partition)),
		attribute.Int("ruas.inputs", b.Inputs), attribute.Int("ruas.deadlines", b.Due), attribute.Int("ruas.customers", b.Customers),
		attribute.Int("ruas.changes", b.Changes), attribute.Int("ruas.dead_letters", b.DeadLetters),
	))
	if !whole.IsRecording() {
		return
	}
	for part, is := range b.Parts {
		if is.Began.IsZero() {
			continue
		}
		failed := is.Ended.IsZero()
		if failed {
			is.Ended = time.Now()
		}
		_, span := t.tracer.Start(ctx, pipeline.Part(part).String(), at(is.Began))
		if failed && b.Failed != nil {
			span.SetStatus(codes.Error, b.Failed.Error())
		}
		span.End(trace.WithTimestamp(is.Ended))
		ended = is.Ended
	}
	if b.Failed != nil {
		whole.SetStatus(codes.Error, b.Failed.Error())
	}
	whole.End(trace.WithTimestamp(ended))
}

// Began implements api.Observer: the span belongs to the trace of the caller, where the request has a traceparent (W3C Trace Context).
func (t *Tracing) Began(r *http.Request) context.Context {
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	// What the path and the query hold may name a customer, and is not sent.
	ctx, _ = t.tracer.Start(ctx, r.Method, trace.WithSpanKind(trace.SpanKindServer))
	return ctx
}

// Answered implements api.Observer.
func (t *Tracing) Answered(ctx context.Context, a api.Answer) {
	span := trace.SpanFromContext(ctx)
	if !span.IsRecording() {
		return
	}
	method, route, ok := strings.Cut(a.Route, " ")
	if !ok {
		method, route = "", a.Route
	}
	if method != "" {
		span.SetName(a.Route)
		span.SetAttributes(attribute.String("http.request.method", method))
	}
	span.SetAttributes(attribute.String("http.route", route), attribute.Int("http.response.status_code", a.Status), attribute.String("ruas.request_id", a.RequestID))
	if a.Status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}

// Streams implements api.Observer.
func (*Tracing) Streams(int) {}

// trouble logs what goes wrong with sending, each minute at most.
type trouble struct {
	logger *zap.Logger

	mu   sync.Mutex
	said time.Time
}

func (t *trouble) handle(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.said) < time.Minute {
		return
	}
	t.said = time.Now()
	t.logger.Warn("traces are not sent", zap.Error(err))
}
