package plan

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// anyType stands for the list of all events, whatever their type.
const anyType = -1

// series is the plan of one feature.Series: the events of a type for which all preds hold. Equal series of different rules
// are one.
type series struct {
	slot  int
	key   string
	text  string // as people read it
	hash  uint32
	typ   int
	preds []pred
	// latest: of the events with one value in column 0 only the newest is kept, which is all that a number of different values
	// in a window that reaches up to now needs.
	latest bool
	cols   []col
	kinds  []feature.Kind
	needs  []need
	widest []need         // the needs that no other covers
	plain  []feature.Need // of widest
	chased bool           // one of widest has an after
	sums   []int          // columns of which windows are added up
	fed    []*acc         // settled at once
	waits  []*acc         // settled later: their lists read this series
	keeps  bool           // rows are kept, in the series or in an acc
	ever   *acc           // the number of its events and the time of the earliest
	// segments to decide when the series changes.
	segments []int
	watch    watch
}

// col is a column: what an expression over the event gives, None where it errs.
type col struct {
	key  string
	text string // as rules write it
	node node
}

// need is a feature.Need. Where after is set, events up to the newest of that series are not needed either.
type need struct {
	feature.Need
	after *series
}

// within tells that another need keeps all that n does, without regard to other series.
func (n need) within(o feature.Need) bool {
	return o.Hi >= n.Hi && (o.N == feature.All || n.N != feature.All && o.N >= n.N && o.Lo >= n.Lo)
}

// widest returns needs that together keep all that any of them does: many rules with windows of their own often leave one.
func widest(needs []need) (out []need) {
	for _, n := range needs {
		if slices.ContainsFunc(out, n.coveredBy) {
			continue
		}
		out = append(slices.DeleteFunc(out, func(o need) bool { return o.coveredBy(n) }), n)
	}
	return out
}

// seriesOf returns the series of a type and preds; with a latest column, the one that keeps the newest of each value.
func (c *compiler) seriesOf(typ int, preds []pred, latest *col) *series {
	key := rule.VarEvents
	if typ != anyType {
		key = c.schema.Types[typ].Name
	}
	for i := range preds {
		key += " | " + preds[i].key
	}
	if latest != nil {
		key += " / newest of each " + latest.key
	}
	s, ok := c.series[key]
	if !ok && c.again != nil {
		s, ok = c.seriesAgain(key)
	}
	if !ok {
		c.making("series")
		s = &series{slot: len(c.p.series), key: key, text: textOf(c.nameOf(typ), preds), typ: typ, preds: preds}
		if latest != nil {
			s.latest = true
			s.cols = []col{*latest}
		}
		c.series[key] = s
		c.p.series = append(c.p.series, s)
	}
	c.uses.series[s.slot] = true
	if latest != nil {
		c.uses.column(s.slot, 0)
	}
	return s
}

func (s *series) need(c *compiler, n feature.Need) { s.needAfter(c, n, nil) }

func (s *series) needAfter(c *compiler, n feature.Need, after *series) {
	nd := need{Need: n, after: after}
	if c.again != nil {
		c.needAgain(s.slot, nd)
		return
	}
	if !slices.Contains(s.needs, nd) {
		s.needs = append(s.needs, nd)
	}
	if !slices.Contains(c.uses.needs[s.slot], nd) {
		c.uses.needs[s.slot] = append(c.uses.needs[s.slot], nd)
	}
}

// column returns the place of a column, added at first use.
func (s *series) column(c *compiler, name string, e ast.Expr) int {
	key := canon(e, map[string]string{name: "e"})
	for i := range s.cols {
		if s.cols[i].key == key {
			c.uses.column(s.slot, i)
			return i
		}
	}
	c.making("column")
	s.cols = append(s.cols, col{key: key, text: written(e, name), node: c.eventNode(s.typ, name, e)})
	c.uses.column(s.slot, len(s.cols)-1)
	return len(s.cols) - 1
}

// everAcc has counted whether the series ever had an event, and since when.
func (s *series) everAcc(c *compiler) {
	if s.ever == nil {
		s.ever = c.newAcc("ever "+s.key, s, feature.Fold{Count: true, Min: true})
		s.ever.every = true
		s.ever.text = s.text
		s.fed = append(s.fed, s.ever)
	}
	c.uses.accs[s.ever.slot] = true
}

// newAcc plans an acc over rows of a series.
func (c *compiler) newAcc(key string, base *series, fold feature.Fold) *acc {
	a := &acc{slot: len(c.p.accs), key: key, base: base, fold: fold, xCol: -1, kCol: -1}
	if c.again != nil {
		a.slot = c.accAgain(key)
		c.accs[key] = a
		return a
	}
	c.p.accs = append(c.p.accs, a)
	c.accs[key] = a
	return a
}

// kindOf is the kind that a column of a CEL type has.
func kindOf(n *node) feature.Kind {
	switch n.typ.Kind() {
	case types.BoolKind:
		return feature.Bool
	case types.IntKind:
		return feature.Int
	case types.DoubleKind:
		return feature.Double
	case types.StringKind:
		return feature.String
	case types.TimestampKind:
		return feature.Moment
	}
	return feature.Object
}
