package event

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// form is what a JSON value looks like.
type form uint8

const (
	formNothing form = iota
	formNull
	formString
	formNumber
	formBool
	formObject
	formList
)

// formOf tells by a value's first byte.
func formOf(c byte) form {
	switch c {
	case '"':
		return formString
	case 't', 'f':
		return formBool
	case 'n':
		return formNull
	case '{':
		return formObject
	case '[':
		return formList
	default:
		return formNumber
	}
}

func (f form) article() string {
	return [...]string{"missing", "null", "a string", "a number", "a boolean", "an object", "a list"}[f]
}

// form returns what the record has at p.
func (d *Decoder) form(p *place) form {
	if p.seen != d.number {
		return formNothing
	}
	return p.form
}

func (d *Decoder) raw(p *place) []byte { return d.record[p.start:p.end] }

// judge validates what scan noted, and fills ev.
func (d *Decoder) judge(ev *Event) *Reject {
	if m := ev.made; m != nil {
		m.text, m.elements, m.lists = m.text[:0], m.elements[:0], m.lists[:0]
	}
	var r *Reject
	if ev.ID, r = d.field(ev, fieldID, d.id); r != nil {
		return r
	}
	dt, r := d.typeOf(ev)
	if r != nil {
		return r
	}
	ev.Type = dt.typ
	if ev.Customer, r = d.field(ev, fieldCustomer, d.customer); r != nil {
		return r
	}
	if ev.Time, r = d.timeOf(ev); r != nil {
		return r
	}
	if cap(ev.Props) < dt.width {
		ev.Props = make([]Value, dt.width)
	} else {
		ev.Props = ev.Props[:dt.width]
		clear(ev.Props)
	}
	for i := range dt.properties {
		p := &dt.properties[i]
		if p.place.seen != d.number && !p.Required {
			continue // most properties of a type are not there
		}
		if r := d.property(ev, dt.typ, p); r != nil {
			return r
		}
	}
	return nil
}

// field returns one of the strings that every event must have.
func (d *Decoder) field(ev *Event, name string, p *place) (string, *Reject) {
	if f := d.form(p); f != formString {
		return "", fieldReject(name, p, f.article())
	}
	s, ok := d.text(ev, p.start+1, p.end-1, p.escaped)
	switch {
	case !ok:
		return "", reject(ReasonText, "%s", where(name, p))
	case s == "":
		return "", fieldReject(name, p, "empty")
	case len(s) > MaxField:
		return "", fieldReject(name, p, fmt.Sprintf("%d bytes long", len(s)))
	}
	return s, nil
}

func fieldReject(name string, p *place, is string) *Reject {
	return reject(ReasonField, "%s is %s", where(name, p), is)
}

// where names a field or property, with its place where it is mapped.
func where(name string, p *place) string {
	if p.path == name {
		return name
	}
	return name + " (" + p.path + ")"
}

// text returns the string whose inside stands from start to end.
func (d *Decoder) text(ev *Event, start, end int, escaped bool) (string, bool) {
	if !escaped {
		return alias(d.record[start:end]), true
	}
	m := ev.more()
	from := len(m.text)
	var ok bool
	m.text, ok = appendUnescaped(m.text, d.record[start:end])
	return alias(m.text[from:]), ok
}

func (d *Decoder) typeOf(ev *Event) (*decodedType, *Reject) {
	if d.fixed != nil {
		return d.fixed, nil
	}
	name, r := d.field(ev, fieldType, d.typ)
	if r != nil {
		return nil, r
	}
	if d.last != nil && d.last.typ.Name == name {
		return d.last, nil
	}
	dt := d.byName[name]
	if dt == nil {
		return nil, reject(ReasonType, "no schema declares the type %s", quote(name))
	}
	d.last = dt
	return dt, nil
}

func (d *Decoder) timeOf(ev *Event) (int64, *Reject) {
	if d.epochTime && d.form(d.time) == formNumber {
		number := alias(d.raw(d.time))
		ms, _, ok := integer(number)
		if !ok || ms < minMoment || ms > maxMoment {
			return 0, reject(ReasonTime, "%s: %s milliseconds are beyond the years 1 to 9999", where(fieldTime, d.time), cut(number))
		}
		return ms, nil
	}
	s, r := d.field(ev, fieldTime, d.time)
	if r != nil {
		if d.form(d.time) == formNumber {
			r.Detail += ": one of milliseconds is read where the source maps it, as by fields: {time: time}"
		}
		return 0, r
	}
	ms, ok := d.days.parse(s)
	if !ok {
		return 0, reject(ReasonTime, "%s: %s is no RFC 3339 time with a zone", where(fieldTime, d.time), quote(s))
	}
	return ms, nil
}

