package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ruas/ruas/internal/workload"
)

func s10(t *testing.T) string {
	t.Helper()
	text, err := workload.Rules(10)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestSizePrints compares what size prints with a golden file; the figures are those that are recorded.
func TestSizePrints(t *testing.T) {
	golden, err := filepath.Abs(filepath.Join("testdata", "size.golden"))
	if err != nil {
		t.Fatal(err)
	}
	code, out, message := ruas(t, map[string]string{"s10.yaml": s10(t)}, nil, "size", "--events", "20k", "--customers", "5e6", "--segments", "s10.yaml")
	if code != exitFine || message != "" {
		t.Fatalf("exit code %d: %s", code, message)
	}
	if *update {
		if err := os.WriteFile(golden, []byte(out), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out != string(want) {
		t.Errorf("got\n%s\nwant\n%s\nWhere figures.json changed: go generate ./internal/sizing", out, want)
	}
}

// TestSizeOfASample: the sample's states, changes and CPU count, not the benchmark's.
func TestSizeOfASample(t *testing.T) {
	var events bytes.Buffer
	if err := workload.Write(&events, workload.Options{Events: fewEvents, Customers: 1000}); err != nil {
		t.Fatal(err)
	}
	lines := events.String() + "nonsense\n"
	files := map[string]string{"rules.yaml": s10(t), "events.jsonl": lines, "few.jsonl": lines[:100_000], "none.jsonl": "nonsense\n"}
	size := func(file string) (s sized) {
		t.Helper()
		code, out, message := ruas(t, files, nil, "size", "--events", "20000", "--customers", "5M", "--segments", "rules.yaml", "--json", "--sample", file)
		if code != exitFine {
			t.Fatalf("exit code %d: %s", code, message)
		}
		if err := json.Unmarshal([]byte(out), &s); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return s
	}
	s := size("events.jsonl")
	r := s.Rules
	if s.Sample.Events != fewEvents || s.Sample.Rejected != 1 || s.Sample.Customers < 900 || s.Sample.Customers > 1000 {
		t.Errorf("the sample is %+v", s.Sample)
	}
	// S10 over its own events is its own yardstick: only what else the machine does comes between.
	if r.CPU < 0.2 || r.CPU > 5 {
		t.Errorf("S10 takes %v times the CPU of S10", r.CPU)
	}
	if r.StateBytes < 50 || r.StateBytes > 500 || r.WrittenBytes <= r.StateBytes || s.Sample.StateP99 <= r.StateBytes {
		t.Errorf("states: %+v, p99 %v", r, s.Sample.StateP99)
	}
	if math.Abs(r.EventBytes-200) > 20 || r.ChangeBytes < 150 || r.ChangeBytes > 250 || r.IDBytes < 2 || r.IDBytes > 5 || r.Changes < 0.2 || r.Changes > 1 {
		t.Errorf("lengths and changes: %+v", r)
	}
	if r.Hottest <= 0 || s.Sample.Hot == "" {
		t.Errorf("the hottest customer is %q with %v", s.Sample.Hot, r.Hottest)
	}
	if all := strings.Join(s.Warnings, "\n"); !strings.Contains(all, "1 of the sample's lines are no good") || strings.Contains(all, "without --sample") {
		t.Errorf("warnings: %s", all)
	}
	s = size("few.jsonl")
	if s.Rules.CPU != 0 || !strings.Contains(strings.Join(s.Warnings, "\n"), "fewer than 20k") {
		t.Errorf("of a few events: %+v, %v", s.Rules, s.Warnings)
	}
	code, _, message := ruas(t, files, nil, "size", "--events", "1", "--customers", "1", "--segments", "rules.yaml", "--sample", "none.jsonl")
	if code != exitInput || !strings.Contains(message, "none.jsonl: no event in it is good: 'ruas replay' says") {
		t.Errorf("exit code %d: %s", code, message)
	}
}

// TestSizeWarns of what a load or the rules bring with them.
func TestSizeWarns(t *testing.T) {
	hot := strings.Builder{}
	if err := workload.Write(&hot, workload.Options{Events: fewEvents, Customers: 2}); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"rules.yaml": s10(t), "hot.jsonl": hot.String(),
		"endless.yaml": "segments:\n  odd: {when: 'purchase.filter(p, profile.country == \"ID\" || p.amount > 3.0).size() > 2'}\n",
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--sample", "hot.jsonl", "--events", "5M", "--customers", "1M"}, `of the sample's events: `},
		{[]string{"--segments", "endless.yaml", "--events", "20k", "--customers", "1M"}, "segment odd: "},
		{[]string{"--events", "10M", "--customers", "1G"}, "partitions are more than were ever tried"},
		{[]string{"--events", "1M", "--customers", "100M"}, "redis.addresses names one server"},
		{[]string{"--events", "10M", "--customers", "1M"}, "log.cleaner.threads"},
		{[]string{"--events", "1", "--customers", "1", "--redis-replicas", "0"}, "without replicas"},
		{[]string{"--events", "1", "--customers", "1", "--replication", "1"}, "with replication 1"},
	} {
		code, out, message := ruas(t, files, nil, append([]string{"size", "--segments", "rules.yaml"}, c.args...)...)
		if code != exitFine || !strings.Contains(out, c.want) {
			t.Errorf("%v: exit code %d, want %q\n%s%s", c.args, code, c.want, out, message)
		}
	}
}

func TestSizeRefuses(t *testing.T) {
	files := map[string]string{"rules.yaml": s10(t), "bad.yaml": "segments:\n  x: {when: purchas.size() > 0}\n"}
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, exitUsage, "size needs --events (a second, at the peak) and --customers"},
		{[]string{"--events", "20k"}, exitUsage, "size needs --events"},
		{[]string{"--events", "many", "--customers", "1"}, exitUsage, "want a number more than 0, as 20000, 20k, 5M or 5e6"},
		{[]string{"--events", "-5", "--customers", "1"}, exitUsage, "want a number more than 0"},
		{[]string{"--events", "1", "--customers", "1", "--headroom", "2", "--segments", "rules.yaml"}, exitUsage, "headroom must be"},
		{[]string{"--events", "1", "--customers", "1", "--replication", "-2", "--segments", "rules.yaml"}, exitUsage, "--replication is -2"},
		{[]string{"--events", "1", "--customers", "1", "--segments", "bad.yaml"}, exitInput, "bad.yaml:2:"},
		{[]string{"--events", "1", "--customers", "1", "--segments", "rules.yaml", "--sample", "nowhere.jsonl"}, exitInput, "nowhere.jsonl"},
		{[]string{"--events", "1", "--customers", "1", "more"}, exitUsage, "size takes no arguments"},
	} {
		code, _, message := ruas(t, files, nil, append([]string{"size"}, c.args...)...)
		if code != c.code || !strings.Contains(message, c.want) {
			t.Errorf("%v: exit code %d, want %d and %q\n%s", c.args, code, c.code, c.want, message)
		}
	}
}

func TestQuantities(t *testing.T) {
	for text, want := range map[string]float64{
		"20000": 2e4, "20k": 2e4, "5M": 5e6, "5e6": 5e6, "1.5K": 1500, "2G": 2e9, "1b": 1e9, "100,000": 1e5, "100_000": 1e5, "0.5": 0.5,
	} {
		var q quantity
		if err := q.Set(text); err != nil || math.Abs(float64(q)-want) > 1e-9*want {
			t.Errorf("%q: %v, %v; want %v", text, float64(q), err, want)
		}
	}
	for _, text := range []string{"", "k", "x", "-1", "0", "NaN", "Inf", "1e300", "5 potatoes"} {
		var q quantity
		if err := q.Set(text); err == nil {
			t.Errorf("%q is taken for %v", text, float64(q))
		}
	}
}
