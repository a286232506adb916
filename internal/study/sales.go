package study

import (
	"cmp"
	"encoding/json"
	"errors"
	"math"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/feature"
)

// Sales are the purchases of members beside those of everybody, in the currency of most of them.
type Sales struct {
	// Since is the moment before which purchases do not count; engine.Never: all do.
	Since    engine.Moment `json:"since,omitzero"`
	Currency string        `json:"currency,omitempty"`
	// LeftOut are the purchases in other currencies.
	LeftOut []Foreign `json:"left_out,omitempty"`
	// AtLeast says that some customer has more orders or currencies than the engine keeps apart.
	AtLeast   bool    `json:"at_least,omitempty"`
	Members   Figures `json:"members"`
	Everybody Figures `json:"everybody"`
	ByAge     []Group `json:"by_age"`
	ByCity    []Group `json:"by_city"`
}

// Foreign counts orders in one currency; "": those that name none.
type Foreign struct {
	Currency string `json:"currency,omitempty"`
	Orders   int64  `json:"orders"`
}

// Group is a part of the customers: those of one age or city, all Other ones, or those of whom it is Unknown.
type Group struct {
	Group     string  `json:"group,omitempty"`
	Unknown   bool    `json:"unknown,omitempty"`
	Other     bool    `json:"other,omitempty"`
	Members   Figures `json:"members"`
	Everybody Figures `json:"everybody"`
}

// Figures are what some customers bought. Total is the exact sum, rounded once; so is AverageOrder, nil where there are no orders.
type Figures struct {
	Customers    int64    `json:"customers"`
	Buyers       int64    `json:"buyers"`
	Orders       int64    `json:"orders"`
	Total        amount   `json:"total"`
	AverageOrder *float64 `json:"average_order,omitempty"`
}

// amount is a sum of money; beyond the largest double it has no JSON.
type amount float64

// MarshalJSON writes the sum as a number.
func (a amount) MarshalJSON() ([]byte, error) {
	if f := float64(a); !math.IsInf(f, 0) && !math.IsNaN(f) {
		return json.Marshal(f)
	}
	return nil, errors.New("a sum is beyond the largest number")
}

// bought is what one customer bought in one currency.
type bought struct {
	orders int64
	total  feature.Total
}

// sums adds up what some customers bought, by currency.
type sums struct {
	customers int64
	of        map[string]*summed
}

type summed struct {
	buyers, orders int64
	total          feature.Total
}

// count counts what so many buyers bought in a currency.
func (s *sums) count(currency string, buyers, orders int64, total *feature.Total) {
	n := s.of[currency]
	if n == nil {
		if s.of == nil {
			s.of = map[string]*summed{}
		}
		n = new(summed)
		s.of[currency] = n
	}
	n.buyers += buyers
	n.orders += orders
	n.total.AddTotal(total)
}

// add counts a customer in.
func (s *sums) add(basket map[string]*bought) {
	s.customers++
	for currency, b := range basket {
		s.count(currency, 1, b.orders, &b.total)
	}
}

// merge adds the sums of other customers.
func (s *sums) merge(o *sums) {
	s.customers += o.customers
	for currency, from := range o.of {
		s.count(currency, from.buyers, from.orders, &from.total)
	}
}

func (s *sums) figures(currency string) Figures {
	f := Figures{Customers: s.customers}
	if n := s.of[currency]; n != nil {
		f.Buyers, f.Orders, f.Total = n.buyers, n.orders, amount(n.total.Float64())
		if n.orders > 0 {
			mean := n.total.Mean(n.orders)
			f.AverageOrder = &mean
		}
	}
	return f
}

// pair is a group's members and everybody in it.
type pair struct{ members, everybody sums }

func (p *pair) add(basket map[string]*bought, member bool) {
	p.everybody.add(basket)
	if member {
		p.members.add(basket)
	}
}

func (p *pair) merge(o *pair) {
	p.members.merge(&o.members)
	p.everybody.merge(&o.everybody)
}

func (p *pair) group(currency string) Group {
	return Group{Members: p.members.figures(currency), Everybody: p.everybody.figures(currency)}
}

// ledger is all that is added up of sales.
type ledger struct {
	all          pair
	ages         map[float64]*pair // by the edge where the group begins
	cities       map[string]*pair
	noAge        pair
	noCity       pair
	atLeast      bool
	bound        int // how many orders of a customer the engine keeps apart
	hasAge, city bool
}

