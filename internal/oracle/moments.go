package oracle

import (
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/iana"
	"github.com/ruas/ruas/internal/rule"
)

// A moment at which time alone may change an answer is one of these, or the millisecond before or after one:
//   - a time of an event, a moment that an event or the profile holds, or a constant timestamp of the rules;
//   - such a time and one of the durations of the rules: every window, wait and ago compares such a time with now through one duration;
//   - a tick of the calendar: a moment at which some accessor of now, or the date, changes in some zone that is at hand.
//
// evaluating at other moments too changes nothing, so all of them are taken together, whichever rule and customer they come from.

// calendar is the finest step in which the rules read now as a calendar does.
type calendar int64

const (
	noCalendar  calendar = 0
	days        calendar = 24 * 60 * 60 * 1000
	hours       calendar = 60 * 60 * 1000
	minutes     calendar = 60 * 1000
	seconds     calendar = 1000
	eachInstant calendar = 1
)

// clockwork is what of the rules bears on candidate moments.
type clockwork struct {
	durations []int64 // beside 0
	constants []int64
	calendar  calendar
	zones     []string
}

var accessors = map[string]calendar{
	"getFullYear": days, "getMonth": days, "getDate": days, "getDayOfMonth": days, "getDayOfWeek": days, "getDayOfYear": days,
	"getHours": hours, "getMinutes": minutes, "getSeconds": seconds, "getMilliseconds": eachInstant,
	rule.FnDay: days, rule.FnDaysSince: days, rule.FnDaysUntil: days, rule.FnAge: days,
}

func newClockwork(set *rule.Set) *clockwork {
	c := &clockwork{durations: []int64{0}, zones: []string{"UTC"}}
	for _, f := range set.Features {
		c.add(f.Expr.AST)
	}
	for _, s := range set.Segments {
		c.add(s.When.AST)
		if s.Until != nil {
			c.add(s.Until.AST)
		}
	}
	slices.Sort(c.durations)
	c.durations = slices.Compact(c.durations)
	return c
}

func (c *clockwork) add(a *ast.AST) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		args := slices.Clone(call.Args())
		if call.IsMemberFunction() {
			args = append(args, call.Target())
		}
		if unit, ok := accessors[call.FunctionName()]; ok && holdsNow(e) && (c.calendar == noCalendar || unit < c.calendar) {
			c.calendar = unit
		}
		for _, arg := range args {
			if arg.Kind() != ast.LiteralKind {
				continue
			}
			switch v := arg.AsLiteral().(type) {
			case types.Int:
				switch {
				case strings.HasPrefix(call.FunctionName(), "@"):
					c.durations = append(c.durations, int64(v))
				case call.FunctionName() == "timestamp":
					c.constants = append(c.constants, int64(v)*1000)
				}
			case types.String:
				if t, err := time.Parse(time.RFC3339, string(v)); err == nil {
					c.constants = append(c.constants, t.UnixMilli())
				}
				if _, ok := accessors[call.FunctionName()]; ok {
					c.zones = append(c.zones, string(v))
				}
			}
		}
	}))
}

func holdsNow(e ast.Expr) bool {
	found := false
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(x ast.Expr) {
		found = found || x.Kind() == ast.IdentKind && (x.AsIdent() == rule.VarNow || x.AsIdent() == rule.HiddenNow)
	}))
	return found
}

// moments are the candidates from from to to, both included, in order.
func (c *clockwork) moments(h *History, zone string, from, to int64) []int64 {
	var out []int64
	take := func(m int64) {
		if from <= m && m <= to {
			out = append(out, m)
		}
	}
	bases := slices.Clone(c.constants)
	zones := append([]string{zone}, c.zones...)
	for _, e := range h.events {
		bases = append(bases, e.Time)
		for i, v := range e.Props {
			switch {
			case v.Kind == event.Moment:
				bases = append(bases, int64(v.Num))
			case v.Kind == event.String && e.Type.Properties[i].Name == "time_zone":
				zones = append(zones, v.Str)
			}
		}
	}
	for _, b := range bases {
		for _, d := range c.durations {
			take(b + d - 1)
			take(b + d)
			take(b + d + 1)
		}
	}
	if c.calendar != noCalendar {
		slices.Sort(zones)
		for _, z := range slices.Compact(zones) {
			ticks(z, int64(c.calendar), from, to, take)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ticks takes every moment at which a clock of the zone shows a new multiple of unit, and those at which it is set forward or back.
func ticks(zone string, unit, from, to int64, take func(int64)) {
	loc, ok := location(zone)
	if !ok {
		return
	}
	for at := from; at <= to; {
		t := time.UnixMilli(at).In(loc)
		_, offset := t.Zone()
		start, end := t.ZoneBounds()
		if !start.IsZero() {
			take(start.UnixMilli())
		}
		last := to
		if !end.IsZero() {
			last = min(to, end.UnixMilli()-1)
		}
		o := int64(offset) * 1000
		for m := at + mod(-(at+o), unit); m <= last; m += unit {
			take(m)
		}
		at = last + 1
	}
}

func mod(a, n int64) int64 { return ((a % n) + n) % n }

// location reads a zone as CEL's accessors do: a name of the database, or an offset like "+05:30".
func location(zone string) (*time.Location, bool) {
	for _, layout := range []string{"-07:00", "07:00"} {
		if t, err := time.Parse(layout, zone); err == nil {
			if layout == "07:00" {
				return time.FixedZone(zone, t.Hour()*3600+t.Minute()*60), true
			}
			return t.Location(), true
		}
	}
	if !iana.IsZone(zone) {
		return nil, false
	}
	loc, err := time.LoadLocation(zone)
	return loc, err == nil
}

// Moments returns the moments from from to to, in order, at which time alone may decide a customer with this history anew, and others
// beside them.
func (o *Oracle) Moments(h *History, zone string, from, to int64) []int64 {
	if zone == "" {
		zone = "UTC"
	}
	return newClockwork(o.set).moments(h, zone, from, to)
}
