package oracle

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

// rules makes a set of segments in the order given, each "name: when" or "name: when until until".
func rules(t *testing.T, s *event.Schema, lines ...string) *rule.Set {
	t.Helper()
	env, err := rule.NewEnv(s)
	if err != nil {
		t.Fatal(err)
	}
	set := &rule.Set{Schema: s}
	expr := func(src string) *rule.Expr {
		a, iss := env.Compile(src)
		if iss.Err() != nil {
			t.Fatalf("%s: %v", src, iss.Err())
		}
		return &rule.Expr{Source: src, AST: a.NativeRep()}
	}
	for _, line := range lines {
		name, src, _ := strings.Cut(line, ": ")
		seg := &rule.Segment{Name: name}
		when, until, ok := strings.Cut(src, " until ")
		seg.When = expr(when)
		if ok {
			seg.Until = expr(until)
		}
		set.Segments = append(set.Segments, seg)
	}
	return set
}

func check(t *testing.T, set *rule.Set, inputs []string, opt Options, want ...string) {
	t.Helper()
	o, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	var events []*event.Event
	for _, line := range inputs {
		who, rest, _ := strings.Cut(line, " ")
		customer, id, _ := strings.Cut(who, "/")
		e := parseEvent(t, set.Schema, id, rest)
		e.Customer = customer
		events = append(events, e)
	}
	changes, err := o.Replay(events, opt)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range changes {
		got = append(got, strings.TrimPrefix(c.String(), "2026-03-10T"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestReplayTimeAlone(t *testing.T) {
	s := schema(t)
	end := at(t, "10:00:00")
	check(t, rules(t, s,
		`abandoned: cart_add.last("1h").not_followed_by(purchase, "30m").size() > 0`,
		`recent: cart_add.last("1h").size() > 0`),
		[]string{"b/1 08:00:00 cart_add", "a/2 08:00:00 cart_add", "a/3 08:30:00 purchase amount=1", "c/4 08:30:00 search"},
		Options{Until: &end},
		"08:00:00.000Z b joins recent seq 1, event 1",
		"08:00:00.000Z a joins recent seq 1, event 2",
		// the purchase at exactly 30 minutes still stops a's
		"08:30:00.000Z b joins abandoned seq 1, time",
		"09:00:00.000Z a leaves recent seq 2, time",
		"09:00:00.000Z b leaves abandoned seq 2, time",
		"09:00:00.000Z b leaves recent seq 2, time",
	)
	// Without a moment to end at, the greatest time of any event is complete too.
	check(t, rules(t, s, `abandoned: cart_add.not_followed_by(purchase, "30m").size() > 0`),
		[]string{"a/1 08:00:00 cart_add", "b/2 08:30:00 search"}, Options{},
		"08:30:00.000Z a joins abandoned seq 1, time")
}

func TestReplayLateAndDuplicate(t *testing.T) {
	s := schema(t)
	check(t, rules(t, s, `two: purchase.size() == 2`, `in: purchase.last("1h").size() > 0`),
		[]string{
			"a/1 08:00:00 purchase amount=1",
			"a/1 09:30:00 purchase amount=2", // a duplicate moves the clock
			"a/2 08:45:00 purchase amount=3", // late: its change has the clock as its time
			"a/1 09:30:00 search",            // another type, another event
		}, Options{},
		"08:00:00.000Z a joins in seq 1, event 1",
		"09:00:00.000Z a leaves in seq 2, time",
		"09:30:00.000Z a joins two seq 1, event 2",
		"09:30:00.000Z a joins in seq 3, event 2",
	)
	check(t, rules(t, s, `two: purchase.size() == 2`),
		[]string{"a/1 08:00:00 purchase amount=1", "b/2 08:00:59.999 search", "a/1 08:00:01 purchase amount=2", "b/3 08:01:00 search",
			"a/1 08:00:02 purchase amount=2"},
		Options{DedupWindow: time.Minute},
		"08:01:00.000Z a joins two seq 1, event 1")
}

func TestReplayUntilAndOrder(t *testing.T) {
	s := schema(t)
	check(t, rules(t, s,
		`high: purchase.last("1h").sum(p, p.amount) >= 5.0 until purchase.last("1h").sum(p, p.amount) < 3.0`,
		`not_high: !in_segment("high")`),
		[]string{"a/1 08:00:00 purchase amount=3", "a/2 08:10:00 purchase amount=2", "a/3 08:20:00 purchase amount=2", "b/4 10:00:00 search"},
		Options{},
		"08:00:00.000Z a joins not_high seq 1, event 1",
		"08:10:00.000Z a joins high seq 1, event 2",
		"08:10:00.000Z a leaves not_high seq 2, event 2",
		// 4 is left at 09:00, 2 at 09:10
		"09:10:00.000Z a leaves high seq 2, time",
		"09:10:00.000Z a joins not_high seq 3, time",
		"10:00:00.000Z b joins not_high seq 1, event 4",
	)
}

func TestReplayCalendar(t *testing.T) {
	s := schema(t)
	end := at(t, "2026-03-30 12:00:00")
	// Berlin's clock jumps from 02:00 to 03:00 at 01:00 UTC on 29 March 2026; Havana's midnight of 8 March is at 05:00 UTC, and that of
	// 9 March at 04:00, an hour earlier.
	check(t, rules(t, s, `night: now.getHours("Europe/Berlin") == 3`),
		[]string{"a/1 2026-03-28T12:00:00 search"}, Options{Until: &end},
		"2026-03-29T01:00:00.000Z a joins night seq 1, time",
		"2026-03-29T02:00:00.000Z a leaves night seq 2, time",
		"2026-03-30T01:00:00.000Z a joins night seq 3, time",
		"2026-03-30T02:00:00.000Z a leaves night seq 4, time",
	)
	end = at(t, "2026-03-10 00:00:00")
	check(t, rules(t, s, `today: day(now) == "2026-03-08"`),
		[]string{"a/1 2026-03-07T12:00:00 profile time_zone=America/Havana"}, Options{Until: &end},
		"2026-03-08T05:00:00.000Z a joins today seq 1, time",
		"2026-03-09T04:00:00.000Z a leaves today seq 2, time",
	)
	// In St John's the clock was set back at one minute past midnight, into the day before; the clock stands there already.
	check(t, rules(t, s, `today: day(now) == "2006-10-29"`),
		[]string{"a/1 2006-10-29T02:30:30 search", "b/2 2006-10-29T02:31:00 search"}, Options{Zone: "America/St_Johns"},
		"2006-10-29T02:30:30.000Z a joins today seq 1, event 1",
		"2006-10-29T02:31:00.000Z a leaves today seq 2, time",
	)
	check(t, rules(t, s, `at: now >= timestamp("2026-03-10T08:00:00.0005Z") && now < timestamp("2026-03-10T08:00:00.003Z")`),
		[]string{"a/1 07:00:00 search", "a/1 09:00:00 search"}, Options{},
		"08:00:00.001Z a joins at seq 1, time",
		"08:00:00.003Z a leaves at seq 2, time",
	)
}
