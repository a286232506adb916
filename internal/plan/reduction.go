package plan

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// eventList compiles an expression that is a list of events.
func (c *compiler) eventList(e ast.Expr, sc *scope) list {
	outer := c.at
	c.at = e.ID()
	l := c.eventsOf(e, sc)
	c.at = outer
	return l
}

func (c *compiler) eventsOf(e ast.Expr, sc *scope) list {
	switch e.Kind() {
	case ast.IdentKind:
		name := e.AsIdent()
		if sc.find(name) != nil {
			break
		}
		l := &baseList{c: c, typ: anyType, hi: feature.Forever}
		if name != rule.VarEvents {
			l.typ = c.schema.Type(name).Index
		}
		return l
	case ast.SelectKind:
		if op := e.AsSelect().Operand(); op.Kind() == ast.IdentKind && op.AsIdent() == rule.VarFeature {
			c.uses.features[e.AsSelect().FieldName()] = true
			x := c.features[e.AsSelect().FieldName()].Expr
			outer := c.source
			c.source = x
			l := c.eventList(x.AST.Expr(), nil)
			c.source = outer
			return l
		}
	case ast.ComprehensionKind:
		if name, body, ok := filterOf(e); ok {
			l, _ := c.filter(c.eventList(e.AsComprehension().IterRange(), sc), name, body, sc)
			return l
		}
	case ast.CallKind:
		return c.listCall(e, sc)
	}
	c.refuse("this list of events cannot be followed: write it with the types' names, last, before, between, after, filter and followed_by")
	return nil
}

func (c *compiler) listCall(e ast.Expr, sc *scope) list {
	args := e.AsCall().Args()
	name := e.AsCall().FunctionName()
	if name == operators.Conditional {
		return &choiceList{cond: c.expr(args[0], sc), a: c.eventList(args[1], sc), b: c.eventList(args[2], sc)}
	}
	of := c.eventList(args[0], sc)
	switch name {
	case rule.FnLast:
		return cutWindow(of, 0, intLiteral(args[1]))
	case rule.FnBefore:
		return cutWindow(of, intLiteral(args[1]), feature.Forever)
	case rule.FnBetween:
		return cutWindow(of, intLiteral(args[1]), intLiteral(args[2]))
	case rule.FnAfter:
		return &afterList{list: of, other: c.eventList(args[1], sc)}
	case rule.FnFollowedBy, rule.FnNotFollowedBy, rule.FnNotYetFollowedBy:
		return c.sequence(name, of, c.eventList(args[1], sc), args)
	case rule.FnNewestN:
		return c.newest(of, int(intLiteral(args[1])), e)
	}
	c.refuse("the list %s(…) cannot be followed", name)
	return nil
}

// cutWindow keeps the members with lo <= age < hi.
func cutWindow(l list, lo, hi int64) list {
	if b, ok := l.(*baseList); ok {
		return b.narrow(lo, hi)
	}
	return &windowList{list: l, lo: lo, hi: hi}
}

func (c *compiler) sequence(name string, of, other list, args []ast.Expr) list {
	l := &sequenceList{of: of, other: other, d: intLiteral(args[2]), lateness: c.lateness}
	switch name {
	case rule.FnNotFollowedBy:
		l.kind = notFollowed
	case rule.FnNotYetFollowedBy:
		l.kind = notYetFollowed
	}
	if l.field = string(args[3].AsLiteral().(types.String)); l.field != "" {
		l.left, l.right = c.rowField(of.sources(), l.field), c.rowField(other.sources(), l.field)
	}
	return l
}

// newest compiles L.newest(n).
func (c *compiler) newest(of list, n int, e ast.Expr) list {
	if _, base := of.(*baseList); !base && !of.finite() && of.final() != feature.Forever {
		return &rowsList{list: of, n: n, acc: c.settled(of, feature.Fold{Newest: n}, nil, nil, c.canonical(e))}
	}
	return &newestList{list: of, n: n}
}

// settled plans the acc of a list without a bound whose members become final.
func (c *compiler) settled(l list, fold feature.Fold, x, key *colRef, canonical string) *acc {
	id := fmt.Sprintf("%s %+v", canonical, fold)
	reads := readsOf(l)
	base := l.sources()[0]
	a, known := c.accs[id]
	if !known {
		a = c.newAcc(id, base, fold)
		a.list, a.final, a.text = l, l.final(), describe(l)
	}
	c.uses.accs[a.slot] = true
	if x != nil {
		a.xCol = base.column(c, x.name, x.body)
	}
	if key != nil {
		a.kCol = base.column(c, key.name, key.body)
	}
	if a.final > 0 {
		l.require(a.final, feature.All)
	}
	switch {
	case known:
	case a.final == 0:
		base.fed = append(base.fed, a)
	default:
		for _, s := range reads {
			if !slices.Contains(s.waits, a) {
				s.waits = append(s.waits, a)
			}
		}
	}
	return a
}

