package rule

import (
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"github.com/ruas/ruas/internal/event"
)

// testSchema is a small schema of its own, so that these tests do not move with the shipped one.
func testSchema() *event.Schema {
	s := &event.Schema{Types: []*event.Type{
		{Name: "cart_add", Properties: []event.Property{
			{Name: "cart_id", Kind: event.String}, {Name: "price", Kind: event.Double}, {Name: "quantity", Kind: event.Int},
		}},
		{Name: "profile", Properties: []event.Property{
			{Name: "birth_date", Kind: event.Date}, {Name: "city", Kind: event.String}, {Name: "income", Kind: event.Double},
			{Name: "interests", Kind: event.Strings}, {Name: "signed_up", Kind: event.Moment}, {Name: "household_size", Kind: event.Int},
		}},
		{Name: "purchase", Properties: []event.Property{
			{Name: "amount", Kind: event.Double, Required: true}, {Name: "cart_id", Kind: event.String},
			{Name: "category", Kind: event.String}, {Name: "items", Kind: event.Int}, {Name: "gift", Kind: event.Bool},
			{Name: "quantity", Kind: event.Double},
		}},
	}}
	for i, t := range s.Types {
		t.Index = i
		for j := range t.Properties {
			t.Properties[j].Index = j
		}
	}
	return s
}

func testEnv(t *testing.T) *Env {
	t.Helper()
	e, err := NewEnv(testSchema())
	if err != nil {
		t.Fatal(err)
	}
	if err := e.AddFeature("spend", types.DoubleType); err != nil {
		t.Fatal(err)
	}
	return e
}

func TestMacrosExpand(t *testing.T) {
	const loop = "__comprehension__(purchase, e, @result, [], true, @result + [%s], @result)"
	mapped := func(x string) string { return strings.Replace(loop, "%s", x, 1) }
	for src, want := range map[string]string{
		`purchase.last("90s")`:                                  `@last(purchase, 90000, @now)`,
		`purchase.before("30m")`:                                `@before(purchase, 1800000, @now)`,
		`purchase.between("12h", "2w")`:                         `@between(purchase, 43200000, 1209600000, @now)`,
		`purchase.after(cart_add.last("1d"))`:                   `@after(purchase, @last(cart_add, 86400000, @now))`,
		`cart_add.followed_by(purchase, "30m")`:                 `@followed_by(cart_add, purchase, 1800000, "", @now)`,
		`cart_add.not_followed_by(purchase, "30m", "cart_id")`:  `@not_followed_by(cart_add, purchase, 1800000, "cart_id", @now)`,
		`cart_add.not_yet_followed_by(purchase, "1s", "id")`:    `@not_yet_followed_by(cart_add, purchase, 1000, "id", @now)`,
		`events.followed_by(events, "1s", "type")`:              `@followed_by(events, events, 1000, "type", @now)`,
		`purchase.sum(e, e.amount)`:                             `@sum(` + mapped("e.amount") + `)`,
		`purchase.avg(e, e.items)`:                              `@avg(` + mapped("e.items") + `)`,
		`purchase.min(e, e.time)`:                               `@min(` + mapped("e.time") + `)`,
		`purchase.max(e, e.amount)`:                             `@max(` + mapped("e.amount") + `)`,
		`purchase.distinct(e, e.category)`:                      `@distinct(` + mapped("e.category") + `)`,
		`purchase.count_by(e, e.category)`:                      `@count_by(` + mapped("e.category") + `)`,
		`purchase.sum_by(e, e.category, e.amount)`:              `@sum_by(` + mapped("e.category") + ", " + mapped("e.amount") + `)`,
		`purchase.first()`:                                      `@first(purchase)`,
		`purchase.newest().amount`:                              `@newest(purchase).amount`,
		`purchase.newest(3)`:                                    `@newest_n(purchase, 3)`,
		`ago("1d")`:                                             `@ago(86400000, @now)`,
		`day(now)`:                                              `@day(now, @zone)`,
		`days_since(profile.signed_up)`:                         `@days_since(profile.signed_up, @now, @zone)`,
		`days_until(profile.birth_date)`:                        `@days_until(profile.birth_date, @now, @zone)`,
		`age(profile.birth_date)`:                               `@age(profile.birth_date, @now, @zone)`,
		`in_segment("big")`:                                     `@in_segment(@segments, "big")`,
		`feature.spend > 3 && has(feature.spend)`:               `feature.spend > 3 && has(feature.spend)`,
		`purchase.count_by(p, p.gift).exists(k, n, k && n > 1)`: ``,
		`purchase.sum_by(p, p.items, p.items)[3] > 2.5`:         ``,
		`purchase.map(p, p.category)[0] in profile.interests`:   ``,
	} {
		a, iss := testEnv(t).Compile(src)
		if iss.Err() != nil {
			t.Errorf("%s: %v", src, iss.Err())
			continue
		}
		if want == "" {
			continue
		}
		if got := write(t, a); got != want {
			t.Errorf("%s\n got %s\nwant %s", src, got, want)
		}
	}
}

