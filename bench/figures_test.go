package main

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestDiffer(t *testing.T) {
	for _, c := range []struct{ got, want, told string }{
		{"a b c", "a b c", ""},
		{"", "", ""},
		{"a c", "a b c", "1 changes are missing, 0 are not expected; missing: b"},
		{"a b b c", "a b c", "0 changes are missing, 1 are not expected; not expected: b"},
		{"a x", "a b", "1 changes are missing, 1 are not expected; missing: b; not expected: x"},
	} {
		if told := differ(strings.Fields(c.got), strings.Fields(c.want)); told != c.told {
			t.Errorf("%q, want %q: %q", c.got, c.want, told)
		}
	}
}

func TestReadChanges(t *testing.T) {
	const of = `{"customer_id":"c2","segment":"s","change":"join","time":"t","cause":"event","event_id":"e1","seq":1,"id":"x"}` + "\n" +
		`{"customer_id":"c1","segment":"s","change":"leave","time":"t","cause":"time","seq":2}` + "\n"
	got, err := readChanges(strings.NewReader(of))
	if err != nil || strings.Join(got, "; ") != "c1 s 2 leave t time; c2 s 1 join t event" {
		t.Errorf("%v, %v", got, err)
	}
}

// Medians, pairs of one run, and what was not taken together.
func TestRatio(t *testing.T) {
	take := func(session string, run int, v float64) sample {
		return sample{Session: session, Run: run, Values: map[string]float64{"v": v}}
	}
	r := reader{results: map[string]*results{"m": {Series: map[string][]sample{
		"a":     {take("1", 0, 10), take("1", 1, 30), take("1", 2, 20)},
		"b":     {take("1", 0, 5), take("1", 1, 10), take("1", 2, 10)},
		"later": {take("2", 0, 40)},
		"void":  {{Session: "1", Values: map[string]float64{"v": 1}, Void: "differs"}},
	}}}}
	got, ok := r.ratio("m", "a", value("v"), "b", value("v"))
	if !ok || got.median != 2 || got.least != 2 || got.most != 3 || got.apart {
		t.Errorf("%+v, %v", got, ok)
	}
	if got, ok := r.ratio("m", "a", value("v"), "later", value("v")); !ok || !got.apart || got.median != 0.5 {
		t.Errorf("%+v, %v", got, ok)
	}
	for _, none := range []string{"void", "missing"} {
		if _, ok := r.ratio("m", "a", value("v"), none, value("v")); ok {
			t.Errorf("a ratio to %s", none)
		}
	}
	if _, ok := r.stat("m", "a", value("v", "other")); ok {
		t.Error("a sum of what is not there")
	}
}

func TestTargetLine(t *testing.T) {
	of := func(v float64) target {
		return target{"x", milliseconds, func(reader) (stat, bool) { return stat{median: v, least: v, most: v, runs: 3}, true }, atMost(0.3), atMost(0.05)}
	}
	for v, want := range map[float64]string{
		0.04: "| x | 40 ms (40–40) | ≤ 300 ms | yes | ≤ 50 ms | yes |",
		0.1:  "| x | 100 ms (100–100) | ≤ 300 ms | yes | ≤ 50 ms | **no** |",
		0.5:  "| x | 500 ms (500–500) | ≤ 300 ms | **no** | ≤ 50 ms | **no** |",
	} {
		if got := of(v).line(reader{}); got != want {
			t.Errorf("%s\n%s", got, want)
		}
	}
}

// A later session replaces a series, the other series stay, and no session stays that nothing is of.
func TestStore(t *testing.T) {
	folder := t.TempDir()
	add := func(session, series string, run int, v float64) {
		t.Helper()
		s, err := openStore(folder, session, func() (environment, error) { return environment{Commit: session}, nil })
		if err == nil {
			err = s.add("m", series, sample{Run: run, Values: map[string]float64{"v": v}})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("1", "a", 0, 1)
	add("1", "a", 1, 2)
	add("1", "b", 0, 3)
	add("2", "a", 0, 4)
	r, err := (&store{folder: folder}).load("m")
	if err != nil || len(r.Series["a"]) != 1 || r.Series["a"][0].Values["v"] != 4 || len(r.Series["b"]) != 1 || len(r.Sessions) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	add("2", "b", 0, 5)
	if r, err = (&store{folder: folder}).load("m"); err != nil || len(r.Sessions) != 1 || r.Sessions["2"].Commit != "2" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestSilences(t *testing.T) {
	s := &silences{}
	began := s.watch()
	at := began.Add
	for p := range int32(partitions) {
		for d := 10 * time.Millisecond; d < 3*time.Second; d += 10 * time.Millisecond {
			if p == 2 && d > time.Second && d < 2*time.Second {
				continue // it is silent
			}
			s.heard(p, at(d))
		}
	}
	if got := s.back(began, at(3*time.Second)); got != 2*time.Second {
		t.Errorf("one partition is silent up to 2 s: %v", got)
	}
	if got := s.back(began, at(4*time.Second)); got != 4*time.Second {
		t.Errorf("all are silent: %v", got)
	}
}

func TestPercentiles(t *testing.T) {
	var took []time.Duration
	for i := range 1000 {
		took = append(took, time.Duration(1000-i)*time.Millisecond)
	}
	got := percentiles(took)
	for name, want := range map[string]float64{"p50_seconds": 0.5, "p99_seconds": 0.99, "p999_seconds": 0.999, "worst_seconds": 1, "changes": 1000} {
		if math.Abs(got[name]-want) > 1e-3 {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	before, err := cpu(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for began, x := time.Now(), 0.0; time.Since(began) < 10*time.Second; x++ {
		if now, err := cpu(os.Getpid()); err != nil {
			t.Fatal(err)
		} else if now > before {
			return
		}
	}
	t.Errorf("ten seconds of work are not seen: still %v", before)
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{1234567.8: "1,234,568", 123.4: "123", 12.34: "12.3", 1.234: "1.23", 0.1234: "0.123", 2: "2"} {
		if got := number(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}

// Every picture can be drawn of results that have everything, and a report is written.
func TestReport(t *testing.T) {
	r := reader{results: map[string]*results{}}
	for _, m := range measures {
		r.results[m.name] = &results{Series: map[string][]sample{}}
	}
	for _, p := range pictures {
		values := map[string]float64{}
		for _, d := range details {
			if d.measure == p.measure {
				for i, name := range []string{rate, workerCPU, brokerCPU, redisCPU, "p50_seconds", "p99_seconds", "p999_seconds", perEventAndChange} {
					values[name] = 0.002 * float64(i+1)
				}
			}
		}
		for _, series := range p.series {
			r.results[p.measure].Series[series] = []sample{{Values: values}}
		}
	}
	files, err := r.plot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if len(files["drain"]) != 2 || len(files["latency"]) != 1 || len(files["rules"]) != 1 {
		t.Errorf("drawn: %v", files)
	}
	var out strings.Builder
	r.write(&out, files)
	for _, want := range []string{"| … of Flink | 1 × |", "![Draining](performance/drain-cpu.svg)", "not measured"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestInOrder(t *testing.T) {
	got := []string{"2,000,000 customers", "S10000", "ruas, 500,000 events", "ruas", "S10", "200,000 customers", "ruas, 1,000,000 events", "S1000"}
	slices.SortFunc(got, inOrder)
	const want = "ruas|200,000 customers|2,000,000 customers|S10|S1000|S10000|ruas, 500,000 events|ruas, 1,000,000 events"
	if joined := strings.Join(got, "|"); joined != want {
		t.Errorf("%s, want %s", joined, want)
	}
}
