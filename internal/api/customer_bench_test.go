package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/ruas/ruas/internal/engine"
)

// BenchmarkCustomer answers about one customer without a network and without Redis: what is the handler's own.
func BenchmarkCustomer(b *testing.B) {
	made := newBench(b, nil)
	handler := New(Options{Engine: func() *engine.Engine { return made.engine }, View: made.view, Feed: made.feed})
	request := httptest.NewRequest(http.MethodGet, "/v1/customers/a%2Fb%20c", nil)
	b.ReportAllocs()
	for b.Loop() {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		if answer.Code != http.StatusOK {
			b.Fatal(answer.Body.String())
		}
	}
}
