package rule

import (
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// eventListArgs is the number of leading arguments of each function that must be lists of events, or, for the functions over values, be
// mapped from one.
var eventListArgs = map[string]int{
	FnLast: 1, FnBefore: 1, FnBetween: 1, FnAfter: 2, FnFollowedBy: 2, FnNotFollowedBy: 2, FnNotYetFollowedBy: 2,
	FnFirst: 1, FnNewest: 1, FnNewestN: 1,
	FnSum: 1, FnAvg: 1, FnMin: 1, FnMax: 1, FnDistinct: 1, FnCountBy: 1, FnSumBy: 1,
}

// checkEventLists refuses the functions on events where they are called on any other list, and fields of sequences that are not on both
// sides.
func (e *Env) checkEventLists(a *ast.AST, iss *cel.Issues) {
	ast.PreOrderVisit(a.Expr(), ast.NewExprVisitor(func(x ast.Expr) {
		if x.Kind() != ast.CallKind {
			return
		}
		call := x.AsCall()
		n, ok := eventListArgs[call.FunctionName()]
		if !ok {
			return
		}
		bad := false
		for _, arg := range call.Args()[:n] {
			list := arg
			if arg.Kind() == ast.ComprehensionKind && isFold(call.FunctionName()) {
				list = arg.AsComprehension().IterRange()
			}
			if _, ok := ListEventType(a.GetType(list.ID())); !ok {
				iss.ReportErrorAtID(list.ID(), "%s works on a list of events, not on %s",
					macroName(call.FunctionName()), cel.FormatCELType(a.GetType(list.ID())))
				bad = true
			}
		}
		if !bad && isSequence(call.FunctionName()) {
			e.checkField(a, call.Args(), iss)
		}
	}))
}

// checkField wants a sequence's field declared by both sides, with one and the same type.
func (e *Env) checkField(a *ast.AST, args []ast.Expr, iss *cel.Issues) {
	field, _ := stringLiteral(args[3])
	if field == "" {
		return
	}
	var found [2]*types.Type
	for i := range found {
		name, _ := ListEventType(a.GetType(args[i].ID()))
		t, ok := e.types.objects[objectPrefix+name][field]
		if !ok {
			iss.ReportErrorAtID(args[3].ID(), "%s has no field '%s'", name, field)
			return
		}
		if t.Kind() == types.ListKind {
			iss.ReportErrorAtID(args[3].ID(), "the field '%s' is a list, and lists are not compared", field)
			return
		}
		found[i] = t
	}
	if !found[0].IsExactType(found[1]) {
		iss.ReportErrorAtID(args[3].ID(), "the field '%s' is of type %s on one side and of type %s on the other",
			field, cel.FormatCELType(found[0]), cel.FormatCELType(found[1]))
	}
}

func isFold(fn string) bool {
	switch fn {
	case FnSum, FnAvg, FnMin, FnMax, FnDistinct, FnCountBy, FnSumBy:
		return true
	}
	return false
}

func isSequence(fn string) bool {
	switch fn {
	case FnFollowedBy, FnNotFollowedBy, FnNotYetFollowedBy:
		return true
	}
	return false
}

// macroName is the name under which a user writes the function fn.
func macroName(fn string) string {
	if fn == FnNewestN {
		return "newest"
	}
	return strings.TrimPrefix(fn, "@")
}
