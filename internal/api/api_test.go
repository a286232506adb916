package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

const rules = `
segments:
  buyer:
    title: Bought
    description: Bought something, ever
    tags: [value]
    when: purchase.size() >= 1
  big_spender:
    when: purchase.sum(p, p.amount) >= 500
    until: purchase.sum(p, p.amount) < 400
`

// memory is a View of one customer, who bought for 20.
type memory struct {
	state   []byte
	warming map[string]int64
	err     error
}

func (m *memory) Counts(_ context.Context, segments []string) ([]int64, error) {
	counts := make([]int64, len(segments))
	for i, s := range segments {
		if s == "buyer" {
			counts[i] = 3
		}
	}
	return counts, m.err
}

func (m *memory) Warming(context.Context) (map[string]int64, error) { return m.warming, m.err }

func (m *memory) Members(_ context.Context, segment, after string, limit int) ([]string, error) {
	var out []string
	for _, id := range []string{"a", "b", "c"} {
		if segment == "buyer" && id > after && len(out) < limit {
			out = append(out, id)
		}
	}
	return out, m.err
}

func (m *memory) Customer(_ context.Context, id string) ([]byte, error) {
	if id != "a/b c" {
		return nil, m.err
	}
	return m.state, m.err
}

func newServer(t *testing.T) (*httptest.Server, *memory, *Feed) {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"rules.yaml": []byte(rules)})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(set, engine.Options{DedupWindow: 24 * time.Hour, MaxLateness: 30 * 24 * time.Hour, SeriesBound: 4096})
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := event.NewDecoder(schema, event.Source{}, e.Needs())
	if err != nil {
		t.Fatal(err)
	}
	var ev event.Event
	record := `{"id":"e1","type":"purchase","customer_id":"a/b c","time":"2026-11-21T10:00:00.123Z","amount":20}`
	if err := decoder.Decode([]byte(record), &ev); err != nil {
		t.Fatal(err)
	}
	c := e.NewCustomer("a/b c")
	e.Apply(c, &ev, ev.Time, nil)
	view := &memory{state: e.Encode(c, nil)}
	feed := NewFeed(FeedOptions{Remember: 10, Now: time.Now})
	s := httptest.NewServer(New(Options{Engine: func() *engine.Engine { return e }, View: view, Feed: feed}))
	t.Cleanup(s.Close)
	return s, view, feed
}

func get(t *testing.T, url string, status int) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var body json.RawMessage
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	if answer.StatusCode != status {
		t.Errorf("%s: status %d, want %d: %s", url, answer.StatusCode, status, body)
	}
	return string(body)
}

func TestAnswers(t *testing.T) {
	s, view, feed := newServer(t)
	publish(t, feed, change(1, "buyer", "join", time.Now()))
	const bigSpender = `{"name":"big_spender","when":"purchase.sum(p, p.amount) >= 500","until":"purchase.sum(p, p.amount) < 400",` +
		`"members":0,"joins_last_minute":0,"leaves_last_minute":0}`
	const buyer = `{"name":"buyer","title":"Bought","description":"Bought something, ever","tags":["value"],"when":"purchase.size() >= 1",` +
		`"members":3,"joins_last_minute":1,"leaves_last_minute":0}`
	for _, test := range []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/segments/buyer", 200, buyer},
		{"/v1/segments/byuer", 404, `{"error":"there is no segment \"byuer\"; did you mean \"buyer\"?"}`},
		{"/v1/segments/buyer/members", 200, `{"segment":"buyer","members":["a","b","c"]}`},
		{"/v1/segments/buyer/members?limit=2", 200, `{"segment":"buyer","members":["a","b"],"next":"b"}`},
		{"/v1/segments/buyer/members?limit=2&after=b", 200, `{"segment":"buyer","members":["c"]}`},
		{"/v1/segments/big_spender/members", 200, `{"segment":"big_spender","members":[]}`},
		{"/v1/segments/buyer/members?limit=0", 400, `{"error":"limit is a number from 1 to 1000, not \"0\""}`},
		{"/v1/customers/a%2Fb%20c", 200, `{"customer_id":"a/b c","memberships":[{"segment":"buyer","since":"2026-11-21T10:00:00.123Z","seq":1}]}`},
		{"/v1/customers/d", 404, `{"error":"there was no event of a customer \"d\""}`},
		{"/v1/changes?recent=x", 400, `{"error":"recent is a number from 0 to 1000, not \"x\""}`},
		{"/v1/nothing", 404, `{"error":"there is nothing at GET /v1/nothing"}`},
	} {
		if got := get(t, s.URL+test.path, test.status); got != test.want {
			t.Errorf("%s:\n%s\nwant\n%s", test.path, got, test.want)
		}
	}
	all := get(t, s.URL+"/v1/segments", 200)
	if want := `"segments":[` + bigSpender + "," + buyer + "]}"; !strings.HasSuffix(all, want) {
		t.Errorf("/v1/segments:\n%s\nwant at the end\n%s", all, want)
	}
	moment := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	view.warming = map[string]int64{"buyer": engine.Never, "big_spender": moment}
	for name, want := range map[string]string{"buyer": `,"warming":true}`, "big_spender": `,"warming":true,"warming_until":"2026-12-01T00:00:00.000Z"}`} {
		if got := get(t, s.URL+"/v1/segments/"+name, 200); !strings.HasSuffix(got, want) {
			t.Errorf("%s while it is warming: %s, want %s at the end", name, got, want)
		}
	}
	view.err = errors.New("the view is being built")
	for _, path := range []string{"/v1/segments", "/v1/segments/buyer", "/v1/segments/buyer/members", "/v1/customers/a"} {
		if got := get(t, s.URL+path, 503); got != `{"error":"the view is being built"}` {
			t.Errorf("%s: %s", path, got)
		}
	}
}

func TestChangesAreStreamed(t *testing.T) {
	s, _, feed := newServer(t)
	now := time.Now()
	publish(t, feed, change(1, "buyer", "join", now), change(2, "big_spender", "join", now), change(3, "buyer", "leave", now))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/v1/changes?segment=buyer", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Last-Event-ID", "x1")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if got := answer.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("content type %q", got)
	}
	read := bufio.NewScanner(answer.Body)
	next := func() string {
		var lines []string
		for read.Scan() && read.Text() != "" {
			lines = append(lines, read.Text())
		}
		return strings.Join(lines, "\n")
	}
	if got := next(); got != "retry: 1000" {
		t.Errorf("first %q", got)
	}
	last := change(3, "buyer", "leave", now)
	if got, want := next(), "id: x3\nevent: change\ndata: "+string(last); got != want {
		t.Errorf("%q, want what was missed: %q", got, want)
	}
	publish(t, feed, change(4, "big_spender", "leave", now), change(5, "buyer", "join", now))
	if got := next(); !strings.HasPrefix(got, "id: x5\n") {
		t.Errorf("%q, want x5", got)
	}
}

// A stream under way does not hold up the end.
func TestServeEnds(t *testing.T) {
	feed := NewFeed(FeedOptions{Now: time.Now})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, listener, New(Options{Feed: feed})) }()
	answer, err := http.Get("http://" + listener.Addr().String() + "/v1/changes")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	start := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > shutdownTimeout/2 {
		t.Errorf("ending took %v", took)
	}
}
