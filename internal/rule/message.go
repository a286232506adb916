package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/suggest"
)

// explainer words one expression's mistakes. It knows CEL's own messages (cel-go 0.33) and falls back to them.
type explainer struct {
	*exprChecker
	p *parsed
}

// fault is what a message says before it has a place.
type fault struct {
	start, stop int
	message     string
	suggestion  string
}

// at makes a fault about a node as a whole.
func (x *explainer) at(e ast.Expr, suggestion, format string, args ...any) fault {
	start, stop := x.p.tokens.span(x.p.tree.SourceInfo(), e)
	return fault{start, stop, fmt.Sprintf(format, args...), suggestion}
}

// atName makes a fault about a node's field or function name.
func (x *explainer) atName(e ast.Expr, suggestion, format string, args ...any) fault {
	start, stop := x.p.tokens.name(x.p.tree.SourceInfo(), e)
	return fault{start, stop, fmt.Sprintf(format, args...), suggestion}
}

func (x *explainer) error(f fault) *Error {
	return x.p.expr.errorAt(f.start, f.stop, f.message, f.suggestion)
}

// text is how a node is written, else the given words.
func (x *explainer) text(e ast.Expr, otherwise string) string {
	if s := x.p.tokens.text(x.p.tree.SourceInfo(), e); s != "" {
		return s
	}
	return otherwise
}

func (x *explainer) typeOf(e ast.Expr) *types.Type {
	if t := x.p.tree.GetType(e.ID()); t != nil {
		return t
	}
	return types.ErrorType
}

// isA is "amount is a double", for a message.
func (x *explainer) isA(e ast.Expr) string {
	return x.text(e, "this") + " is " + aType(x.typeOf(e))
}

// offset is the character of the source that CEL's line and column mean.
func (p *parsed) offset(l common.Location) int {
	offset, ok := p.source.LocationOffset(l)
	if !ok {
		return len(p.tokens.runes)
	}
	return int(offset)
}

var (
	undeclared     = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	undefinedField = regexp.MustCompile(`^undefined field '([^']*)'`)
	noOverload     = regexp.MustCompile(`^found no matching overload for '([^']*)'`)
	noRange        = regexp.MustCompile(`^expression of type '.*' cannot be range of a comprehension`)
	noSelection    = regexp.MustCompile(`^type '.*' does not support field selection`)
	typeMismatch   = regexp.MustCompile(`^expected type '([^']*)' but found '`)
	noField        = regexp.MustCompile(`^(\S+) has no field '(.*)'$`)
	noEventList    = regexp.MustCompile(`^(\S+) works on a list of events, not on `)
)

// explainCheck words what the type checker found.
func (c *exprChecker) explainCheck(p *parsed, found []*common.Error) Errors {
	x := &explainer{c, p}
	var errs Errors
	follows := map[int64]bool{}
	for _, one := range found {
		if node := findNode(p.tree.Expr(), one.ExprID); node != nil && undeclared.MatchString(one.Message) && node.Kind() == ast.CallKind {
			followUps(node, follows)
		}
	}
	for _, one := range found {
		if follows[one.ExprID] {
			continue
		}
		node := findNode(p.tree.Expr(), one.ExprID)
		if node == nil {
			offset := p.offset(one.Location)
			errs = append(errs, x.error(fault{offset, offset + 1, one.Message, ""}))
			continue
		}
		errs = append(errs, x.error(x.checkFault(node, one.Message)))
	}
	return errs
}

// followUps notes the nodes within a call of no known function, whose mistakes follow from that: the variable that its first argument
// names, and everything where a macro lacks one.
func followUps(call ast.Expr, follows map[int64]bool) {
	args := call.AsCall().Args()
	if len(args) == 0 {
		return
	}
	unexpanded := call.AsCall().IsMemberFunction() && slices.Contains(methods, call.AsCall().FunctionName())
	for _, arg := range args {
		ast.PreOrderVisit(arg, ast.NewExprVisitor(func(e ast.Expr) {
			if unexpanded || args[0].Kind() == ast.IdentKind && e.Kind() == ast.IdentKind && e.AsIdent() == args[0].AsIdent() {
				follows[e.ID()] = true
			}
		}))
	}
}

