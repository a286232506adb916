package rule

import (
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/event"
)

// exprKind is what an expression is for.
type exprKind uint8

const (
	kindFeature exprKind = iota
	kindWhen
	kindUntil
)

// parsed is an expression that has been read.
type parsed struct {
	expr   *Expr
	tokens *tokens
	source common.Source
	tree   *ast.AST
	// feature is the name of the feature whose expression this is; "" for a segment's.
	feature string

	features, segments []reference
	// tainted: it uses a feature that has no type, so that a missing type means nothing.
	tainted bool
}

// errorAt makes an Error about what a node covers.
func (p *parsed) errorAt(id int64, message, suggestion string) *Error {
	start, stop := 0, len(p.tokens.runes)
	if node := findNode(p.tree.Expr(), id); node != nil {
		start, stop = p.tokens.span(p.tree.SourceInfo(), node)
	}
	return p.expr.errorAt(start, stop, message, suggestion)
}

// exprChecker reads, types and validates expressions, and words what is wrong with them.
type exprChecker struct {
	env    *Env
	schema *event.Schema
	// typer types as env.cel does, but keeps the types that it found where something is wrong: messages name them.
	typer                      *checker.Env
	featureNames, segmentNames []string
	// holdNow are the features whose value moves with now, by name.
	holdNow map[string]nowKind
	// endless are the features that are lists of events without a window, by name.
	endless map[string]bool
}

func newExprChecker(env *Env, schema *event.Schema) (*exprChecker, error) {
	typer, err := checker.NewEnv(env.cel.Container, env.types, checker.CrossTypeNumericComparisons(true))
	if err != nil {
		return nil, err
	}
	if err := typer.AddIdents(env.cel.Variables()...); err != nil {
		return nil, err
	}
	for _, fn := range env.cel.Functions() {
		if err := typer.AddFunctions(fn); err != nil {
			return nil, err
		}
	}
	return &exprChecker{env: env, schema: schema, typer: typer, holdNow: map[string]nowKind{}, endless: map[string]bool{}}, nil
}

// parse reads an expression; nil where it is no CEL.
func (c *exprChecker) parse(x *Expr) (*parsed, Errors) {
	p := &parsed{expr: x, tokens: newTokens(x.Source), source: common.NewTextSource(x.Source)}
	tree, iss := c.env.cel.ParseSource(p.source)
	if iss.Err() != nil {
		return nil, c.explainParse(p, iss.Errors())
	}
	p.tree = tree.NativeRep()
	p.findReferences(p.tree.Expr(), nil)
	return p, nil
}

// findReferences collects the features and segments that an expression names; bound are the variables of comprehensions around it.
func (p *parsed) findReferences(e ast.Expr, bound []string) {
	switch e.Kind() {
	case ast.SelectKind:
		sel := e.AsSelect()
		if op := sel.Operand(); op.Kind() == ast.IdentKind && strings.TrimPrefix(op.AsIdent(), ".") == VarFeature &&
			!slices.Contains(bound, op.AsIdent()) {
			p.features = append(p.features, reference{name: sel.FieldName(), id: e.ID(), in: p})
			return
		}
	case ast.CallKind:
		if call := e.AsCall(); call.FunctionName() == FnInSegment && len(call.Args()) == 2 {
			if name, ok := stringLiteral(call.Args()[1]); ok {
				p.segments = append(p.segments, reference{name: name, id: call.Args()[1].ID(), in: p})
			}
		}
	default: // names of features and segments stand in no other node
	}
	eachChild(e, bound, p.findReferences)
}

// eachChild visits the children of a node, each with the variables that are bound there.
func eachChild(e ast.Expr, bound []string, visit func(ast.Expr, []string)) {
	switch e.Kind() {
	case ast.SelectKind:
		visit(e.AsSelect().Operand(), bound)
	case ast.CallKind:
		call := e.AsCall()
		if call.IsMemberFunction() {
			visit(call.Target(), bound)
		}
		for _, arg := range call.Args() {
			visit(arg, bound)
		}
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			visit(item, bound)
		}
	case ast.MapKind:
		for _, entry := range e.AsMap().Entries() {
			visit(entry.AsMapEntry().Key(), bound)
			visit(entry.AsMapEntry().Value(), bound)
		}
	case ast.StructKind:
		for _, field := range e.AsStruct().Fields() {
			visit(field.AsStructField().Value(), bound)
		}
	case ast.ComprehensionKind:
		comp := e.AsComprehension()
		visit(comp.IterRange(), bound)
		visit(comp.AccuInit(), bound)
		outer := append(slices.Clip(bound), comp.AccuVar())
		inner := append(slices.Clip(outer), comp.IterVar())
		if comp.HasIterVar2() {
			inner = append(inner, comp.IterVar2())
		}
		visit(comp.LoopCondition(), inner)
		visit(comp.LoopStep(), inner)
		visit(comp.Result(), outer)
	default: // literals and names have no children
	}
}

// check types an expression and validates it; the type is of use where there are no errors.
func (c *exprChecker) check(p *parsed, kind exprKind) (*types.Type, Errors) {
	checked, found := checker.Check(p.tree, p.source, c.typer)
	p.tree = checked
	if len(found.GetErrors()) > 0 {
		return nil, c.explainCheck(p, found.GetErrors())
	}
	found = common.NewErrors(p.source)
	c.env.checkEventLists(checked, cel.NewIssuesWithSourceInfo(found, checked.SourceInfo()))
	if errs := c.explainLists(p, found.GetErrors()); len(errs) > 0 {
		return nil, errs
	}
	result := checked.GetType(checked.Expr().ID())
	if errs := c.validate(p, kind); len(errs) > 0 {
		return nil, errs
	}
	p.expr.AST = checked
	return result, nil
}
