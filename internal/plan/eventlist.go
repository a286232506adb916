package plan

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

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

// oldestList is the oldest member of a list without a bound.
type oldestList struct{ rowsList }

func (l *oldestList) collect(f *Frame, into []row) ([]row, bool) {
	start := len(into)
	into, ok := l.rowsList.collect(f, into)
	return into[:min(len(into), start+1)], ok
}
