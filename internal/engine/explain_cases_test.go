package engine_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/workload"
	"github.com/ruas/ruas/segments"
)

// explained is a customer's history: one who bought three times, and left a cart behind 40 minutes before the end.
const explained = `
{"id":"p","type":"profile","time":"2026-11-01T08:00:00Z","birth_date":"1998-11-25","city":"Bandung","country":"ID","income":18000000,"marital_status":"married","interests":["batik","coffee"],"customer_since":"2025-11-20"}
{"id":"d","type":"device_seen","time":"2026-11-01T08:01:00Z","device_type":"phone","os":"android","push_enabled":true}
{"id":"b1","type":"purchase","time":"2026-11-02T09:00:00Z","amount":400.5,"category":"coffee","channel":"app"}
{"id":"b2","type":"purchase","time":"2026-11-05T09:00:00Z","amount":350,"category":"coffee","channel":"store"}
{"id":"b3","type":"purchase","time":"2026-11-20T10:00:00Z","amount":500,"category":"batik","channel":"app"}
{"id":"m","type":"campaign","time":"2026-11-20T18:00:00Z","action":"opened","channel":"whatsapp"}
{"id":"v1","type":"product_view","time":"2026-11-21T12:00:00Z","product_id":"k1","category":"coffee"}
{"id":"v2","type":"product_view","time":"2026-11-21T12:05:00Z","product_id":"k2","category":"batik"}
{"id":"v3","type":"product_view","time":"2026-11-21T12:06:00Z","product_id":"k2","category":"batik"}
{"id":"s","type":"search","time":"2026-11-21T12:07:00Z","query":"kopi"}
{"id":"a","type":"cart_add","time":"2026-11-21T12:20:00Z","product_id":"k2","cart_id":"x1","price":250000}
`

// TestExplain holds what is explained of one customer in the benchmark's ten segments and in the starter segments.
func TestExplain(t *testing.T) {
	starter := map[string][]byte{}
	names, err := fs.Glob(segments.Files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if starter[name], err = segments.Files.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	ten, err := workload.Rules(10)
	if err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string][]byte{"benchmark": {"rules.yaml": ten}, "starter": starter} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			for _, x := range explainAll(t, files, time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC)) {
				enc := json.NewEncoder(&out)
				enc.SetEscapeHTML(false)
				if name == "benchmark" { // to be read
					enc.SetIndent("", " ")
				}
				if err := enc.Encode(x); err != nil {
					t.Fatal(err)
				}
			}
			engine.Golden(t, filepath.Join("testdata", "explain", name+".json"), out.Bytes())
		})
	}
}

// explainAll explains every segment of a set at a moment.
func explainAll(t *testing.T, files map[string][]byte, at time.Time) (out []engine.Explanation) {
	t.Helper()
	schema := loadSchema(t)
	set, err := rule.Parse(schema, files)
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.New(set, engine.Options{Zone: "Asia/Jakarta"})
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := event.NewDecoder(schema, event.Source{Name: "test"}, eng.Needs())
	if err != nil {
		t.Fatal(err)
	}
	c := eng.NewCustomer("c1")
	for line := range strings.Lines(strings.TrimSpace(explained)) {
		var ev event.Event
		if err := decoder.Decode([]byte(strings.Replace(line, "{", `{"customer_id":"c1",`, 1)), &ev); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		eng.Fire(c, ev.Time-1, nil)
		eng.Apply(c, &ev, ev.Time, nil)
	}
	for i := range eng.Segments() {
		out = append(out, eng.Explain(c, i, at.UnixMilli()))
	}
	return out
}

// TestExplainAtTheSameTime explains by one engine in several goroutines, each with a customer of its own: for the race detector.
func TestExplainAtTheSameTime(t *testing.T) {
	ten, err := workload.Rules(10)
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(loadSchema(t), map[string][]byte{"rules.yaml": ten})
	if err != nil {
		t.Fatal(err)
	}
	eng, err := engine.New(set, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			c := eng.NewCustomer("c1")
			for i := range eng.Segments() {
				if x := eng.Explain(c, i, 0); x.Member || len(x.When) == 0 {
					t.Errorf("explained as %+v", x)
				}
			}
		})
	}
	all.Wait()
}
