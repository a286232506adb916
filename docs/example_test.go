// Package docs has no code: its tests hold the documents to the program.
package docs

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/oracle"
	"github.com/ruas/ruas/internal/replay"
	"github.com/ruas/ruas/internal/rule"
)

//go:generate go test . -update
//go:generate go test ../cmd/ruas -run ^TestGettingStarted$ -update

var update = flag.Bool("update", false, "write what the documents show of the program anew")

// example is a rule, events and what comes of them: three blocks that follow each other.
var example = regexp.MustCompile("(?s)\n```yaml\n([^`]*)\n```\n\n```events\n([^`]*)\n```\n\n```changes\n([^`]*?)```\n")

// TestRulesByExample runs every example of rules-by-example.md by rule, engine and replay, and by stock CEL over the whole history.
func TestRulesByExample(t *testing.T) {
	const page = "rules-by-example.md"
	text := read(t, page)
	written := example.ReplaceAllStringFunc(text, func(blocks string) string {
		parts := example.FindStringSubmatch(blocks)
		changes := changesOf(t, parts[1], parts[2])
		if changes != parts[3] && !*update {
			t.Errorf("of\n%s\n\n%s\ncomes\n%s\nand the page says\n%s", parts[1], parts[2], changes, parts[3])
		}
		return "\n```yaml\n" + parts[1] + "\n```\n\n```events\n" + parts[2] + "\n```\n\n```changes\n" + changes + "```\n"
	})
	if *update {
		write(t, page, written)
	}
	examples := len(example.FindAllString(text, -1))
	for _, kind := range []string{"yaml", "events", "changes"} {
		if n := strings.Count(text, "\n```"+kind+"\n"); n != examples || n < 25 {
			t.Errorf("%d blocks of %s, and %d examples", n, kind, examples)
		}
	}
	for _, function := range functions(t) {
		if !strings.Contains(text, function) {
			t.Errorf("there is no example of %s", function)
		}
	}
}

// functions are those that rules.md has in its tables, up to the first parenthesis.
func functions(t *testing.T) []string {
	t.Helper()
	var list []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[.a-z].*?) \\| .* \\| `.*` \\|$").FindAllStringSubmatch(read(t, "rules.md"), -1) {
		for _, name := range regexp.MustCompile("`([.]?[a-z_]+[(])").FindAllStringSubmatch(row[1], -1) {
			list = append(list, name[1])
		}
	}
	if len(list) < 25 {
		t.Fatalf("rules.md has %d functions: %v", len(list), list)
	}
	return list
}

// changesOf replays events under a rule.
func changesOf(t *testing.T, rules, events string) string {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"rules.yaml": []byte(rules)})
	if err != nil {
		t.Fatalf("%s\n%v", rules, err)
	}
	e, err := engine.New(set, engine.Options{DedupWindow: 24 * time.Hour, MaxLateness: 30 * 24 * time.Hour, SeriesBound: 4096})
	if err != nil {
		t.Fatal(err)
	}
	lines, until, types := records(t, events)
	var out, rejects bytes.Buffer
	_, err = replay.Run(t.Context(), replay.Options{
		Engine: e, Schema: schema, Files: []replay.File{{Path: "-"}}, Stdin: strings.NewReader(lines), Until: until,
		Out: &out, Rejects: replay.Report{W: &rejects},
	})
	if err != nil || rejects.Len() > 0 {
		t.Fatalf("%s\n%v\n%s", events, err, &rejects)
	}
	expected := oracleOf(t, set, e.Needs(), lines, until)
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for line := range bytes.Lines(out.Bytes()) {
		var c struct {
			Time     time.Time
			Customer string `json:"customer_id"`
			Segment  string
			Change   string
			Event    string `json:"event_id"`
			Features json.RawMessage
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if len(expected) == 0 || !strings.HasPrefix(expected[0], fmt.Sprintf("%s %s %ss %s ", c.Time.Format("2006-01-02T15:04:05.000Z"), c.Customer, c.Change, c.Segment)) {
			t.Fatalf("of\n%s\nthe engine makes %s, and stock CEL %v", events, line, expected)
		}
		expected = expected[1:]
		by := "by time"
		if c.Event != "" {
			by = "by a " + types[c.Event]
		}
		fmt.Fprintf(table, "%s\t%s\t%ss\t%s\t%s", shown(c.Time), c.Customer, c.Change, c.Segment, by)
		if c.Features != nil {
			fmt.Fprintf(table, "\t%s", c.Features)
		}
		fmt.Fprintln(table)
	}
	if len(expected) > 0 {
		t.Fatalf("of\n%s\nthe engine does not make %v", events, expected)
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// oracleOf gives the changes that stock CEL makes of the same records, a line each.
func oracleOf(t *testing.T, set *rule.Set, needs event.Needs, lines string, until *int64) []string {
	t.Helper()
	decoder, err := event.NewDecoder(set.Schema, event.Source{}, needs)
	if err != nil {
		t.Fatal(err)
	}
	var events []*event.Event
	for line := range strings.Lines(lines) {
		var ev event.Event
		if err := decoder.Decode([]byte(line), &ev); err != nil {
			t.Fatal(err)
		}
		events = append(events, ev.Clone())
	}
	o, err := oracle.New(set)
	if err != nil {
		t.Fatal(err)
	}
	changes, err := o.Replay(events, oracle.Options{Until: until})
	if err != nil {
		t.Fatal(err)
	}
	list := make([]string, len(changes))
	for i, c := range changes {
		list[i] = c.String()
	}
	return list
}

// shown is a time to the minute, or as exact as it is.
func shown(at time.Time) string {
	switch at = at.UTC(); {
	case at.Nanosecond() > 0:
		return at.Format("2006-01-02 15:04:05.000")
	case at.Second() > 0:
		return at.Format("2006-01-02 15:04:05")
	}
	return at.Format("2006-01-02 15:04")
}

// records makes JSON lines of an example's events; until is nil where the example does not say it, types names each event's type by its id.
func records(t *testing.T, events string) (lines string, until *int64, types map[string]string) {
	t.Helper()
	var out strings.Builder
	types = map[string]string{}
	for line := range strings.Lines(events) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "until "); ok {
			at := moment(t, rest).UnixMilli()
			until = &at
			continue
		}
		fields := regexp.MustCompile(`^(\S+ \S+) +(\S+) +(\S+) +(\{.*\})$`).FindStringSubmatch(line)
		if fields == nil {
			t.Fatalf("this is no event: %s", line)
		}
		var properties yaml.Node
		if err := yaml.Unmarshal([]byte(fields[4]), &properties); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		record := map[string]any{"id": fmt.Sprint(len(types) + 1)}
		if err := properties.Decode(&record); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		record["time"], record["customer_id"], record["type"] = moment(t, fields[1]).Format(time.RFC3339Nano), fields[2], fields[3]
		types[fmt.Sprint(record["id"])] = fields[3]
		encoded, err := json.Marshal(record)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		out.Write(encoded)
		out.WriteByte('\n')
	}
	return out.String(), until, types
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02 15:04:05.000"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at
		}
	}
	t.Fatalf("this is no time: %s", text)
	return time.Time{}
}

func read(t *testing.T, page string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, page, text string) {
	t.Helper()
	if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
