package plan

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

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

// existsOne reads L.exists_one(name, body).
func existsOne(e ast.Expr) (name string, body ast.Expr, ok bool) {
	co := e.AsComprehension()
	if co.HasIterVar2() || co.AccuInit().Kind() != ast.LiteralKind || !isCall(co.LoopStep(), operators.Conditional) {
		return "", nil, false
	}
	if _, isInt := co.AccuInit().AsLiteral().(types.Int); !isInt {
		return "", nil, false
	}
	return co.IterVar(), co.LoopStep().AsCall().Args()[0], true
}
