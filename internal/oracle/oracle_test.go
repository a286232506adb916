package oracle

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

func schema(t *testing.T) *event.Schema {
	t.Helper()
	s, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// compile makes a set of expressions without files: features x0, x1, ….
func compile(t *testing.T, s *event.Schema, sources ...string) *Oracle {
	t.Helper()
	env, err := rule.NewEnv(s)
	if err != nil {
		t.Fatal(err)
	}
	set := &rule.Set{Schema: s}
	for i, src := range sources {
		a, iss := env.Compile(src)
		if iss.Err() != nil {
			t.Fatalf("%s: %v", src, iss.Err())
		}
		f := &rule.Feature{Name: fmt.Sprintf("x%d", i), Expr: &rule.Expr{Source: src, AST: a.NativeRep()}, Type: a.OutputType()}
		if err := env.AddFeature(f.Name, f.Type); err != nil {
			t.Fatal(err)
		}
		set.Features = append(set.Features, f)
	}
	o, err := New(set)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// at is a moment of 2026-03-10: "12:00:00.000" or, with a date, "2026-03-29 01:00:00".
func at(t *testing.T, s string) int64 {
	t.Helper()
	if len(s) < len("2006-01-02 15") {
		s = "2026-03-10 " + s
	}
	m, err := time.Parse("2006-01-02 15:04:05.999", s)
	if err != nil {
		t.Fatal(err)
	}
	return m.UnixMilli()
}

// history reads events as "time type property=value …"; a number with a point is a double, true and false are booleans, null is null.
func history(t *testing.T, s *event.Schema, lines ...string) *History {
	t.Helper()
	h := &History{}
	for i, line := range lines {
		h.Add(parseEvent(t, s, fmt.Sprintf("e%d", i), line))
	}
	return h
}

func parseEvent(t *testing.T, s *event.Schema, id, line string) *event.Event {
	t.Helper()
	words := strings.Fields(line)
	typ := s.Type(words[1])
	if typ == nil {
		t.Fatalf("no type %s", words[1])
	}
	e := &event.Event{Type: typ, ID: id, Customer: "c", Time: at(t, strings.Replace(words[0], "T", " ", 1)),
		Props: make([]event.Value, len(typ.Properties))}
	for _, w := range words[2:] {
		name, text, _ := strings.Cut(w, "=")
		p := typ.Property(name)
		if p == nil {
			t.Fatalf("%s has no %s", words[1], name)
		}
		v := event.Value{Kind: p.Kind}
		var err error
		switch {
		case text == "null":
			v.Kind = event.Null
		case p.Kind == event.Int:
			var n int64
			_, err = fmt.Sscan(text, &n)
			v.Num = uint64(n)
		case p.Kind == event.Double:
			var f float64
			_, err = fmt.Sscan(text, &f)
			v.Num = math.Float64bits(f)
		case p.Kind == event.Moment:
			var ok bool
			m, ok := event.ParseMoment(text)
			if !ok {
				err = fmt.Errorf("no moment: %s", text)
			}
			v.Num = uint64(m)
		case p.Kind == event.Strings:
			v.SetList(strings.Split(text, ","))
		default:
			v.Str = text
		}
		if err != nil {
			t.Fatal(err)
		}
		e.Props[p.Index] = v
	}
	return e
}

func text(v ref.Val) string {
	switch x := v.(type) {
	case nil:
		return "error"
	case types.Double:
		return fmt.Sprintf("%g", float64(x))
	case types.Timestamp:
		return x.UTC().Format("2006-01-02 15:04:05.000")
	}
	if l, ok := v.Value().([]ref.Val); ok {
		var out []string
		for _, e := range l {
			out = append(out, text(e))
		}
		return "[" + strings.Join(out, " ") + "]"
	}
	return fmt.Sprint(v.Value())
}

func TestFunctions(t *testing.T) {
	s := schema(t)
	h := history(t, s,
		"08:00:00 cart_add cart_id=a price=1.5 quantity=1",
		"08:30:00 purchase amount=0.1 category=x items=2 cart_id=a",
		"09:00:00 cart_add cart_id=b",
		"09:30:00.001 purchase amount=0.7 category=y items=3",
		"10:00:00 cart_add cart_id=c",
		"10:00:00 purchase amount=-0.3 category=x items=4 cart_id=c",
		"11:00:00 refund amount=0.1",
	)
	ids := func(list string) string { return list + `.map(e, e.id)` }
	for _, c := range []struct{ src, now, want string }{
		// now-d < time <= now
		{ids(`purchase.last("1h")`), "09:29:59.999", "[e1]"},
		{ids(`purchase.last("1h")`), "09:30:00", "[]"},
		{ids(`purchase.last("1h")`), "09:30:00.001", "[e3]"},
		{ids(`purchase.last("1h")`), "10:30:00", "[e3 e5]"},
		{ids(`purchase.last("1h")`), "10:30:00.001", "[e5]"},
		// time <= now-d
		{ids(`purchase.before("1h")`), "09:29:59.999", "[]"},
		{ids(`purchase.before("1h")`), "09:30:00", "[e1]"},
		// now-d2 < time <= now-d1
		{ids(`purchase.between("1h", "2h")`), "09:29:59.999", "[]"},
		{ids(`purchase.between("1h", "2h")`), "09:30:00", "[e1]"},
		{ids(`purchase.between("1h", "2h")`), "10:29:59.999", "[e1]"},
		{ids(`purchase.between("1h", "2h")`), "10:30:00", "[]"},
		{ids(`purchase.between("1h", "2h")`), "10:30:00.001", "[e3]"},
		// after: strictly, and everything where the other is empty
		{ids(`purchase.after(cart_add)`), "10:00:00", "[]"},
		{ids(`purchase.after(cart_add.last("1h"))`), "10:59:59.999", "[]"},
		{ids(`purchase.after(cart_add.last("1h"))`), "11:00:00", "[e1 e3 e5]"},
		{ids(`purchase.after(search)`), "11:00:00", "[e1 e3 e5]"},
		{ids(`purchase.after(cart_add.before("1h"))`), "10:00:00", "[e3 e5]"},
		// e.time < f.time <= e.time+d
		{ids(`cart_add.followed_by(purchase, "30m")`), "11:00:00", "[e0]"},
		{ids(`cart_add.followed_by(purchase, "30m", "cart_id")`), "11:00:00", "[e0]"},
		{ids(`cart_add.followed_by(purchase, "2h", "cart_id")`), "11:00:00", "[e0]"},
		{ids(`cart_add.followed_by(purchase, "2h")`), "11:00:00", "[e0 e2]"},
		{ids(`cart_add.followed_by(purchase, "30m")`), "08:29:59.999", "[]"},
		{ids(`purchase.followed_by(cart_add, "1h", "cart_id")`), "11:00:00", "[]"},
		// the wait is over at e.time+d
		{ids(`cart_add.not_followed_by(purchase, "30m")`), "09:29:59.999", "[]"},
		{ids(`cart_add.not_followed_by(purchase, "30m")`), "09:30:00", "[e2]"},
		{ids(`cart_add.not_followed_by(purchase, "30m")`), "10:30:00", "[e2 e4]"},
		{ids(`cart_add.not_followed_by(purchase, "29m")`), "08:29:00", "[e0]"},
		{ids(`cart_add.not_yet_followed_by(purchase, "30m")`), "08:00:00", "[e0]"},
		{ids(`cart_add.not_yet_followed_by(purchase, "30m")`), "08:30:00", "[]"},
		{ids(`cart_add.not_yet_followed_by(purchase, "30m", "cart_id")`), "10:00:00", "[e2 e4]"},
		// chains
		{ids(`cart_add.followed_by(purchase.followed_by(refund, "1h"), "119m")`), "11:00:00", "[e2]"},
		{ids(`cart_add.followed_by(purchase.not_followed_by(refund, "1h"), "2h")`), "11:00:00", "[e0 e2]"},
		// exact decimals
		{`purchase.last("2h").sum(p, p.amount)`, "10:00:00", "0.5"},
		{`purchase.filter(p, p.amount > 0).sum(p, p.amount)`, "11:00:00", "0.8"},
		{`purchase.filter(p, p.amount > 0).sum(p, p.amount) == 0.8`, "11:00:00", "true"},
		{`purchase.sum(p, p.items)`, "11:00:00", "9"},
		{`search.map(s, 1.5).size()`, "11:00:00", "0"},
		{`purchase.last("1s").sum(p, p.amount)`, "11:00:00", "0"},
		{`purchase.last("1s").sum(p, p.amount) + 0.5`, "11:00:00", "0.5"},
		{`purchase.last("1s").sum(p, p.items) + 1`, "11:00:00", "1"},
		{`purchase.sum(p, 1.0 / (p.amount - 0.1))`, "11:00:00", "error"},
		{`purchase.sum(p, p.items * 3074457345618258602)`, "11:00:00", "error"},
		{`purchase.sum(p, p.items == 2 ? 9223372036854775807 : p.items == 3 ? 1 : -1)`, "11:00:00", "9223372036854775807"},
		{`purchase.sum(p, p.items == 2 ? 9223372036854775807 : p.items == 3 ? 1 : 0)`, "11:00:00", "error"},
		{`purchase.avg(p, p.items)`, "11:00:00", "3"},
		{`purchase.avg(p, p.items == 4 ? 0 : 1)`, "11:00:00", fmt.Sprintf("%g", 2.0/3)},
		{`purchase.avg(p, 9223372036854775807)`, "11:00:00", fmt.Sprintf("%g", float64(1<<63))},
		{`purchase.avg(p, p.amount)`, "11:00:00", fmt.Sprintf("%g", 1.0/6)},
		{`search.avg(s, 1)`, "11:00:00", "error"},
		{`purchase.min(p, p.amount)`, "11:00:00", "-0.3"},
		{`purchase.max(p, p.items)`, "11:00:00", "4"},
		{`purchase.min(p, p.time)`, "11:00:00", "2026-03-10 08:30:00.000"},
		{`search.max(s, s.time)`, "11:00:00", "error"},
		{`purchase.distinct(p, p.category)`, "11:00:00", "[x y]"},
		{`cart_add.distinct(c, c.price)`, "11:00:00", "error"},
		{`purchase.count_by(p, p.category)["x"]`, "11:00:00", "2"},
		{`purchase.count_by(p, p.category)["z"]`, "11:00:00", "error"},
		{`purchase.count_by(p, p.category).exists(k, n, k == "y" && n == 1)`, "11:00:00", "true"},
		{`purchase.sum_by(p, p.category, p.amount)["x"]`, "11:00:00", "-0.2"},
		{`purchase.sum_by(p, p.items > 2, p.items)[true]`, "11:00:00", "7"},
		{`purchase.count_by(p, p.cart_id).size()`, "11:00:00", "error"},
		{`purchase.first().id + purchase.newest().id`, "11:00:00", "e1e5"},
		{`search.first().id`, "11:00:00", "error"},
		{`search.newest().id`, "11:00:00", "error"},
		{ids(`purchase.newest(2)`), "11:00:00", "[e3 e5]"},
		{ids(`purchase.newest(9)`), "11:00:00", "[e1 e3 e5]"},
		{ids(`events.last("2h")`), "11:00:00", "[e3 e4 e5 e6]"},
		{`events.newest().type`, "11:00:00", "refund"},
		// missing properties
		{`cart_add.exists(c, c.price > 1)`, "11:00:00", "true"},
		{`cart_add.exists(c, c.price > 2)`, "11:00:00", "error"},
		{`cart_add.all(c, c.price > 2)`, "11:00:00", "false"},
		{`cart_add.filter(c, has(c.price)).size()`, "11:00:00", "1"},
		{`cart_add.filter(c, c.price > 0).size()`, "11:00:00", "error"},
		{`has(profile.city) || purchase.size() > 0`, "11:00:00", "true"},
		{`profile.city == "a" || purchase.size() > 0`, "11:00:00", "true"},
		{`profile.city == "a" && purchase.size() > 0`, "11:00:00", "error"},
		{`ago("90m")`, "11:00:00", "2026-03-10 09:30:00.000"},
		{`purchase.exists(p, p.time > ago("90m"))`, "11:00:00.001", "true"},
		{`now.getHours("Asia/Jakarta")`, "20:00:00", "3"},
		{`in_segment("a")`, "11:00:00", "false"},
	} {
		v, err := compile(t, s, c.src).Eval("x0", h, at(t, c.now), "UTC")
		if err != nil {
			t.Errorf("%s at %s: %v", c.src, c.now, err)
			continue
		}
		if got := text(v); got != c.want {
			t.Errorf("%s at %s: %s, not %s", c.src, c.now, got, c.want)
		}
	}
}

func TestCalendar(t *testing.T) {
	s := schema(t)
	for _, c := range []struct{ profile, src, zone, now, want string }{
		{"birth_date=1990-03-10", `days_until(profile.birth_date)`, "UTC", "2026-03-10 00:00:00", "0"},
		{"birth_date=1990-03-10", `days_until(profile.birth_date)`, "UTC", "2026-03-10 23:59:59.999", "0"},
		{"birth_date=1990-03-10", `days_until(profile.birth_date)`, "UTC", "2026-03-11 00:00:00", "364"},
		{"birth_date=1990-03-10", `days_until(profile.birth_date)`, "UTC", "2026-03-09 23:59:59.999", "1"},
		{"birth_date=1990-03-10", `days_until(profile.birth_date)`, "Asia/Jakarta", "2026-03-09 16:59:59.999", "1"},
		{"birth_date=1990-03-10", `days_until(profile.birth_date)`, "Asia/Jakarta", "2026-03-09 17:00:00", "0"},
		{"birth_date=1990-03-10", `age(profile.birth_date)`, "UTC", "2026-03-09 23:59:59.999", "35"},
		{"birth_date=1990-03-10", `age(profile.birth_date)`, "UTC", "2026-03-10 00:00:00", "36"},
		// 29 February returns on 28 February in common years.
		{"birth_date=2000-02-29", `days_until(profile.birth_date)`, "UTC", "2026-02-28 00:00:00", "0"},
		{"birth_date=2000-02-29", `days_until(profile.birth_date)`, "UTC", "2026-03-01 00:00:00", "364"},
		{"birth_date=2000-02-29", `days_until(profile.birth_date)`, "UTC", "2028-02-28 00:00:00", "1"},
		{"birth_date=2000-02-29", `days_until(profile.birth_date)`, "UTC", "2027-03-01 00:00:00", "365"},
		{"birth_date=2000-02-29", `age(profile.birth_date)`, "UTC", "2026-02-27 23:59:59.999", "25"},
		{"birth_date=2000-02-29", `age(profile.birth_date)`, "UTC", "2026-02-28 00:00:00", "26"},
		{"birth_date=2000-02-29", `age(profile.birth_date)`, "UTC", "2028-02-28 00:00:00", "27"},
		{"birth_date=2000-02-29", `age(profile.birth_date)`, "UTC", "2028-02-29 00:00:00", "28"},
		// a date to come
		{"birth_date=2030-01-01", `days_until(profile.birth_date)`, "UTC", "2026-01-01 00:00:00", "1461"},
		{"birth_date=2026-03-11", `age(profile.birth_date)`, "UTC", "2026-03-10 00:00:00", "-1"},
		{"birth_date=2030-01-01", `age(profile.birth_date)`, "UTC", "2026-06-01 00:00:00", "-4"},
		{"birth_date=2030-01-01", `age(profile.birth_date)`, "UTC", "2026-01-01 00:00:00", "-4"},
		{"birth_date=2030-01-01", `age(profile.birth_date)`, "UTC", "2025-12-31 00:00:00", "-5"},
		{"city=x", `age(profile.city)`, "UTC", "2026-06-01 00:00:00", "error"},
		{"city=x", `days_until(profile.birth_date)`, "UTC", "2026-06-01 00:00:00", "error"},
		// calendar days are not 24 hours: Berlin lost an hour on 29 March 2026, and gained one on 25 October.
		{"signed_up=2026-03-28T12:00:00+01:00", `days_since(profile.signed_up)`, "Europe/Berlin", "2026-03-28 22:59:59.999", "0"},
		{"signed_up=2026-03-28T12:00:00+01:00", `days_since(profile.signed_up)`, "Europe/Berlin", "2026-03-28 23:00:00", "1"},
		{"signed_up=2026-03-28T12:00:00+01:00", `days_since(profile.signed_up)`, "Europe/Berlin", "2026-03-29 21:59:59.999", "1"},
		{"signed_up=2026-03-28T12:00:00+01:00", `days_since(profile.signed_up)`, "Europe/Berlin", "2026-03-29 22:00:00", "2"},
		{"signed_up=2026-03-28T12:00:00+01:00", `days_since(profile.signed_up)`, "Europe/Berlin", "2026-03-27 12:00:00", "-1"},
		// the customer's zone counts where it is one
		{"time_zone=Asia/Jakarta", `day(now)`, "UTC", "2026-03-10 17:00:00", "2026-03-11"},
		{"time_zone=Nowhere/Land", `day(now)`, "Asia/Jakarta", "2026-03-10 17:00:00", "2026-03-11"},
		{"time_zone=Local", `day(now)`, "UTC", "2026-03-10 17:00:00", "2026-03-10"},
		{"city=x", `day(now)`, "Asia/Jakarta", "2026-03-10 16:59:59.999", "2026-03-10"},
	} {
		h := history(t, s, "1990-01-01T00:00:00 profile "+c.profile)
		v, err := compile(t, s, c.src).Eval("x0", h, at(t, c.now), c.zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := text(v); got != c.want {
			t.Errorf("%s with %s at %s in %s: %s, not %s", c.src, c.profile, c.now, c.zone, got, c.want)
		}
	}
}

func TestProfile(t *testing.T) {
	s := schema(t)
	h := history(t, s,
		"08:00:00 profile city=a country=ID interests=x,y",
		"09:00:00 profile city=null",
		"08:30:00 profile city=b country=null",
	)
	for now, want := range map[string]string{"08:00:00": "[a ID 2]", "08:30:00": "[b - 2]", "09:00:00": "[- - 2]"} {
		o := compile(t, s, `[has(profile.city) ? profile.city : "-", has(profile.country) ? profile.country : "-",
			string(profile.interests.size())]`)
		v, err := o.Eval("x0", h, at(t, now), "UTC")
		if err != nil || text(v) != want {
			t.Errorf("at %s: %s, not %s (%v)", now, text(v), want, err)
		}
	}
}

// A feature that errs has no value, for expressions that use it and for has().
func TestFeatures(t *testing.T) {
	s := schema(t)
	o := compile(t, s, `purchase.avg(p, p.amount)`, `has(feature.x0)`, `feature.x0 > 1.0`, `feature.x0 > 1.0 || true`)
	h := history(t, s, "08:00:00 purchase amount=2")
	for now, want := range map[string]string{"07:59:59.999": "error false error true", "08:00:00": "2 true true true"} {
		values, err := o.At(h, at(t, now), "UTC", nil).Features()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range 4 {
			got = append(got, text(values[fmt.Sprintf("x%d", i)]))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("at %s: %v, not %s", now, got, want)
		}
	}
}
