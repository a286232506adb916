package rule

import (
	"cel.dev/cel-go/common/ast"
)

// foldComprehensions is e with every comprehension as a call of its parts.
func foldComprehensions(e ast.Expr) ast.Expr {
	f := ast.NewExprFactory()
	switch e.Kind() {
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		return f.NewCall(e.ID(), "__comprehension__", foldComprehensions(c.IterRange()), f.NewIdent(0, c.IterVar()), f.NewIdent(0, c.AccuVar()),
			foldComprehensions(c.AccuInit()), foldComprehensions(c.LoopCondition()), foldComprehensions(c.LoopStep()),
			foldComprehensions(c.Result()))
	case ast.CallKind:
		c := e.AsCall()
		args := make([]ast.Expr, 0, len(c.Args()))
		for _, a := range c.Args() {
			args = append(args, foldComprehensions(a))
		}
		if c.IsMemberFunction() {
			return f.NewMemberCall(e.ID(), c.FunctionName(), foldComprehensions(c.Target()), args...)
		}
		return f.NewCall(e.ID(), c.FunctionName(), args...)
	case ast.SelectKind:
		s := e.AsSelect()
		if s.IsTestOnly() {
			return f.NewPresenceTest(e.ID(), foldComprehensions(s.Operand()), s.FieldName())
		}
		return f.NewSelect(e.ID(), foldComprehensions(s.Operand()), s.FieldName())
	case ast.ListKind:
		elems := make([]ast.Expr, 0, e.AsList().Size())
		for _, a := range e.AsList().Elements() {
			elems = append(elems, foldComprehensions(a))
		}
		return f.NewList(e.ID(), elems, nil)
	default:
		return e
	}
}