// readsOf returns every series that a list looks at.
func readsOf(l list) []*series {
	switch l := l.(type) {
	case *baseList:
		return []*series{l.series()}
	case *windowList:
		return readsOf(l.list)
	case *filterList:
		return readsOf(l.list)
	case *sequenceList:
		return append(readsOf(l.of), readsOf(l.other)...)
	case *afterList:
		return append(readsOf(l.list), readsOf(l.other)...)
	case *newestList:
		return readsOf(l.list)
	case *rowsList:
		return readsOf(l.list)
	case *choiceList:
		return append(readsOf(l.a), readsOf(l.b)...)
	}
	return nil
}

// colRef is an expression over one event, as a lambda writes it.
type colRef struct {
	name string
	body ast.Expr
}

// mapOf reads L.map(name, body).
func mapOf(e ast.Expr) (of ast.Expr, m colRef, ok bool) {
	if e.Kind() != ast.ComprehensionKind {
		return nil, m, false
	}
	co := e.AsComprehension()
	if co.HasIterVar2() || co.AccuInit().Kind() != ast.ListKind || co.AccuInit().AsList().Size() != 0 ||
		!isCall(co.LoopStep(), operators.Add) {
		return nil, m, false
	}
	args := co.LoopStep().AsCall().Args()
	if args[1].Kind() != ast.ListKind || args[1].AsList().Size() != 1 {
		return nil, m, false
	}
	return co.IterRange(), colRef{name: co.IterVar(), body: args[1].AsList().Elements()[0]}, true
}

// filterOf reads L.filter(name, body).
func filterOf(e ast.Expr) (name string, body ast.Expr, ok bool) {
	co := e.AsComprehension()
	if co.HasIterVar2() || co.AccuInit().Kind() != ast.ListKind || !isCall(co.LoopStep(), operators.Conditional) {
		return "", nil, false
	}
	args := co.LoopStep().AsCall().Args()
	if !isCall(args[1], operators.Add) {
		return "", nil, false
	}
	added := args[1].AsCall().Args()[1]
	if added.Kind() != ast.ListKind || added.AsList().Size() != 1 {
		return "", nil, false
	}
	el := added.AsList().Elements()[0]
	if el.Kind() != ast.IdentKind || el.AsIdent() != co.IterVar() {
		return "", nil, false
	}
	return co.IterVar(), args[0], true
}

// quantifier reads L.exists(name, body) and L.all(name, body).
func quantifier(e ast.Expr) (name string, body ast.Expr, all, ok bool) {
	co := e.AsComprehension()
	if co.HasIterVar2() || co.AccuInit().Kind() != ast.LiteralKind || co.LoopStep().Kind() != ast.CallKind {
		return "", nil, false, false
	}
	init, isBool := co.AccuInit().AsLiteral().(types.Bool)
	step := co.LoopStep().AsCall()
	switch {
	case !isBool:
		return "", nil, false, false
	case step.FunctionName() == operators.LogicalOr && !bool(init):
	case step.FunctionName() == operators.LogicalAnd && bool(init):
		all = true
	default:
		return "", nil, false, false
	}
	return co.IterVar(), step.Args()[1], all, true
}

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
		return func(a *feature.Acc) feature.Val { return a.Least }
	case rule.FnMax:
		return func(a *feature.Acc) feature.Val { return a.Most }
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
		out := node{typ: types.IntType, next: b.next, eval: func(f *Frame) feature.Val {
			if b.failed(f) {
				return feature.Val{}
			}
			_, from, to := b.window(f)
			return feature.OfInt(int64(to - from))
		}}
		if b.lo == 0 {
			out.window = &countWindow{slot: b.series().slot, hi: b.hi, errs: b.errs}
		}
		return out
	}
	if a, ok := l.(*afterList); ok && n != feature.All {
		a.require(a.bound(), n)
		return c.countRows(l)
	}
	if l.finite() {
		l.require(l.bound(), feature.All)
		return c.countRows(l)
	}
	r := c.reducer(l, feature.Fold{Count: true}, nil, nil, canonical, sc)
	return node{typ: types.IntType, next: r.next, eval: func(f *Frame) feature.Val {
		a, ok := r.run(f)
		if !ok {
			return feature.Val{}
		}
		return feature.OfInt(a.Count)
	}}
}

func (c *compiler) countRows(l list) node {
	return node{typ: types.IntType, next: l.next, eval: func(f *Frame) feature.Val {
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

// oldestList is the oldest member of a list without a bound.
type oldestList struct{ rowsList }

func (l *oldestList) collect(f *Frame, into []row) ([]row, bool) {
	start := len(into)
	into, ok := l.rowsList.collect(f, into)
	return into[:min(len(into), start+1)], ok
}
