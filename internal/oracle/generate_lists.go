package oracle

import (
	"fmt"
	"slices"

	"github.com/ruas/ruas/internal/event"
)

// events writes a list of events.
func (w *writer) events(depth int) events {
	l := w.baseEvents()
	for depth > 0 && !w.chance(25) {
		depth--
		l.src = w.narrowed(l, depth)
	}
	return l
}

// windowed is a list of which not every event need be kept for ever, mostly.
func (w *writer) windowed(depth int) events {
	l := w.events(max(0, depth-1))
	if w.chance(95) {
		l.src += ".last(" + w.duration() + ")"
	}
	return l
}

func (w *writer) baseEvents() events {
	if w.chance(10) {
		return events{"events", "events"}
	}
	if len(w.lists) > 0 && w.chance(15) {
		return pick(w.r, w.lists)
	}
	t := pick(w.r, w.types).Name
	return events{t, t}
}

// narrowed writes one more step on a list.
func (w *writer) narrowed(l events, depth int) string {
	return oneOf(w,
		choice{18, func() string { return fmt.Sprintf("%s.last(%s)", l.src, w.duration()) }},
		choice{8, func() string { return fmt.Sprintf("%s.before(%s)", l.src, w.duration()) }},
		choice{8, func() string {
			i := w.r.IntN(len(w.scale.durations) - 1)
			j := i + 1 + w.r.IntN(len(w.scale.durations)-i-1)
			return fmt.Sprintf("%s.between(%q, %q)", l.src, w.scale.durations[i], w.scale.durations[j])
		}},
		choice{8, func() string { return fmt.Sprintf("%s.after(%s)", l.src, w.events(min(depth, 1)).src) }},
		choice{22, func() string { return w.sequence(l, depth) }},
		choice{26, func() string { return w.filter(l, depth) }},
		choice{5, func() string { return fmt.Sprintf("%s.newest(%d)", l.src, 1+w.r.IntN(3)) }},
	)
}

func (w *writer) sequence(l events, depth int) string {
	fn := pick(w.r, []string{"followed_by", "not_followed_by", "not_yet_followed_by"})
	other := w.events(depth)
	if w.chance(40) {
		if field := w.sharedField(l.typ, other.typ); field != "" {
			return fmt.Sprintf("%s.%s(%s, %s, %q)", l.src, fn, other.src, w.duration(), field)
		}
	}
	return fmt.Sprintf("%s.%s(%s, %s)", l.src, fn, other.src, w.duration())
}

// sharedField is a field of both types; "" where they share none but those that every event has.
func (w *writer) sharedField(a, b string) string {
	if w.chance(5) {
		return pick(w.r, []string{"id", "type"})
	}
	ta, tb := w.schema.Type(a), w.schema.Type(b)
	if ta == nil || tb == nil {
		return ""
	}
	var shared []string
	for _, p := range fieldsOf(ta, event.String, event.Int, event.Double, event.Bool) {
		if q := tb.Property(p.Name); q != nil && q.Kind == p.Kind {
			shared = append(shared, p.Name)
		}
	}
	if len(shared) == 0 {
		return ""
	}
	return pick(w.r, shared)
}

func (w *writer) filter(l events, depth int) string {
	v := w.fresh()
	return fmt.Sprintf("%s.filter(%s, %s)", l.src, v, w.predicate(v, l.typ, depth))
}

// predicate writes a condition on the event v.
func (w *writer) predicate(v, typ string, depth int) string {
	return w.within(func() string { return w.condition(v, typ, depth) }, variable{name: v, typ: typ})
}

