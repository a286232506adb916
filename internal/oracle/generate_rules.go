package oracle

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Rules are features and segments as text.
type Rules struct {
	Features []NamedExpr
	Segments []SegmentText
}

// NamedExpr is a feature as text.
type NamedExpr struct {
	Name, Expr string
	kind       kind
	asks       bool // whether it holds in_segment, itself or through others
}

// SegmentText is a segment as text; Until is "" where there is none.
type SegmentText struct {
	Name, When, Until string
	Include           []string
}

// Files are the rules as the files of a folder.
func (r Rules) Files() map[string][]byte {
	files := map[string][]byte{}
	var b strings.Builder
	if len(r.Features) > 0 {
		b.WriteString("features:\n")
		for _, f := range r.Features {
			fmt.Fprintf(&b, "  %s: %s\n", f.Name, quote(f.Expr))
		}
		files["features.yaml"] = []byte(b.String())
		b.Reset()
	}
	b.WriteString("segments:\n")
	for _, s := range r.Segments {
		fmt.Fprintf(&b, "  %s:\n    when: %s\n", s.Name, quote(s.When))
		if s.Until != "" {
			fmt.Fprintf(&b, "    until: %s\n", quote(s.Until))
		}
		if len(s.Include) > 0 {
			fmt.Fprintf(&b, "    include: [%s]\n", strings.Join(s.Include, ", "))
		}
	}
	files["segments.yaml"] = []byte(b.String())
	return files
}

// quote is a text as a double-quoted scalar, which JSON's strings are.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Rules makes up to three features and one to four segments. Every one is well typed; what cannot be kept in bounded state may still be
// refused.
func (g *Generator) Rules() Rules {
	w := &writer{Generator: g}
	for i := range g.r.IntN(4) {
		w.asks = false
		k := pick(g.r, []kind{kInt, kDouble, kBool, kString, kTime, kInt, kDouble, kBool, kStrings, kEvents})
		f := NamedExpr{Name: fmt.Sprintf("f%d", i), kind: k}
		if k == kEvents {
			l := w.events(2)
			f.Expr, w.lists = l.src, append(w.lists, events{src: "feature." + f.Name, typ: l.typ})
		} else {
			f.Expr = w.scalar(k, 2)
		}
		f.asks = w.asks
		w.features = append(w.features, f)
	}
	var out Rules
	for i := range 1 + g.r.IntN(4) {
		s := SegmentText{Name: fmt.Sprintf("s%d", i), When: w.boolean(3)}
		if g.chance(25) {
			s.Until = w.boolean(2)
		}
		for _, f := range w.features {
			if f.kind != kEvents && g.chance(40) {
				s.Include = append(s.Include, f.Name)
			}
		}
		w.segments = append(w.segments, s.Name)
		out.Segments = append(out.Segments, s)
	}
	// Dependencies, not names, give the order: names are dealt anew.
	names := slices.Clone(w.segments)
	g.r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	rename := strings.NewReplacer(pairs(w.segments, names)...)
	for i := range out.Segments {
		s := &out.Segments[i]
		s.Name, s.When, s.Until = names[i], rename.Replace(s.When), rename.Replace(s.Until)
	}
	out.Features = w.features
	return out
}

func pairs(from, to []string) []string {
	var out []string
	for i := range from {
		out = append(out, `in_segment("`+from[i]+`")`, `in_segment("`+to[i]+`")`)
	}
	return out
}

// kind is a type of expression.
type kind int

const (
	kInt kind = iota
	kDouble
	kBool
	kString
	kTime
	kStrings // a list of strings
	kEvents  // a list of events
)

// writer writes expressions. Every method takes the depth that is left: at 0 it writes the simplest.
type writer struct {
	*Generator
	features []NamedExpr
	segments []string // those that may be asked for
	lists    []events // features that are lists of events
	vars     []variable
	names    int
	asks     bool
}

// variable is one of a lambda around the place that is being written: an event where typ is not "", else a value.
type variable struct {
	name, typ string
	kind      kind
}

// events is an expression that is a list of events of one type.
type events struct{ src, typ string }

// within writes the body of a lambda with variables in scope.
func (w *writer) within(write func() string, vars ...variable) string {
	n := len(w.vars)
	w.vars = append(w.vars, vars...)
	defer func() { w.vars = w.vars[:n] }()
	return write()
}

func (w *writer) fresh() string {
	w.names++
	return fmt.Sprintf("v%d", w.names)
}

func (w *writer) duration() string { return `"` + pick(w.r, w.scale.durations) + `"` }

// oneOf calls one of the writers, each as likely as its weight.
func oneOf(w *writer, choices ...choice) string {
	total := 0
	for _, c := range choices {
		total += c.weight
	}
	n := w.r.IntN(total)
	for _, c := range choices {
		if n -= c.weight; n < 0 {
			return c.write()
		}
	}
	panic("unreachable")
}

type choice struct {
	weight int
	write  func() string
}

func (w *writer) op() string { return pick(w.r, []string{"<", "<=", ">", ">=", "==", "!=", ">", ">="}) }

func (w *writer) order() string { return pick(w.r, []string{"<", "<=", ">", ">="}) }
