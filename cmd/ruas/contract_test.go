package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The cases of testdata/contract hold ruas to the contract that users read. Each is one text file: first lines that begin with #,
// which quote the sentence that is proved and work out what it asks for; then
//
//	env NAME=VALUE      an environment variable, any number of them
//	$ ARGUMENT...       the command line, without "ruas"; '…' holds blanks together
//	exit N              the exit code; 0 where it is not given
//
// then sections, each begun by a line "-- NAME --":
//
//	-- stdout --        what is printed. Of replay a line a change: time, customer, segment, join or leave, cause, event and features
//	-- stdout has --    lines of which each is a part of what is printed
//	-- stderr --        all of standard error; without this and the next, it is empty
//	-- stderr has --    lines of which each is a part of standard error
//	-- after: FILE --   what a file holds after the command
//	-- stdin --         standard input
//	-- FILE --          a file that is there before it; compressed where its name ends in .gz
type contractCase struct {
	environ, args []string
	exit          int
	sections      map[string]string
}

func readCase(t *testing.T, path string) contractCase {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c := contractCase{sections: map[string]string{}}
	section := ""
	for line := range strings.Lines(string(content)) {
		if name, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(name, " --\n") {
			section = strings.TrimSuffix(name, " --\n")
			c.sections[section] = ""
			continue
		}
		if section != "" {
			c.sections[section] += line
			continue
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "", "#":
		case "env":
			c.environ = append(c.environ, rest)
		case "$":
			c.args = splitArguments(rest)
		case "exit":
			if _, err := fmt.Sscan(rest, &c.exit); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("%s: what is %q?", path, line)
		}
	}
	if c.args == nil || !strings.HasPrefix(string(content), "# ") {
		t.Fatalf("%s: a case begins with the sentence that it proves, and has a command line", path)
	}
	return c
}

func splitArguments(line string) []string {
	args := []string{}
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			args = append(args, part)
		} else {
			args = append(args, strings.Fields(part)...)
		}
	}
	return args
}

// files are those that the case has before the command.
func (c contractCase) files(t *testing.T) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, text := range c.sections {
		switch {
		case strings.HasPrefix(name, "std") && name != "stdin", strings.HasPrefix(name, "after: "):
		case strings.HasSuffix(name, ".gz"):
			var out bytes.Buffer
			w := gzip.NewWriter(&out)
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			files[name] = out.String()
		default:
			files[name] = text
		}
	}
	return files
}

func TestContract(t *testing.T) {
	paths, err := filepath.Glob("testdata/contract/*.txt")
	if err != nil || len(paths) < 60 {
		t.Fatalf("%d cases: %v", len(paths), err)
	}
	for _, path := range paths {
		c := readCase(t, path)
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			code, out, message := ruas(t, c.files(t), c.environ, c.args...)
			if code != c.exit {
				t.Errorf("exit code %d, want %d", code, c.exit)
			}
			if c.args[0] == "replay" && code != exitUsage {
				out = wellFormed(t, out)
			}
			c.compare(t, "stdout", out)
			c.compare(t, "stderr", message)
			for name, want := range c.sections {
				file, ok := strings.CutPrefix(name, "after: ")
				if !ok {
					continue
				}
				if got, err := os.ReadFile(file); err != nil || string(got) != want {
					t.Errorf("%s: %v\n%s", name, err, got)
				}
			}
		})
	}
}

func (c contractCase) compare(t *testing.T, stream, got string) {
	t.Helper()
	want, exact := c.sections[stream]
	parts, some := c.sections[stream+" has"]
	for part := range strings.Lines(parts) {
		if !strings.Contains(got, strings.TrimSuffix(part, "\n")) {
			t.Errorf("%s lacks %s\ngot:\n%s", stream, part, got)
		}
	}
	if (exact || !some) && got != want {
		t.Errorf("%s:\n%s\nwant:\n%s", stream, got, want)
	}
}

// wellFormed checks what holds of every replay's changes (their shape, their order of time, seq without a gap, and ids that differ)
// and gives each as a line of what only the case knows.
func wellFormed(t *testing.T, out string) string {
	t.Helper()
	var lines strings.Builder
	last, rules := "", ""
	seqs, ids := map[string]int{}, map[string]bool{}
	for line := range strings.Lines(out) {
		var c struct {
			ID       string          `json:"id"`
			Customer string          `json:"customer_id"`
			Segment  string          `json:"segment"`
			Change   string          `json:"change"`
			Time     string          `json:"time"`
			Cause    string          `json:"cause"`
			EventID  *string         `json:"event_id"`
			Seq      int             `json:"seq"`
			Rules    string          `json:"rules"`
			Features json.RawMessage `json:"features"`
		}
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&c); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		key := c.Customer + "/" + c.Segment
		seqs[key]++
		if c.Seq != seqs[key] || (c.Change == "join") != (c.Seq%2 == 1) || (c.Change == "leave") != (c.Seq%2 == 0) {
			t.Errorf("seq %d of a %s is not the next, %d: %s", c.Seq, c.Change, seqs[key], line)
		}
		if c.ID == "" || ids[c.ID] {
			t.Errorf("the id is not its own: %s", line)
		}
		ids[c.ID] = true
		if c.Time < last || len(c.Time) != len("2026-01-01T10:00:00.000Z") || !strings.HasSuffix(c.Time, "Z") {
			t.Errorf("the time is out of order or shape: %s", line)
		}
		last = c.Time
		if c.Rules == "" || rules != "" && rules != c.Rules {
			t.Errorf("rules are not those of the line before: %s", line)
		}
		rules = c.Rules
		if (c.Cause == "event") != (c.EventID != nil) {
			t.Errorf("an event_id is for the cause event: %s", line)
		}
		fmt.Fprintf(&lines, "%s %s %s %s %s", c.Time, c.Customer, c.Segment, c.Change, c.Cause)
		if c.EventID != nil {
			fmt.Fprintf(&lines, " %s", *c.EventID)
		}
		if c.Features != nil {
			fmt.Fprintf(&lines, " %s", c.Features)
		}
		lines.WriteByte('\n')
	}
	return lines.String()
}

