package study

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ruas/ruas/internal/feature"
)

// Attribute compares members with everybody by one attribute or feature.
type Attribute struct {
	Name   string `json:"name"`
	Source string `json:"source"` // profile or feature
	Unit   Unit   `json:"unit"`
	// Difference is half the sum of the differences between the shares among members and among everybody (the total variation distance), the
	// values in Other being one: 0 where both are alike, 1 where they share no value.
	Difference float64 `json:"difference"`
	Missing    Count   `json:"missing"`
	Values     []Value `json:"values"`
	Other      *Count  `json:"other,omitempty"` // nil: all are in Values
}

// Unit says what an attribute's values are.
type Unit string

// The units.
const (
	Text   Unit = "text"
	Number Unit = "number"
	Years  Unit = "years" // whole ones, from a date until the moment of the study
	Days   Unit = "days"  // whole ones, from a moment until that of the study
)

// Value is one value, or a group of them: From or more, and less than Below, where these are not nil.
type Value struct {
	Value     string   `json:"value"`
	From      *float64 `json:"from,omitempty"`
	Below     *float64 `json:"below,omitempty"`
	Members   int64    `json:"members"`
	Customers int64    `json:"customers"`
}

// Count counts customers, and how many different values they have.
type Count struct {
	Values    int64 `json:"values"`
	Members   int64 `json:"members"`
	Customers int64 `json:"customers"`
}

const (
	// shownValues is how many texts are told apart in an answer, keptValues how many while counting: an attribute with more tells nothing
	// about a segment.
	shownValues = 20
	keptValues  = 100_000
	// singleNumbers is up to how many different numbers each stands for itself.
	singleNumbers = 20
)

// tally counts the values of one attribute.
type tally struct {
	name, source string
	unit         Unit
	whole        bool      // numbers are whole ones
	edges        []float64 // of groups of numbers
	texts        map[string]*tallied
	numbers      map[float64]*tallied // each number, or once they are grouped the edge where each group begins
	grouped      bool
	crowded      tallied // texts beyond keptValues
	beyond       int64   // how many of them there were, the same one counted each time
	missing      tallied
}

type tallied struct{ members, customers int64 }

func (t *tallied) add(member bool) {
	t.customers++
	if member {
		t.members++
	}
}

// newTally counts years and days in groups from the start, numbers once there are many different ones.
func newTally(name, source string, unit Unit, edges []float64) *tally {
	return &tally{
		name: name, source: source, unit: unit, edges: edges, whole: unit == Years || unit == Days, grouped: unit == Years || unit == Days,
		texts: map[string]*tallied{}, numbers: map[float64]*tallied{},
	}
}

// newNumbers counts numbers, whole ones in groups of their own.
func newNumbers(name, source string, whole bool) *tally {
	t := newTally(name, source, Number, numberEdges())
	if t.whole = whole; whole {
		t.edges = slices.DeleteFunc(slices.Clone(t.edges), func(f float64) bool { return f != math.Trunc(f) })
	}
	return t
}

// The groups of ages, of other years and of days: each begins at an edge, and the first is all that is less.
var (
	ageEdges  = []float64{0, 18, 25, 35, 45, 55, 65}
	yearEdges = []float64{0, 1, 2, 3, 5, 10, 20}
	dayEdges  = []float64{0, 1, 7, 30, 90, 180, 365, 730}
)

// add counts one customer's value.
func (t *tally) add(v feature.Val, member bool) {
	switch v.K {
	case feature.String:
		t.text(v.S, member)
	case feature.Bool:
		t.text(strconv.FormatBool(v.True()), member)
	case feature.Int:
		t.number(float64(v.Int()), member)
	case feature.Double:
		if f := v.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			t.number(v.Key().Float(), member)
			return
		}
		t.missing.add(member)
	case feature.Object:
		t.list(v.R, member)
	default:
		t.missing.add(member)
	}
}

// list counts each text of a list: who has two is counted at both.
func (t *tally) list(r any, member bool) {
	var items []string
	switch l := r.(type) {
	case []string:
		items = slices.Clone(l)
	case traits.Lister:
		for it := l.Iterator(); it.HasNext() == types.True; {
			if s, ok := it.Next().(types.String); ok {
				items = append(items, string(s))
			}
		}
	}
	if len(items) == 0 {
		t.missing.add(member)
		return
	}
	slices.Sort(items)
	for _, s := range slices.Compact(items) {
		t.text(s, member)
	}
}

func (t *tally) text(s string, member bool) {
	n := t.texts[s]
	if n == nil {
		if len(t.texts) >= keptValues {
			t.crowded.add(member)
			t.beyond++
			return
		}
		n = new(tallied)
		t.texts[strings.Clone(s)] = n
	}
	n.add(member)
}

func (t *tally) number(f float64, member bool) {
	if t.grouped {
		f = lowEdge(t.edges, f)
	}
	n := t.numbers[f]
	if n == nil {
		n = new(tallied)
		t.numbers[f] = n
	}
	n.add(member)
	if !t.grouped && len(t.numbers) > singleNumbers {
		t.group()
	}
}

