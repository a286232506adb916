package metrics

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ruas/ruas/internal/api"
)

func TestHTTP(t *testing.T) {
	registry, now := prometheus.NewRegistry(), time.UnixMilli(0)
	m := NewHTTP(registry, func() time.Time { return now })
	server := httptest.NewServer(Operators(registry, func() error { return nil }, nil))
	t.Cleanup(server.Close)

	request := httptest.NewRequest(http.MethodGet, "/", http.NoBody)
	ctx, stream := m.Began(request), m.Began(request)
	m.Began(request)
	now = now.Add(30 * time.Millisecond)
	m.Answered(ctx, api.Answer{Route: "GET /v1/segments", Status: 200})
	m.Answered(stream, api.Answer{Route: "GET /v1/changes", Status: 200, Stream: true})
	m.Streams(4)
	_, page := get(t, server.URL+"/metrics")
	for _, line := range []string{
		`ruas_http_requests_total{route="GET /v1/changes",status="200"} 1`,
		`ruas_http_requests_total{route="GET /v1/segments",status="200"} 1`,
		`ruas_http_request_seconds_bucket{route="GET /v1/segments",le="0.02"} 0`,
		`ruas_http_request_seconds_bucket{route="GET /v1/segments",le="0.05"} 1`,
		`ruas_http_in_flight 1`,
		`ruas_http_streams 4`,
	} {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("the page lacks %s", line)
		}
	}
	if strings.Contains(page, `ruas_http_request_seconds_count{route="GET /v1/changes"}`) {
		t.Error("a stream is timed")
	}
}
