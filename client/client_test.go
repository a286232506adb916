package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers as ruas would; the client knows a token.
func serve(t *testing.T, handle http.HandlerFunc, options ...Option) *Client {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	c, err := New(s.URL, append([]Option{WithToken("s3cret")}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "127.0.0.1:8080", "ftp://a", "http://"} {
		if _, err := New(address); err == nil {
			t.Errorf("%q is taken for an address", address)
		}
	}
}

func TestCustomer(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/v1/customers/a%2F..%3Fb" || r.URL.RawQuery != "at_least=18" || r.Header.Get("Authorization") != "Bearer s3cret" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		w.Header().Set("Ruas-Offset", "0:18")
		w.Header().Set("Ruas-Clock", "2026-11-21T10:00:00.123Z")
		fmt.Fprint(w, `{"customer_id":"a/..?b","memberships":[{"segment":"loyal","since":"2026-11-20T00:00:00.000Z","seq":3}],"features":{"spend":5.5},"profile":{}}`)
	})
	got, err := c.Customer(t.Context(), "a/..?b", AtLeast(18))
	if err != nil {
		t.Fatal(err)
	}
	if !got.In("loyal") || got.In("other") || got.Memberships[0].Seq != 3 || got.Features["spend"] != 5.5 || got.Offset != "0:18" || got.Clock.UnixMilli()%1000 != 123 {
		t.Errorf("%+v", got)
	}
}

func TestCustomersGoInBatches(t *testing.T) {
	var sizes []int
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var ask struct{ Customers []string }
		if err := json.NewDecoder(r.Body).Decode(&ask); err != nil || r.URL.Path != "/v1/customers:batch" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", r.URL, err)
		}
		sizes = append(sizes, len(ask.Customers))
		fmt.Fprintf(w, `{"customers":[{"customer_id":%q}],"missing":[]}`, ask.Customers[0])
	})
	got, err := c.Customers(t.Context(), make([]string, 2001))
	if err != nil || len(got) != 3 || !slices.Equal(sizes, []int{1000, 1000, 1}) {
		t.Errorf("%d customers in %v: %v", len(got), sizes, err)
	}
}

func TestProblems(t *testing.T) {
	var asked atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1/segments/none":
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"type":"/problems/not-found","title":"There is no such thing","status":404,"detail":"there is no segment","request_id":"r1"}`)
		case "/v1/segments/proxied":
			http.Error(w, "<html>bad gateway", http.StatusBadGateway)
		default:
			if asked.Add(1) == 1 {
				w.Header().Set("Retry-After", "1")
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			fmt.Fprint(w, `{"name":"s"}`)
		}
	}, WithPatience(5*time.Second))
	_, err := c.Segment(t.Context(), "none")
	p := new(Problem)
	if !IsNotFound(err) || !errors.As(err, &p) || p.RequestID != "r1" || err.Error() != "there is no segment (404, request r1)" {
		t.Errorf("%v", err)
	}
	if _, err = c.Segment(t.Context(), "proxied"); !errors.As(err, &p) || p.Status != 502 || !strings.Contains(err.Error(), "bad gateway") {
		t.Errorf("%v", err)
	}
	if s, err := c.Segment(t.Context(), "busy"); err != nil || s.Name != "s" {
		t.Errorf("what passes by itself: %v", err)
	}
	impatient := *c
	impatient.patience = 0
	asked.Store(0)
	if _, err := impatient.Segment(t.Context(), "busy"); err == nil {
		t.Error("without patience it was tried again")
	}
}

func TestMembers(t *testing.T) {
	whole := true
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/x-ndjson" {
			t.Errorf("%v", r.Header)
		}
		fmt.Fprint(w, "{\"customer_id\":\"a\"}\n{\"customer_id\":\"b\"}\n")
		if !whole {
			panic(http.ErrAbortHandler)
		}
	})
	list := func() (ids []string, err error) {
		for id, e := range c.Members(t.Context(), "loyal") {
			if e != nil {
				return ids, e
			}
			ids = append(ids, id)
		}
		return ids, nil
	}
	if ids, err := list(); err != nil || !slices.Equal(ids, []string{"a", "b"}) {
		t.Errorf("%v, %v", ids, err)
	}
	if whole = false; true {
		if ids, err := list(); err == nil {
			t.Errorf("%v of a list that was cut off, and no error", ids)
		}
	}
}

// TestWatchGoesOn breaks the connection after each change: the next one begins where it stood.
func TestWatchGoesOn(t *testing.T) {
	var begun []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		begun = append(begun, r.Header.Get("Last-Event-ID")+" "+r.URL.RawQuery)
		n := len(begun)
		fmt.Fprintf(w, "retry: 1000\n\nid: 0:%d\nevent: change\ndata: {\"id\":\"x\",\"change\":\"join\",\"seq\":%d}\n\nid: 0:%d\n: still here\n\n", n, n, 10*n)
	})
	var seqs []uint64
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for change, err := range c.Watch(ctx, Filter{Segments: []string{"a", "b"}, Recent: 5}) {
		if err != nil {
			t.Fatal(err)
		}
		if !change.Join() || change.Offset != fmt.Sprintf("0:%d", change.Seq) {
			t.Errorf("%+v", change)
		}
		if seqs = append(seqs, change.Seq); len(seqs) == 2 {
			break
		}
	}
	if want := []string{" recent=5&segment=a&segment=b", "0:10 segment=a&segment=b"}; !slices.Equal(begun, want) || !slices.Equal(seqs, []uint64{1, 2}) {
		t.Errorf("begun %q, seen %v", begun, seqs)
	}
}

func TestWatchEnds(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"status":403,"detail":"the token does not have the scope read"}`)
	})
	for _, err := range c.Watch(t.Context(), Filter{}) {
		if !hasStatus(err, http.StatusForbidden) {
			t.Errorf("%v", err)
		}
		return
	}
	t.Error("it ended without a word")
}
