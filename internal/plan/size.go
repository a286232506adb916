package plan

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// size compiles size() of a list of events, or of what is made of one.
func (c *compiler) size(call ast.CallExpr, sc *scope) (node, bool) {
	of := call.Target()
	if !call.IsMemberFunction() {
		of = call.Args()[0]
	}
	return c.sizeUpTo(of, feature.All, sc)
}

// sizeUpTo compiles the size of a list of events of which only whether it reaches n matters.
func (c *compiler) sizeUpTo(of ast.Expr, n int, sc *scope) (node, bool) {
	if mapped, m, ok := mapOf(of); ok && c.isEventList(mapped) {
		return c.sizeOfMap(mapped, m, sc), true
	}
	if isCall(of, rule.FnDistinct) {
		if mapped, m, ok := mapOf(of.AsCall().Args()[0]); ok {
			if out, ok := c.sizeOfDistinct(mapped, m, n, sc); ok {
				return out, true
			}
		}
		return node{}, false
	}
	if !c.isEventList(of) {
		return node{}, false
	}
	return c.count(c.eventList(of, sc), n, c.canonical(of), sc), true
}

// count compiles the number of a list's members.
func (c *compiler) count(l list, n int, canonical string, sc *scope) node {
	if b, ok := l.(*baseList); ok && b.finite() {
		b.require(b.hi, n)
		out := node{typ: types.IntType, grows: len(b.errs) == 0, next: b.next, eval: func(f *Frame) feature.Val {
			if b.failed(f) {
				return feature.Val{}
			}
			_, from, to := b.window(f)
			return feature.OfInt(int64(to - from))
		}}
		if b.lo == 0 {
			out.window = &countWindow{slot: b.series().slot, hi: b.hi, errs: b.errs}
			out.guard = guardOf(b)
		}
		return out
	}
	if a, ok := l.(*afterList); ok && n != feature.All {
		a.require(a.bound(), n)
		return c.countRows(l)
	}
	if l.finite() {
		l.require(l.bound(), feature.All)
		if s, ok := l.(*sequenceList); ok && s.left == nil {
			of, isSeries := s.of.(*baseList)
			other, alsoSeries := s.other.(*baseList)
			if isSeries && alsoSeries {
				return countPairs(s, of, other, n)
			}
		}
		return c.countRows(l)
	}
	r := c.reducer(l, feature.Fold{Count: true}, nil, nil, canonical, sc)
	base, isBase := l.(*baseList)
	var (
		g      *guard
		rising []int
	)
	if r.acc != nil && r.acc.final == 0 {
		g = &guard{acc: true, slot: r.acc.slot, least: 1, most: feature.Forever}
		if isBase {
			rising = []int{base.series().slot}
		}
	}
	return node{typ: types.IntType, guard: g, rising: rising, grows: isBase && len(base.errs) == 0, next: r.next, eval: func(f *Frame) feature.Val {
		a, ok := r.run(f)
		if !ok {
			return feature.Val{}
		}
		return feature.OfInt(a.Count)
	}}
}

// countPairs counts up to n members of a sequence over two series.
func countPairs(l *sequenceList, of, other *baseList, n int) node {
	rising := []int{of.series().slot}
	if l.kind == followed {
		rising = append(rising, other.series().slot)
	}
	if of.series() == other.series() && l.kind != followed {
		rising = nil
	}
	return node{typ: types.IntType, next: l.next, guard: guardOf(l), rising: rising, eval: func(f *Frame) feature.Val {
		count, ok := l.count(f, of, other, n)
		if !ok {
			return feature.Val{}
		}
		return feature.OfInt(int64(count))
	}}
}

func (c *compiler) countRows(l list) node {
	return node{typ: types.IntType, next: l.next, guard: guardOf(l), eval: func(f *Frame) feature.Val {
		rows, ok := l.collect(f, f.buffer())
		n := len(rows)
		f.release(rows)
		if !ok {
			return feature.Val{}
		}
		return feature.OfInt(int64(n))
	}}
}

// sizeOfMap is L.map(e, x).size(): the number of members, an error where x is one.
func (c *compiler) sizeOfMap(of ast.Expr, m colRef, sc *scope) node {
	l := c.eventList(of, sc)
	r := c.reducer(l, feature.Fold{Count: true, Max: true}, &m, nil, c.canonical(of), sc)
	return node{typ: types.IntType, next: r.next, eval: func(f *Frame) feature.Val {
		a, ok := r.run(f)
		if !ok || a.Gaps > 0 {
			return feature.Val{}
		}
		return feature.OfInt(a.Count)
	}}
}

// sizeOfDistinct is L.distinct(e, x).size() for a window that reaches up to now: the newest event of each value is enough.
func (c *compiler) sizeOfDistinct(of ast.Expr, m colRef, n int, sc *scope) (node, bool) {
	if c.finalAge(m.name, m.body) != 0 || !c.isEventList(of) {
		return node{}, false
	}
	b, ok := c.eventList(of, sc).(*baseList)
	if !ok || !b.finite() || b.lo != 0 {
		return node{}, false
	}
	value := c.eventNode(b.typ, m.name, m.body)
	key := canon(m.body, map[string]string{m.name: "e"})
	values := *b
	values.ser = c.seriesOf(b.typ, b.preds, &col{key: key, text: written(m.body, m.name), node: value})
	values.require(b.hi, n)
	if !value.safe {
		// The events on which x errs make the whole an error for as long as they are in the window.
		p := pred{nodes: []node{value}, key: "no value of " + key, text: "without " + written(m.body, m.name), fails: true}
		failed := *b
		failed.ser, failed.errs = nil, nil
		failed.preds = append(append([]pred(nil), b.preds...), p)
		c.requireAny(&failed)
		values.errs = append(append([]*baseList(nil), b.errs...), &failed)
	}
	out := node{typ: types.IntType, next: values.next, eval: func(f *Frame) feature.Val {
		if values.failed(f) {
			return feature.Val{}
		}
		_, from, to := values.window(f)
		return feature.OfInt(int64(to - from))
	}}
	out.window = &countWindow{slot: values.ser.slot, hi: values.hi, errs: values.errs}
	out.guard = guardOf(&values)
	return out, true
}

// oneOf compiles L.first() and L.newest().
func (c *compiler) oneOf(name string, of ast.Expr, sc *scope) node {
	l := c.eventList(of, sc)
	first := name == rule.FnFirst
	_, base := l.(*baseList)
	switch {
	case first && !l.finite() && l.final() != feature.Forever:
		l = &oldestList{rowsList{list: l, n: feature.All, acc: c.settled(l, feature.Fold{Oldest: 1}, nil, nil, c.canonical(of))}}
	case first && l.finite():
		l.require(l.bound(), feature.All)
	case first:
		c.warnUnbounded(l)
		l.require(feature.Forever, feature.All)
	case base || l.finite():
		l.require(l.bound(), 1)
	default:
		l = c.newest(l, 1, of)
		l.require(feature.Forever, 1)
	}
	at := l
	return node{rows: l.sources(), next: at.next, eval: func(f *Frame) feature.Val {
		rows, ok := at.collect(f, f.buffer())
		v := feature.Val{}
		if ok && len(rows) > 0 {
			r := rows[len(rows)-1]
			if first {
				r = rows[0]
			}
			v = feature.Val{K: feature.Row, N: uint64(r)}
		}
		f.release(rows)
		return v
	}}
}
