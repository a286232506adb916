package replay

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

var update = flag.Bool("update", false, "write the tables of docs/examples/cdnow.md anew")

const examples = "../../docs/examples/"

// tally is what a replay of the sample said of one segment.
type tally struct {
	joins, leaves map[string]int // by cause
	ever, members map[string]bool
}

func replaySample(t *testing.T, segments string) map[string]*tally {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Load(schema, []string{segments})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(set, engine.Options{DedupWindow: 24 * time.Hour, MaxLateness: 30 * 24 * time.Hour, SeriesBound: 4096})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	opt := Options{
		Engine: e, Schema: schema, Files: []File{{Path: examples + "cdnow-sample.jsonl.gz"}}, Out: &out, Rejects: Report{W: os.Stderr},
	}
	if _, err := Run(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	tallies := map[string]*tally{}
	for line := range bytes.Lines(out.Bytes()) {
		var c struct {
			Customer string `json:"customer_id"`
			Segment  string `json:"segment"`
			Change   string `json:"change"`
			Cause    string `json:"cause"`
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		of := tallies[c.Segment]
		if of == nil {
			of = &tally{map[string]int{}, map[string]int{}, map[string]bool{}, map[string]bool{}}
			tallies[c.Segment] = of
		}
		if c.Change == "join" {
			of.joins[c.Cause]++
			of.ever[c.Customer], of.members[c.Customer] = true, true
		} else {
			of.leaves[c.Cause]++
			delete(of.members, c.Customer)
		}
	}
	return tallies
}

func sum(of map[string]int) int {
	n := 0
	for _, k := range of {
		n += k
	}
	return n
}

// The page tells what replaying the sample gives: the table of joins, which -update writes, and the figures in its text.
func TestCDNOWPage(t *testing.T) {
	if testing.Short() {
		t.Skip("it is about a page, and takes seconds")
	}
	page, err := os.ReadFile(examples + "cdnow.md")
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- begin of the table -->\n", "<!-- end of the table -->\n"
	head, rest, ok := strings.Cut(string(page), begin)
	old, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the page has no place for the table")
	}
	starters := replaySample(t, "../../segments")
	names := make([]string, 0, len(starters))
	for name := range starters {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := sum(starters[b].joins) - sum(starters[a].joins); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var table strings.Builder
	table.WriteString("| segment | joins | customers | in at the end |\n| --- | ---: | ---: | ---: |\n")
	for _, name := range names {
		s := starters[name]
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", name, grouped(int64(sum(s.joins))), grouped(int64(len(s.ever))), grouped(int64(len(s.members))))
	}
	if *update {
		if err := os.WriteFile(examples+"cdnow.md", []byte(head+begin+table.String()+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if old != table.String() {
		t.Errorf("the table of docs/examples/cdnow.md is not what a replay gives (-update writes it):\n%s", table.String())
	}

	own := replaySample(t, examples+"cdnow.yaml")
	due, lapsing, lapsed, risk := starters["second_purchase_due"], starters["lapsing"], starters["lapsed"], starters["loyal_at_risk"]
	figures := []string{
		fmt.Sprintf("%7d event\n%7d time\n", due.leaves["event"], due.leaves["time"]),
		fmt.Sprintf("%7d lapsed event\n%7d lapsing event\n%7d lapsing time\n", lapsed.leaves["event"], lapsing.leaves["event"], lapsing.leaves["time"]),
		grouped(int64(len(starters["first_purchase"].members))) + " of the 2,357 never bought a second time",
		fmt.Sprintf("%d of %d came back", risk.leaves["event"], sum(risk.leaves)),
		fmt.Sprintf("the %d `loyal` customers", len(starters["loyal"].ever)),
		fmt.Sprintf("the same %d customers", len(own["top_spender"].ever)),
		fmt.Sprintf("%d changes instead of %d", sum(own["top_spender"].joins)+sum(own["top_spender"].leaves),
			sum(own["top_spender_jumpy"].joins)+sum(own["top_spender_jumpy"].leaves)),
	}
	for name, s := range own {
		for cause, n := range s.joins {
			figures = append(figures, fmt.Sprintf("%7d %s join %s\n", n, name, cause))
		}
		for cause, n := range s.leaves {
			figures = append(figures, fmt.Sprintf("%7d %s leave %s\n", n, name, cause))
		}
	}
	for _, figure := range figures {
		if !strings.Contains(string(page), figure) {
			t.Errorf("docs/examples/cdnow.md does not say %q", figure)
		}
	}
}