func (x *explainer) checkFault(node ast.Expr, message string) fault {
	switch {
	case undeclared.MatchString(message):
		return x.undeclared(node, undeclared.FindStringSubmatch(message)[1])
	case undefinedField.MatchString(message) && node.Kind() == ast.SelectKind:
		return x.undefinedField(node, undefinedField.FindStringSubmatch(message)[1])
	case noOverload.MatchString(message) && node.Kind() == ast.CallKind:
		return x.noOverload(node)
	case noSelection.MatchString(message) && node.Kind() == ast.SelectKind:
		return x.noSelection(node)
	case noRange.MatchString(message):
		return x.at(node, "", "%s, not a list of events: filter, exists, all, map, sum and their like go over a list", x.isA(node))
	case typeMismatch.MatchString(message):
		want := typeMismatch.FindStringSubmatch(message)[1]
		if want == "bool" {
			return x.at(node, "", "true or false is wanted here: %s%s", x.isA(node), x.toBool(node))
		}
		return x.at(node, "", "%s is wanted here, and %s", want, x.isA(node))
	}
	return x.at(node, "", "%s", message)
}

// toBool says how a value becomes a condition.
func (x *explainer) toBool(e ast.Expr) string {
	t := x.typeOf(e)
	text := x.text(e, "it")
	switch {
	case isNumber(t):
		return fmt.Sprintf("; compare it: %s > 0", text)
	case t.Kind() == types.ListKind || t.Kind() == types.MapKind:
		return fmt.Sprintf("; ask how many it holds: %s.size() > 0", text)
	case t.Kind() == types.StringKind:
		return fmt.Sprintf(`; compare it: %s == "…"`, text)
	case t.Kind() == types.TimestampKind:
		return fmt.Sprintf(`; compare it: %s > ago("30d")`, text)
	case t.Kind() == types.StructKind:
		return "; compare one of its fields"
	}
	return ""
}

// bound is a variable of a comprehension.
type bound struct {
	name string
	t    *types.Type
}

// boundAt gives the variables of the comprehensions around a node, innermost last.
func (x *explainer) boundAt(id int64) []bound {
	var out []bound
	var visit func(e ast.Expr, names []string)
	visit = func(e ast.Expr, names []string) {
		if e.ID() == id && out == nil {
			out = []bound{}
			for _, name := range names {
				if !strings.HasPrefix(name, "@") {
					out = append(out, bound{name, x.elementOf(name)})
				}
			}
		}
		eachChild(e, names, visit)
	}
	visit(x.p.tree.Expr(), nil)
	return out
}

// elementOf is the type of the first comprehension's variable of that name.
func (x *explainer) elementOf(name string) *types.Type {
	t := types.DynType
	ast.PreOrderVisit(x.p.tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.ComprehensionKind || e.AsComprehension().IterVar() != name || t != types.DynType {
			return
		}
		if over := x.typeOf(e.AsComprehension().IterRange()); over.Kind() == types.ListKind {
			t = over.Parameters()[0]
		}
	}))
	return t
}

// undeclared words a name that means nothing.
func (x *explainer) undeclared(node ast.Expr, name string) fault {
	if node.Kind() == ast.CallKind {
		return x.noFunction(node, name)
	}
	if node.Kind() == ast.StructKind {
		return x.at(node, "", "there is no type %s, and no rule makes one", name)
	}
	around := x.boundAt(node.ID())
	for _, b := range slices.Backward(around) {
		if fields := x.fieldsOf(b.t); slices.Contains(fields, name) {
			return x.at(node, b.name+"."+name, "there is no variable %s", name)
		}
	}
	variables := x.variables()
	for _, b := range around {
		variables = append(variables, b.name)
	}
	if s := suggest.Nearest(name, variables); s != "" {
		return x.at(node, s, "there is no variable %s", name)
	}
	if fields := x.fieldsOf(types.NewObjectType(profileType)); slices.Contains(fields, name) {
		return x.at(node, "profile."+name, "there is no variable %s", name)
	}
	if slices.Contains(x.featureNames, name) {
		return x.at(node, "feature."+name, "there is no variable %s", name)
	}
	if slices.Contains(x.segmentNames, name) {
		return x.at(node, `in_segment("`+name+`")`, "there is no variable %s", name)
	}
	for _, b := range slices.Backward(around) {
		if s := suggest.Nearest(name, x.fieldsOf(b.t)); s != "" {
			return x.at(node, b.name+"."+s, "there is no variable %s", name)
		}
	}
	if s := suggest.Nearest(name, x.fieldsOf(types.NewObjectType(profileType))); s != "" {
		return x.at(node, "profile."+s, "there is no variable %s", name)
	}
	if s := suggest.Nearest(name, x.featureNames); s != "" {
		return x.at(node, "feature."+s, "there is no variable %s", name)
	}
	for _, b := range slices.Backward(around) {
		if _, ok := EventType(b.t); ok {
			return x.at(node, "", "there is no variable %s; a text is written in quotes: %q", name, name)
		}
	}
	return x.at(node, "", "there is no variable %s; there are profile, now, events, feature and one for each type of event, and a text is "+
		"written in quotes", name)
}

