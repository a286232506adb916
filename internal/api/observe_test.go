package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// watcher notes what it is told.
type watcher struct {
	mu    sync.Mutex
	lines []string
}

func (o *watcher) note(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lines = append(o.lines, fmt.Sprintf(format, args...))
}

func (o *watcher) told() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.lines)
}

type watched struct{}

func (o *watcher) Began(r *http.Request) context.Context {
	return context.WithValue(r.Context(), watched{}, r.Method)
}

func (o *watcher) Answered(ctx context.Context, a Answer) {
	o.note("%v %s %d %v %v", ctx.Value(watched{}), a.Route, a.Status, a.Stream, a.RequestID != "")
}

func (o *watcher) Streams(open int) { o.note("%d streams", open) }

func TestRequestsAreObserved(t *testing.T) {
	o := &watcher{}
	b := newBench(t, func(opt *Options) {
		opt.Observers = []Observer{o}
		opt.Engine = nil // a mistake in ruas, for whoever needs the rules
	})
	for _, path := range []string{"/v1/partitions", "/v1/overlap", "/v1/nothing", "/nothing", "/openapi.json", "/v1/segments/buyer", "/v1/segments/buyer/members?limit=x"} {
		b.ask(t, "GET", path, "")
	}
	ctx, cancel := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL+"/v1/changes", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	_ = answer.Body.Close()
	want := []string{
		"GET GET /v1/partitions 200 false true",
		"GET GET /v1/overlap 400 false true",
		"GET /v1/ 404 false true",
		"GET / 404 false true",
		"GET GET /openapi.json 200 false true",
		"GET GET /v1/segments/{name} 500 false true",
		"GET GET /v1/segments/{name}/members 400 false true",
		"1 streams",
		"0 streams",
		"GET GET /v1/changes 200 true true",
	}
	for end := time.Now().Add(10 * time.Second); !slices.Equal(o.told(), want); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("told %q, want %q", o.told(), want)
		}
	}
}