func newLedger(bound int, hasAge, hasCity bool) *ledger {
	return &ledger{ages: map[float64]*pair{}, cities: map[string]*pair{}, bound: bound, hasAge: hasAge, city: hasCity}
}

// add counts a customer's basket.
func (l *ledger) add(basket map[string]*bought, age, city feature.Val, member bool) {
	l.all.add(basket, member)
	at := &l.noAge
	if age.K == feature.Int {
		at = entry(l.ages, lowEdge(ageEdges, float64(age.Int())))
	}
	at.add(basket, member)
	at = &l.noCity
	if city.K == feature.String {
		at = entry(l.cities, city.S)
	}
	at.add(basket, member)
}

func entry[K comparable](m map[K]*pair, key K) *pair {
	p := m[key]
	if p == nil {
		p = new(pair)
		m[key] = p
	}
	return p
}

// sales gives what was added up.
func (l *ledger) sales(since engine.Moment) *Sales {
	currency := l.currency()
	out := &Sales{
		Since: since, Currency: currency, AtLeast: l.atLeast, ByAge: []Group{}, ByCity: []Group{},
		Members: l.all.members.figures(currency), Everybody: l.all.everybody.figures(currency),
	}
	for other, n := range l.all.everybody.of {
		if other != currency {
			out.LeftOut = append(out.LeftOut, Foreign{other, n.orders})
		}
	}
	slices.SortFunc(out.LeftOut, func(a, b Foreign) int {
		return cmp.Or(cmp.Compare(b.Orders, a.Orders), cmp.Compare(a.Currency, b.Currency))
	})
	if l.hasAge {
		out.ByAge = l.byAge(currency)
	}
	if l.city {
		out.ByCity = l.byCity(currency)
	}
	return out
}

// currency is that of most orders; of several with as many the first by name.
func (l *ledger) currency() string {
	best, most := "", int64(-1)
	for c, n := range l.all.everybody.of {
		if n.orders > most || n.orders == most && c < best {
			best, most = c, n.orders
		}
	}
	return best
}

func (l *ledger) byAge(currency string) []Group {
	out := []Group{}
	var lows []float64
	for low := range l.ages {
		lows = append(lows, low)
	}
	slices.Sort(lows)
	for _, low := range lows {
		g := l.ages[low].group(currency)
		g.Group = groupLabel(low, highEdge(ageEdges, low), true)
		out = append(out, g)
	}
	return withUnknown(out, &l.noAge, currency)
}

// shownCities is how many cities are told apart in an answer.
const shownCities = 20

func (l *ledger) byCity(currency string) []Group {
	out := []Group{}
	for name, p := range l.cities {
		g := p.group(currency)
		g.Group = name
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Everybody.Total, a.Everybody.Total), cmp.Compare(b.Everybody.Customers, a.Everybody.Customers),
			cmp.Compare(a.Group, b.Group))
	})
	if len(out) > shownCities {
		var rest pair
		for _, g := range out[shownCities:] {
			rest.merge(l.cities[g.Group])
		}
		g := rest.group(currency)
		g.Other = true
		out = append(out[:shownCities:shownCities], g)
	}
	return withUnknown(out, &l.noCity, currency)
}

// withUnknown adds those of whom the group is not known, where there are some.
func withUnknown(groups []Group, unknown *pair, currency string) []Group {
	if unknown.everybody.customers == 0 {
		return groups
	}
	g := unknown.group(currency)
	g.Unknown = true
	return append(groups, g)
}

// eachEntry visits a map of the rule language from texts to numbers.
func eachEntry(v feature.Val, visit func(key string, n feature.Val)) {
	m, ok := v.R.(traits.Mapper)
	if !ok {
		return
	}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		text, ok := key.(types.String)
		if !ok {
			continue
		}
		switch n := m.Get(key).(type) {
		case types.Int:
			visit(string(text), feature.OfInt(int64(n)))
		case types.Double:
			visit(string(text), feature.OfDouble(float64(n)))
		}
	}
}

// eachText visits a list of texts of the rule language, and tells how many there are.
func eachText(v feature.Val, visit func(s string)) (n int) {
	l, ok := v.R.(traits.Lister)
	if !ok {
		return 0
	}
	for it := l.Iterator(); it.HasNext() == types.True; n++ {
		if text, ok := it.Next().(types.String); ok {
			visit(string(text))
		}
	}
	return n
}
