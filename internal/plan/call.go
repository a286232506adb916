package plan

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/functions"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

func (c *compiler) call(e ast.Expr, sc *scope) node {
	call := e.AsCall()
	args := call.Args()
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd:
		return c.and(c.operand(args[0], sc, c.try), c.operand(args[1], sc, c.try))
	case operators.LogicalOr:
		return c.or(c.operand(args[0], sc, c.try), c.operand(args[1], sc, c.try))
	case operators.LogicalNot:
		n := c.expr(args[0], sc)
		return node{
			typ: types.BoolType, safe: n.safe, next: n.next, missing: n.missing, judged: judgeNot(&n), hint: hintNot(n.hint),
			eval: func(f *Frame) feature.Val { return not(n.eval(f)) },
		}
	case operators.NotStrictlyFalse:
		n := c.expr(args[0], sc)
		return node{safe: true, next: n.next, eval: func(f *Frame) feature.Val { return feature.OfBool(!n.eval(f).False()) }}
	case operators.Conditional:
		return c.conditional(e, sc)
	case operators.Equals, operators.NotEquals:
		if n, ok := c.sizes(relations[name], args[0], args[1], sc); ok {
			return n
		}
		return c.equal(c.expr(args[0], sc), c.expr(args[1], sc), name == operators.NotEquals)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		return c.compare(relations[name], args[0], args[1], sc)
	case operators.In:
		return c.in(args[0], args[1], sc)
	case rule.FnAgo:
		d := intLiteral(args[0])
		return node{
			safe: true,
			eval: func(f *Frame) feature.Val { return feature.OfMoment(f.now - d) },
			next: func(f *Frame) int64 { return f.now + 1 },
		}
	case rule.FnInSegment:
		return c.inSegment(string(args[1].AsLiteral().(types.String)))
	case rule.FnDay, rule.FnDaysSince, rule.FnDaysUntil, rule.FnAge:
		return c.calendar(name, args, sc)
	case rule.FnSum, rule.FnAvg, rule.FnMin, rule.FnMax, rule.FnDistinct, rule.FnCountBy, rule.FnSumBy:
		return c.reduction(name, e, sc)
	case rule.FnFirst, rule.FnNewest:
		return c.oneOf(name, args[0], sc)
	case "size":
		if n, ok := c.size(call, sc); ok {
			return n
		}
	case operators.Add:
		if c.typeOf(e).Kind() == types.DoubleKind {
			return arithmetic(c.expr(args[0], sc), c.expr(args[1], sc), func(a, b float64) float64 { return a + b })
		}
	case operators.Subtract:
		if c.typeOf(e).Kind() == types.DoubleKind {
			return arithmetic(c.expr(args[0], sc), c.expr(args[1], sc), func(a, b float64) float64 { return a - b })
		}
	case operators.Multiply:
		if c.typeOf(e).Kind() == types.DoubleKind {
			return arithmetic(c.expr(args[0], sc), c.expr(args[1], sc), func(a, b float64) float64 { return a * b })
		}
	}
	if _, ok := accessors[call.FunctionName()]; ok && call.IsMemberFunction() && c.typeOf(call.Target()).Kind() == types.TimestampKind {
		return c.accessor(call.FunctionName(), call.Target(), args, sc)
	}
	return c.stock(call, sc)
}

func intLiteral(e ast.Expr) int64 { return int64(e.AsLiteral().(types.Int)) }

func not(v feature.Val) feature.Val {
	if v.K == feature.Bool {
		v.N ^= 1
	}
	return v
}

// and is CEL's &&: false absorbs an error. Where one side is false, only its own change can change the whole.
func (c *compiler) and(a, b node) node {
	left, right := a.eval, b.eval
	n := node{typ: types.BoolType, safe: a.safe && b.safe, guard: stricter(a.guard, b.guard), judged: judgeBoth(&a, &b, feature.Val.False), both: []*node{&a, &b}, eval: func(f *Frame) feature.Val {
		x := left(f)
		if x.False() {
			return x
		}
		y := right(f)
		if y.False() || x.K != feature.None {
			return y
		}
		return x
	}}
	if a.next != nil || b.next != nil {
		n.next = func(f *Frame) int64 { return soonest(f, &a, &b, feature.Val.False) }
	}
	return n
}

// or is CEL's ||: true absorbs an error.
func (c *compiler) or(a, b node) node {
	left, right := a.eval, b.eval
	n := node{typ: types.BoolType, safe: a.safe && b.safe, judged: judgeBoth(&a, &b, feature.Val.True), both: []*node{&a, &b}, eval: func(f *Frame) feature.Val {
		x := left(f)
		if x.True() {
			return x
		}
		y := right(f)
		if y.True() || x.K != feature.None {
			return y
		}
		return x
	}}
	if a.next != nil || b.next != nil {
		n.next = func(f *Frame) int64 { return soonest(f, &a, &b, feature.Val.True) }
	}
	return n
}

