package plan

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// Explainer answers for the parts of one segment's rule. One goroutine at a time may use it.
type Explainer struct {
	// When and Until are what all has to hold, as the rule has it; Until is nil where the segment has none.
	When, Until []*Condition
	// Asks holds the segments that decide about this one, itself among them, in the order in which they are decided.
	Asks []int
	// Frame is for the rule's own parts, and for Decide, Known and Next.
	Frame *Frame
}

// Condition is a part of a rule that holds or does not.
type Condition struct {
	// Text is the part as the rule has it.
	Text string
	// Op is what it is: and, or, not, if and feature are about the conditions Of; ==, !=, <, <=, > and >= compare Value with Threshold;
	// in, exists, all, exists_one, has and in_segment are as in rules; anything else is the name of a function, or value.
	Op string
	// Segment is the one that in_segment asks for.
	Segment string
	Of      []*Condition

	node             node
	asks             bool // for the membership of a segment
	value, threshold *quantity
	lists            []shownList
	uses             *uses
}

// quantity is a part of a condition that has a value. Of a number from most on, there may be more.
type quantity struct {
	node node
	most int
}

// shownList is a list of events that a condition looks at. Of most members on, there may be more.
type shownList struct {
	text string
	list list
	most int
}

// Explainer compiles the parts of a segment's rule.
func (p *Plan) Explainer(segment int) *Explainer {
	c := p.compilerAgain()
	s := &p.Segments[segment]
	x := &Explainer{Asks: p.asks(segment)}
	x.When = c.conditions(s.rule.When)
	if s.hasUntil {
		x.Until = c.conditions(s.rule.Until)
	}
	x.Frame = c.frameAgain()
	return x
}

// conditions cuts an expression of its own.
func (c *compiler) conditions(x *rule.Expr) []*Condition {
	c.source = x
	cond := c.condition(x.AST.Expr())
	if cond.Op == "and" {
		return cond.Of
	}
	return []*Condition{cond}
}

func (c *compiler) condition(e ast.Expr) *Condition {
	outer := c.uses
	c.uses = newUses()
	cond := &Condition{Text: c.source.Text(e.ID()), Op: "value", uses: c.uses, node: c.operand(e, nil, c.expr)}
	cond.asks = len(c.uses.segments) > 0
	c.uses = newUses() // what is read beside the condition itself says nothing about it
	c.cutCondition(cond, e)
	c.uses = outer
	return cond
}

// cutCondition fills in what a condition is made of.
func (c *compiler) cutCondition(cond *Condition, e ast.Expr) {
	switch e.Kind() {
	case ast.CallKind:
		c.cutCall(cond, e)
	case ast.SelectKind:
		s := e.AsSelect()
		op := s.Operand()
		switch {
		case s.IsTestOnly():
			cond.Op = "has"
			cond.lists = c.lists(e)
		case op.Kind() == ast.IdentKind && op.AsIdent() == rule.VarFeature:
			cond.Op = "feature"
			c.within(c.features[s.FieldName()].Expr, func(of ast.Expr) node {
				cond.Of = append(cond.Of, c.condition(of))
				return node{}
			})
		default:
			cond.value, cond.lists = c.quantity(e), c.lists(e)
		}
	case ast.ComprehensionKind:
		cond.lists = c.lists(e)
		if _, _, all, ok := quantifier(e); ok {
			if cond.Op = "exists"; all {
				cond.Op = "all"
			}
		} else if _, _, ok := existsOne(e); ok {
			cond.Op = "exists_one"
		}
	default:
		cond.value = c.quantity(e)
	}
}

func (c *compiler) cutCall(cond *Condition, e ast.Expr) {
	call := e.AsCall()
	args, name := call.Args(), call.FunctionName()
	switch name {
	case operators.LogicalAnd, operators.LogicalOr:
		if cond.Op = "or"; name == operators.LogicalAnd {
			cond.Op = "and"
		}
		for _, a := range args {
			of := c.condition(a)
			if of.Op == cond.Op {
				cond.Of = append(cond.Of, of.Of...)
			} else {
				cond.Of = append(cond.Of, of)
			}
		}
	case operators.LogicalNot:
		cond.Op = "not"
		cond.Of = []*Condition{c.condition(args[0])}
	case operators.Conditional:
		cond.Op = "if"
		for _, a := range args {
			cond.Of = append(cond.Of, c.condition(a))
		}
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals, operators.Equals, operators.NotEquals:
		c.cutComparison(cond, relations[name], args[0], args[1])
		cond.lists = c.lists(e)
	case operators.In:
		cond.Op = "in"
		cond.value, cond.threshold, cond.lists = c.quantity(args[0]), c.quantity(args[1]), c.lists(e)
	case rule.FnInSegment:
		cond.Op = "in_segment"
		cond.Segment = string(args[1].AsLiteral().(types.String))
	default:
		cond.lists = c.lists(e)
		if !call.IsMemberFunction() {
			return
		}
		cond.Op = name
		cond.value = c.quantity(call.Target())
		if len(args) == 1 {
			cond.threshold = c.quantity(args[0])
		}
	}
}

