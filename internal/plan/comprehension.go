package plan

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// comprehension compiles exists, all, exists_one, map and their kin.
func (c *compiler) comprehension(e ast.Expr, sc *scope) node {
	co := e.AsComprehension()
	if !c.isEventList(co.IterRange()) {
		of := c.expr(c.distinctFor(e), sc)
		return c.fold(co, sc, nil, &of)
	}
	l := c.eventList(co.IterRange(), sc)
	if name, body, all, ok := quantifier(e); ok {
		return c.quantify(l, name, body, all, c.canonical(co.IterRange()), sc)
	}
	if name, body, ok := existsOne(e); ok {
		passed, _ := c.filter(l, name, body, sc)
		n := c.count(passed, 2, c.canonical(e), sc)
		return node{typ: types.BoolType, next: n.next, eval: func(f *Frame) feature.Val {
			v := n.eval(f)
			if v.K == feature.None {
				return v
			}
			return feature.OfBool(v.Int() == 1)
		}}
	}
	if !l.finite() {
		c.refuse(`this keeps a value of every %s for ever: write .last("90d") or the like before it, or reduce it with size(), sum(…), `+
			`distinct(…) or exists(…)`, describe(l))
	}
	l.require(l.bound(), feature.All)
	return c.fold(co, sc, l, nil)
}

// quantify compiles exists and all, where CEL lets a true (a false) absorb errors.
func (c *compiler) quantify(l list, name string, body ast.Expr, all bool, canonical string, sc *scope) node {
	if all {
		// all(e, p) is !exists(e, !p), errors included.
		body = ast.NewExprFactory().NewCall(0, operators.LogicalNot, body)
	}
	passed, own := c.filter(l, name, body, sc)
	var n node
	switch p := passed.(type) {
	case *baseList:
		n = c.anyOf(p, own)
	case *filterList:
		// A lambda that only asks for the events' age adds nothing to a list that was filtered before: that filter's errors are
		// not this one's to absorb.
		if passed == l || !p.finite() && p.final() != feature.Forever {
			n = c.some(p, canonical+" exists "+canon(body, map[string]string{name: "e"}), sc)
			break
		}
		n = c.anyRow(p)
	default:
		n = c.some(passed, canonical+" exists "+canon(body, map[string]string{name: "e"}), sc)
	}
	n.typ = types.BoolType
	if all {
		of := n.eval
		n.eval, n.hint = func(f *Frame) feature.Val { return not(of(f)) }, hintNot(n.hint)
		n.guard, n.rising = nil, nil
	}
	return n
}

// anyOf tells whether a list of one series has a member; own is where the lambda itself errs.
func (c *compiler) anyOf(l, own *baseList) node {
	c.requireAny(l)
	errs := l.errs
	if own != nil {
		errs = errs[:len(errs)-1] // filter put own last
	}
	var hint func(f *Frame) (feature.Val, bool)
	if len(errs) == 0 { // one event for which the lambda holds is enough, whatever the others are
		hint = func(f *Frame) (feature.Val, bool) { return feature.OfBool(true), l.any(f) }
	}
	g := guardOf(l)
	if l.ser.ever != nil && l.hi == feature.Forever {
		g = &guard{acc: true, slot: l.ser.ever.slot, least: 1, most: feature.Forever}
	}
	return node{
		hint: hint, guard: g, rising: []int{l.series().slot},
		eval: func(f *Frame) feature.Val {
			for _, e := range errs {
				if e.any(f) {
					return feature.Val{}
				}
			}
			if l.any(f) {
				return feature.OfBool(true)
			}
			if own != nil && own.any(f) {
				return feature.Val{}
			}
			return feature.OfBool(false)
		},
		next: func(f *Frame) int64 {
			next := l.errorEdge(f)
			for _, e := range l.errs {
				next = min(next, e.errorEdge(f))
			}
			return next
		},
	}
}