func (w *writer) condition(v, typ string, depth int) string {
	if depth > 0 && w.chance(30) {
		return oneOf(w,
			choice{4, func() string { return w.condition(v, typ, depth-1) + " && " + w.condition(v, typ, depth-1) }},
			choice{3, func() string { return "(" + w.condition(v, typ, depth-1) + " || " + w.condition(v, typ, depth-1) + ")" }},
			choice{2, func() string { return "!(" + w.condition(v, typ, depth-1) + ")" }},
			choice{1, func() string {
				return fmt.Sprintf("(%s ? %s : %s)", w.condition(v, typ, 0), w.condition(v, typ, depth-1), w.condition(v, typ, 0))
			}},
		)
	}
	return oneOf(w,
		choice{30, func() string { return w.static(v, typ) }},
		choice{8, func() string { return w.eventTime(v) }},
		// What follows looks at more than the event.
		choice{3, func() string { return w.fieldAndProfile(v, typ) }},
		choice{2, func() string { return w.sameValue(v, typ, depth) }},
		choice{2, func() string { return fmt.Sprintf("day(%s.time) == day(now)", v) }},
		choice{2, func() string { return fmt.Sprintf("days_since(%s.time) %s %d", v, w.order(), w.r.IntN(4)) }},
		choice{1, func() string { return fmt.Sprintf("day(%s.time) == %q", v, written(w.moment(14))[:10]) }},
		choice{2, func() string {
			if depth == 0 {
				return w.static(v, typ)
			}
			return w.boolean(depth - 1)
		}},
	)
}

// static writes a condition that looks at nothing but the event's own properties.
func (w *writer) static(v, typ string) string {
	t := w.schema.Type(typ)
	if t == nil {
		return oneOf(w,
			choice{3, func() string { return fmt.Sprintf("%s.type == %q", v, pick(w.r, w.types).Name) }},
			choice{1, func() string { return fmt.Sprintf("%s.type.startsWith(%q)", v, pick(w.r, w.types).Name[:2]) }},
			choice{1, func() string { return v + ".id < \"e1\"" }},
		)
	}
	p := pick(w.r, w.usable(t))
	of := v + "." + p.Name
	switch p.Kind {
	case event.Double:
		return oneOf(w,
			choice{6, func() string { return fmt.Sprintf("%s %s %s", of, w.order(), w.number(w.chance(30))) }},
			choice{2, func() string { return fmt.Sprintf("%s %s %s", of, w.op(), w.number(false)) }},
			choice{1, func() string { return fmt.Sprintf("%s in [0.1, 10.0, -5.0]", of) }},
			choice{1, func() string { return fmt.Sprintf("10.0 / %s > 20.0", of) }},
			choice{1, func() string { return fmt.Sprintf("has(%s)", of) }},
		)
	case event.Int:
		return oneOf(w,
			choice{6, func() string { return fmt.Sprintf("%s %s %d", of, w.op(), pick(w.r, integers)) }},
			choice{1, func() string { return fmt.Sprintf("%s %% 2 == 1", of) }},
			choice{1, func() string { return fmt.Sprintf("6 / %s >= 3", of) }},
			choice{1, func() string { return fmt.Sprintf("%s in [1, 3]", of) }},
			choice{1, func() string { return fmt.Sprintf("%s * 2.0 > 3.0", "double("+of+")") }},
			choice{1, func() string { return fmt.Sprintf("has(%s)", of) }},
		)
	case event.Bool:
		return pick(w.r, []string{of, "!" + of, of + " == true", "has(" + of + ")"})
	default:
		return w.onString(of, pool(p))
	}
}

func (w *writer) usable(t *event.Type) []*event.Property {
	return fieldsOf(t, event.Double, event.Int, event.Bool, event.String)
}

