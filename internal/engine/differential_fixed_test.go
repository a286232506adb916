package engine_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/oracle"
)

// savedOptions is options.json of a saved case.
type savedOptions struct {
	Zone     string `json:"zone"`
	Until    *int64 `json:"until,omitempty"` // milliseconds
	Window   string `json:"dedup_window"`
	Lateness string `json:"max_lateness"`
}

// TestFixedDifferences compares the engine with stock CEL on the cases in which random ones once found them to differ: each a folder of
// testdata/differential with the rules, the events in order of arrival, and the options.
func TestFixedDifferences(t *testing.T) {
	schema := loadSchema(t)
	folders, err := filepath.Glob(filepath.Join("testdata", "differential", "*"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("no saved cases: %v", err)
	}
	for _, dir := range folders {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			c := readCase(t, schema, dir)
			set, eng, err := c.build()
			if err != nil {
				t.Fatal(err)
			}
			// Whatever way the steps are taken.
			for _, live := range []bool{false, true} {
				for _, coarse := range []bool{false, true} {
					c.live, c.coarse = live, coarse
					if what, _ := c.compare(set, eng); what != "" {
						t.Errorf("live %v, coarse %v: %s", live, coarse, what)
					}
				}
			}
		})
	}
}

func readCase(t *testing.T, schema *event.Schema, dir string) *differentialCase {
	t.Helper()
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	var o savedOptions
	if err := json.Unmarshal(read("options.json"), &o); err != nil {
		t.Fatal(err)
	}
	c := &differentialCase{schema: schema, files: map[string][]byte{"rules.yaml": read("rules.yaml")}, zone: o.Zone, until: o.Until}
	var err1, err2 error
	c.window, err1 = time.ParseDuration(o.Window)
	c.lateness, err2 = time.ParseDuration(o.Lateness)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	decoder, err := event.NewDecoder(schema, event.Source{Name: "test"}, schema.All())
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(read("events.jsonl"))); lines.Scan(); {
		var e event.Event
		if err := decoder.Decode(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		c.events = append(c.events, e.Clone())
	}
	return c
}

// save writes a case where readCase finds it.
func (c *differentialCase) save(t *testing.T, dir string) {
	t.Helper()
	options, err := json.MarshalIndent(savedOptions{
		Zone: c.zone, Until: c.until, Window: c.window.String(), Lateness: c.lateness.String(),
	}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var rules, events bytes.Buffer
	files := c.rules.Files()
	rules.Write(files["features.yaml"])
	rules.Write(files["segments.yaml"])
	for _, e := range c.events {
		events.Write(oracle.JSON(e))
		events.WriteByte('\n')
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		"options.json": append(options, '\n'), "rules.yaml": rules.Bytes(), "events.jsonl": events.Bytes(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
