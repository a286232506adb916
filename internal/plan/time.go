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

// accessors are CEL's functions of a timestamp's parts.
var accessors = map[string]func(t time.Time) int{
	"getFullYear":     time.Time.Year,
	"getMonth":        func(t time.Time) int { return int(t.Month()) - 1 },
	"getDate":         time.Time.Day,
	"getDayOfMonth":   func(t time.Time) int { return t.Day() - 1 },
	"getDayOfWeek":    func(t time.Time) int { return int(t.Weekday()) },
	"getDayOfYear":    func(t time.Time) int { return t.YearDay() - 1 },
	"getHours":        time.Time.Hour,
	"getMinutes":      time.Time.Minute,
	"getSeconds":      time.Time.Second,
	"getMilliseconds": func(t time.Time) int { return t.Nanosecond() / int(time.Millisecond) },
}

// accessorUnits are the shortest times after which they may give another answer, in milliseconds.
var accessorUnits = map[string]int64{
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

// accessor compiles a part of a timestamp in a zone, UTC where none is named.
func (c *compiler) accessor(name string, of ast.Expr, zone []ast.Expr, sc *scope) node {
	at := c.expr(of, sc)
	in := constant(feature.OfString(""), types.StringType)
	if len(zone) > 0 {
		in = c.expr(zone[0], sc)
	}
	read, unit := accessors[name], accessorUnits[name]
	local := func(f *Frame) (time.Time, bool) {
		ms, ok := moment(at.eval(f))
		loc := namedZone(in.eval(f))
		if !ok || loc == nil {
			return time.Time{}, false
		}
		return time.UnixMilli(ms).In(loc), true
	}
	n := node{typ: types.IntType, next: earliest(&at, &in), eval: func(f *Frame) feature.Val {
		t, ok := local(f)
		if !ok {
			return feature.Val{}
		}
		return feature.OfInt(int64(read(t)))
	}}
	if c.holdsNow(of) {
		n.next = func(f *Frame) int64 {
			next := in.nextChange(f)
			if t, ok := local(f); ok {
				ms := t.UnixMilli()
				next = min(next, f.now+feature.NextUnit(ms, t.Location(), unit)-ms)
			}
			return next
		}
	}
	return n
}

// namedZone reads a zone as CEL's accessors do: a name of the IANA database or an offset, "+07:00" or "07:00".
func namedZone(v feature.Val) *time.Location {
	if v.K != feature.String {
		return nil
	}
	name := v.S
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
		if _, relative := nowOffset(args[0]); !relative {
			// It grows by one a day: to k, and past it.
			n.flip = func(f *Frame, k int64) int64 {
				next := of.nextChange(f)
				ms, ok := moment(of.eval(f))
				if !ok {
					return next
				}
				day := feature.DayOf(ms, f.location()) + feature.Day(k)
				if day > today(f) {
					return min(next, day.Before(f.now, f.location()))
				}
				if today(f)-day <= 2 {
					return min(next, midnight(f)) // a clock that is set back at midnight may bring yesterday back
				}
				return next
			}
		}
	case rule.FnDaysUntil, rule.FnAge:
		n.safe = false
		day := func(f *Frame) (feature.Day, bool) {
			v := of.eval(f)
			if v.K != feature.String {
				return 0, false
			}
			return feature.ParseDay(v.S)
		}
		n.eval = func(f *Frame) feature.Val {
			d, ok := day(f)
			switch {
			case !ok:
				return feature.Val{}
			case name == rule.FnAge:
				return feature.OfInt(d.Age(today(f)))
			}
			return feature.OfInt(d.Until(today(f)))
		}
		n.next = orEarlier(midnight, of.next)
		if of.next == nil {
			n.flip = func(f *Frame, k int64) int64 {
				d, ok := day(f)
				switch {
				case !ok:
					return feature.Forever
				case name == rule.FnAge:
					return birthday(d, today(f)).Before(f.now, f.location())
				}
				return untilFlip(d, today(f), k).Before(f.now, f.location())
			}
		}
		if n.flip != nil && name == rule.FnAge {
			n.next = func(f *Frame) int64 { return n.flip(f, 0) }
		}
	}
	return n
}

// untilFlip returns the first day after today on which days_until(d) may stand in another relation to k: it falls by one a
// day, to k and past it, and rises when the day itself is over. A clock that is set back at midnight may bring yesterday back,
// so the day after a flip counts as one too.
func untilFlip(d, today feature.Day, k int64) feature.Day {
	next, last := d.Next(today), d.Next(today-2)
	first := next + 1
	for _, flip := range []feature.Day{next - feature.Day(k), next - feature.Day(k) + 1, last + 1} {
		switch {
		case flip == today || flip == today-1:
			return today + 1
		case flip > today:
			first = min(first, flip)
		}
	}
	return first
}

// birthday returns the first day after today on which the age may change; the day after a birthday counts as one, as above.
func birthday(d, today feature.Day) feature.Day {
	if d.Birthday(today-2) <= today {
		return today + 1
	}
	return d.Birthday(today)
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
