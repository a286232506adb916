package plan

import (
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// accessors are CEL's functions of a timestamp's parts, with the shortest time after which they may give another answer, in
// milliseconds.
var accessors = map[string]int64{
	"getFullYear": feature.DayMS, "getMonth": feature.DayMS, "getDate": feature.DayMS, "getDayOfMonth": feature.DayMS,
	"getDayOfWeek": feature.DayMS, "getDayOfYear": feature.DayMS,
	"getHours": 60 * 60 * 1000, "getMinutes": 60 * 1000, "getSeconds": 1000, "getMilliseconds": 1,
}

// nowOffset reads now and ago(d) as now-d.
func nowOffset(e ast.Expr) (d int64, ok bool) {
	if e.Kind() == ast.IdentKind && (e.AsIdent() == rule.VarNow || e.AsIdent() == rule.HiddenNow) {
		return 0, true
	}
	if isCall(e, rule.FnAgo) {
		return intLiteral(e.AsCall().Args()[0]), true
	}
	return 0, false
}

// holdsNow tells whether an expression is a moment relative to now.
func (c *compiler) holdsNow(e ast.Expr) bool {
	_, ok := nowOffset(e)
	return ok
}

// accessorChange returns the next moment at which a part of now in a zone, UTC where none is named, may change.
func (c *compiler) accessorChange(args []node, unit int64) func(f *Frame) int64 {
	return func(f *Frame) int64 {
		at := args[0].eval(f).Int()
		loc := time.UTC
		if len(args) > 1 {
			v := args[1].eval(f)
			if v.K != feature.String {
				return args[1].nextChange(f)
			}
			if loc = namedZone(v.S); loc == nil {
				return args[1].nextChange(f)
			}
		}
		next := f.now + feature.NextUnit(at, loc, unit) - at
		if len(args) > 1 {
			next = min(next, args[1].nextChange(f))
		}
		return next
	}
}

// namedZone reads a zone as CEL's accessors do: a name of the IANA database or an offset, "+07:00" or "07:00".
func namedZone(name string) *time.Location {
	hours, minutes, ok := strings.Cut(name, ":")
	if !ok {
		if name == "" {
			return time.UTC
		}
		return zones.load(name)
	}
	h, err := strconv.Atoi(hours)
	m, err2 := strconv.Atoi(minutes)
	if err != nil || err2 != nil {
		return nil
	}
	if strings.HasPrefix(hours, "-") {
		m = -m
	}
	return time.FixedZone("", (h*60+m)*60)
}

// calendar compiles day, days_since, days_until and age.
func (c *compiler) calendar(name string, args []ast.Expr, sc *scope) node {
	c.zone()
	of := c.expr(args[0], sc)
	midnight := func(f *Frame) int64 { return feature.NextUnit(f.now, f.location(), feature.DayMS) }
	today := func(f *Frame) feature.Day { return feature.DayOf(f.now, f.location()) }
	n := node{safe: of.safe, typ: types.IntType}
	switch name {
	case rule.FnDay:
		n.typ = types.StringType
		n.next = of.next
		if d, ok := nowOffset(args[0]); ok {
			n.next = func(f *Frame) int64 { return feature.NextUnit(f.now-d, f.location(), feature.DayMS) + d }
		}
		n.eval = func(f *Frame) feature.Val {
			ms, ok := moment(of.eval(f))
			if !ok {
				return feature.Val{}
			}
			return feature.OfString(feature.DayOf(ms, f.location()).String())
		}
	case rule.FnDaysSince:
		n.next = orEarlier(midnight, of.next)
		if d, ok := nowOffset(args[0]); ok {
			n.next = orEarlier(midnight, func(f *Frame) int64 {
				return feature.NextUnit(f.now-d, f.location(), feature.DayMS) + d
			})
		}
		n.eval = func(f *Frame) feature.Val {
			ms, ok := moment(of.eval(f))
			if !ok {
				return feature.Val{}
			}
			return feature.OfInt(int64(today(f) - feature.DayOf(ms, f.location())))
		}
	case rule.FnDaysUntil, rule.FnAge:
		n.safe = false
		n.eval = func(f *Frame) feature.Val {
			d, ok := feature.ParseDay(of.eval(f).S)
			if !ok {
				return feature.Val{}
			}
			if name == rule.FnAge {
				return feature.OfInt(d.Age(today(f)))
			}
			return feature.OfInt(d.Until(today(f)))
		}
		n.next = orEarlier(midnight, of.next)
		if name == rule.FnAge && of.next == nil {
			n.next = func(f *Frame) int64 {
				d, ok := feature.ParseDay(of.eval(f).S)
				if !ok {
					return feature.Forever
				}
				return feature.NextAnniversary(f.now, d, f.location())
			}
		}
	}
	return n
}

// moment reads a timestamp; one that is no whole millisecond (a literal) lies in the millisecond that holds it.
func moment(v feature.Val) (ms int64, ok bool) {
	switch v.K {
	case feature.Moment:
		return v.Int(), true
	case feature.Object:
		if t, isTime := v.R.(types.Timestamp); isTime {
			return t.UnixMilli(), true
		}
	}
	return 0, false
}

func orEarlier(a, b func(f *Frame) int64) func(f *Frame) int64 {
	if b == nil {
		return a
	}
	return func(f *Frame) int64 { return min(a(f), b(f)) }
}

// sinceNow compares now-d with a moment that does not hold now.
func (c *compiler) sinceNow(op relation, d int64, of node) node {
	n := node{typ: types.BoolType, safe: of.safe}
	n.eval = func(f *Frame) feature.Val {
		r, ok := order(feature.OfMoment(f.now-d), of.eval(f))
		if !ok {
			return feature.Val{}
		}
		return feature.OfBool(op&r != 0)
	}
	n.next = func(f *Frame) int64 {
		next := of.nextChange(f)
		if at, ok := moment(of.eval(f)); ok {
			// now-d reaches the moment at at+d, and passes it a millisecond later.
			switch over := at + d; {
			case over > f.now:
				next = min(next, over)
			case over == f.now:
				next = min(next, over+1)
			}
		}
		return next
	}
	return n
}
