package oracle

import (
	"fmt"

	"github.com/ruas/ruas/internal/event"
)

// Variants makes a dozen segments or two in the way of one that is copied again and again: a few shapes over the same filters, which differ
// by a number, a window or a text. Some end by an until of their own, some ask for one of the segments given.
func (g *Generator) Variants(asked []string) []SegmentText {
	w := &writer{Generator: g}
	var out []SegmentText
	for range 2 + g.r.IntN(3) {
		shape := w.shape()
		for range 3 + g.r.IntN(6) {
			s := SegmentText{Name: fmt.Sprintf("v%02d", len(out)), When: shape()}
			if len(asked) > 0 && g.chance(10) {
				s.When = fmt.Sprintf("%sin_segment(%q) && %s", pick(g.r, []string{"", "!"}), pick(g.r, asked), s.When)
			}
			if g.chance(12) {
				s.Until = shape()
			}
			out = append(out, s)
		}
	}
	return out
}

// shape draws what variants share; the result writes one of them after the other.
func (w *writer) shape() func() string {
	t, other := pick(w.r, w.types), pick(w.r, w.types)
	texts, numbers := fieldsOf(t, event.String), fieldsOf(t, event.Double, event.Int)
	var text, number *event.Property
	if len(texts) > 0 {
		text = pick(w.r, texts)
	}
	if len(numbers) > 0 {
		number = pick(w.r, numbers)
	}
	form := w.r.IntN(4)
	filtered := func() string { // few filters, so that variants meet on one
		if text == nil || form == 0 {
			return t.Name
		}
		values := pool(text)[:2]
		field, value := "e."+text.Name, fmt.Sprintf("%q", pick(w.r, values))
		switch {
		case form == 1 && w.chance(30):
			return fmt.Sprintf("%s.filter(e, %s in [%s, %q])", t.Name, field, value, values[0])
		case form == 2 && number != nil:
			return fmt.Sprintf("%s.filter(e, %s == %s && e.%s > %d%s)", t.Name, value, field, number.Name, w.r.IntN(2), dot(number))
		}
		return fmt.Sprintf("%s.filter(e, %s == %s)", t.Name, field, value)
	}
	last := func() string { return filtered() + ".last(" + w.duration() + ")" }
	k := func() int { return w.r.IntN(5) }
	counts := func() string { return fmt.Sprintf("%s.size() %s %d", last(), w.op(), k()) }
	lifetime := func() string { return fmt.Sprintf("%s.size() %s %d", filtered(), w.op(), k()) }
	shapes := []func() string{
		counts, counts, lifetime,
		func() string {
			return fmt.Sprintf("%s.size() > %d && %s.last(%s).size() == 0", filtered(), k(), other.Name, w.duration())
		},
		func() string {
			return fmt.Sprintf("%s.%s(%s, %s).size() > 0", last(), pick(w.r, []string{"not_followed_by", "followed_by", "not_yet_followed_by"}),
				other.Name, w.duration())
		},
		func() string { return fmt.Sprintf("%s || %s", counts(), lifetime()) },
		func() string { return fmt.Sprintf("!(%s) && %s", counts(), lifetime()) },
		func() string {
			return fmt.Sprintf("%s.newest(%d).last(%s).size() > 0", filtered(), 1+k(), w.duration())
		},
	}
	if text != nil {
		shapes = append(shapes,
			func() string {
				return fmt.Sprintf("%s.last(%s).%s(e, e.%s == %q)", t.Name, w.duration(), pick(w.r, []string{"exists", "exists", "all"}), text.Name, pick(w.r, pool(text)))
			},
			func() string { return fmt.Sprintf("%s.distinct(e, e.%s).size() %s %d", last(), text.Name, w.op(), k()) })
	}
	if number != nil {
		total := func() string {
			return fmt.Sprintf("%s.%s(e, e.%s) %s %d%s", last(), pick(w.r, []string{"sum", "avg"}), number.Name, w.order(), 4*k()-2, dot(number))
		}
		shapes = append(shapes, total, total, func() string { return fmt.Sprintf("%s && %s", total(), lifetime()) })
	}
	return pick(w.r, shapes)
}

// dot is what makes a whole number a literal of the property's kind.
func dot(p *event.Property) string {
	if p.Kind == event.Double {
		return ".0"
	}
	return ""
}
