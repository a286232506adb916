package rule

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/suggest"
)

// validator refuses what types alone allow and the engine could not keep, could not know the next moment of, or could only ever answer in
// one way. It works on one checked expression.
type validator struct {
	*explainer
	errs Errors
}

// validate gives every mistake of a well-typed expression. For a feature it notes what its value holds, for those who use it.
func (c *exprChecker) validate(p *parsed, kind exprKind) Errors {
	v := &validator{explainer: &explainer{c, p}}
	root := p.tree.Expr()
	v.walk(root, nil)
	held := v.now(root, nil)
	if kind == kindFeature {
		v.feature(root, held)
	} else {
		v.condition(root, kind)
	}
	return v.errs
}

func (v *validator) fail(f fault) { v.errs = append(v.errs, v.error(f)) }

// condition wants a when or an until to be true or false.
func (v *validator) condition(root ast.Expr, kind exprKind) {
	name := keyWhen
	if kind == kindUntil {
		name = keyUntil
	}
	if t := v.typeOf(root); t.Kind() != types.BoolKind && (!v.p.tainted || !isOpen(t)) {
		v.fail(v.at(root, "", "%s must be true or false, and this is %s%s", name, aType(t), v.toBool(root)))
	}
}

// feature wants a value that can be kept.
func (v *validator) feature(root ast.Expr, held nowKind) {
	t := v.typeOf(root)
	name := ""
	if t.Kind() == types.StructKind {
		name, _ = EventType(t)
	}
	switch {
	case held == heldMoment:
		v.fail(v.at(root, "", "a feature cannot be a moment that passes with now: compare it where it is used"))
		return
	case t.Kind() == types.StructKind && name == "":
		v.fail(v.at(root, "", "a feature is one value, and this is %s", aType(t)))
		return
	case t.Kind() == types.NullTypeKind:
		v.fail(v.at(root, "", "a feature is one value, and null is none"))
		return
	}
	_, events := ListEventType(t)
	unbounded := v.unbounded(root, nil)
	if unbounded && !events {
		v.fail(v.at(root, "", `this keeps a value of every event for ever: write .last("90d") before it, or reduce it with size(), sum(…) or `+
			`distinct(…)`))
	}
	if len(v.errs) == 0 {
		f := v.p.feature
		if held != heldNothing {
			v.holdNow[f] = held
		}
		if unbounded {
			v.endless[f] = true
		}
	}
}

// walk looks at each node by itself.
func (v *validator) walk(e ast.Expr, bound []string) {
	switch e.Kind() {
	case ast.IdentKind:
		if v.typeOf(e).Kind() == types.TypeKind {
			v.fail(v.at(e, "", "%s names a type, and rules have no use for one", v.text(e, "this")))
		}
	case ast.StructKind:
		v.fail(v.at(e, "", "no rule makes an event: events come from the history alone"))
		return
	case ast.ListKind, ast.MapKind:
		v.literal(e)
	case ast.CallKind:
		if !v.call(e, bound) {
			return
		}
	case ast.ComprehensionKind:
		v.comprehension(e, bound)
	default: // a literal or a field by itself is always right
	}
	eachChild(e, bound, v.walk)
}

// literal wants the elements of a list or a map to be of one type, and no events.
func (v *validator) literal(e ast.Expr) {
	t := v.typeOf(e)
	parts := t.Parameters()
	of := parts[len(parts)-1]
	if e.Kind() == ast.ListKind && e.AsList().Size() == 0 || e.Kind() == ast.MapKind && e.AsMap().Size() == 0 {
		return
	}
	if v.inMacro(e) {
		return
	}
	for _, part := range parts {
		if part.Kind() == types.DynKind && !v.p.tainted {
			v.fail(v.at(e, "", "the elements of one list or map must be of one type: %s", v.mixed(e)))
			return
		}
	}
	if _, ok := EventType(of); ok {
		v.fail(v.at(e, "", "events are not put into lists or maps: write .filter(e, …) on the list they come from"))
	} else if _, ok := ListEventType(of); ok {
		v.fail(v.at(e, "", "lists of events are not put into lists or maps"))
	}
}