// soonest is the next change of a && b or a || b: a side for which decides holds settles the answer until it changes itself.
func soonest(f *Frame, a, b *node, decides func(feature.Val) bool) int64 {
	x, y := decides(a.eval(f)), decides(b.eval(f))
	switch {
	case x && y:
		return max(a.nextChange(f), b.nextChange(f))
	case x:
		return a.nextChange(f)
	case y:
		return b.nextChange(f)
	}
	return min(a.nextChange(f), b.nextChange(f))
}

func (c *compiler) conditional(e ast.Expr, sc *scope) node {
	args := e.AsCall().Args()
	cond, a, b := c.operand(args[0], sc, c.expr), c.operand(args[1], sc, c.expr), c.operand(args[2], sc, c.expr)
	return node{
		judged: judgeConditional(&cond, &a, &b),
		safe:   cond.safe && a.safe && b.safe,
		next:   earliest(&cond, &a, &b),
		rows:   append(append([]*series(nil), a.rows...), b.rows...),
		eval: func(f *Frame) feature.Val {
			switch v := cond.eval(f); {
			case v.True():
				return a.eval(f)
			case v.False():
				return b.eval(f)
			}
			return feature.Val{}
		},
	}
}

func (c *compiler) equal(a, b node, negate bool) node {
	n := node{typ: types.BoolType, safe: a.safe && b.safe, next: earliest(&a, &b)}
	switch {
	case a.missing != "" && b.safe:
		n.missing = a.missing
	case b.missing != "" && a.safe:
		n.missing = b.missing
	}
	if flip := flipOf(&a, &b); flip != nil {
		n.next = flip
	}
	switch {
	case negate:
	case b.constant:
		n.choice = choiceOf(&a, b.eval(nil))
	case a.constant:
		n.choice = choiceOf(&b, a.eval(nil))
	}
	n.eval = func(f *Frame) feature.Val {
		x := a.eval(f)
		if x.K == feature.None {
			return x
		}
		y := b.eval(f)
		if y.K == feature.None {
			return y
		}
		return feature.OfBool(equalVals(x, y) != negate)
	}
	return n
}

func equalVals(x, y feature.Val) bool {
	if x.K == y.K {
		switch x.K {
		case feature.String:
			return x.S == y.S
		case feature.Double:
			return x.Float() == y.Float()
		case feature.Bool, feature.Int, feature.Moment:
			return x.N == y.N
		}
	}
	return types.Equal(refOf(x), refOf(y)) == types.True
}

func arithmetic(a, b node, op func(a, b float64) float64) node {
	return node{safe: a.safe && b.safe, next: earliest(&a, &b), eval: func(f *Frame) feature.Val {
		x, y := a.eval(f), b.eval(f)
		if x.K == feature.None || y.K == feature.None {
			return feature.Val{}
		}
		return feature.OfDouble(op(x.Float(), y.Float()))
	}}
}

// inSegment asks for the membership of another segment, which is decided before.
func (c *compiler) inSegment(name string) node {
	i := c.segments[name]
	c.uses.segments[i] = true
	return node{safe: true, eval: func(f *Frame) feature.Val { return feature.OfBool(f.members.In(i)) }}
}

// stock calls CEL's own implementation of a function: what is not in the way of speed is not written twice.
func (c *compiler) stock(call ast.CallExpr, sc *scope) node {
	var args []node
	exprs := call.Args()
	if call.IsMemberFunction() {
		exprs = append([]ast.Expr{call.Target()}, exprs...)
	}
	for _, a := range exprs {
		args = append(args, c.expr(a, sc))
	}
	run := c.stockFunction(call.FunctionName())
	n := node{eval: func(f *Frame) feature.Val {
		var buf [4]ref.Val
		in := buf[:0]
		for i := range args {
			v := args[i].eval(f)
			if v.K == feature.None {
				return v
			}
			in = append(in, refOf(v))
		}
		return valOf(run(in))
	}}
	n.constant = true
	ptrs := make([]*node, len(args))
	for i := range args {
		n.constant = n.constant && args[i].constant
		ptrs[i] = &args[i]
	}
	n.next = earliest(ptrs...)
	if n.constant {
		// timestamp("…") and its like: evaluated once.
		if v := n.eval(nil); v.K != feature.None {
			return constant(v, nil)
		}
	}
	return n
}

func (c *compiler) stockFunction(name string) func(args []ref.Val) ref.Val {
	decl, ok := c.env.Functions()[name]
	if !ok {
		c.refuse("the function %s is not for rules", name)
	}
	bindings, err := decl.Bindings()
	if err != nil || len(bindings) == 0 {
		c.refuse("the function %s is not for rules", name)
	}
	// The last binding dispatches over all overloads by the types of the arguments.
	best := bindings[len(bindings)-1]
	for _, b := range bindings {
		if b.Operator == name {
			best = b
		}
	}
	return func(args []ref.Val) ref.Val { return invoke(best, args) }
}

func invoke(o *functions.Overload, args []ref.Val) ref.Val {
	switch {
	case len(args) == 1 && o.Unary != nil:
		return o.Unary(args[0])
	case len(args) == 2 && o.Binary != nil:
		return o.Binary(args[0], args[1])
	case o.Function != nil:
		return o.Function(args...)
	}
	return types.NewErr("no such overload")
}