// write is the AST as text. Comprehensions, which CEL cannot write once they are expanded, become calls.
func write(t *testing.T, a *cel.Ast) string {
	t.Helper()
	e := a.NativeRep().Expr()
	out, err := parser.Unparse(foldComprehensions(e), a.NativeRep().SourceInfo())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCompileErrors(t *testing.T) {
	for _, c := range []struct {
		src, want string
		column    int // 0-based
	}{
		{`purchase.last("3 d")`, `"3 d" is no duration`, 14},
		{`purchase.last("3")`, `no duration`, 14},
		{`purchase.last("d")`, `no duration`, 14},
		{`purchase.last("-3d")`, `no duration`, 14},
		{`purchase.last("1.5h")`, `no duration`, 14},
		{`purchase.last("")`, `an empty duration`, 14},
		{`purchase.last("0d")`, `longer than nothing`, 14},
		{`purchase.last("36501d")`, `too long`, 14},
		{`purchase.last("99999999999999999999d")`, `too long`, 14},
		{`purchase.last(30)`, `a duration is a literal in quotes`, 14},
		{`purchase.last(profile.city)`, `a duration is a literal in quotes`, 21},
		{`purchase.last()`, `last does not take 0 arguments`, 13},
		{`last(purchase, "3d")`, `last is called on a list of events: write purchase.last("30d")`, 4},
		{`purchase.day()`, `day is not called on a value`, 12},
		{`purchase.between("3d", "3d")`, `shorter duration first`, 23},
		{`purchase.newest(0)`, `from 1 to 4096`, 16},
		{`purchase.newest(4097)`, `from 1 to 4096`, 16},
		{`purchase.newest(profile.household_size)`, `from 1 to 4096`, 23},
		{`profile.interests.last("3d")`, `last works on a list of events, not on list(string)`, 7},
		{`profile.interests.sum(i, i.size())`, `sum works on a list of events, not on list(string)`, 7},
		{`purchase.after(profile.interests)`, `after works on a list of events, not on list(string)`, 22},
		{`[].newest(2)`, `newest works on a list of events`, 0},
		{`cart_add.followed_by(purchase, "1d", "price")`, `purchase has no field 'price'`, 37},
		{`cart_add.followed_by(purchase, "1d", "nope")`, `cart_add has no field 'nope'`, 37},
		{`cart_add.followed_by(purchase, "1d", "quantity")`, `of type int on one side and of type double on the other`, 37},
		{`cart_add.followed_by(purchase, "1d", profile.city)`, `a name in quotes`, 44},
		{`in_segment(profile.city)`, `a segment's name in quotes`, 18},
		{`purchase.sum(e, e.category)`, `no matching overload for '@sum'`, 12},
		{`purchase.sum(e.x, e.amount)`, `argument is not an identifier`, 14},
		{`purchase.count_by(e, e.amount)`, `no matching overload`, 17},
		{`purchase.exists(e, e.amout > 3.0)`, `undefined field 'amout'`, 20},
		{`profile.last`, `undefined field 'last'`, 7},
		{`feature.nope`, `undefined field 'nope'`, 7},
		{`now == 3`, `no matching overload`, 4},
		{`purchase.size() == 3.0`, `no matching overload`, 16},
		{`refund.size()`, `undeclared reference to 'refund'`, 0},
		{`@now`, `Syntax error`, 0},
	} {
		a, iss := testEnv(t).Compile(c.src)
		if iss.Err() == nil {
			t.Errorf("%s: accepted", c.src)
			continue
		}
		if a != nil {
			t.Errorf("%s: an AST beside errors", c.src)
		}
		first := iss.Errors()[0]
		if !strings.Contains(first.Message, c.want) || first.Location.Column() != c.column {
			t.Errorf("%s: column %d: %s", c.src, first.Location.Column(), first.Message)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for s, want := range map[string]int64{
		"90s": 90_000, "30m": 1_800_000, "12h": 43_200_000, "30d": 2_592_000_000, "2w": 1_209_600_000, "36500d": MaxDuration, "007d": 604_800_000,
	} {
		if got, err := ParseDuration(s); err != nil || got != want {
			t.Errorf("%s: %d, %v", s, got, err)
		}
	}
}

func TestEventTypes(t *testing.T) {
	e := testEnv(t)
	for src, want := range map[string]string{
		`purchase`: "purchase", `events.last("1d")`: "events", `[profile]`: "", `profile.interests`: "", `purchase.size()`: "",
		`cart_add.filter(c, c.price > 1)`: "cart_add",
	} {
		a, iss := e.Compile(src)
		if iss.Err() != nil {
			t.Fatal(iss.Err())
		}
		got, ok := ListEventType(a.OutputType())
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q %v", src, got, ok)
		}
	}
}

func TestNamesInUse(t *testing.T) {
	for _, name := range []string{"events", "now", "feature", "int"} {
		s := testSchema()
		s.Types = append(s.Types, &event.Type{Name: name})
		if _, err := NewEnv(s); err == nil {
			t.Errorf("a type named %s is accepted", name)
		}
	}
	if err := testEnv(t).AddFeature("spend", types.IntType); err == nil {
		t.Error("a feature is declared twice")
	}
}
