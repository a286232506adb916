package plan

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// pred is a filter that looks at nothing but the event: all of its nodes hold. Where fails is set, it is the opposite view:
// none is false and one errs.
type pred struct {
	nodes []node
	key   string
	text  string // as rules write it
	fails bool
}

// holds tells whether the event in f passes.
func (p *pred) holds(f *Frame) bool {
	failed := false
	for i := range p.nodes {
		switch v := p.nodes[i].eval(f); {
		case v.False():
			return false // as CEL's &&: false absorbs an error
		case v.K == feature.None:
			failed = true
		}
	}
	return failed == p.fails
}

// filterList keeps the members of a list for which a lambda holds that looks at more than the event.
type filterList struct {
	list
	slot  int // of the lambda's variable
	nodes []node
	errs  bool  // the lambda may err on an event
	age   int64 // from this age on the lambda's answer is final
	text  string
}

// final: an error of a lambda would be forgotten with the event that it was about, so such a list never settles.
func (l *filterList) final() int64 {
	if l.errs {
		return feature.Forever
	}
	return max(l.list.final(), l.age)
}

// require: where the lambda may err, each event that it is asked about counts, however few members are wanted.
func (l *filterList) require(h int64, _ int) {
	if l.errs {
		h = l.list.bound()
	}
	l.list.require(h, feature.All)
}

// test gives the answer of the lambda for one row.
func (l *filterList) test(f *Frame, r row) feature.Val {
	f.vars[l.slot] = feature.Val{K: feature.Row, N: uint64(r)}
	return allOf(f, l.nodes)
}

// allOf is && over nodes: false absorbs errors.
func allOf(f *Frame, nodes []node) feature.Val {
	result := feature.OfBool(true)
	for i := range nodes {
		switch v := nodes[i].eval(f); {
		case v.False():
			return v
		case v.K == feature.None:
			result = v
		}
	}
	return result
}

func (l *filterList) collect(f *Frame, into []row) ([]row, bool) {
	start := len(into)
	into, ok := l.list.collect(f, into)
	kept := into[:start]
	for _, r := range into[start:] {
		switch v := l.test(f, r); {
		case v.True():
			kept = append(kept, r)
		case v.K == feature.None && l.errs:
			// Else something is unknown of an event that is too old to be asked for, or nobody would ask.
			ok = false
		}
	}
	return kept, ok
}

func (l *filterList) next(f *Frame) int64 {
	next := l.list.next(f)
	rows, _ := l.list.collect(f, f.buffer())
	for _, r := range rows {
		f.vars[l.slot] = feature.Val{K: feature.Row, N: uint64(r)}
		for i := range l.nodes {
			next = min(next, l.nodes[i].nextChange(f))
		}
	}
	f.release(rows)
	return next
}

// lambda is the body of a filter, cut into conjuncts.
type lambda struct {
	name   string
	static []ast.Expr // look at nothing but the event
	other  []ast.Expr // everything else
	lo, hi int64      // conjuncts that only say how old the event may be
	age    int64      // from this age on the conjuncts in other are final; Forever where they look at more than time
}

// cut takes a lambda body apart.
func (c *compiler) cut(name string, body ast.Expr) lambda {
	l := lambda{name: name, hi: feature.Forever}
	var walk func(e ast.Expr)
	walk = func(e ast.Expr) {
		if isCall(e, operators.LogicalAnd) {
			for _, a := range e.AsCall().Args() {
				walk(a)
			}
			return
		}
		if lo, hi, ok := c.ageOf(name, e); ok {
			l.lo, l.hi = max(l.lo, lo), min(l.hi, hi)
			return
		}
		switch age := c.finalAge(name, e); {
		case age == 0:
			l.static = append(l.static, e)
		default:
			l.other = append(l.other, e)
			l.age = max(l.age, age)
		}
	}
	walk(body)
	return l
}

// ageOf reads a comparison of the event's own time with now or ago(d) as a window: lo <= age < hi.
func (c *compiler) ageOf(name string, e ast.Expr) (lo, hi int64, ok bool) {
	negate := false
	for isCall(e, operators.LogicalNot) {
		negate = !negate
		e = e.AsCall().Args()[0]
	}
	if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 2 {
		return 0, 0, false
	}
	op, a, b := relations[e.AsCall().FunctionName()], e.AsCall().Args()[0], e.AsCall().Args()[1]
	if _, isNow := nowOffset(a); isNow {
		a, b, op = b, a, op.mirrored()
	}
	d, isNow := nowOffset(b)
	if !isNow || !isField(a, name, rule.FieldTime) {
		return 0, 0, false
	}
	if negate {
		op = op.opposite()
	}
	switch { // of time and now-d
	case op == greater:
		return 0, d, true
	case op == greater|equal:
		return 0, d + 1, true
	case op == less:
		return d + 1, feature.Forever, true
	case op == less|equal:
		return d, feature.Forever, true
	}
	return 0, 0, false
}

