package plan

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// reduction compiles sum, avg, min, max, distinct, count_by and sum_by.
func (c *compiler) reduction(name string, e ast.Expr, sc *scope) node {
	args := e.AsCall().Args()
	of, m, ok := mapOf(args[0])
	if !ok || !c.isEventList(of) {
		c.refuse("%s is for lists of events", name)
	}
	l := c.eventList(of, sc)
	var fold feature.Fold
	var x, key *colRef
	switch name {
	case rule.FnSum:
		fold, x = feature.Fold{Sum: true}, &m
	case rule.FnAvg:
		fold, x = feature.Fold{Sum: true, Count: true}, &m
	case rule.FnMin:
		fold, x = feature.Fold{Min: true}, &m
	case rule.FnMax:
		fold, x = feature.Fold{Max: true}, &m
	case rule.FnDistinct, rule.FnCountBy:
		fold, key = feature.Fold{Groups: true}, &m
	case rule.FnSumBy:
		_, mx, _ := mapOf(args[1])
		fold, key, x = feature.Fold{Groups: true, Sum: true}, &m, &mx
	}
	t := c.typeOf(e)
	if b, ok := l.(*baseList); ok && b.finite() && (name == rule.FnSum || name == rule.FnAvg) && c.finalAge(m.name, m.body) == 0 {
		return c.windowTotal(b, m, name == rule.FnAvg, t)
	}
	r := c.reducer(l, fold, x, key, c.canonical(of), sc)
	n := node{typ: t, next: r.next}
	read := reading(name, t)
	n.eval = func(f *Frame) feature.Val {
		a, ok := r.run(f)
		if !ok || a.Gaps > 0 {
			return feature.Val{}
		}
		return read(a)
	}
	return n
}

// reading turns an acc into the value of a function.
func reading(name string, t *types.Type) func(a *feature.Acc) feature.Val {
	switch name {
	case rule.FnSum:
		return func(a *feature.Acc) feature.Val { return totalOf(&a.Sum, t) }
	case rule.FnAvg:
		return func(a *feature.Acc) feature.Val {
			if a.Count == 0 {
				return feature.Val{}
			}
			return feature.OfDouble(a.Sum.Mean(a.Count))
		}
	case rule.FnMin:
		return func(a *feature.Acc) feature.Val { return a.Least.Val() }
	case rule.FnMax:
		return func(a *feature.Acc) feature.Val { return a.Most.Val() }
	case rule.FnDistinct:
		return func(a *feature.Acc) feature.Val {
			var keys []ref.Val
			if a.Group != nil {
				for i := range a.Group.Keys {
					keys = append(keys, refOf(a.Group.Keys[i].Key))
				}
			}
			return feature.OfObject(types.NewRefValList(types.DefaultTypeAdapter, keys))
		}
	}
	sums := name == rule.FnSumBy
	of := types.IntType
	if sums {
		of = t.Parameters()[1]
	}
	return func(a *feature.Acc) feature.Val {
		m := map[ref.Val]ref.Val{}
		if a.Group != nil {
			for i := range a.Group.Keys {
				g := &a.Group.Keys[i]
				v := feature.OfInt(g.Count)
				if sums {
					if v = totalOf(&g.Sum, of); v.K == feature.None {
						return v
					}
				}
				m[refOf(g.Key)] = refOf(v)
			}
		}
		return feature.OfObject(types.NewRefValMap(types.DefaultTypeAdapter, m))
	}
}

// totalOf reads a sum as its type; a sum of integers past 64 bits is an error.
func totalOf(t *feature.Total, of *types.Type) feature.Val {
	if of.Kind() != types.IntKind {
		return feature.OfDouble(t.Float64())
	}
	i, ok := t.Int64()
	if !ok {
		return feature.Val{}
	}
	return feature.OfInt(i)
}

// windowTotal compiles a sum or an average over a window of one series.
func (c *compiler) windowTotal(b *baseList, m colRef, avg bool, t *types.Type) node {
	b.require(b.hi, feature.All)
	col := b.series().column(c, m.name, m.body)
	if !slices.Contains(b.series().sums, col) {
		b.series().sums = append(b.series().sums, col)
	}
	n := node{typ: t, next: b.next}
	n.eval = func(f *Frame) feature.Val {
		if b.failed(f) {
			return feature.Val{}
		}
		s, from, to := b.window(f)
		if from == to {
			if avg {
				return feature.Val{}
			}
			return totalOf(&feature.Total{}, t)
		}
		sum, gaps := s.Sum(col, from, to)
		if gaps > 0 {
			return feature.Val{}
		}
		if avg {
			return feature.OfDouble(sum.Mean(int64(to - from)))
		}
		return totalOf(&sum, t)
	}
	if b.lo == 0 {
		n.total = &totalWindow{list: b, col: col, mean: avg}
	}
	return n
}

// reducer plans how a list is added up: over what is kept of it, or with an acc where it has no bound.
func (c *compiler) reducer(l list, fold feature.Fold, x, key *colRef, canonical string, sc *scope) *reducer {
	r := &reducer{list: l, fold: fold}
	static := true
	for _, m := range []*colRef{x, key} {
		static = static && (m == nil || c.finalAge(m.name, m.body) == 0)
	}
	switch {
	case l.finite():
		l.require(l.bound(), feature.All)
	case static && l.final() != feature.Forever:
		id := canonical
		for _, m := range []*colRef{x, key} {
			if m != nil {
				id += " of " + canon(m.body, map[string]string{m.name: "e"})
			}
		}
		r.acc = c.settled(l, fold, x, key, id)
	default:
		c.warnUnbounded(l)
		l.require(feature.Forever, feature.All)
	}
	if r.acc != nil && r.acc.final == 0 {
		return r
	}
	r.x, r.key = c.perRow(l, x, sc, r), c.perRow(l, key, sc, r)
	return r
}

// perRow reads an expression of a lambda for a kept row.
func (c *compiler) perRow(l list, m *colRef, sc *scope, r *reducer) value {
	if m == nil {
		return nil
	}
	if c.finalAge(m.name, m.body) == 0 {
		return c.columnOf(l.sources(), m.name, m.body)
	}
	slot, in := c.rowScope(sc, m.name, l)
	n := c.expr(m.body, in)
	if n.next != nil {
		outer := r.xs
		r.xs = func(f *Frame, w row) int64 {
			next := int64(feature.Forever)
			if outer != nil {
				next = outer(f, w)
			}
			f.vars[slot] = feature.Val{K: feature.Row, N: uint64(w)}
			return min(next, n.next(f))
		}
	}
	return func(f *Frame, w row) feature.Val {
		f.vars[slot] = feature.Val{K: feature.Row, N: uint64(w)}
		return n.eval(f)
	}
}

// warnUnbounded says that nothing limits what is kept of a list.
func (c *compiler) warnUnbounded(l list) {
	for f, ok := l.(*filterList); ok; f, ok = l.(*filterList) {
		l = f.list // the filter looks at each of them again and again
	}
	c.warn(`keeps every %s, up to %s of them: write .last("90d") or the like before it`, describe(l), grouped(c.p.bound))
}

func (c *compiler) isEventList(e ast.Expr) bool {
	_, ok := rule.ListEventType(c.typeOf(e))
	return ok
}

// canonical writes an expression of the rules with its features written out.
func (c *compiler) canonical(e ast.Expr) string { return canon(e, nil) }
