package plan

import (
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// written gives an expression over one event as rules write it; the event's own fields go without the name of the variable that
// stands for it.
func written(e ast.Expr, event string) string {
	w := writer{ast.NewExprFactory()}
	// No macro is left in what the writer makes, and lines are for whoever prints.
	text, err := parser.Unparse(w.write(e, event), ast.NewSourceInfo(nil), parser.WrapOnColumn(1<<30))
	if err != nil {
		return "…"
	}
	return text
}

// writtenAll gives the conjuncts of a lambda.
func writtenAll(es []ast.Expr, event string) string {
	var parts []string
	for _, e := range es {
		text := written(e, event)
		if len(es) > 1 && (isCall(e, operators.LogicalOr) || isCall(e, operators.Conditional)) {
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " && ")
}

// writer turns what macros expanded to back into the calls that rules write.
type writer struct{ ast.ExprFactory }

func (w writer) write(e ast.Expr, event string) ast.Expr {
	switch e.Kind() {
	case ast.LiteralKind:
		return w.NewLiteral(0, e.AsLiteral())
	case ast.IdentKind:
		return w.NewIdent(0, strings.TrimLeft(e.AsIdent(), "@."))
	case ast.SelectKind:
		return w.selection(e.AsSelect(), event)
	case ast.CallKind:
		return w.call(e.AsCall(), event)
	case ast.ListKind:
		return w.NewList(0, w.all(e.AsList().Elements(), event), nil)
	case ast.MapKind:
		var entries []ast.EntryExpr
		for _, x := range e.AsMap().Entries() {
			entries = append(entries, w.NewMapEntry(0, w.write(x.AsMapEntry().Key(), event), w.write(x.AsMapEntry().Value(), event), false))
		}
		return w.NewMap(0, entries)
	case ast.ComprehensionKind:
		return w.comprehension(e, event)
	case ast.UnspecifiedExprKind, ast.StructKind:
	}
	return w.NewIdent(0, "…")
}

func (w writer) all(es []ast.Expr, event string) []ast.Expr {
	out := make([]ast.Expr, len(es))
	for i, e := range es {
		out[i] = w.write(e, event)
	}
	return out
}

func (w writer) selection(s ast.SelectExpr, event string) ast.Expr {
	field := w.NewSelect(0, w.write(s.Operand(), event), s.FieldName())
	if op := s.Operand(); op.Kind() == ast.IdentKind && op.AsIdent() == event {
		field = w.NewIdent(0, s.FieldName())
	}
	if s.IsTestOnly() {
		return w.NewCall(0, "has", field)
	}
	return field
}

func (w writer) call(call ast.CallExpr, event string) ast.Expr {
	name, args := call.FunctionName(), call.Args()
	if call.IsMemberFunction() {
		return w.NewMemberCall(0, name, w.write(call.Target(), event), w.all(args, event)...)
	}
	short := strings.TrimPrefix(name, "@")
	switch name {
	case rule.FnInSegment:
		return w.NewCall(0, short, w.write(args[1], event))
	case rule.FnDay, rule.FnDaysSince, rule.FnDaysUntil, rule.FnAge:
		return w.NewCall(0, short, w.write(args[0], event))
	case rule.FnAgo:
		return w.NewCall(0, short, w.duration(args[0]))
	case rule.FnLast, rule.FnBefore, rule.FnBetween:
		var durations []ast.Expr
		for _, d := range args[1 : len(args)-1] {
			durations = append(durations, w.duration(d))
		}
		return w.NewMemberCall(0, short, w.write(args[0], event), durations...)
	case rule.FnFollowedBy, rule.FnNotFollowedBy, rule.FnNotYetFollowedBy:
		rest := []ast.Expr{w.write(args[1], event), w.duration(args[2])}
		if args[3].AsLiteral().(types.String) != "" {
			rest = append(rest, w.write(args[3], event))
		}
		return w.NewMemberCall(0, short, w.write(args[0], event), rest...)
	case rule.FnAfter, rule.FnFirst, rule.FnNewest:
		return w.NewMemberCall(0, short, w.write(args[0], event), w.all(args[1:], event)...)
	case rule.FnNewestN:
		return w.NewMemberCall(0, "newest", w.write(args[0], event), w.write(args[1], event))
	case rule.FnSum, rule.FnAvg, rule.FnMin, rule.FnMax, rule.FnDistinct, rule.FnCountBy, rule.FnSumBy:
		return w.reduction(short, args, event)
	}
	return w.NewCall(0, name, w.all(args, event)...)
}

func (w writer) reduction(name string, args []ast.Expr, event string) ast.Expr {
	of, m, ok := mapOf(args[0])
	if !ok {
		return w.NewMemberCall(0, name, w.all(args, event)[0])
	}
	rest := []ast.Expr{w.NewIdent(0, m.name)}
	for _, a := range args {
		if _, each, ok := mapOf(a); ok {
			rest = append(rest, w.write(each.body, unless(event, each.name)))
		}
	}
	return w.NewMemberCall(0, name, w.write(of, event), rest...)
}

func (w writer) comprehension(e ast.Expr, event string) ast.Expr {
	over := w.write(e.AsComprehension().IterRange(), event)
	macro := func(name, variable string, body ast.Expr) ast.Expr {
		return w.NewMemberCall(0, name, over, w.NewIdent(0, variable), w.write(body, unless(event, variable)))
	}
	if name, body, all, ok := quantifier(e); ok {
		if all {
			return macro("all", name, body)
		}
		return macro("exists", name, body)
	}
	if name, body, ok := existsOne(e); ok {
		return macro("exists_one", name, body)
	}
	if name, body, ok := filterOf(e); ok {
		return macro("filter", name, body)
	}
	if _, m, ok := mapOf(e); ok {
		return macro("map", m.name, m.body)
	}
	return w.NewSelect(0, over, "…")
}

// unless gives up the event's name where another variable takes it.
func unless(event, variable string) string {
	if event == variable {
		return ""
	}
	return event
}

func (w writer) duration(ms ast.Expr) ast.Expr {
	return w.NewLiteral(0, types.String(lasting(intLiteral(ms))))
}

// units of durations, the longest first.
var units = []struct {
	name string
	ms   int64
}{{"d", feature.DayMS}, {"h", 60 * 60 * 1000}, {"m", 60 * 1000}, {"s", 1000}, {"ms", 1}}

// lasting writes milliseconds in the longest units of which there are whole numbers; a day by itself is 24h.
func lasting(ms int64) string {
	if ms == feature.DayMS {
		return "24h"
	}
	var parts []string
	for _, u := range units {
		if n := ms / u.ms; n > 0 && (len(parts) > 0 || ms%u.ms == 0 || n >= 2) {
			parts = append(parts, strconv.FormatInt(n, 10)+u.name)
			ms %= u.ms
		}
	}
	return strings.Join(parts, " ")
}

// windowText words lo <= age < hi; "" where there is no limit.
func windowText(lo, hi int64) string {
	switch {
	case lo <= 0 && hi == feature.Forever:
		return ""
	case lo <= 0:
		return "last " + lasting(hi)
	case hi == feature.Forever:
		return "before the last " + lasting(lo)
	}
	return lasting(lo) + " to " + lasting(hi) + " ago"
}

// textOf names the events of a type for which preds hold, in the singular.
func textOf(name string, preds []pred) string {
	var holds, fails []string
	for i := range preds {
		if preds[i].fails {
			fails = append(fails, preds[i].text)
		} else {
			holds = append(holds, preds[i].text)
		}
	}
	if len(holds) > 0 {
		name += " where " + strings.Join(holds, " && ")
	}
	if len(fails) > 0 {
		name += " " + strings.Join(fails, ", ")
	}
	return name
}

// nameOf names an event of a type.
func (c *compiler) nameOf(typ int) string {
	if typ == anyType {
		return "event"
	}
	return c.schema.Types[typ].Name
}

// describe names the members of a list, in the singular.
func describe(l list) string {
	switch l := l.(type) {
	case *baseList:
		return within(textOf(l.c.nameOf(l.typ), l.preds), l.lo, l.hi)
	case *windowList:
		return within(describe(l.list), l.lo, l.hi)
	case *filterList:
		if strings.Contains(describe(l.list), " where ") {
			return describe(l.list) + " && " + l.text
		}
		return describe(l.list) + " where " + l.text
	case *sequenceList:
		return describe(l.of) + " " + l.kind.String() + " " + describe(l.other) + " within " + lasting(l.d) + l.same()
	case *afterList:
		return describe(l.list) + " after the newest " + describe(l.other)
	case *newestList:
		return fmt.Sprintf("%s, the %s", describe(l.list), several(l.n, "newest"))
	case *rowsList:
		return fmt.Sprintf("%s, the %s", describe(l.list), several(l.n, "newest"))
	case *oldestList:
		return describe(l.list) + ", the oldest"
	case *choiceList:
		return describe(l.a) + " or " + describe(l.b)
	}
	return "event"
}

func within(of string, lo, hi int64) string {
	if w := windowText(lo, hi); w != "" {
		return of + " (" + w + ")"
	}
	return of
}

func several(n int, which string) string {
	if n == 1 {
		return which
	}
	return strconv.Itoa(n) + " " + which
}

func (s sequence) String() string {
	switch s {
	case notFollowed:
		return "not followed by"
	case notYetFollowed:
		return "not yet followed by"
	case followed:
	}
	return "followed by"
}

// same names the field that an event and its partner share.
func (l *sequenceList) same() string {
	if l.field == "" {
		return ""
	}
	return " with the same " + l.field
}
