package rule

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// nowKind is what of now a value holds. The engine knows the next moment at which a comparison of it turns, and of nothing else, so that
// such a value must be compared at once. What results, true or false, holds nothing any more.
//
// Compared means: by <, <=, >, >= (moments), and by ==, != and `in` a list too (whole numbers and days, which stay for a while).
type nowKind uint8

const (
	heldNothing nowKind = iota
	// heldMoment: now itself, or ago(d).
	heldMoment
	// heldNumber: a calendar number: days_since, days_until, age, an accessor of now.
	heldNumber
	// heldDay: day(now).
	heldDay
)

// now gives what an expression holds, and refuses every use of it that is not a comparison.
func (v *validator) now(e ast.Expr, bound []string) nowKind {
	switch e.Kind() {
	case ast.IdentKind:
		return heldBy(e, bound)
	case ast.SelectKind:
		return v.nowSelect(e, bound)
	case ast.CallKind:
		return v.nowCall(e, bound)
	default:
		eachChild(e, bound, func(child ast.Expr, inner []string) { v.none(child, inner, "") })
		return heldNothing
	}
}

func heldBy(e ast.Expr, bound []string) nowKind {
	switch name := e.AsIdent(); {
	case name == "."+VarNow, name == VarNow && !slices.Contains(bound, VarNow):
		return heldMoment
	}
	return heldNothing
}

func (v *validator) nowSelect(e ast.Expr, bound []string) nowKind {
	sel := e.AsSelect()
	if v.typeOf(sel.Operand()).TypeName() == featureType {
		if sel.IsTestOnly() {
			return heldNothing
		}
		return v.holdNow[sel.FieldName()]
	}
	v.none(sel.Operand(), bound, "")
	return heldNothing
}

// none wants an expression that holds nothing of now.
func (v *validator) none(e ast.Expr, bound []string, instead string) {
	if held := v.now(e, bound); held != heldNothing {
		v.refuse(e, held, instead)
	}
}

func (v *validator) nowCall(e ast.Expr, bound []string) nowKind {
	call := e.AsCall()
	args := call.Args()
	switch fn := call.FunctionName(); {
	case fn == FnAgo:
		return heldMoment
	case fn == FnDay:
		if v.isNow(args[0], bound) {
			return heldDay
		}
		v.none(args[0], bound, "day takes now itself, or a moment without now")
		return heldNothing
	case fn == FnDaysSince, fn == FnDaysUntil, fn == FnAge:
		v.none(args[0], bound, macroName(fn)+" counts up to now already: give it a moment or a date without now")
		return heldNumber
	case strings.HasPrefix(fn, "@") && fn != operators.In:
		// The functions on lists take the moment of evaluation as a hidden argument, and ask nothing else of it.
		for _, arg := range args {
			v.none(arg, bound, "")
		}
		return heldNothing
	case call.IsMemberFunction() && strings.HasPrefix(fn, "get") && v.typeOf(call.Target()).Kind() == types.TimestampKind:
		return v.nowAccessor(call, bound)
	case len(args) == 2 && (fn == operators.Less || fn == operators.LessEquals || fn == operators.Greater || fn == operators.GreaterEquals):
		v.nowCompared(e, args[0], args[1], bound)
		return heldNothing
	case len(args) == 2 && (fn == operators.Equals || fn == operators.NotEquals || fn == operators.In):
		v.nowEqual(e, fn, args[0], args[1], bound)
		return heldNothing
	default:
		if call.IsMemberFunction() {
			v.none(call.Target(), bound, "")
		}
		for i, arg := range args {
			v.none(arg, bound, v.insteadOf(fn, args, i))
		}
		return heldNothing
	}
}

func (v *validator) isNow(e ast.Expr, bound []string) bool {
	return e.Kind() == ast.IdentKind && heldBy(e, bound) == heldMoment
}

func (v *validator) nowAccessor(call ast.CallExpr, bound []string) nowKind {
	for _, arg := range call.Args() {
		v.none(arg, bound, "")
	}
	if v.isNow(call.Target(), bound) {
		return heldNumber
	}
	v.none(call.Target(), bound, "ask now itself: now."+call.FunctionName()+"()")
	return heldNothing
}