// finalAge returns the age from which on an expression over the variable name is final: 0 where it looks at nothing but the
// event, Forever where it looks at what may change at any time.
func (c *compiler) finalAge(name string, e ast.Expr) int64 {
	age := int64(0)
	var walk func(e ast.Expr, bound []string)
	walk = func(e ast.Expr, bound []string) {
		if age == feature.Forever {
			return
		}
		if lo, hi, ok := c.ageOf(name, e); ok {
			if age = max(age, lo); hi != feature.Forever {
				age = max(age, hi)
			}
			age = max(age, 1)
			return
		}
		switch e.Kind() {
		case ast.IdentKind:
			id := e.AsIdent()
			if id == name {
				return
			}
			for _, b := range bound {
				if b == id {
					return
				}
			}
			if c.constIdent(e) {
				return
			}
			age = feature.Forever
		case ast.SelectKind:
			walk(e.AsSelect().Operand(), bound)
		case ast.CallKind:
			if e.AsCall().IsMemberFunction() {
				walk(e.AsCall().Target(), bound)
			}
			for _, a := range e.AsCall().Args() {
				walk(a, bound)
			}
		case ast.ListKind:
			for _, x := range e.AsList().Elements() {
				walk(x, bound)
			}
		case ast.MapKind:
			for _, x := range e.AsMap().Entries() {
				walk(x.AsMapEntry().Key(), bound)
				walk(x.AsMapEntry().Value(), bound)
			}
		case ast.ComprehensionKind:
			co := e.AsComprehension()
			walk(co.IterRange(), bound)
			in := append(append([]string(nil), bound...), co.IterVar(), co.AccuVar())
			if co.HasIterVar2() {
				in = append(in, co.IterVar2())
			}
			for _, x := range []ast.Expr{co.AccuInit(), co.LoopCondition(), co.LoopStep(), co.Result()} {
				walk(x, in)
			}
		}
	}
	walk(e, nil)
	return age
}

// filter compiles L.filter(name, body). own is the list of the events on which the body errs; nil where none can.
func (c *compiler) filter(l list, name string, body ast.Expr, sc *scope) (out list, own *baseList) {
	la := c.cut(name, body)
	base, ok := l.(*baseList)
	if !ok {
		if la.lo > 0 || la.hi != feature.Forever {
			l = &windowList{list: l, lo: la.lo, hi: la.hi}
		}
		if len(la.static)+len(la.other) == 0 {
			return l, nil
		}
		return c.filterRows(l, la, sc), nil
	}
	base = base.narrow(la.lo, la.hi)
	if len(la.other) > 0 {
		return c.filterRows(base, la, sc), nil
	}
	if len(la.static) == 0 {
		return base, nil
	}
	p := c.predicate(base.typ, name, la.static)
	passed, failed := *base, *base
	passed.ser, failed.ser = nil, nil
	passed.preds = append(append([]pred(nil), base.preds...), p)
	if !p.safe() {
		p.fails = true
		p.key, p.text = c.failKey(&p)
		failed.preds = append(append([]pred(nil), base.preds...), p)
		failed.errs = nil
		own = &failed
		c.requireAny(own)
		passed.errs = append(append([]*baseList(nil), base.errs...), own)
	}
	return &passed, own
}

// filterRows compiles a lambda that is asked about each kept row anew.
func (c *compiler) filterRows(l list, la lambda, sc *scope) list {
	slot, in := c.rowScope(sc, la.name, l)
	out := &filterList{list: l, slot: slot, age: la.age, text: writtenAll(append(slices.Clip(la.static), la.other...), la.name)}
	for _, e := range la.static {
		out.nodes = append(out.nodes, c.rowColumn(l, la.name, e, slot))
	}
	for _, e := range la.other {
		out.nodes = append(out.nodes, c.expr(e, in))
	}
	out.errs = slices.ContainsFunc(out.nodes, func(n node) bool { return !n.safe })
	return out
}

// predicate compiles conjuncts that look at nothing but the event.
func (c *compiler) predicate(typ int, name string, static []ast.Expr) pred {
	var p pred
	keys := make([]string, 0, len(static))
	for _, e := range static {
		p.nodes = append(p.nodes, c.eventNode(typ, name, e))
		keys = append(keys, canon(e, map[string]string{name: "e"}))
	}
	p.key, p.text = strings.Join(keys, " && "), writtenAll(static, name)
	return p
}

func (p *pred) safe() bool {
	for i := range p.nodes {
		if !p.nodes[i].safe {
			return false
		}
	}
	return true
}

// failKey names the events on which a filter errs. Filters that err on the same events share one series: one that compares a
// property with a constant errs where the property is missing, whatever the constant.
func (c *compiler) failKey(p *pred) (key, text string) {
	if len(p.nodes) == 1 && p.nodes[0].missing != "" {
		return "missing e." + p.nodes[0].missing, "without " + p.nodes[0].missing
	}
	return "error in " + p.key, "on which " + p.text + " errs"
}

// requireAny has kept whether a list has a member.
func (c *compiler) requireAny(l *baseList) {
	if l.hi == feature.Forever {
		l.series().everAcc(c)
		return
	}
	l.require(feature.Forever, 1)
}
