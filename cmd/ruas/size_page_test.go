package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ruas/ruas/internal/sizing"
)

// TestSizingPage compares what docs/sizing.md shows with figures.json, the assumptions, and what the command prints of them.
func TestSizingPage(t *testing.T) {
	page, err := filepath.Abs("../../docs/sizing.md")
	if err != nil {
		t.Fatal(err)
	}
	results, err := filepath.Abs("../../bench/results")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	figures, err := sizing.Recorded()
	if err != nil {
		t.Fatal(err)
	}
	code, out, message := ruas(t, map[string]string{"s10.yaml": s10(t)}, nil, "size", "--events", "1M", "--customers", "100M", "--segments", "s10.yaml")
	if code != exitFine {
		t.Fatal(message)
	}
	got := string(text)
	for _, block := range []struct{ name, content string }{
		{"scale", scaleSection(t, results)},
		{"example", "\n```\n$ ruas size --segments s10.yaml --events 1M --customers 100M\n" + out + "```\n\n"},
		{"figures", figuresTable(figures)},
		{"assumptions", assumptionsTable()},
	} {
		opening, closing := "<!-- "+block.name+": go generate ./internal/sizing -->\n", "<!-- end of "+block.name+" -->"
		before, rest, ok := strings.Cut(got, opening)
		_, after, ok2 := strings.Cut(rest, closing)
		if !ok || !ok2 {
			t.Fatalf("the page has no block %s", block.name)
		}
		got = before + opening + block.content + closing + after
	}
	if got == string(text) {
		return
	}
	if !*update {
		t.Fatal("docs/sizing.md is out of date: go generate ./internal/sizing")
	}
	if err := os.WriteFile(page, []byte(got), 0o600); err != nil {
		t.Fatal(err)
	}
}

func figuresTable(f *sizing.Figures) string {
	var b strings.Builder
	b.WriteString("\n| figure | value | source |\n| --- | --- | --- |\n")
	for _, one := range f.All() {
		value := digits(one.Value)
		if one.Unit == "B" && one.Value >= 1e6 {
			value, one.Unit = digits(one.Value/(1<<20)), "MiB"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", one.What, strings.TrimSpace(value+" "+one.Unit), one.Source)
	}
	return b.String() + "\n"
}

func assumptionsTable() string {
	var b strings.Builder
	b.WriteString("\n| what | value | why |\n| --- | --- | --- |\n")
	for _, one := range sizing.Assumed().Explained() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", one.What, one.Value, one.Why)
	}
	return b.String() + "\n"
}

// taken is a file of the benchmark's results.
type taken struct {
	Series map[string][]struct {
		Values map[string]float64
		Void   string
	}
}

// scaleSection shows what was measured with the most customers, beside what was with fewer; nothing where that was not measured.
func scaleSection(t *testing.T, results string) string {
	t.Helper()
	scale, ok := readTaken(t, filepath.Join(results, "scale.json"))
	if !ok {
		return ""
	}
	type column struct {
		name   string
		values map[string]float64
	}
	var columns []column
	add := func(from taken) {
		for name, samples := range from.Series {
			for _, s := range samples {
				if s.Void == "" {
					columns = append(columns, column{name, s.Values})
					break
				}
			}
		}
	}
	add(scale)
	if fewer, ok := readTaken(t, filepath.Join(results, "memory.json")); ok {
		add(fewer)
	}
	slices.SortFunc(columns, func(a, b column) int {
		if a.values["customers"] != b.values["customers"] {
			return int(a.values["customers"] - b.values["customers"])
		}
		return strings.Compare(a.name, b.name)
	})
	names := map[string]bool{}
	for _, c := range columns {
		for name := range c.values {
			names[name] = true
		}
	}
	var b strings.Builder
	b.WriteString("\n### Measured with more customers\n\n|")
	for _, c := range columns {
		b.WriteString(" | " + c.name)
	}
	b.WriteString(" |\n| ---" + strings.Repeat(" | ---", len(columns)) + " |\n")
	for _, name := range slices.Sorted(maps.Keys(names)) {
		b.WriteString("| " + strings.ReplaceAll(name, "_", " "))
		for _, c := range columns {
			value, ok := c.values[name]
			switch {
			case !ok:
				b.WriteString(" | ")
			case strings.Contains(name, "bytes") && value >= 1000:
				b.WriteString(" | " + volume(value))
			default:
				b.WriteString(" | " + short(value))
			}
		}
		b.WriteString(" |\n")
	}
	return b.String() + "\n"
}

func readTaken(t *testing.T, path string) (r taken, ok bool) {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, false
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatalf("reading %s: %v", path, err)
	}
	return r, true
}
