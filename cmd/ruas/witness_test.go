package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// witness is a transport that notes which requests were answered with what they asked for.
type witness struct {
	mu   sync.Mutex
	seen map[string]bool // method and path
}

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && answer.StatusCode < http.StatusMultipleChoices {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.seen == nil {
			w.seen = map[string]bool{}
		}
		w.seen[r.Method+" "+r.URL.EscapedPath()] = true
	}
	return answer, err
}

// unseen gives the operations of an OpenAPI document that nobody got an answer from.
func (w *witness) unseen(document []byte) ([]string, error) {
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(document, &doc); err != nil {
		return nil, fmt.Errorf("reading the document: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []string
	for template, item := range doc.Paths {
		for method := range item {
			if method == "parameters" {
				continue
			}
			operation := strings.ToUpper(method) + " " + template
			if !slices.ContainsFunc(slices.Collect(maps.Keys(w.seen)), func(got string) bool { return fits(operation, got) }) {
				list = append(list, operation)
			}
		}
	}
	slices.Sort(list)
	return list, nil
}

// fits tells whether a path is one of a template, in which {…} stands for one part.
func fits(template, path string) bool {
	want, is := strings.Split(template, "/"), strings.Split(path, "/")
	return slices.EqualFunc(want, is, func(w, p string) bool { return w == p || strings.HasPrefix(w, "{") && p != "" })
}

func TestWitness(t *testing.T) {
	t.Parallel()
	const document = `{"paths":{"/v1/a":{"parameters":[],"get":{},"post":{}},"/v1/a/{id}":{"get":{},"delete":{}},"/v1/a:check":{"post":{}}}}`
	w := &witness{seen: map[string]bool{"GET /v1/a": true, "GET /v1/a/x%2Fy": true, "POST /v1/a:check": true, "GET /v1/a/": true}}
	got, err := w.unseen([]byte(document))
	if want := []string{"DELETE /v1/a/{id}", "POST /v1/a"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v; want %q", got, err, want)
	}
}