// mixed shows two elements that differ.
func (v *validator) mixed(e ast.Expr) string {
	var items []ast.Expr
	if e.Kind() == ast.ListKind {
		items = e.AsList().Elements()
	} else {
		for _, entry := range e.AsMap().Entries() {
			items = append(items, entry.AsMapEntry().Value())
		}
	}
	for _, item := range items[1:] {
		if !v.typeOf(item).IsExactType(v.typeOf(items[0])) {
			return v.isA(items[0]) + " and " + v.isA(item)
		}
	}
	return "here they are not"
}

// inMacro tells whether a list is the one that a macro builds around each element.
func (v *validator) inMacro(e ast.Expr) bool {
	r, _ := v.p.tree.SourceInfo().GetOffsetRange(e.ID())
	i := v.p.tokens.index(int(r.Start))
	return !v.p.tokens.is(i, "[") && !v.p.tokens.is(i, "{")
}

// comprehension wants no list whose elements are events of another list.
func (v *validator) comprehension(e ast.Expr, bound []string) {
	comp := e.AsComprehension()
	t := v.typeOf(e)
	if over := comp.IterRange(); comp.HasIterVar2() && v.typeOf(over).Kind() == types.ListKind && v.unbounded(over, bound) {
		v.fail(v.at(over, "", `the places of events in a list without a window cannot be kept: write .last("90d") or .newest(100) before it`))
		return
	}
	if t.Kind() == types.MapKind {
		if of := t.Parameters()[1]; isEvents(of) {
			v.fail(v.at(e, "", "events are not put into maps: count them with count_by, or add with sum_by"))
		}
		return
	}
	if t.Kind() != types.ListKind || !isEvents(t.Parameters()[0]) {
		return
	}
	body := mapBody(e)
	own := body != nil && body.Kind() == ast.IdentKind && body.AsIdent() == comp.IterVar() && !comp.HasIterVar2()
	if own && len(comp.LoopStep().AsCall().Args()) == 2 {
		v.fail(v.at(e, "", "this maps each event to itself: leave the map out, or name one of its fields"))
		return
	}
	if !own {
		v.fail(v.at(e, "", "this makes a list of other events: choose among the events of one list with .filter(e, …)"))
	}
}

// isEvents tells whether a type is an event's, or a list's of events.
func isEvents(t *types.Type) bool {
	if _, ok := EventType(t); ok {
		return true
	}
	return t.Kind() == types.ListKind && isEvents(t.Parameters()[0])
}

// call looks at a call; false where its arguments need no look.
func (v *validator) call(e ast.Expr, bound []string) bool {
	call := e.AsCall()
	args := call.Args()
	switch fn := call.FunctionName(); fn {
	case "dyn":
		v.fail(v.at(e, "", "dyn() hides what type a value has, and rules need it: leave it out"))
		return false
	case "type":
		v.fail(v.at(e, "", "type() is not asked in rules: every value's type is known; whether it is there, has(…) tells"))
		return false
	case operators.Equals, operators.NotEquals:
		v.equality(e, args, bound)
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		v.ordering(args)
	case operators.In:
		v.memberOf(args)
	case operators.Add:
		v.addition(e, args, bound)
	case operators.Index:
		v.place(e, args, bound)
	case FnInSegment:
		v.segment(args[1])
	default:
		v.constants(e, fn)
	}
	return true
}

// equality refuses to compare what has no sensible equality, and constants that the other side never is.
func (v *validator) equality(e ast.Expr, args []ast.Expr, bound []string) {
	for i, arg := range args {
		t := v.typeOf(arg)
		if _, ok := EventType(t); ok {
			v.fail(v.at(e, "", "events are not compared with each other: compare their id, or another property"))
			return
		}
		switch {
		case isEvents(t):
			v.fail(v.at(e, "", "lists of events are not compared: compare their size(), or values with distinct(…)"))
			return
		case t.Kind() == types.StructKind:
			v.fail(v.at(e, "", "%s is not compared: compare its fields", aType(t)))
			return
		case v.unbounded(arg, bound):
			v.fail(v.at(arg, "", `this keeps a value of every event for ever: write .last("90d") before it, or reduce it with size(), sum(…) or `+
				`distinct(…)`))
			return
		}
		v.choice(arg, args[1-i])
	}
}