// onString writes a condition on a string that may be missing.
func (w *writer) onString(of string, values []string) string {
	value := func() string { return fmt.Sprintf("%q", pick(w.r, values)) }
	return oneOf(w,
		choice{8, func() string { return of + pick(w.r, []string{" == ", " == ", " != "}) + value() }},
		choice{2, func() string { return fmt.Sprintf("%s in [%s, %s]", of, value(), value()) }},
		choice{1, func() string { return fmt.Sprintf("%s.startsWith(%s)", of, value()) }},
		choice{1, func() string { return fmt.Sprintf("%s.endsWith(%s)", of, value()) }},
		choice{1, func() string { return fmt.Sprintf("%s.contains(%s)", of, value()) }},
		choice{1, func() string {
			return fmt.Sprintf("%s.matches(%q)", of, pick(w.r, []string{"^a", "b$", "[A-Z]", "^$"}))
		}},
		choice{1, func() string { return fmt.Sprintf("%s.size() %s %d", of, w.op(), w.r.IntN(4)) }},
		choice{1, func() string { return fmt.Sprintf("%s < %s", of, value()) }},
		choice{1, func() string { return fmt.Sprintf("%s + \"x\" == %s", of, value()) }},
		choice{2, func() string {
			// has() takes a field of something, which a variable or a method's result is not.
			if !isSelection(of) {
				return of + " == " + value()
			}
			return "has(" + of + ")"
		}},
	)
}

func isSelection(src string) bool {
	return slices.Contains([]byte(src), '.') && src[len(src)-1] != ')' && src[len(src)-1] != ']'
}

// eventTime writes a condition on an event's own time.
func (w *writer) eventTime(v string) string {
	t := v + ".time"
	return oneOf(w,
		choice{4, func() string { return fmt.Sprintf("%s %s ago(%s)", t, w.order(), w.duration()) }},
		choice{1, func() string { return fmt.Sprintf("ago(%s) %s %s", w.duration(), w.order(), t) }},
		choice{1, func() string { return fmt.Sprintf("!(%s %s ago(%s))", t, w.order(), w.duration()) }},
		choice{1, func() string { return fmt.Sprintf("now %s %s", w.order(), t) }},
		choice{2, func() string { return fmt.Sprintf("%s %s %s", t, w.op(), w.instant()) }},
		choice{2, func() string { return fmt.Sprintf("%s %s profile.signed_up", t, w.order()) }},
		choice{1, func() string {
			return fmt.Sprintf("%s.%s(%q) %s %d", t, "getHours", pick(w.r, zones[:6]), w.op(), w.r.IntN(24))
		}},
		choice{1, func() string { return fmt.Sprintf("%s.getDayOfWeek() %s %d", t, w.op(), w.r.IntN(7)) }},
		choice{1, func() string { return fmt.Sprintf("%s.getMilliseconds() == 0", t) }},
	)
}

func (w *writer) instant() string {
	s := written(w.moment(14))
	if w.chance(20) {
		s = s[:len(s)-1] + "5Z" // half a millisecond later
	}
	return fmt.Sprintf("timestamp(%q)", s)
}

// fieldAndProfile compares a property with an attribute.
func (w *writer) fieldAndProfile(v, typ string) string {
	t := w.schema.Type(typ)
	if t == nil {
		return fmt.Sprintf("%s.type != profile.city", v)
	}
	p := pick(w.r, w.usable(t))
	of := v + "." + p.Name
	switch p.Kind {
	case event.Double:
		return fmt.Sprintf("%s %s profile.income", of, w.order())
	case event.Int:
		return fmt.Sprintf("%s %s profile.household_size", of, w.op())
	case event.String:
		return pick(w.r, []string{of + " == profile.city", of + " in profile.interests", "profile.interests.exists(i, i == " + of + ")"})
	default: // Bool
		return of + " || has(profile.city)"
	}
}

// sameValue asks for an event of another list that has something in common.
func (w *writer) sameValue(v, typ string, depth int) string {
	other := w.events(min(depth, 1))
	u := w.fresh()
	if field := w.sharedField(typ, other.typ); field != "" {
		return fmt.Sprintf("%s.exists(%s, %s.%s == %s.%s)", other.src, u, u, field, v, field)
	}
	return fmt.Sprintf("%s.exists(%s, %s.time > %s.time)", other.src, u, u, v)
}
