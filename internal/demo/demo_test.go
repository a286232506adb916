package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/metrics"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/segments"
)

// screenText is what the demo wrote so far.
type screenText struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screenText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screenText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func starter(t *testing.T) (*event.Schema, *engine.Engine) {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	entries, err := segments.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, entry := range entries {
		if files[entry.Name()], err = segments.Files.ReadFile(entry.Name()); err != nil {
			t.Fatal(err)
		}
	}
	set, err := rule.Parse(schema, files)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(set, engine.Options{DedupWindow: 24 * time.Hour, MaxLateness: 30 * 24 * time.Hour, SeriesBound: 4096})
	if err != nil {
		t.Fatal(err)
	}
	return schema, e
}

// patience is for machines that do much else; the demo promises 5 seconds.
const patience = 60 * time.Second

// The demo, whole: joins appear, the API knows the members, and it ends clean.
func TestDemo(t *testing.T) {
	schema, e := starter(t)
	var out screenText
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	start := time.Now()
	go func() {
		done <- Run(ctx, Options{
			Engine: e, Schema: schema, Speed: 300, Listen: "127.0.0.1:0", Out: &out, Logger: zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel)),
		})
	}()
	waitFor(t, "a join", func() bool { return strings.Contains(out.String(), " joins ") })
	t.Logf("the first join came after %v", time.Since(start))
	if !strings.HasPrefix(out.String(), "The shop opens at ") {
		t.Errorf("the first line is no heading:\n%s", out.String())
	}
	waitFor(t, "the address of the console", func() bool { return strings.Contains(out.String(), "http://") })
	url := regexp.MustCompile(`http://\S+`).FindString(out.String())
	waitFor(t, "members", func() bool { return members(t, url+"/v1/segments") > 500 })

	// A change by time alone shows that the present moves: nothing else closes the wait of an abandoned cart.
	waitFor(t, "a change by time", func() bool { return strings.Contains(out.String(), "(time)") })

	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("the end: %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the demo does not end")
	}
}

func waitFor(t *testing.T, what string, there func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !there(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("no %s after %v", what, patience)
		}
	}
}

func members(t *testing.T, url string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return 0 // the view is being built
	}
	var body struct {
		Segments []struct{ Members int }
	}
	if err := json.NewDecoder(answer.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, s := range body.Segments {
		sum += s.Members
	}
	return sum
}

// Whoever brings rules by which little happens sees when the history is read, and not only a change.
func TestHistoryIsReadWhenAllClocksAreAtTheOpening(t *testing.T) {
	h := newHistory(1000, metrics.New(metrics.Options{Registry: prometheus.NewRegistry(), Now: time.Now}))
	for number := range int32(partitions) {
		h.Clock(number, 999, 0)
		if h.read() {
			t.Fatal("a partition is still behind")
		}
		h.Clock(number, 1000, 0)
	}
	if !h.read() {
		t.Error("all partitions are there")
	}
}

func TestBoard(t *testing.T) {
	set := []*rule.Segment{{Name: "b"}, {Name: "a"}, {Name: "c"}}
	b := newBoard(set, opening)
	apply := func(customer, segment, kind string, after time.Duration) bool {
		return b.apply(&api.Change{Customer: customer, Segment: segment, Change: kind, Time: opening.Add(after)})
	}
	if apply("x", "a", "join", -time.Hour) || !apply("y", "b", "join", 0) || !apply("y", "c", "join", 1) || !apply("y", "c", "leave", 2) {
		t.Error("history is news, or news is history")
	}
	var got []string
	for _, r := range b.top(2) {
		got = append(got, r.name)
	}
	if strings.Join(got, " ") != "b c" {
		t.Errorf("of three the two that changed last are %v", got)
	}
	if a, c := b.rows["a"], b.rows["c"]; a.members != 1 || c.members != 0 || c.last[0] != (visitor{"y", false}) {
		t.Errorf("a: %+v, c: %+v", a, c)
	}
}

// However small the window, no line of the table is wider, and there are as many as rows.
func TestTableFits(t *testing.T) {
	set := make([]*rule.Segment, 60)
	for i := range set {
		set[i] = &rule.Segment{Name: strings.Repeat("n", 3+i%30) + string(rune('a'+i%26))}
	}
	b := newBoard(set, opening)
	for i, s := range set {
		for range 8 {
			b.apply(&api.Change{Customer: "sari-0123", Segment: s.Name, Change: "join", Time: opening.Add(time.Duration(i))})
		}
	}
	s := state{now: opening, speed: 60, url: "http://127.0.0.1:8080", joins: func(string) (int, int) { return 1234, 0 }}
	escapes := regexp.MustCompile("\x1b\\[[0-9;?]*[a-zA-Z]")
	for _, size := range [][2]int{{40, 6}, {80, 24}, {200, 70}} {
		var drawn bytes.Buffer
		tab := &table{f: &drawn, colour: true, size: func() (int, int, error) { return size[0], size[1], nil }}
		tab.draw(b, s)
		lines := strings.Split(escapes.ReplaceAllString(drawn.String(), ""), "\r\n")
		if len(lines) != size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, line := range lines {
			if n := len([]rune(line)); n > size[0] {
				t.Errorf("%v: %d wide: %q", size, n, line)
			}
		}
	}
}
