package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ruas/ruas/internal/event"
)

// scalar writes an expression of a kind.
func (w *writer) scalar(k kind, depth int) string {
	switch k {
	case kInt:
		return w.integer(depth)
	case kDouble:
		return w.double(depth)
	case kBool:
		return w.boolean(depth)
	case kString:
		return w.text(depth)
	case kTime:
		return w.time(depth)
	case kStrings:
		return w.strings(depth)
	default:
		panic("no scalar")
	}
}

// number is a literal: a double, or, where mixed, an int, which compares with doubles by order.
func (w *writer) number(mixed bool) string {
	if mixed {
		return strconv.FormatInt(pick(w.r, integers), 10)
	}
	s := strconv.FormatFloat(pick(w.r, doubles[:9]), 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// feature is a use of a feature of a kind; "" where there is none.
func (w *writer) feature(k kind) string {
	var of []NamedExpr
	for _, f := range w.features {
		if f.kind == k {
			of = append(of, f)
		}
	}
	if len(of) == 0 {
		return ""
	}
	f := pick(w.r, of)
	w.asks = w.asks || f.asks
	return "feature." + f.Name
}

// value is a lambda's variable of a kind; "" where there is none.
func (w *writer) variable(k kind) string {
	for _, v := range slices.Backward(w.vars) {
		if v.typ == "" && v.kind == k {
			return v.name
		}
	}
	return ""
}

func (w *writer) either(k kind, depth int, choices ...choice) string {
	if f := w.feature(k); f != "" && w.chance(25) {
		return f
	}
	if v := w.variable(k); v != "" && w.chance(40) {
		return v
	}
	if depth > 0 && w.chance(6) {
		return fmt.Sprintf("(%s ? %s : %s)", w.boolean(depth-1), w.scalar(k, depth-1), w.scalar(k, depth-1))
	}
	return oneOf(w, choices...)
}

// ofEvent writes x of a fold over the events of l, of a kind; "" where the type has nothing of the kind.
func (w *writer) ofEvent(v, typ string, k kind) string {
	t := w.schema.Type(typ)
	if k == kTime {
		return v + ".time"
	}
	if t == nil {
		switch k {
		case kString:
			return v + "." + pick(w.r, []string{"type", "id"})
		case kInt:
			return pick(w.r, []string{"1", v + ".id.size()", v + ".time.getDayOfWeek()"})
		case kDouble:
			return "0.1"
		default:
			return v + ".type == " + strconv.Quote(pick(w.r, w.types).Name)
		}
	}
	p := func(kind event.Kind) string {
		of := fieldsOf(t, kind)
		if len(of) == 0 {
			return ""
		}
		return v + "." + pick(w.r, of).Name
	}
	switch k {
	case kInt:
		if i := p(event.Int); i != "" {
			return pick(w.r, []string{i, i, i, i + " * 2", i + " - 1", i + " % 2", "1"})
		}
		return pick(w.r, []string{"1", "-2"})
	case kDouble:
		d, i := p(event.Double), p(event.Int)
		switch {
		case d != "" && i != "" && w.chance(25):
			return fmt.Sprintf("%s * double(%s)", d, i)
		case d != "":
			return pick(w.r, []string{d, d, d, d, d + " * 0.1", d + " + 0.2", "1.0 / " + d, "-" + d})
		case i != "":
			return "double(" + i + ")"
		}
		return "0.1"
	case kString:
		if s := p(event.String); s != "" {
			return pick(w.r, []string{s, s, s, s, s + " + \"x\"", "day(" + v + ".time)"})
		}
		return v + ".id"
	default: // kBool
		if b := p(event.Bool); b != "" {
			return b
		}
		return w.static(v, typ)
	}
}

// fold writes L.fn(e, x).
func (w *writer) fold(fn string, k kind, depth int) string {
	l, v := w.events(depth), w.fresh()
	return fmt.Sprintf("%s.%s(%s, %s)", l.src, fn, v, w.ofEvent(v, l.typ, k))
}

// propertyKinds are the kinds of property that a kind of expression may read.
var propertyKinds = map[kind]event.Kind{kInt: event.Int, kDouble: event.Double, kBool: event.Bool, kString: event.String}

// one writes a field of one event of a list, of a kind; "" where the list's type has none.
func (w *writer) one(k kind, depth int) string {
	l := w.events(depth)
	at := pick(w.r, []string{".first()", ".newest()", ".newest()"})
	if w.chance(4) {
		at = pick(w.r, []string{".newest(2)[0]", "[0]"})
	}
	of := l.src + at
	t := w.schema.Type(l.typ)
	switch {
	case k == kTime:
		return of + ".time"
	case t == nil && k == kString:
		return of + ".type"
	case t == nil:
		return ""
	}
	fields := fieldsOf(t, propertyKinds[k])
	if len(fields) == 0 {
		return ""
	}
	return of + "." + pick(w.r, fields).Name
}

func (w *writer) oneOr(k kind, depth int, other func() string) string {
	if s := w.one(k, depth); s != "" {
		return s
	}
	return other()
}

func (w *writer) integer(depth int) string {
	count := func() string { return w.events(depth).src + ".size()" }
	return w.either(kInt, depth,
		choice{20, count},
		choice{8, func() string { return w.fold("sum", kInt, depth) }},
		choice{5, func() string { return w.fold(pick(w.r, []string{"min", "max"}), kInt, depth) }},
		choice{4, func() string {
			return w.fold("distinct", pick(w.r, []kind{kInt, kString, kDouble, kBool}), depth) + ".size()"
		}},
		choice{4, func() string { return w.oneOr(kInt, depth, count) }},
		choice{2, func() string { return "profile.household_size" }},
		choice{1, func() string { return w.calendar() }},
		choice{3, func() string { return w.table(depth).src + ".size()" }},
		choice{2, func() string {
			t := w.table(depth)
			if t.value != kInt {
				return count()
			}
			return fmt.Sprintf("%s[%s]", t.src, w.key(t))
		}},
		choice{2, func() string { return w.strings(depth) + ".size()" }},
		choice{2, func() string { return w.transformed(depth) + ".size()" }},
		choice{2, func() string {
			return fmt.Sprintf("(%s %s %s)", w.integer(max(0, depth-1)), pick(w.r, []string{"+", "-", "*", "/", "%"}), w.integer(max(0, depth-1)))
		}},
		choice{1, func() string { return "-" + count() }},
		choice{1, func() string { return strconv.FormatInt(pick(w.r, integers), 10) }},
	)
}

func (w *writer) double(depth int) string {
	total := func() string { return w.fold("sum", kDouble, depth) }
	return w.either(kDouble, depth,
		choice{12, total},
		choice{6, func() string { return w.fold("avg", pick(w.r, []kind{kInt, kDouble}), depth) }},
		choice{6, func() string { return w.fold(pick(w.r, []string{"min", "max"}), kDouble, depth) }},
		choice{4, func() string { return w.oneOr(kDouble, depth, total) }},
		choice{2, func() string { return "profile.income" }},
		choice{2, func() string { return "double(" + w.integer(max(0, depth-1)) + ")" }},
		choice{2, func() string {
			t := w.table(depth)
			if t.value != kDouble {
				return total()
			}
			return fmt.Sprintf("%s[%s]", t.src, w.key(t))
		}},
		choice{3, func() string {
			return fmt.Sprintf("(%s %s %s)", w.double(max(0, depth-1)), pick(w.r, []string{"+", "-", "*", "/"}), w.double(max(0, depth-1)))
		}},
		choice{1, func() string { return w.number(false) }},
	)
}

// attributes that the rules ask for, and the histories fill.
var textAttributes = []string{"city", "country", "loyalty_tier", "gender"}

func (w *writer) attribute() (src string, values []string) {
	name := pick(w.r, textAttributes)
	p := w.schema.Profile().Property(name)
	if p == nil {
		return "profile.city", words
	}
	return "profile." + name, pool(p)
}

func (w *writer) text(depth int) string {
	return w.either(kString, depth,
		choice{5, func() string { src, _ := w.attribute(); return src }},
		choice{5, func() string { return w.oneOr(kString, depth, func() string { return "profile.city" }) }},
		choice{2, func() string { return "day(" + w.time(0) + ")" }},
		choice{1, func() string { return w.strings(depth) + "[0]" }},
		choice{1, func() string { return fmt.Sprintf("(profile.city + %q)", pick(w.r, words)) }},
		choice{1, func() string { return "string(" + w.integer(0) + ")" }},
	)
}

// time is a moment that is not now.
func (w *writer) time(depth int) string {
	return w.either(kTime, depth,
		choice{3, func() string { return w.one(kTime, depth) }},
		choice{2, func() string { return w.fold(pick(w.r, []string{"min", "max"}), kTime, depth) }},
		choice{2, func() string { return "profile.signed_up" }},
		choice{1, w.instant},
	)
}

func (w *writer) strings(depth int) string {
	return w.either(kStrings, depth,
		choice{4, func() string { return "profile.interests" }},
		choice{4, func() string { return w.fold("distinct", kString, depth) }},
		choice{4, func() string {
			l, v := w.windowed(depth), w.fresh()
			return fmt.Sprintf("%s.map(%s, %s)", l.src, v, w.ofEvent(v, l.typ, kString))
		}},
		choice{1, func() string {
			l, v := w.windowed(depth), w.fresh()
			return fmt.Sprintf("%s.map(%s, %s, %s)", l.src, v, w.predicate(v, l.typ, 0), w.ofEvent(v, l.typ, kString))
		}},
	)
}

// calendar writes an int that moves by days.
func (w *writer) calendar() string {
	date := func() string {
		if w.chance(20) {
			return strconv.Quote(pick(w.r, w.dates()))
		}
		return "profile." + pick(w.r, []string{"birth_date", "customer_since"})
	}
	return oneOf(w,
		choice{3, func() string { return "age(" + date() + ")" }},
		choice{4, func() string { return "days_until(" + date() + ")" }},
		choice{3, func() string { return "days_since(" + w.time(1) + ")" }},
		choice{2, w.accessor},
	)
}

func (w *writer) accessor() string {
	zone := ""
	if w.chance(60) {
		zone = strconv.Quote(pick(w.r, append([]string{"+05:30", "-03:00"}, zones[:7]...)))
	}
	return fmt.Sprintf("now.%s(%s)", pick(w.r, w.scale.accessors), zone)
}

// table is a map from keys to numbers.
type table struct {
	src        string
	key, value kind
}

func (w *writer) table(depth int) table {
	l, v := w.events(depth), w.fresh()
	t := table{key: pick(w.r, []kind{kString, kString, kInt, kBool}), value: pick(w.r, []kind{kInt, kInt, kDouble})}
	key := w.ofEvent(v, l.typ, t.key)
	if t.value == kInt && w.chance(60) {
		t.src = fmt.Sprintf("%s.count_by(%s, %s)", l.src, v, key)
	} else {
		t.src = fmt.Sprintf("%s.sum_by(%s, %s, %s)", l.src, v, key, w.ofEvent(v, l.typ, t.value))
	}
	return t
}

func (w *writer) key(t table) string { return w.literal(t.key) }

func (w *writer) literal(k kind) string {
	switch k {
	case kInt:
		return strconv.FormatInt(pick(w.r, integers), 10)
	case kDouble:
		return w.number(false)
	case kBool:
		return pick(w.r, []string{"true", "false"})
	default:
		return strconv.Quote(pick(w.r, words))
	}
}

// onValue writes a condition on a variable that is no event.
func (w *writer) onValue(v string, k kind) string {
	switch k {
	case kInt:
		return fmt.Sprintf("%s %s %d", v, w.op(), pick(w.r, integers))
	case kDouble:
		return fmt.Sprintf("%s %s %s", v, w.order(), w.number(w.chance(30)))
	case kBool:
		return pick(w.r, []string{v, "!" + v})
	default:
		return w.onString(v, words)
	}
}

// onEntry writes a condition on a key and its number.
func (w *writer) onEntry(t table, k, n string) string {
	return oneOf(w,
		choice{4, func() string { return w.onValue(n, t.value) }},
		choice{2, func() string { return w.onValue(k, t.key) + " && " + w.onValue(n, t.value) }},
		choice{1, func() string { return "(" + w.onValue(k, t.key) + " || " + w.onValue(n, t.value) + ")" }},
		choice{1, func() string {
			return w.within(func() string { return w.boolean(0) }, variable{name: k, kind: t.key}, variable{name: n, kind: t.value})
		}},
	)
}

// transformed writes what the transforming macros make of a map: a list or a map, the order of which nothing may depend on.
func (w *writer) transformed(depth int) string {
	t, k, n := w.table(depth), w.fresh(), w.fresh()
	step := n + map[kind]string{kInt: " + 1", kDouble: " * 2.0"}[t.value]
	return oneOf(w,
		choice{2, func() string {
			return fmt.Sprintf("%s.transformList(%s, %s, %s, %s)", t.src, k, n, w.onEntry(t, k, n), step)
		}},
		choice{1, func() string { return fmt.Sprintf("%s.transformList(%s, %s, %s)", t.src, k, n, k) }},
		choice{2, func() string {
			return fmt.Sprintf("%s.transformMap(%s, %s, %s, %s)", t.src, k, n, w.onEntry(t, k, n), step)
		}},
		choice{1, func() string { return fmt.Sprintf("%s.transformMap(%s, %s, %s)", t.src, k, n, step) }},
		choice{1, func() string { return fmt.Sprintf("%s.filter(%s, %s)", t.src, k, w.onValue(k, t.key)) }},
	)
}

func (w *writer) onTable(depth int) string {
	t, k, n := w.table(depth), w.fresh(), w.fresh()
	return oneOf(w,
		choice{6, func() string { return fmt.Sprintf("%s.exists(%s, %s, %s)", t.src, k, n, w.onEntry(t, k, n)) }},
		choice{3, func() string { return fmt.Sprintf("%s.all(%s, %s, %s)", t.src, k, n, w.onEntry(t, k, n)) }},
		choice{2, func() string {
			return fmt.Sprintf("%s.%s(%s, %s, %s)", t.src, pick(w.r, []string{"existsOne", "exists_one"}), k, n, w.onEntry(t, k, n))
		}},
		choice{2, func() string { return fmt.Sprintf("%s in %s", w.key(t), t.src) }},
		choice{2, func() string {
			return fmt.Sprintf("%s.%s(%s, %s)", t.src, pick(w.r, []string{"exists", "all"}), k, w.onValue(k, t.key))
		}},
		choice{1, func() string {
			return fmt.Sprintf("%s.transformMap(%s, %s, %s).exists(%s, %s, %s)", t.src, k, n, n, k, n, w.onEntry(t, k, n))
		}},
	)
}

// boolean writes a condition.
func (w *writer) boolean(depth int) string {
	if depth > 0 && w.chance(35) {
		return oneOf(w,
			choice{5, func() string { return w.boolean(depth-1) + " && " + w.boolean(depth-1) }},
			choice{4, func() string { return "(" + w.boolean(depth-1) + " || " + w.boolean(depth-1) + ")" }},
			choice{3, func() string { return "!(" + w.boolean(depth-1) + ")" }},
		)
	}
	return w.either(kBool, depth,
		choice{12, func() string { return fmt.Sprintf("%s.size() %s %d", w.events(depth).src, w.op(), w.r.IntN(4)) }},
		choice{8, func() string { return fmt.Sprintf("%s %s %s", w.integer(depth), w.op(), strconv.Itoa(w.r.IntN(5)-1)) }},
		choice{8, func() string { return fmt.Sprintf("%s %s %s", w.double(depth), w.order(), w.number(w.chance(30))) }},
		choice{2, func() string { return fmt.Sprintf("%s %s %s", w.double(depth), w.op(), w.double(max(0, depth-1))) }},
		choice{2, func() string { return fmt.Sprintf("%s %s %s", w.integer(depth), w.op(), w.integer(max(0, depth-1))) }},
		choice{8, func() string {
			l, v := w.events(depth), w.fresh()
			return fmt.Sprintf("%s.%s(%s, %s)", l.src, pick(w.r, []string{"exists", "exists", "all", "exists_one"}), v,
				w.predicate(v, l.typ, max(0, depth-1)))
		}},
		choice{5, func() string { return w.onTable(depth) }},
		choice{4, func() string { src, values := w.attribute(); return w.onString(src, values) }},
		choice{3, func() string { return w.onStrings(depth) }},
		choice{3, func() string { return w.presence(depth) }},
		choice{6, func() string { return w.onNow(depth) }},
		choice{5, func() string { return fmt.Sprintf("%s %s %d", w.calendar(), w.op(), w.calendarValue()) }},
		choice{2, func() string { return fmt.Sprintf("day(now) == %q", written(w.moment(14))[:10]) }},
		choice{1, func() string { return fmt.Sprintf("day(now) %s day(%s)", w.op(), w.time(depth)) }},
		choice{2, func() string { return w.onText(depth) }},
		choice{2, func() string { return w.oneOr(kBool, depth, func() string { return "has(profile.city)" }) }},
		choice{1, func() string { return fmt.Sprintf("%s %s %s", w.time(depth), w.order(), w.time(0)) }},
		choice{3, func() string {
			if len(w.segments) == 0 {
				return "has(profile.country)"
			}
			w.asks = true
			return fmt.Sprintf("in_segment(%q)", pick(w.r, w.segments))
		}},
	)
}

func (w *writer) onText(depth int) string {
	s := w.text(depth)
	switch {
	case strings.HasPrefix(s, "day("):
		return fmt.Sprintf("%s %s %q", s, w.op(), written(w.moment(14))[:10])
	case strings.HasSuffix(s, ".type"):
		return fmt.Sprintf("%s == %q", s, pick(w.r, w.types).Name)
	}
	return s + " == " + strconv.Quote(pick(w.r, words))
}

func (w *writer) calendarValue() int {
	if w.chance(20) {
		return pick(w.r, []int{17, 18, 29, 30, 364, 365, 24, 12, 2026})
	}
	return w.r.IntN(7) - 1
}

func (w *writer) onStrings(depth int) string {
	s := w.strings(depth)
	v := w.fresh()
	return oneOf(w,
		choice{3, func() string { return fmt.Sprintf("%q in %s", pick(w.r, words), s) }},
		choice{2, func() string { return fmt.Sprintf("profile.city in %s", s) }},
		choice{2, func() string {
			return fmt.Sprintf("%s.%s(%s, %s)", s, pick(w.r, []string{"exists", "all", "exists_one"}), v, w.onString(v, words))
		}},
		choice{1, func() string { return fmt.Sprintf("%s.filter(%s, %s).size() > 1", s, v, w.onString(v, words)) }},
		choice{1, func() string { return fmt.Sprintf("%s[0] == %q", s, pick(w.r, words)) }},
		choice{1, func() string { return fmt.Sprintf("%s == [%q]", s, pick(w.r, words)) }},
	)
}

func (w *writer) presence(depth int) string {
	if len(w.features) > 0 && w.chance(50) {
		f := pick(w.r, w.features)
		if f.kind != kEvents {
			w.asks = w.asks || f.asks
			return "has(feature." + f.Name + ")"
		}
	}
	if s := w.one(kString, depth); w.chance(40) && s != "" {
		return "has(" + s + ")"
	}
	return "has(profile." + pick(w.r, []string{"city", "birth_date", "signed_up", "interests", "income", "time_zone"}) + ")"
}

// onNow compares now, or a moment before it, with a moment.
func (w *writer) onNow(depth int) string {
	now := "now"
	if w.chance(60) {
		now = "ago(" + w.duration() + ")"
	}
	if w.chance(50) {
		return fmt.Sprintf("%s %s %s", now, w.order(), w.time(depth))
	}
	return fmt.Sprintf("%s %s %s", w.time(depth), w.order(), now)
}
