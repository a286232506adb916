package rule

import (
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/parser"
)

const (
	// MaxDuration is the longest duration that an expression may hold: 100 years of 365 days, in milliseconds.
	MaxDuration = 36500 * 24 * 60 * 60 * 1000
	// MaxNewest is the greatest n of newest(n).
	MaxNewest = 4096
)

// ParseDuration reads a duration literal of the rules as milliseconds: one positive whole number and one unit of s, m, h, d and w, as in
// "90s" or "2w". All have a fixed length; a day is 24 hours. The error says what is wrong, without repeating the literal's place.
func ParseDuration(s string) (int64, error) {
	const example = `write a whole number and one of s, m, h, d, w, like "30m" or "90d"`
	if s == "" {
		return 0, fmt.Errorf("an empty duration: %s", example)
	}
	unit := int64(1000)
	switch s[len(s)-1] {
	case 's':
	case 'm':
		unit *= 60
	case 'h':
		unit *= 60 * 60
	case 'd':
		unit *= 24 * 60 * 60
	case 'w':
		unit *= 7 * 24 * 60 * 60
	default:
		return 0, fmt.Errorf("%q is no duration: %s", s, example)
	}
	digits := s[:len(s)-1]
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, fmt.Errorf("%q is no duration: %s", s, example)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n > MaxDuration/unit {
		return 0, fmt.Errorf("%q is too long a duration: at most 36500d", s)
	}
	if n == 0 {
		return 0, fmt.Errorf("%q is no duration: it must be longer than nothing", s)
	}
	return n * unit, nil
}

// expander is a macro's body: its arguments are as many as the macro takes. The target is nil for a global macro.
type expander = func(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error)

// macro is one macro of the rules.
type macro struct {
	name   string
	usage  string // how it is written, for messages
	counts []int  // numbers of arguments that it takes
	global bool
	expand expander
}

func macros() []cel.Macro {
	all := []macro{
		{name: "last", usage: `.last("30d")`, counts: []int{1}, expand: window(FnLast)},
		{name: "before", usage: `.before("30d")`, counts: []int{1}, expand: window(FnBefore)},
		{name: "between", usage: `.between("30d", "60d")`, counts: []int{2}, expand: between},
		{name: "after", usage: `.after(purchase)`, counts: []int{1}, expand: after},
		{name: "followed_by", usage: `.followed_by(purchase, "30m")`, counts: []int{2, 3},
			expand: sequence(FnFollowedBy)},
		{name: "not_followed_by", usage: `.not_followed_by(purchase, "30m")`,
			counts: []int{2, 3}, expand: sequence(FnNotFollowedBy)},
		{name: "not_yet_followed_by", usage: `.not_yet_followed_by(purchase, "30m")`,
			counts: []int{2, 3}, expand: sequence(FnNotYetFollowedBy)},
		{name: "sum", usage: ".sum(e, e.amount)", counts: []int{2}, expand: fold(FnSum)},
		{name: "avg", usage: ".avg(e, e.amount)", counts: []int{2}, expand: fold(FnAvg)},
		{name: "min", usage: ".min(e, e.amount)", counts: []int{2}, expand: fold(FnMin)},
		{name: "max", usage: ".max(e, e.amount)", counts: []int{2}, expand: fold(FnMax)},
		{name: "distinct", usage: ".distinct(e, e.category)", counts: []int{2}, expand: fold(FnDistinct)},
		{name: "count_by", usage: ".count_by(e, e.category)", counts: []int{2}, expand: fold(FnCountBy)},
		{name: "sum_by", usage: ".sum_by(e, e.category, e.amount)", counts: []int{3}, expand: sumBy},
		{name: "first", usage: ".first()", counts: []int{0}, expand: first},
		{name: "newest", usage: ".newest(3)", counts: []int{0, 1}, expand: newest},
		{name: "ago", usage: `ago("30d")`, counts: []int{1}, global: true, expand: ago},
		{name: "day", usage: "day(now)", counts: []int{1}, global: true, expand: calendar(FnDay, HiddenZone)},
		{name: "days_since", usage: "days_since(profile.signed_up)", counts: []int{1}, global: true,
			expand: calendar(FnDaysSince, HiddenNow, HiddenZone)},
		{name: "days_until", usage: "days_until(profile.birth_date)", counts: []int{1}, global: true,
			expand: calendar(FnDaysUntil, HiddenNow, HiddenZone)},
		{name: "age", usage: "age(profile.birth_date)", counts: []int{1}, global: true, expand: calendar(FnAge, HiddenNow, HiddenZone)},
		{name: "in_segment", usage: `in_segment("big_spender")`, counts: []int{1}, global: true, expand: inSegment},
	}
	out := make([]cel.Macro, 0, 2*len(all))
	for _, m := range all {
		out = append(out, m.macro(), m.misplaced())
	}
	return out
}

// macro takes any number of arguments, so that a wrong number gets a message of its own.
func (m macro) macro() cel.Macro {
	body := func(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		for _, n := range m.counts {
			if n == len(args) {
				return m.expand(h, target, args)
			}
		}
		return nil, atCall("%s does not take %s: write %s", m.name, arguments(len(args)), m.usage)
	}
	if m.global {
		return cel.GlobalVarArgMacro(m.name, body)
	}
	return cel.ReceiverVarArgMacro(m.name, body)
}