// cutComparison puts on the left what the rule asks about, and on the right what it is compared with.
func (c *compiler) cutComparison(cond *Condition, op relation, left, right ast.Expr) {
	if fixed(left) && !fixed(right) {
		left, right, op = right, left, op.mirrored()
	}
	cond.Op = op.String()
	cond.threshold = c.quantity(right)
	k, isNumber := number(right)
	if isNumber && isSize(left) {
		if n, ok := c.countUpTo(left, feature.All); ok {
			cond.value = n
		} else {
			cond.value, _ = c.countUpTo(left, int(k)+1)
		}
		return
	}
	cond.value = c.quantity(left)
}

// countUpTo compiles a size() of which the rules keep whether it reaches n.
func (c *compiler) countUpTo(e ast.Expr, n int) (*quantity, bool) {
	known := true
	q := c.measure(func() (out node) {
		out, known = c.sizeUpTo(sizeOf(e), n, nil)
		return out
	})
	if q == nil || !known {
		return nil, false
	}
	q.most = min(q.most, n)
	return q, true
}

// fixed tells whether an expression is made of constants and the present.
func fixed(e ast.Expr) bool {
	found := true
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(x ast.Expr) {
		switch x.Kind() {
		case ast.IdentKind:
			found = found && (x.AsIdent() == rule.VarNow || x.AsIdent() == rule.HiddenNow || x.AsIdent() == rule.HiddenZone)
		case ast.ComprehensionKind:
			found = false
		}
	}))
	return found
}

func (c *compiler) quantity(e ast.Expr) *quantity {
	if c.isEventList(e) {
		return nil
	}
	return c.measure(func() node { return c.expr(e, nil) })
}

// measure compiles what the plan may not keep; nil where it does not.
func (c *compiler) measure(compile func() node) (q *quantity) {
	source, at, errs := c.source, c.at, len(c.errs)
	c.short = feature.All
	defer func() {
		switch r := recover().(type) {
		case nil:
		case refusal:
			q = nil
		default:
			panic(r)
		}
		if len(c.errs) > errs {
			c.errs, q = c.errs[:errs], nil
		}
		c.source, c.at = source, at
	}()
	n := compile()
	return &quantity{node: n, most: c.short}
}

// maxLists is how many lists of events a condition shows.
const maxLists = 6

// lists finds the lists of events that an expression looks at, the outermost first.
func (c *compiler) lists(e ast.Expr) (out []shownList) {
	var walk func(e ast.Expr)
	show := func(e ast.Expr, compile func() list) {
		s := shownList{text: c.source.Text(e.ID())}
		q := c.measure(func() node {
			s.list = compile()
			s.list.require(s.list.bound(), feature.All)
			return node{}
		})
		if q != nil && len(out) < maxLists && !slices.ContainsFunc(out, func(o shownList) bool { return o.text == s.text }) {
			s.most = q.most
			out = append(out, s)
		}
	}
	walk = func(e ast.Expr) {
		if c.isEventList(e) {
			show(e, func() list { return c.eventList(e, nil) })
			if isCall(e, rule.FnFollowedBy) || isCall(e, rule.FnNotFollowedBy) || isCall(e, rule.FnNotYetFollowedBy) {
				walk(e.AsCall().Args()[0])
				walk(e.AsCall().Args()[1])
			}
			return
		}
		switch e.Kind() {
		case ast.SelectKind:
			op := e.AsSelect().Operand()
			if op.Kind() == ast.IdentKind && op.AsIdent() == rule.VarFeature {
				c.within(c.features[e.AsSelect().FieldName()].Expr, func(of ast.Expr) node {
					walk(of)
					return node{}
				})
				return
			}
			walk(op)
		case ast.CallKind:
			if e.AsCall().IsMemberFunction() {
				walk(e.AsCall().Target())
			}
			for _, a := range e.AsCall().Args() {
				walk(a)
			}
		case ast.ComprehensionKind:
			over := e.AsComprehension().IterRange()
			if name, body, all, ok := quantifier(e); ok && !all && c.isEventList(over) {
				show(e, func() list {
					l, _ := c.filter(c.eventList(over, nil), name, body, nil)
					return l
				})
				return
			}
			walk(over)
		}
	}
	walk(e)
	return out
}