// property validates one property and keeps its value where it is needed.
func (d *Decoder) property(ev *Event, t *Type, p *decodedProperty) *Reject {
	f := d.form(p.place)
	if f <= formNull {
		if p.Required {
			return reject(ReasonMissing, "%s.%s is %s", t.Name, where(p.Name, p.place), f.article())
		}
		if f == formNull && p.keep && t.Name == profileName {
			ev.Props[p.Index].Kind = Null
		}
		return nil
	}
	v := &d.unkept
	if p.keep {
		v = &ev.Props[p.Index]
	}
	var reason Reason
	switch p.Kind {
	case Bool:
		reason = d.boolean(v, p.place, f)
	case Int:
		reason = d.integer(v, p.place, f)
	case Double:
		reason = d.double(v, p.place, f, p.keep)
	case Strings:
		reason = d.list(ev, v, p.place, f, p.keep)
	default:
		reason = d.textual(ev, v, p, f)
	}
	if reason != "" {
		return d.propertyReject(reason, t, p, f)
	}
	return nil
}

func (d *Decoder) boolean(v *Value, p *place, f form) Reason {
	if f != formBool {
		return ReasonProperty
	}
	if v.Kind = Bool; d.record[p.start] == 't' {
		v.Num = 1
	}
	return ""
}

func (d *Decoder) integer(v *Value, p *place, f form) Reason {
	if f != formNumber {
		return ReasonProperty
	}
	n, exact, ok := integer(alias(d.raw(p)))
	switch {
	case !ok:
		return ReasonNumber
	case !exact:
		return ReasonProperty
	}
	v.Kind, v.Num = Int, uint64(n)
	return ""
}

func (d *Decoder) double(v *Value, p *place, f form, keep bool) Reason {
	if f != formNumber {
		return ReasonProperty
	}
	raw := d.raw(p)
	if !keep && !isLong(raw) {
		return ""
	}
	x, err := strconv.ParseFloat(alias(raw), 64)
	if err != nil {
		return ReasonNumber
	}
	v.Kind, v.Num = Double, math.Float64bits(x)
	return ""
}

// textual reads the kinds that are strings in JSON.
func (d *Decoder) textual(ev *Event, v *Value, p *decodedProperty, f form) Reason {
	if f != formString {
		return ReasonProperty
	}
	if p.Kind == String && p.Enum == nil && !p.keep && !p.place.escaped {
		return "" // any text will do
	}
	s, ok := d.text(ev, p.place.start+1, p.place.end-1, p.place.escaped)
	if !ok {
		return ReasonText
	}
	switch {
	case p.Kind == Moment:
		ms, ok := d.days.parse(s)
		if !ok {
			return ReasonMoment
		}
		v.Kind, v.Num = Moment, uint64(ms)
		return ""
	case p.Kind == Date && !ValidDate(s):
		return ReasonDate
	case p.Enum != nil && !slices.Contains(p.Enum, s):
		return ReasonChoice
	}
	v.Kind, v.Str = p.Kind, s
	return ""
}

// list reads a list of strings, whose grammar has been checked.
func (d *Decoder) list(ev *Event, v *Value, p *place, f form, keep bool) Reason {
	if f != formList {
		return ReasonProperty
	}
	b := d.record
	m, from := ev.made, 0
	if keep {
		m = ev.more()
		from = len(m.elements)
	}
	for i := skipSpace(b, p.start+1); b[i] != ']'; i = skipSpace(b, i) {
		if b[i] == ',' {
			i = skipSpace(b, i+1)
		}
		if b[i] != '"' {
			return ReasonProperty
		}
		end, escaped, _ := skipString(b, i+1)
		s, ok := d.text(ev, i+1, end, escaped)
		if !ok {
			return ReasonText
		}
		if keep {
			m.elements = append(m.elements, s)
		}
		i = end + 1
	}
	if v.Kind = Strings; keep && len(m.elements) > from {
		m.lists = append(m.lists, m.elements[from:len(m.elements):len(m.elements)])
		v.list = &m.lists[len(m.lists)-1]
	}
	return ""
}

// propertyReject says what is wrong with a property's value.
func (d *Decoder) propertyReject(reason Reason, t *Type, p *decodedProperty, f form) *Reject {
	name := t.Name + "." + where(p.Name, p.place)
	value := cut(alias(d.raw(p.place)))
	switch reason {
	case ReasonProperty:
		if f == formNumber && p.Kind == Int {
			return reject(reason, "%s is %s, which is no integer", name, value)
		}
		if f == formList && p.Kind == Strings {
			return reject(reason, "%s is a list, but not of strings alone", name)
		}
		return reject(reason, "%s is %s, and declared as %s", name, f.article(), p.Kind.article())
	case ReasonNumber:
		return reject(reason, "%s is %s", name, value)
	case ReasonChoice:
		return reject(reason, "%s is %s, and may be %s", name, value, choice(p.Enum))
	default:
		return reject(reason, "%s is %s", name, value)
	}
}

// choice lists the values of an enum for people.
func choice(enum []string) string {
	if enum == nil {
		return "anything"
	}
	return strings.Join(enum, ", ")
}

const maxShown = 60

// cut shortens what a record holds to what a message can show.
func cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	n := maxShown
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

func quote(s string) string { return fmt.Sprintf("%q", cut(s)) }