// misplaced catches a function called as a method and the other way round.
func (m macro) misplaced() cel.Macro {
	body := func(parser.ExprHelper, ast.Expr, []ast.Expr) (ast.Expr, *cel.Error) {
		if m.global {
			return nil, atCall("%s is not called on a value: write %s", m.name, m.usage)
		}
		return nil, atCall("%s is called on a list of events: write purchase%s", m.name, m.usage)
	}
	if m.global {
		return cel.ReceiverVarArgMacro(m.name, body)
	}
	return cel.GlobalVarArgMacro(m.name, body)
}

// atCall is an error without a place of its own, which the parser then puts at the macro's call.
func atCall(format string, args ...any) *cel.Error {
	return &cel.Error{Message: fmt.Sprintf(format, args...)}
}

func arguments(n int) string {
	if n == 1 {
		return "1 argument"
	}
	return strconv.Itoa(n) + " arguments"
}

func window(fn string) expander {
	return func(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		ms, _, err := duration(h, args[0])
		if err != nil {
			return nil, err
		}
		return h.NewCall(fn, target, ms, h.NewIdent(HiddenNow)), nil
	}
}

func between(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	ms1, d1, err := duration(h, args[0])
	if err != nil {
		return nil, err
	}
	ms2, d2, err := duration(h, args[1])
	if err != nil {
		return nil, err
	}
	if d1 >= d2 {
		return nil, h.NewError(args[1].ID(), "between takes the shorter duration first")
	}
	return h.NewCall(FnBetween, target, ms1, ms2, h.NewIdent(HiddenNow)), nil
}

func after(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	return h.NewCall(FnAfter, target, args[0]), nil
}

func sequence(fn string) expander {
	return func(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		ms, _, err := duration(h, args[1])
		if err != nil {
			return nil, err
		}
		field := h.NewLiteral(types.String(""))
		if len(args) == 3 {
			name, ok := stringLiteral(args[2])
			if !ok || name == "" {
				return nil, h.NewError(args[2].ID(), `the field is a name in quotes, like "cart_id"`)
			}
			field = args[2]
		}
		return h.NewCall(fn, target, args[0], ms, field, h.NewIdent(HiddenNow)), nil
	}
}

func fold(fn string) expander {
	return func(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		values, err := parser.MakeMap(h, target, args)
		if err != nil {
			return nil, err
		}
		return h.NewCall(fn, values), nil
	}
}

func sumBy(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	keys, err := parser.MakeMap(h, target, []ast.Expr{args[0], args[1]})
	if err != nil {
		return nil, err
	}
	values, err := parser.MakeMap(h, h.Copy(target), []ast.Expr{h.Copy(args[0]), args[2]})
	if err != nil {
		return nil, err
	}
	return h.NewCall(FnSumBy, keys, values), nil
}

func first(h parser.ExprHelper, target ast.Expr, _ []ast.Expr) (ast.Expr, *cel.Error) {
	return h.NewCall(FnFirst, target), nil
}

func newest(h parser.ExprHelper, target ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	if len(args) == 0 {
		return h.NewCall(FnNewest, target), nil
	}
	n, ok := types.Int(0), false
	if args[0].Kind() == ast.LiteralKind {
		n, ok = args[0].AsLiteral().(types.Int)
	}
	if !ok || n < 1 || n > MaxNewest {
		return nil, h.NewError(args[0].ID(), fmt.Sprintf("newest takes a whole number from 1 to %d", MaxNewest))
	}
	return h.NewCall(FnNewestN, target, args[0]), nil
}

func ago(h parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	ms, _, err := duration(h, args[0])
	if err != nil {
		return nil, err
	}
	return h.NewCall(FnAgo, ms, h.NewIdent(HiddenNow)), nil
}

func calendar(fn string, hidden ...string) expander {
	return func(h parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
		all := []ast.Expr{args[0]}
		for _, name := range hidden {
			all = append(all, h.NewIdent(name))
		}
		return h.NewCall(fn, all...), nil
	}
}

func inSegment(h parser.ExprHelper, _ ast.Expr, args []ast.Expr) (ast.Expr, *cel.Error) {
	if name, ok := stringLiteral(args[0]); !ok || name == "" {
		return nil, h.NewError(args[0].ID(), `in_segment takes a segment's name in quotes, like in_segment("big_spender")`)
	}
	return h.NewCall(FnInSegment, h.NewIdent(HiddenSegments), args[0]), nil
}

// duration turns a duration literal into an int of milliseconds.
func duration(h parser.ExprHelper, e ast.Expr) (ast.Expr, int64, *cel.Error) {
	s, ok := stringLiteral(e)
	if !ok {
		return nil, 0, h.NewError(e.ID(), `a duration is a literal in quotes, like "30m" or "90d"`)
	}
	ms, err := ParseDuration(s)
	if err != nil {
		return nil, 0, h.NewError(e.ID(), err.Error())
	}
	return h.NewLiteral(types.Int(ms)), ms, nil
}

func stringLiteral(e ast.Expr) (string, bool) {
	if e.Kind() != ast.LiteralKind {
		return "", false
	}
	s, ok := e.AsLiteral().(types.String)
	return string(s), ok
}