// At returns the moment that f is bound to.
func (f *Frame) At() int64 { return f.now }

// Walked counts the entries of series that were looked at one by one.
func (f *Frame) Walked() int { return f.walked }

// Truth tells whether a condition holds at f's moment. An error does not; missing says that it is one. Where it is unknown, holds is false.
func (cond *Condition) Truth(f *Frame) (holds, missing, known bool) {
	v, known := cond.eval(f)
	return known && v.True(), known && v.K == feature.None, known
}

func (cond *Condition) eval(f *Frame) (v feature.Val, known bool) {
	if f.state.since() == nil {
		return cond.node.eval(f), true
	}
	return cond.node.judge(f)
}

// Next returns a moment after f's, not later than the next at which time alone changes Truth while memberships stay; feature.Forever:
// it never does.
func (cond *Condition) Next(f *Frame) int64 {
	if f.state.since() == nil {
		return cond.node.nextChange(f)
	}
	return cond.node.nextJudged(f)
}

// Asks tells whether a condition looks at the membership of another segment.
func (cond *Condition) Asks() bool { return cond.asks }

// Value returns what the condition is about; None where it has none. atLeast: there may be more.
func (cond *Condition) Value(f *Frame) (v feature.Val, atLeast bool) { return cond.value.eval(f) }

// Threshold returns what Value is compared with; None where it is with nothing.
func (cond *Condition) Threshold(f *Frame) feature.Val {
	v, _ := cond.threshold.eval(f)
	return v
}

func (q *quantity) eval(f *Frame) (v feature.Val, atLeast bool) {
	if q == nil {
		return v, false
	}
	if v = q.node.eval(f); v.K == feature.Int {
		atLeast = q.most != feature.All && v.Int() >= int64(q.most)
	}
	return v, atLeast
}

// Lossy tells whether the bound pushed out, or had no room for, some of what the condition looks at.
func (cond *Condition) Lossy(f *Frame) bool {
	for slot := range cond.uses.series {
		s := f.kept(slot)
		if s.Shed() == 0 {
			continue
		}
		for _, n := range cond.uses.needs[slot] {
			if n.Hi == feature.Forever || s.ShedUntil() > f.now-n.Hi {
				return true
			}
		}
	}
	for slot := range cond.uses.accs {
		if a := f.state.Acc(slot); a != nil && (a.Rows.Shed() > 0 || a.Group != nil && a.Group.Shed > 0) {
			return true
		}
	}
	return false
}

// Seen is a list of events that a condition looks at, as far as they are kept.
type Seen struct {
	// Text is the list as the rule has it.
	Text  string
	Total int
	// AtLeast: there may be more than Total, for the rules need not know.
	AtLeast bool
	Events  []SeenEvent
}

// SeenEvent is one kept event.
type SeenEvent struct {
	Type   string // "" where nobody keeps it
	Time   int64
	Fields []SeenField
}

// SeenField is what is kept of an event: a property, or what a rule makes of it.
type SeenField struct {
	Name  string
	Value feature.Val
}

// Lists returns the lists that a condition looks at, with the newest of their members at f's moment, at most so many, in order of time.
func (cond *Condition) Lists(f *Frame, most int) (out []Seen) {
	for _, l := range cond.lists {
		rows, _ := l.list.collect(f, f.buffer())
		s := Seen{Text: l.text, Total: len(rows), AtLeast: l.most != feature.All && len(rows) >= l.most}
		for _, r := range rows[max(0, len(rows)-most):] {
			s.Events = append(s.Events, f.seen(r))
		}
		f.release(rows)
		out = append(out, s)
	}
	return out
}

func (f *Frame) seen(r row) SeenEvent {
	base := r.slot()
	if n := len(f.open); base >= n {
		base = f.plan.accs[base-n].base.slot
	}
	s, kept := f.plan.series[base], f.series(r.slot())
	ev := SeenEvent{Time: kept.Time(r.index())}
	if s.typ != anyType {
		ev.Type = f.plan.Set.Schema.Types[s.typ].Name
	}
	for i := range s.cols {
		if v := kept.Value(r.index(), i); v.K != feature.None {
			ev.Fields = append(ev.Fields, SeenField{Name: s.cols[i].text, Value: v})
		}
	}
	return ev
}
