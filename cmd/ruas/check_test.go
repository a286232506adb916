package main

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestCheckPrints compares what check prints for files of testdata/check with golden files.
func TestCheckPrints(t *testing.T) {
	for _, c := range []struct {
		file, format string
		code         int
	}{
		{"good", "table", exitFine},
		{"good", "json", exitFine},
		{"refused", "table", exitInput},
		{"refused", "json", exitInput},
	} {
		t.Run(c.file+"_"+c.format, func(t *testing.T) {
			path := filepath.Join("testdata", "check", c.file+".yaml")
			rules, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			golden, err := filepath.Abs(filepath.Join("testdata", "check", c.file+"."+c.format+".golden"))
			if err != nil {
				t.Fatal(err)
			}
			code, out, message := ruas(t, map[string]string{c.file + ".yaml": string(rules)}, nil, "check", "--format", c.format, c.file+".yaml")
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if c.format == "json" && !json.Valid([]byte(out)) {
				t.Errorf("no JSON: %s", out)
			}
			got := out + message
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestEveryCommandTellsRefusals wants the place and the underlined text from all that compile rules.
func TestEveryCommandTellsRefusals(t *testing.T) {
	files := map[string]string{
		"a.yaml":       "segments:\n  shoes: {when: 'purchase.map(p, p.category).exists_one(c, c == \"shoes\")'}\n",
		"ruas.yaml":    "segments: [a.yaml]\n",
		"events.jsonl": "",
	}
	const want = "a.yaml:2:18: this keeps a value of every purchase for ever"
	for _, args := range [][]string{
		{"check", "a.yaml"},
		{"check", "-c", "ruas.yaml"},
		{"run", "-c", "ruas.yaml"},
		{"replay", "--segments", "a.yaml", "events.jsonl"},
		{"demo", "--segments", "a.yaml"},
		{"size", "--events", "1", "--customers", "1", "--segments", "a.yaml"},
	} {
		code, _, message := ruas(t, files, nil, args...)
		if code != exitInput || !strings.Contains(message, want) || !strings.Contains(message, "| "+strings.Repeat(" ", 17)+"^~~~~") {
			t.Errorf("%v: exit code %d\n%s", args, code, message)
		}
	}
}
