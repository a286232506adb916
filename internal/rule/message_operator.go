package rule

import (
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// noOverload words a call of a function or an operator whose arguments do not go with it.
func (x *explainer) noOverload(node ast.Expr) fault {
	call := node.AsCall()
	args := call.Args()
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	fn := call.FunctionName()
	if !isOperator(fn) && fn != operators.Index {
		return x.functionFault(node, fn, args)
	}
	switch {
	case fn == operators.Conditional && len(args) == 3:
		return x.conditional(node, args)
	case fn == operators.Index && len(args) == 2:
		return x.index(args)
	case len(args) == 2:
		return x.binary(node, fn, args[0], args[1])
	case fn == operators.LogicalNot && len(args) == 1:
		return x.at(args[0], "", "! turns true and false round, and %s%s", x.isA(args[0]), x.toBool(args[0]))
	case len(args) == 1:
		return x.at(node, "", "- turns a number's sign round, and %s", x.isA(args[0]))
	}
	return x.at(node, "", "this does not go together: %s", x.types(args))
}

// conditional words a ?: whose parts do not fit. filter and map with a condition become one too.
func (x *explainer) conditional(node ast.Expr, args []ast.Expr) fault {
	if x.typeOf(args[0]).Kind() != types.BoolKind {
		return x.at(args[0], "", "true or false is wanted here: %s%s", x.isA(args[0]), x.toBool(args[0]))
	}
	a, b := x.typeOf(args[1]), x.typeOf(args[2])
	if isNumber(a) && isNumber(b) {
		return x.numbers(node, "the two ways of ?:", args[1], args[2])
	}
	return x.at(node, "", "the two ways of ?: must be of one type: %s and %s", x.isA(args[1]), x.isA(args[2]))
}

func (x *explainer) index(args []ast.Expr) fault {
	t := x.typeOf(args[0])
	switch {
	case t.Kind() == types.StructKind:
		return x.at(args[0], "", "%s: its fields are asked with a dot, %s.name", x.isA(args[0]), x.text(args[0], "it"))
	case t.Kind() == types.ListKind:
		return x.at(args[1], "", "the place in a list is an int, and %s", x.isA(args[1]))
	case t.Kind() == types.MapKind:
		return x.at(args[1], "", "the key is %s, and %s", aType(t.Parameters()[0]), x.isA(args[1]))
	}
	return x.at(args[0], "", "[ ] asks a list or a map, and %s", x.isA(args[0]))
}

// binary words an operator between two values that do not go together.
func (x *explainer) binary(node ast.Expr, fn string, left, right ast.Expr) fault {
	sign, _ := operators.FindReverse(fn)
	a, b := x.typeOf(left), x.typeOf(right)
	if fn == operators.In {
		return x.membership(node, left, right)
	}
	for _, pair := range [][2]ast.Expr{{left, right}, {right, left}} {
		one, other := pair[0], pair[1]
		t, u := x.typeOf(one), x.typeOf(other)
		switch {
		case t.Kind() == types.NullTypeKind:
			not := "!"
			if fn == operators.NotEquals {
				not = ""
			}
			return x.at(node, fmt.Sprintf("%shas(%s)", not, x.text(other, "profile.city")), "nothing is ever null: ask whether the value is there")
		case t.Kind() == types.ListKind && isNumber(u):
			return x.at(one, "", "%s: its length is %s.size()", x.isA(one), x.text(one, "list"))
		case t.Kind() == types.TimestampKind && u.Kind() == types.StringKind:
			if s, ok := stringLiteral(other); ok && len(s) == 10 {
				return x.at(node, "", `%s and %s: write timestamp("%sT00:00:00Z"), or compare days: day(%s) %s %s`, x.isA(one), x.isA(other), s,
					x.text(one, "t"), sign, x.text(other, "date"))
			}
			return x.at(node, "", `%s and %s: compare moments with timestamp("2026-01-31T00:00:00Z"), or days with day(%s)`, x.isA(one),
				x.isA(other), x.text(one, "t"))
		}
	}
	if isNumber(a) && isNumber(b) {
		return x.numbers(node, "both sides of "+sign, left, right)
	}
	if fn == operators.Add && (a.Kind() == types.StringKind && isNumber(b) || b.Kind() == types.StringKind && isNumber(a)) {
		number := left
		if isNumber(b) {
			number = right
		}
		return x.at(node, "", "%s and %s: a number becomes a text with string(%s)", x.isA(left), x.isA(right), x.text(number, "n"))
	}
	if s, ok := stringLiteral(right); ok && isNumber(a) {
		if _, err := strconv.ParseFloat(s, 64); err == nil {
			return x.at(right, x.numberLike(a, s), "%s and %s: a number is written without quotes", x.isA(left), x.isA(right))
		}
	}
	if fn == operators.Less || fn == operators.LessEquals || fn == operators.Greater || fn == operators.GreaterEquals ||
		fn == operators.Equals || fn == operators.NotEquals {
		return x.at(node, "", "%s compares values of one type: %s and %s", sign, x.isA(left), x.isA(right))
	}
	return x.at(node, "", "%s does not go with these: %s and %s", sign, x.isA(left), x.isA(right))
}

// numbers words an int beside a double.
func (x *explainer) numbers(node ast.Expr, where string, left, right ast.Expr) fault {
	whole, double := left, right
	if x.typeOf(left).Kind() == types.DoubleKind {
		whole, double = right, left
	}
	if whole.Kind() == ast.LiteralKind {
		literal := x.numberLike(x.typeOf(double), x.text(whole, "5"))
		return x.at(whole, literal, "%s must be of one type, and %s and %s: write %s or double(%s)", where, x.isA(double), x.isA(whole),
			literal, x.text(whole, "n"))
	}
	if double.Kind() == ast.LiteralKind {
		text := x.text(double, "5.0")
		if short := strings.TrimSuffix(text, ".0"); short != text {
			return x.at(double, short, "%s must be of one type, and %s and %s: write %s or double(%s)", where, x.isA(whole), x.isA(double),
				short, x.text(whole, "n"))
		}
	}
	return x.at(node, "", "%s must be of one type, and %s and %s: write double(%s)", where, x.isA(double), x.isA(whole), x.text(whole, "n"))
}

// numberLike writes a number as a literal of the type.
func (x *explainer) numberLike(t *types.Type, s string) string {
	if t.Kind() == types.DoubleKind && !strings.ContainsAny(s, ".eE") {
		return s + ".0"
	}
	return s
}

// membership words `in` between what does not go together.
func (x *explainer) membership(node, left, right ast.Expr) fault {
	t := x.typeOf(right)
	if t.Kind() == types.StringKind {
		return x.at(node, fmt.Sprintf("%s.contains(%s)", x.text(right, "text"), x.text(left, "part")), "in asks a list or a map, and %s",
			x.isA(right))
	}
	if t.Kind() != types.ListKind && t.Kind() != types.MapKind {
		return x.at(right, "", "in asks a list or a map, and %s", x.isA(right))
	}
	of := t.Parameters()[0]
	if isNumber(of) && isNumber(x.typeOf(left)) {
		if of.Kind() == types.IntKind && left.Kind() != ast.LiteralKind {
			return x.at(node, "", "both sides of in must be of one type: %s and %s: write the list with %s", x.isA(left), x.isA(right), "1.0, 2.0")
		}
		return x.at(node, "", "both sides of in must be of one type: %s and %s: write double(%s)", x.isA(left), x.isA(right), x.text(left, "n"))
	}
	return x.at(node, "", "in compares values of one type: %s and %s", x.isA(left), x.isA(right))
}