// anyRow asks a lambda about each kept row.
func (c *compiler) anyRow(l *filterList) node {
	if l.finite() {
		l.list.require(l.list.bound(), feature.All)
	} else {
		c.warnUnbounded(l)
		l.list.require(feature.Forever, feature.All)
	}
	return node{next: l.next, guard: guardOf(l), eval: func(f *Frame) feature.Val {
		rows, ok := l.list.collect(f, f.buffer())
		result := feature.OfBool(false)
		for _, r := range rows {
			v := l.test(f, r)
			if v.True() {
				result = v
				break
			}
			if v.K == feature.None {
				result = v
			}
		}
		f.release(rows)
		if !ok {
			return feature.Val{}
		}
		return result
	}}
}

// some tells whether a list has a member, by counting.
func (c *compiler) some(l list, canonical string, sc *scope) node {
	n := c.count(l, 1, canonical, sc)
	return node{next: n.next, guard: n.guard, eval: func(f *Frame) feature.Val {
		v := n.eval(f)
		if v.K == feature.None {
			return v
		}
		return feature.OfBool(v.Int() > 0)
	}}
}

// distinctFor returns the range of a comprehension; where it is a map over events and the comprehension only asks whether some
// or all values fulfil something, their distinct values do as well, and are bounded.
func (c *compiler) distinctFor(e ast.Expr) ast.Expr {
	co := e.AsComprehension()
	if _, _, _, ok := quantifier(e); ok {
		return c.distinctOfMap(co.IterRange())
	}
	return co.IterRange()
}

// distinctOfMap turns L.map(e, x) into L.distinct(e, x).
func (c *compiler) distinctOfMap(e ast.Expr) ast.Expr {
	of, _, ok := mapOf(e)
	if !ok || !c.isEventList(of) {
		return e
	}
	switch c.typeOf(e).Parameters()[0].Kind() {
	case types.StringKind, types.IntKind, types.BoolKind, types.DoubleKind, types.TimestampKind:
		return ast.NewExprFactory().NewCall(e.ID(), rule.FnDistinct, e)
	}
	return e
}

// fold compiles any comprehension as CEL defines it, over the rows of l or over the value of a list or a map.
func (c *compiler) fold(co ast.ComprehensionExpr, sc *scope, l list, of *node) node {
	accu := c.newVar()
	in := &scope{outer: sc, name: co.AccuVar(), slot: accu}
	init := c.expr(co.AccuInit(), sc)
	first, second := c.newVar(), -1
	iter := &scope{outer: in, name: co.IterVar(), slot: first}
	if co.HasIterVar2() {
		second = c.newVar()
		iter = &scope{outer: iter, name: co.IterVar2(), slot: second}
	}
	if l != nil {
		iter.rows = l.sources()
	}
	cond, step := c.expr(co.LoopCondition(), iter), c.expr(co.LoopStep(), iter)
	result := c.expr(co.Result(), in)
	x := &folding{list: l, of: of, first: first, second: second}
	n := node{}
	n.eval = func(f *Frame) feature.Val {
		f.vars[accu] = init.eval(f)
		total := f.vars[accu]
		ok := x.each(f, func() bool {
			f.vars[accu] = total
			if cond.eval(f).False() {
				return false
			}
			total = step.eval(f)
			return true
		})
		if !ok {
			return feature.Val{}
		}
		f.vars[accu] = total
		return result.eval(f)
	}
	if step.next == nil && cond.next == nil {
		n.next = x.next()
		return n
	}
	n.next = func(f *Frame) int64 {
		next := int64(feature.Forever)
		if outer := x.next(); outer != nil {
			next = outer(f)
		}
		f.vars[accu] = init.eval(f)
		x.each(f, func() bool {
			next = min(next, step.nextChange(f), cond.nextChange(f))
			return true
		})
		return next
	}
	return n
}

