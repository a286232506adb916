package chaos

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

// TestAccount forgets a customer between two purchases, and holds what that gives, and what it does not give, to the way that is looked for.
func TestAccount(t *testing.T) {
	t.Parallel()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"a.yaml": []byte(
		"segments:\n  active: {when: purchase.last('1m').size() > 0}\n  buyer: {when: purchase.size() > 0}\n  loyal: {when: purchase.size() > 1}\n")})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(set, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := event.NewDecoder(schema, event.Source{}, e.Needs())
	if err != nil {
		t.Fatal(err)
	}
	events := make([]timed, 2)
	for i, record := range []string{
		`{"id":"e1","type":"purchase","customer_id":"c1","time":"2026-01-01T00:00:00Z","amount":1}`,
		`{"id":"e2","type":"purchase","customer_id":"c1","time":"2026-01-01T01:00:00Z","amount":1}`,
	} {
		if err := decoder.Decode([]byte(record), &events[i].event); err != nil {
			t.Fatal(err)
		}
		events[i].event = *events[i].event.Clone()
		events[i].clock = events[i].event.Time
	}
	until := events[1].clock + 1000
	// lines are what is published where the customer is forgotten behind so many events, at a moment; 0: never.
	lines := func(behind int, moment int64) (published []string) {
		c := e.NewCustomer("c1")
		var list []engine.Change
		for i := range events {
			if due := c.Deadline(); due < events[i].clock {
				list = e.Fire(c, due, list)
			}
			list = e.Apply(c, &events[i].event, events[i].clock, list)
			if i+1 == behind {
				list = e.Forget(c, moment, list)
			}
		}
		for i := range list {
			published = append(published, string(e.AppendJSON(nil, &list[i])))
		}
		return published
	}
	between := lines(1, events[0].clock+10)
	last := lines(2, events[1].clock)
	all := []string{"active", "buyer", "loyal"}
	for _, c := range []struct {
		what        string
		published   []string
		least, most int
		segments    []string
		kept, want  bool
	}{
		{"nobody forgotten", lines(0, 0), 0, 0, all, true, true},
		{"nobody forgotten, though somebody may have been", lines(0, 0), 0, 1, all, true, true},
		{"nobody forgotten, though somebody was", lines(0, 0), 1, 1, all, true, false},
		{"forgotten between", between, 1, 1, []string{"active", "buyer"}, true, true},
		{"forgotten though nobody asked", between, 0, 0, []string{"active", "buyer"}, true, false},
		{"forgotten, and still a member", between, 1, 1, all, true, false},
		{"a leave is lost", slices.Delete(slices.Clone(between), 2, 3), 1, 1, []string{"active", "buyer"}, true, false},
		{"a leave is doubled", slices.Insert(slices.Clone(between), 2, between[2]), 1, 1, []string{"active", "buyer"}, true, false},
		{"a change is lost", slices.Delete(slices.Clone(between), 4, 5), 1, 1, []string{"active", "buyer"}, true, false},
		{"forgotten at last", last, 1, 1, nil, false, true},
		{"forgotten at last, and kept", last, 1, 1, nil, true, false},
		{"forgotten past the end", lines(2, until+5000), 1, 1, nil, false, false},
	} {
		a := &account{id: "c1", engine: e, events: events, until: until, published: c.published, least: c.least, most: c.most, segments: c.segments, kept: c.kept}
		for _, line := range c.published {
			var of leave
			if err := json.Unmarshal([]byte(line), &of); err != nil {
				t.Fatal(err)
			}
			a.parsed = append(a.parsed, of)
		}
		if got := a.possible(); got != c.want {
			t.Errorf("%s: %v, want %v: %q", c.what, got, c.want, c.published)
		}
	}
}