func (x *explainer) variables() []string {
	out := []string{VarEvents, VarProfile, VarNow, VarFeature, "true", "false"}
	for _, t := range x.schema.Types {
		if t.Name != VarProfile {
			out = append(out, t.Name)
		}
	}
	return out
}

// fieldsOf lists the fields of an object type.
func (x *explainer) fieldsOf(t *types.Type) []string {
	if t.Kind() != types.StructKind {
		return nil
	}
	names, _ := x.env.types.FindStructFieldNames(t.TypeName())
	return names
}

// undefinedField words a field that its object does not have.
func (x *explainer) undefinedField(node ast.Expr, field string) fault {
	t := x.typeOf(node.AsSelect().Operand())
	near := suggest.Nearest(field, x.fieldsOf(t))
	switch t.TypeName() {
	case featureType:
		return x.atName(node, suggest.Nearest(field, x.featureNames), "there is no feature %s", field)
	case profileType:
		return x.atName(node, near, "the profile has no attribute %s", field)
	case eventsType:
		return x.atName(node, near, "the elements of events have id, type and time alone, and no %s: use the variable of an event type, like "+
			"purchase", field)
	}
	name, _ := EventType(t)
	if near == "" {
		return x.atName(node, "", "%s has no property %s; it has %s", name, field, listed(x.fieldsOf(t)))
	}
	return x.atName(node, near, "%s has no property %s", name, field)
}

// noSelection words a dot behind something that has no fields.
func (x *explainer) noSelection(node ast.Expr) fault {
	sel := node.AsSelect()
	operand, field := sel.Operand(), sel.FieldName()
	t := x.typeOf(operand)
	text := x.text(operand, "the list")
	if name, ok := ListEventType(t); ok {
		fields := x.fieldsOf(t.Parameters()[0])
		if slices.Contains(fields, field) {
			return x.atName(node, "", "%s is a list of %s events, and each has its own %s: write %s.newest().%s, or "+
				"%s.exists(e, e.%s …)", text, name, field, text, field, text, field)
		}
		if fn := suggest.Nearest(field, listFunctions()); fn != "" || slices.Contains(listFunctions(), field) {
			if fn == "" {
				fn = field
			}
			return x.atName(node, "", "%s is a function: write %s", fn, functionUsage[fn])
		}
	}
	if usage := functionUsage[field]; usage != "" {
		return x.atName(node, "", "%s is a function: write %s", field, usage)
	}
	return x.atName(node, "", "%s, which has no fields: .%s means nothing here", x.isA(operand), field)
}

// explainLists words what checkEventLists found.
func (c *exprChecker) explainLists(p *parsed, found []*common.Error) Errors {
	x := &explainer{c, p}
	var errs Errors
	for _, one := range found {
		node := findNode(p.tree.Expr(), one.ExprID)
		if node == nil {
			continue
		}
		if m := noEventList.FindStringSubmatch(one.Message); m != nil {
			if p.tainted && isOpen(x.typeOf(node)) {
				continue
			}
			errs = append(errs, x.error(x.at(node, "", "%s works on a list of events, and %s%s", m[1], x.isA(node), x.insteadOfList(m[1], node))))
			continue
		}
		if m := noField.FindStringSubmatch(one.Message); m != nil {
			fields, _ := x.env.types.FindStructFieldNames(objectPrefix + m[1])
			near := suggest.Nearest(m[2], fields)
			if near != "" {
				near = `"` + near + `"`
			}
			errs = append(errs, x.error(x.at(node, near, "%s has no property %s", m[1], m[2])))
			continue
		}
		errs = append(errs, x.error(x.at(node, "", "%s", strings.ReplaceAll(one.Message, "field", "property"))))
	}
	return errs
}

// insteadOfList says what to write for a list that holds no events.
func (x *explainer) insteadOfList(fn string, list ast.Expr) string {
	text := x.text(list, "list")
	if x.typeOf(list).Kind() != types.ListKind {
		return ""
	}
	switch fn {
	case "first":
		return ": write " + text + "[0]"
	case "sum", "avg", "min", "max", "distinct", "count_by", "sum_by":
		return ": call it on the events themselves, " + functionUsage[fn]
	}
	return ": an attribute has no history"
}
