package study

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// probe is the features that a study adds to the rules, so that the engine computes what the study is to tell of each customer.
type probe struct {
	expressions map[string]string // by name
	prefix      string
	attributes  []probed
	basket      *basket // nil: there are no purchases with an amount
	age, city   string  // names; "": no schema declares such an attribute
}

// probed is one attribute of which values are counted.
type probed struct {
	feature string // that has the value
	tally   *tally
}

// basket names the features that a customer's purchases are read from.
type basket struct {
	plainTotal, plainOrders, plainSingles string // of purchases that name no currency
	totals, orders, singles               string // of those that do; "" where they cannot
}

// newProbe asks for the attributes of the profile, for the features that set declares, and for sales within a duration, "" for all.
func newProbe(set *rule.Set, since string) *probe {
	p := &probe{expressions: map[string]string{}, prefix: "study_"}
	for slices.ContainsFunc(set.Features, func(f *rule.Feature) bool { return strings.HasPrefix(f.Name, p.prefix) }) {
		p.prefix += "_"
	}
	profile := set.Schema.Profile()
	for i := range profile.Properties {
		p.attribute(i, &profile.Properties[i])
	}
	for i, f := range set.Features {
		p.feature(i, f)
	}
	p.sales(set.Schema, since)
	return p
}

// add adds a feature and returns its name.
func (p *probe) add(name, expression string) string {
	name = p.prefix + name
	p.expressions[name] = expression
	return name
}

const (
	birthDate = "birth_date"
	city      = "city"
)

func (p *probe) attribute(i int, a *event.Property) {
	from := "profile." + a.Name
	t := newTally(a.Name, "profile", Text, nil)
	switch a.Kind {
	case event.Int, event.Double:
		t = newNumbers(a.Name, "profile", a.Kind == event.Int)
	case event.Date:
		from = "age(" + from + ")"
		t = newTally(a.Name, "profile", Years, yearEdges)
	case event.Moment:
		from = "days_since(" + from + ")"
		t = newTally(a.Name, "profile", Days, dayEdges)
	}
	name := p.add(fmt.Sprintf("attribute_%d", i), from)
	switch {
	case a.Name == birthDate && a.Kind == event.Date:
		t.edges, p.age = ageEdges, name
	case a.Name == city && a.Kind == event.String:
		p.city = name
	}
	p.attributes = append(p.attributes, probed{name, t})
}

// feature counts the values of a declared feature, where it has single ones.
func (p *probe) feature(i int, f *rule.Feature) {
	name := f.Name
	var t *tally
	switch f.Type.Kind() {
	case types.BoolKind, types.StringKind:
		t = newTally(f.Name, "feature", Text, nil)
	case types.IntKind, types.DoubleKind:
		t = newNumbers(f.Name, "feature", f.Type.Kind() == types.IntKind)
	case types.TimestampKind:
		t = newTally(f.Name, "feature", Days, dayEdges)
		name = p.add(fmt.Sprintf("days_%d", i), "days_since(feature."+f.Name+")")
	default:
		return
	}
	p.attributes = append(p.attributes, probed{name, t})
}

// sales adds up purchases. Sums and orders are kept apart by currency, for nothing is converted.
func (p *probe) sales(schema *event.Schema, since string) {
	typ := schema.Type("purchase")
	if typ == nil {
		return
	}
	has := func(name string, kinds ...event.Kind) bool {
		property := typ.Property(name)
		return property != nil && slices.Contains(kinds, property.Kind)
	}
	if !has("amount", event.Int, event.Double) {
		return
	}
	list := "purchase"
	if since != "" {
		list += fmt.Sprintf(".last(%q)", since)
	}
	if !typ.Property("amount").Required {
		list += ".filter(p, has(p.amount))"
	}
	priced, plain := list+".filter(p, has(p.currency))", list+".filter(p, !has(p.currency))"
	currency, order := has("currency", event.String), has("order_id", event.String)
	if !currency {
		plain = list
	}
	p.basket = &basket{plainTotal: p.add("total", plain+".sum(p, p.amount)")}
	b := p.basket
	if !order {
		b.plainSingles = p.add("singles", plain+".size()")
	} else {
		b.plainSingles = p.add("singles", plain+".filter(p, !has(p.order_id)).size()")
		b.plainOrders = p.add("orders", plain+".filter(p, has(p.order_id)).distinct(p, p.order_id)")
	}
	if !currency {
		return
	}
	b.totals = p.add("total_by_currency", priced+".sum_by(p, p.currency, p.amount)")
	if !order {
		b.singles = p.add("singles_by_currency", priced+".count_by(p, p.currency)")
		return
	}
	b.singles = p.add("singles_by_currency", priced+".filter(p, !has(p.order_id)).count_by(p, p.currency)")
	b.orders = p.add("orders_by_currency", priced+`.filter(p, has(p.order_id)).distinct(p, p.currency + "\n" + p.order_id)`)
}

// apart stands between a currency and an order's id: no code of a currency holds it.
const apart = "\n"

// file is the features as a rule file.
func (p *probe) file() []byte {
	var out strings.Builder
	out.WriteString("features:\n")
	for name, expression := range p.expressions {
		fmt.Fprintf(&out, "  %s: '%s'\n", name, strings.ReplaceAll(expression, "'", "''"))
	}
	return []byte(out.String())
}

// names are the features that the study reads of each customer.
func (p *probe) names() []string {
	var out []string
	for _, a := range p.attributes {
		out = append(out, a.feature)
	}
	for name := range p.expressions {
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// read gives what a customer bought, by currency, from the values of the features. full: some list is as long as the engine keeps them.
func (b *basket) read(value func(name string) feature.Val, bound int) (of map[string]*bought, full bool) {
	of = map[string]*bought{}
	at := func(currency string) *bought {
		x := of[currency]
		if x == nil {
			x = new(bought)
			of[currency] = x
		}
		return x
	}
	n := eachText(value(b.plainOrders), func(string) { at("").orders++ })
	if v := value(b.plainSingles); v.K == feature.Int && v.Int() > 0 {
		at("").orders += v.Int()
	}
	if x := of[""]; x != nil {
		x.total.AddVal(value(b.plainTotal))
	}
	eachEntry(value(b.totals), func(currency string, v feature.Val) { at(currency).total.AddVal(v) })
	eachEntry(value(b.singles), func(currency string, v feature.Val) { at(currency).orders += v.Int() })
	more := eachText(value(b.orders), func(s string) {
		currency, _, _ := strings.Cut(s, apart)
		at(currency).orders++
	})
	return of, max(n, more, len(of)) >= bound
}
