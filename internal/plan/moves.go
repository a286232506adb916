package plan

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/rule"
)

// mover knows which segments and features time alone can change: those whose expressions look at the present, or ask for others that
// do. Which segments and features ask for each other is free of cycles.
type mover struct {
	segments map[string]bool
	features map[string]bool
}

func newMover(set *rule.Set) *mover {
	m := &mover{segments: map[string]bool{}, features: map[string]bool{}}
	// A feature may ask for segments and a segment for features: each set's own order does not tell which comes first.
	for known := -1; known < len(m.segments)+len(m.features); {
		known = len(m.segments) + len(m.features)
		for _, f := range set.Features {
			if m.moves(f.Expr) {
				m.features[f.Name] = true
			}
		}
		for _, s := range set.Segments {
			if m.moves(s.When) || s.Until != nil && m.moves(s.Until) {
				m.segments[s.Name] = true
			}
		}
	}
	return m
}

func (m *mover) moves(x *rule.Expr) bool { return m.looksAtNow(x.AST.Expr()) }

func (m *mover) looksAtNow(e ast.Expr) bool {
	found := false
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(x ast.Expr) {
		switch x.Kind() {
		case ast.IdentKind:
			found = found || x.AsIdent() == rule.VarNow
		case ast.SelectKind:
			s := x.AsSelect()
			if of := s.Operand(); of.Kind() == ast.IdentKind && of.AsIdent() == rule.VarFeature {
				found = found || m.features[s.FieldName()]
			}
		case ast.CallKind:
			found = found || m.callMoves(x.AsCall())
		}
	}))
	return found
}

// callMoves tells whether a function of the rules' own looks at the present: all that take it do, but for the sequences whose members
// no time changes.
func (m *mover) callMoves(call ast.CallExpr) bool {
	switch call.FunctionName() {
	case rule.FnFollowedBy, rule.FnNotYetFollowedBy:
		return false
	case rule.FnInSegment:
		name, ok := call.Args()[1].AsLiteral().(types.String)
		return ok && m.segments[string(name)]
	}
	for _, arg := range call.Args() {
		if arg.Kind() == ast.IdentKind && arg.AsIdent() == rule.HiddenNow {
			return true
		}
	}
	return false
}