// group puts the numbers so far into groups.
func (t *tally) group() {
	t.grouped = true
	groups := map[float64]*tallied{}
	for f, n := range t.numbers {
		low := lowEdge(t.edges, f)
		g := groups[low]
		if g == nil {
			g = new(tallied)
			groups[low] = g
		}
		g.members += n.members
		g.customers += n.customers
	}
	t.numbers = groups
}

// numberEdges are 0 and 1, 2 and 5 times the powers of ten, on both sides.
var numberEdges = sync.OnceValue(func() []float64 {
	var steps []float64
	for ten := -3; ten < 16; ten++ {
		for _, step := range []string{"1", "2", "5"} {
			f, _ := strconv.ParseFloat(step+"e"+strconv.Itoa(ten), 64) // as exact as a literal
			steps = append(steps, f)
		}
	}
	edges := make([]float64, 0, 2*len(steps)+1)
	for _, f := range slices.Backward(steps) {
		edges = append(edges, -f)
	}
	return append(append(edges, 0), steps...)
})

// lowEdge is the edge where the group of f begins: the greatest that is not above f; -Inf below the first.
func lowEdge(edges []float64, f float64) float64 {
	i, found := slices.BinarySearch(edges, f)
	switch {
	case found:
		return edges[i]
	case i == 0:
		return math.Inf(-1)
	}
	return edges[i-1]
}

// highEdge is where the group that begins at an edge, or at -Inf, ends; +Inf: it does not.
func highEdge(edges []float64, low float64) float64 {
	i, found := slices.BinarySearch(edges, low)
	if found {
		i++
	}
	if i == len(edges) {
		return math.Inf(1)
	}
	return edges[i]
}

// attribute gives what was counted; members and customers are all there are. false: nobody has a value.
func (t *tally) attribute(members, customers int64) (Attribute, bool) {
	a := Attribute{
		Name: t.name, Source: t.source, Unit: t.unit, Values: []Value{},
		Missing: Count{Members: t.missing.members, Customers: t.missing.customers},
	}
	if len(t.texts)+len(t.numbers) == 0 || t.beyond > 0 {
		return a, false
	}
	if len(t.texts) > 0 {
		a.Unit = Text
		for s, n := range t.texts {
			a.Values = append(a.Values, Value{Value: s, Members: n.members, Customers: n.customers})
		}
		slices.SortFunc(a.Values, func(x, y Value) int {
			return cmp.Or(cmp.Compare(y.Members, x.Members), cmp.Compare(y.Customers, x.Customers), cmp.Compare(x.Value, y.Value))
		})
		a.cut()
	} else {
		for low, n := range t.numbers {
			v := Value{Members: n.members, Customers: n.customers}
			t.label(&v, low)
			a.Values = append(a.Values, v)
		}
		slices.SortFunc(a.Values, func(x, y Value) int { return cmp.Compare(lowOf(x), lowOf(y)) })
	}
	a.Difference = a.difference(members, customers)
	return a, true
}

func lowOf(v Value) float64 {
	if v.From == nil {
		return math.Inf(-1)
	}
	return *v.From
}

// difference compares the shares, to four decimals; where there are no members there is none.
func (a *Attribute) difference(members, customers int64) float64 {
	if members == 0 || customers == 0 {
		return 0
	}
	sum := 0.0
	add := func(m, c int64) { sum += math.Abs(float64(m)/float64(members) - float64(c)/float64(customers)) }
	add(a.Missing.Members, a.Missing.Customers)
	for _, v := range a.Values {
		add(v.Members, v.Customers)
	}
	if a.Other != nil {
		add(a.Other.Members, a.Other.Customers)
	}
	return math.Round(min(sum/2, 1)*1e4) / 1e4
}

// cut puts all values but the first together.
func (a *Attribute) cut() {
	if len(a.Values) <= shownValues {
		return
	}
	other := Count{}
	for _, v := range a.Values[shownValues:] {
		other.Values++
		other.Members += v.Members
		other.Customers += v.Customers
	}
	a.Values, a.Other = a.Values[:shownValues:shownValues], &other
}

// label says what a number or the group that begins at low is.
func (t *tally) label(v *Value, low float64) {
	if !t.grouped {
		v.Value, v.From = plainNumber(low), &low
		return
	}
	high := highEdge(t.edges, low)
	if !math.IsInf(low, 0) {
		v.From = &low
	}
	if !math.IsInf(high, 0) {
		v.Below = &high
	}
	v.Value = groupLabel(low, high, t.whole)
}

// groupLabel writes a group: of whole numbers the last one in it, else where it ends.
func groupLabel(low, high float64, whole bool) string {
	switch {
	case math.IsInf(low, -1):
		return "< " + plainNumber(high)
	case math.IsInf(high, 1):
		return plainNumber(low) + "+"
	case whole && high-low == 1:
		return plainNumber(low)
	case whole:
		return plainNumber(low) + "–" + plainNumber(high-1)
	}
	return plainNumber(low) + " – < " + plainNumber(high)
}

func plainNumber(f float64) string {
	if math.Abs(f) < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}