// Contract section 5: the keys of a change and their order; id is a stable hash of (customer, segment, seq, time), rules one of the rules
// in force: of what they mean, not of how they are written.
func TestChangesAreStable(t *testing.T) {
	events := `{"id":"e\"1","type":"purchase","customer_id":"c é","time":"2026-01-01T10:00:00.120Z","amount":0.5}` + "\n"
	replay := func(rules string) map[string]string {
		t.Helper()
		code, out, message := ruas(t, map[string]string{"segments/a.yaml": rules, "e.jsonl": events}, nil,
			"replay", "--until", "2026-01-01T11:00:00.120Z", "e.jsonl")
		if code != exitFine || message != "" {
			t.Fatalf("exit code %d: %s", code, message)
		}
		lines := map[string]string{}
		for line := range strings.Lines(out) {
			var c struct{ Segment, Change string }
			if err := json.Unmarshal([]byte(line), &c); err != nil {
				t.Fatal(err)
			}
			lines[c.Segment+" "+c.Change] = strings.TrimSuffix(line, "\n")
		}
		return lines
	}
	value := func(line, key string) string {
		_, rest, ok := strings.Cut(line, `"`+key+`":"`)
		text, _, ok2 := strings.Cut(rest, `"`)
		if !ok || !ok2 || text == "" {
			t.Errorf("no %s in %s", key, line)
		}
		return text
	}
	const rules = "features:\n  spend: purchase.last(\"1h\").sum(p, p.amount)\n" +
		"segments:\n  buyer: {when: purchase.last(\"1h\").size() > 0, include: [spend]}\n"
	first := replay(rules)
	for key, want := range map[string]string{
		"buyer join": `{"id":"%s","customer_id":"c é","segment":"buyer","change":"join","time":"2026-01-01T10:00:00.120Z",` +
			`"cause":"event","event_id":"e\"1","seq":1,"rules":"%s","features":{"spend":0.5}}`,
		"buyer leave": `{"id":"%s","customer_id":"c é","segment":"buyer","change":"leave","time":"2026-01-01T11:00:00.120Z",` +
			`"cause":"time","seq":2,"rules":"%s","features":{"spend":0}}`,
	} {
		if got := first[key]; got != fmt.Sprintf(want, value(got, "id"), value(got, "rules")) {
			t.Errorf("%s: %s", key, got)
		}
	}
	if value(first["buyer join"], "id") == value(first["buyer leave"], "id") {
		t.Error("two changes have one id")
	}
	if !maps.Equal(first, replay(rules)) {
		t.Error("a second run gives other bytes")
	}
	written := replay("# A comment.\nsegments:\n  buyer:\n    title: Buyer\n    include: [spend]\n    when: |\n      purchase.last(\"1h\").size()  >  0\n" +
		"features:\n  spend: 'purchase.last(\"1h\").sum(p, p.amount)'\n")
	if !maps.Equal(first, written) {
		t.Errorf("rules that mean the same give other bytes:\n%v\n%v", first, written)
	}
	more := replay(rules + "  other: {when: purchase.size() > 0}\n")
	if value(more["buyer join"], "id") != value(first["buyer join"], "id") {
		t.Error("another segment changes the id of a change")
	}
	if value(more["buyer join"], "rules") == value(first["buyer join"], "rules") {
		t.Error("other rules have the same hash")
	}
	if keys := slices.Sorted(maps.Keys(more)); !slices.Equal(keys, []string{"buyer join", "buyer leave", "other join"}) {
		t.Errorf("changes: %v", keys)
	}
}

// Contract section 2: a customer's newest 4,096 ids are remembered. x is one of them where 4,095 others follow it; one more, and it is
// forgotten, and counts again.
func TestNewestIDsAreRemembered(t *testing.T) {
	const event = `{"id":%q,"type":%q,"customer_id":"c","time":"2026-01-01T10:00:00Z","amount":1}` + "\n"
	for others, want := range map[int]string{4095: "", 4096: "2026-01-01T10:00:00.000Z c twice join event x\n"} {
		var events strings.Builder
		fmt.Fprintf(&events, event, "x", "purchase")
		for i := range others {
			fmt.Fprintf(&events, event, fmt.Sprint("v", i), "page_view")
		}
		fmt.Fprintf(&events, event, "x", "purchase")
		files := map[string]string{"segments/a.yaml": "segments:\n  twice: {when: purchase.size() == 2}\n", "e.jsonl": events.String()}
		code, out, message := ruas(t, files, nil, "replay", "e.jsonl")
		if got := wellFormed(t, out); code != exitFine || message != "" || got != want {
			t.Errorf("%d others: exit code %d %s: %s", others, code, message, got)
		}
	}
}