// folding walks what a comprehension ranges over.
type folding struct {
	list          list
	of            *node
	first, second int
}

func (x *folding) next() func(f *Frame) int64 {
	if x.list != nil {
		return x.list.next
	}
	return x.of.next
}

// each binds the variables to one element after the other until do gives false. It is false where the range is an error.
func (x *folding) each(f *Frame, do func() bool) bool {
	if x.list != nil {
		rows, ok := x.list.collect(f, f.buffer())
		for i, r := range rows {
			x.bind(f, feature.OfInt(int64(i)), feature.Val{K: feature.Row, N: uint64(r)})
			if !do() {
				break
			}
		}
		f.release(rows)
		return ok
	}
	v := x.of.eval(f)
	if v.K == feature.None {
		return false
	}
	switch r := refOf(v).(type) {
	case traits.Mapper:
		for it := r.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			if x.second < 0 {
				f.vars[x.first] = valOf(k)
			} else {
				x.bind(f, valOf(k), valOf(r.Get(k)))
			}
			if !do() {
				break
			}
		}
	case traits.Lister:
		n := int(r.Size().(types.Int))
		for i := range n {
			x.bind(f, feature.OfInt(int64(i)), valOf(r.Get(types.Int(i))))
			if !do() {
				break
			}
		}
	default:
		return false
	}
	return true
}

// bind sets the one variable to the element, or two to its key and itself.
func (x *folding) bind(f *Frame, key, element feature.Val) {
	if x.second < 0 {
		f.vars[x.first] = element
		return
	}
	f.vars[x.first], f.vars[x.second] = key, element
}

func (c *compiler) listLiteral(e ast.Expr, sc *scope) node {
	var parts []node
	for _, x := range e.AsList().Elements() {
		parts = append(parts, c.expr(x, sc))
	}
	return gather(parts, func(vs []ref.Val) ref.Val { return types.NewRefValList(types.DefaultTypeAdapter, vs) })
}

func (c *compiler) mapLiteral(e ast.Expr, sc *scope) node {
	var parts []node
	for _, x := range e.AsMap().Entries() {
		parts = append(parts, c.expr(x.AsMapEntry().Key(), sc), c.expr(x.AsMapEntry().Value(), sc))
	}
	return gather(parts, func(vs []ref.Val) ref.Val {
		m := make(map[ref.Val]ref.Val, len(vs)/2)
		for i := 0; i < len(vs); i += 2 {
			if _, twice := m[vs[i]]; twice {
				return types.NewErr("duplicate key in a map")
			}
			m[vs[i]] = vs[i+1]
		}
		return types.NewRefValMap(types.DefaultTypeAdapter, m)
	})
}

// gather makes one value of several.
func gather(parts []node, build func([]ref.Val) ref.Val) node {
	ptrs := make([]*node, len(parts))
	constants := true
	for i := range parts {
		ptrs[i] = &parts[i]
		constants = constants && parts[i].constant
	}
	n := node{next: earliest(ptrs...), eval: func(f *Frame) feature.Val {
		vs := make([]ref.Val, len(parts))
		for i := range parts {
			v := parts[i].eval(f)
			if v.K == feature.None {
				return v
			}
			vs[i] = refOf(v)
		}
		return valOf(build(vs))
	}}
	if constants {
		if v := n.eval(nil); v.K != feature.None {
			return constant(v, nil)
		}
	}
	return n
}

// mapField reads m.key.
func (c *compiler) mapField(of *node, name string, test bool) node {
	return node{next: of.next, eval: func(f *Frame) feature.Val {
		v := of.eval(f)
		if v.K == feature.None {
			return v
		}
		m, ok := refOf(v).(traits.Mapper)
		if !ok {
			return feature.Val{}
		}
		found, ok := m.Find(types.String(name))
		if test {
			return feature.OfBool(ok)
		}
		if !ok {
			return feature.Val{}
		}
		return valOf(found)
	}}
}