// nowCompared looks at <, <=, > and >=.
func (v *validator) nowCompared(e, left, right ast.Expr, bound []string) {
	a, b := v.now(left, bound), v.now(right, bound)
	if a != heldNothing && b != heldNothing {
		v.bothHold(e, a, b)
		return
	}
	if b == heldMoment {
		left, right, a = right, left, b
	}
	if a == heldMoment && !v.plainMoment(right) {
		v.fail(v.at(right, "", `%s is compared with a moment as it is: a constant timestamp, an event's time or an attribute; a shift goes into `+
			`ago(…): e.time < ago("24h"), not e.time + duration("24h") < now`, v.text(left, "now")))
	}
}

// nowEqual looks at ==, != and in.
func (v *validator) nowEqual(e ast.Expr, fn string, left, right ast.Expr, bound []string) {
	a, b := v.now(left, bound), v.now(right, bound)
	switch {
	case a == heldMoment || b == heldMoment:
		sign, _ := operators.FindReverse(fn)
		v.fail(v.at(e, "", `now passes every moment in no time, so that %s says nothing: compare with <, <=, > or >=, or days: `+
			`day(t) == day(now)`, sign))
	case a != heldNothing && b != heldNothing:
		v.bothHold(e, a, b)
	}
}

func (v *validator) bothHold(e ast.Expr, a, b nowKind) {
	if a == heldMoment && b == heldMoment {
		v.fail(v.at(e, "", "both sides move with now, so that the answer is always the same: compare with an event's time"))
		return
	}
	v.fail(v.at(e, "", "both sides depend on now, and the next moment at which this turns cannot be known: compare each with something "+
		"that does not move with time"))
}

// plainMoment tells whether a moment is a constant, an event's time, an attribute, or chosen among such; a feature that is a moment, and
// the least or greatest time of events, count as an event's time.
func (v *validator) plainMoment(e ast.Expr) bool {
	if v.typeOf(e).Kind() != types.TimestampKind {
		return true // the types refuse what is no moment, unless the expression is spoilt already
	}
	switch e.Kind() {
	case ast.SelectKind, ast.IdentKind:
		return true
	case ast.CallKind:
		args := e.AsCall().Args()
		switch e.AsCall().FunctionName() {
		case "timestamp":
			return args[0].Kind() == ast.LiteralKind || v.plainMoment(args[0]) && v.typeOf(args[0]).Kind() == types.TimestampKind
		case FnMin, FnMax:
			body := mapBody(args[0])
			return body != nil && v.plainMoment(body)
		case operators.Conditional:
			return v.plainMoment(args[1]) && v.plainMoment(args[2])
		case operators.Index:
			return true
		}
	default:
	}
	return false
}

// refuse words a use of now that is no comparison.
func (v *validator) refuse(e ast.Expr, held nowKind, instead string) {
	if instead == "" {
		switch held {
		case heldMoment:
			instead = `compare it at once, by <, <=, > or >=, with an event's time, an attribute or a constant: p.time > ago("30d")`
		case heldNumber:
			instead = "compare it at once with a value that does not move: " + v.text(e, "this") + " > 30"
		default:
			instead = "compare it at once with a day, day(now) == day(p.time), or ask now.getMonth() and now.getDayOfMonth()"
		}
	}
	v.fail(v.at(e, "", "%s moves with time, and the next moment at which this would change cannot be known here: %s", v.text(e, "this"),
		instead))
}

// insteadOf says what to write for arithmetic on now.
func (v *validator) insteadOf(fn string, args []ast.Expr, i int) string {
	if len(args) != 2 {
		return ""
	}
	other := v.text(args[1-i], "e.time")
	t := v.typeOf(args[1-i])
	switch {
	case fn == operators.Subtract && t.Kind() == types.TimestampKind:
		return `compare the moments: ` + other + ` > ago("30d"), or whole days: days_since(` + other + `) < 30`
	case (fn == operators.Subtract || fn == operators.Add) && t.Kind() == types.DurationKind:
		return `write ago("30d") for an earlier moment; for a later one move the other side`
	case args[i].Kind() == ast.CallKind && args[i].AsCall().IsMemberFunction():
		return `compare it as it is; a zone goes into it: now.getHours("Asia/Jakarta") >= 9`
	case v.typeOf(args[i]).Kind() == types.IntKind:
		return "compare it as it is, and calculate on the other side: " + v.text(args[i], "days_since(t)") + " > 30"
	}
	return ""
}