// memberOf looks at `in`: a value among constants, or a constant among values.
func (v *validator) memberOf(args []ast.Expr) {
	if _, ok := EventType(v.typeOf(args[0])); ok {
		v.fail(v.at(args[0], "", "events are not looked for in lists: write .exists(e, e.id == …)"))
		return
	}
	if args[1].Kind() == ast.ListKind {
		for _, item := range args[1].AsList().Elements() {
			v.choice(args[0], item)
		}
	}
	if p := v.property(args[1]); p != nil {
		v.choiceOf(p, args[0])
	}
}

// addition refuses to join lists that cannot be kept.
func (v *validator) addition(e ast.Expr, args []ast.Expr, bound []string) {
	if v.inMacroCall(e) {
		return
	}
	for _, arg := range args {
		if isEvents(v.typeOf(arg)) {
			v.fail(v.at(e, "", "lists of events are not joined: ask each, or write one filter with ||"))
			return
		}
		if v.typeOf(arg).Kind() == types.ListKind && v.unbounded(arg, bound) {
			v.fail(v.at(arg, "", `this keeps a value of every event for ever: write .last("90d") before it`))
			return
		}
	}
}

// place refuses to ask for an event, or for one of endlessly many values, by its place in a list.
func (v *validator) place(e ast.Expr, args []ast.Expr, bound []string) {
	switch text := v.text(args[0], "list"); {
	case isEvents(v.typeOf(args[0])):
		v.fail(v.at(e, "", "events are not asked for by their place: write %s.first(), %s.newest() or %s.newest(3)", text, text, text))
	case v.unbounded(args[0], bound):
		v.fail(v.at(args[0], "", `this keeps a value of every event for ever: write .last("90d") before it, or .first() or .newest()`))
	}
}

// inMacroCall tells whether a call was made by a macro.
func (v *validator) inMacroCall(e ast.Expr) bool {
	r, _ := v.p.tree.SourceInfo().GetOffsetRange(e.ID())
	return v.p.tokens.is(v.p.tokens.index(int(r.Start)), "(")
}

func (v *validator) segment(name ast.Expr) {
	s, _ := stringLiteral(name)
	if slices.Contains(v.segmentNames, s) {
		return
	}
	near := suggest.Nearest(s, v.segmentNames)
	if near != "" {
		near = `"` + near + `"`
	}
	v.fail(v.at(name, near, "there is no segment %q", s))
}

// unbounded tells whether a list or a map holds something of every event of the history. Lists with a window, the n newest, and what is
// kept by different values (distinct, count_by) are bounded.
func (v *validator) unbounded(e ast.Expr, bound []string) bool {
	switch e.Kind() {
	case ast.IdentKind:
		name := strings.TrimPrefix(e.AsIdent(), ".")
		_, events := ListEventType(v.typeOf(e))
		return events && !slices.Contains(bound, e.AsIdent()) && name != ""
	case ast.SelectKind:
		sel := e.AsSelect()
		return !sel.IsTestOnly() && v.typeOf(sel.Operand()).TypeName() == featureType && v.endless[sel.FieldName()]
	case ast.CallKind:
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case FnBefore, FnAfter, FnFollowedBy, FnNotFollowedBy, FnNotYetFollowedBy:
			return v.unbounded(args[0], bound)
		case operators.Add:
			return v.unbounded(args[0], bound) || v.unbounded(args[1], bound)
		case operators.Conditional:
			return v.unbounded(args[1], bound) || v.unbounded(args[2], bound)
		}
	case ast.ComprehensionKind:
		if k := v.typeOf(e).Kind(); k == types.ListKind || k == types.MapKind {
			return v.unbounded(e.AsComprehension().IterRange(), bound)
		}
	default:
	}
	return false
}
