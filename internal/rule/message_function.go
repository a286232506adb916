package rule

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"github.com/ruas/ruas/internal/suggest"
)

// functionUsage is how each function is written, for messages.
var functionUsage = map[string]string{
	"last":                `purchase.last("30d")`,
	"before":              `purchase.before("30d")`,
	"between":             `purchase.between("30d", "60d")`,
	"after":               `purchase.after(refund)`,
	"followed_by":         `cart_add.followed_by(purchase, "30m")`,
	"not_followed_by":     `cart_add.not_followed_by(purchase, "30m")`,
	"not_yet_followed_by": `cart_add.not_yet_followed_by(purchase, "30m")`,
	"filter":              `purchase.filter(p, p.amount > 100.0)`,
	"exists":              `purchase.exists(p, p.amount > 100.0)`,
	"exists_one":          `purchase.exists_one(p, p.amount > 100.0)`,
	"all":                 `purchase.all(p, p.amount > 100.0)`,
	"map":                 `purchase.map(p, p.amount)`,
	"size":                `purchase.size()`,
	"sum":                 `purchase.sum(p, p.amount)`,
	"avg":                 `purchase.avg(p, p.amount)`,
	"min":                 `purchase.min(p, p.amount)`,
	"max":                 `purchase.max(p, p.amount)`,
	"distinct":            `purchase.distinct(p, p.category)`,
	"count_by":            `purchase.count_by(p, p.category)`,
	"sum_by":              `purchase.sum_by(p, p.category, p.amount)`,
	"first":               `purchase.first()`,
	"newest":              `purchase.newest()`,
	"ago":                 `ago("30d")`,
	"day":                 `day(now)`,
	"days_since":          `days_since(purchase.newest().time)`,
	"days_until":          `days_until(profile.birth_date)`,
	"age":                 `age(profile.birth_date)`,
	"in_segment":          `in_segment("big_spender")`,
	"has":                 `has(profile.city)`,
	"contains":            `profile.city.contains("Jakarta")`,
	"startsWith":          `profile.city.startsWith("Jakarta")`,
	"endsWith":            `profile.city.endsWith("Selatan")`,
	"matches":             `profile.postal_code.matches("^12")`,
	"getHours":            `now.getHours("Asia/Jakarta")`,
	"getMinutes":          `now.getMinutes("Asia/Jakarta")`,
	"getSeconds":          `now.getSeconds("Asia/Jakarta")`,
	"getDayOfWeek":        `now.getDayOfWeek("Asia/Jakarta")`,
	"getDayOfMonth":       `now.getDayOfMonth("Asia/Jakarta")`,
	"getDayOfYear":        `now.getDayOfYear("Asia/Jakarta")`,
	"getDate":             `now.getDate("Asia/Jakarta")`,
	"getMonth":            `now.getMonth("Asia/Jakarta")`,
	"getFullYear":         `now.getFullYear("Asia/Jakarta")`,
	"getMilliseconds":     `now.getMilliseconds("Asia/Jakarta")`,
	"int":                 `int(profile.income)`,
	"double":              `double(purchase.size())`,
	"string":              `string(purchase.size())`,
	"bool":                `bool("true")`,
	"timestamp":           `timestamp("2026-01-31T00:00:00Z")`,
	"duration":            `duration("1h")`,
}

// otherNames are what people call a function in other languages.
var otherNames = map[string]string{
	"count": "size", "length": "size", "len": "size", "total": "sum", "average": "avg", "mean": "avg", "minimum": "min", "maximum": "max",
	"any": "exists", "some": "exists", "every": "all", "where": "filter", "select": "filter", "unique": "distinct", "group_by": "count_by",
	"latest": "newest", "oldest": "first", "recent": "newest", "within": "last", "since": "last", "in_last": "last",
	"includes": "contains", "starts_with": "startsWith", "ends_with": "endsWith", "hour": "getHours", "weekday": "getDayOfWeek",
	"year": "getFullYear", "month": "getMonth", "exists_in": "exists", "not_followed": "not_followed_by", "segment": "in_segment",
	"is_in_segment": "in_segment", "days": "days_since", "date": "day", "today": "day", "to_string": "string", "float": "double",
	"number": "double", "datetime": "timestamp", "exist": "exists", "isset": "has", "defined": "has", "birthday": "days_until",
}

// methods take a receiver and one variable or more; a wrong number of arguments leaves them unexpanded.
var methods = []string{"filter", "exists", "exists_one", "all", "map"}

// listFunctions are what can be called on a list of events.
func listFunctions() []string {
	return []string{"last", "before", "between", "after", "followed_by", "not_followed_by", "not_yet_followed_by", "filter", "exists",
		"exists_one", "all", "map", "size", "sum", "avg", "min", "max", "distinct", "count_by", "sum_by", "first", "newest"}
}

// noFunction words a call of a function that there is not, or not in this form.
func (x *explainer) noFunction(node ast.Expr, name string) fault {
	call := node.AsCall()
	if slices.Contains(methods, name) && call.IsMemberFunction() {
		return x.atName(node, "", "%s takes a name for each element and an expression over it: write %s", name, functionUsage[name])
	}
	if slices.Contains(methods, name) {
		return x.atName(node, "", "%s is called on a list: write %s", name, functionUsage[name])
	}
	if name == "has" {
		return x.atName(node, "", "has takes one field: write %s", functionUsage[name])
	}
	if !call.IsMemberFunction() && slices.Contains(x.variables(), name) {
		return x.atName(node, name, "%s is a variable, and takes no arguments", name)
	}
	meant := otherNames[name]
	if meant == "" {
		meant = suggest.Nearest(name, sortedKeys(functionUsage))
	}
	if meant != "" {
		return x.atName(node, meant, "there is no function %s", name)
	}
	if call.IsMemberFunction() {
		if _, ok := ListEventType(x.typeOf(call.Target())); ok {
			return x.atName(node, "", "there is no function %s; a list of events has %s", name, listed(listFunctions()))
		}
	}
	return x.atName(node, "", "there is no function %s", name)
}

// functionFault words a call whose arguments are of the wrong types, or too many or few.
func (x *explainer) functionFault(node ast.Expr, name string, args []ast.Expr) fault {
	if body := x.foldBody(args); body != nil {
		t := x.typeOf(body)
		switch name {
		case FnSum, FnAvg:
			return x.at(body, "", "%s adds numbers, and %s", macroName(name), x.isA(body))
		case FnMin, FnMax:
			return x.at(body, "", "%s compares numbers or moments, and %s", macroName(name), x.isA(body))
		case FnDistinct:
			return x.at(body, "", "distinct takes texts, numbers, moments or true and false, and %s", x.isA(body))
		case FnCountBy, FnSumBy:
			if k := t.Kind(); k != types.StringKind && k != types.IntKind && k != types.BoolKind {
				instead := map[types.Kind]string{
					types.DoubleKind: ": write int(" + x.text(body, "x") + ")", types.TimestampKind: ": write day(" + x.text(body, "t") + ")",
				}[k]
				return x.at(body, "", "the key of %s is a string, an int or a bool, and %s%s", macroName(name), x.isA(body), instead)
			}
			if len(args) == 2 {
				if value := x.foldBody(args[1:]); value != nil {
					return x.at(value, "", "sum_by adds numbers, and %s", x.isA(value))
				}
			}
		}
	}
	if len(args) == 0 {
		return x.atName(node, "", "%s is not written so: write %s", name, functionUsage[name])
	}
	first := args[0]
	t := x.typeOf(first)
	text := x.text(first, "it")
	switch name {
	case FnDay, FnDaysSince:
		if t.Kind() == types.StringKind {
			return x.at(first, "", "%s takes a moment, and %s: of a date ask age(%s), the whole years since it, or days_until(%s), the days to "+
				"its next return", macroName(name), x.isA(first), text, text)
		}
		return x.at(first, "", "%s takes a moment, and %s: write %s", macroName(name), x.isA(first), functionUsage[macroName(name)])
	case FnDaysUntil, FnAge:
		if t.Kind() == types.TimestampKind {
			return x.at(first, "", `%s takes a date, and %s: write %s(day(%s))`, macroName(name), x.isA(first), macroName(name), text)
		}
		return x.at(first, "", `%s takes a date like "2006-01-02", and %s`, macroName(name), x.isA(first))
	case "contains", "startsWith", "endsWith", "matches":
		if t.Kind() == types.ListKind && name == "contains" && len(args) == 2 {
			return x.at(node, x.text(args[1], "x")+" in "+text, "contains asks within a text, and %s", x.isA(first))
		}
		for _, arg := range args {
			if x.typeOf(arg).Kind() != types.StringKind {
				return x.at(arg, "", "%s works on texts, and %s", name, x.isA(arg))
			}
		}
	case "size":
		return x.at(first, "", "size counts the elements of a list or a map, or the characters of a text, and %s", x.isA(first))
	case "timestamp":
		return x.at(first, "", `timestamp takes a text, like timestamp("2026-01-31T00:00:00Z"), and %s`, x.isA(first))
	case "int", "double", "string", "bool", "duration":
		return x.at(first, "", "%s(…) cannot be made of it: %s", name, x.isA(first))
	case FnLast, FnBefore, FnBetween, FnFirst, FnNewest, FnNewestN, FnAfter, FnFollowedBy, FnNotFollowedBy, FnNotYetFollowedBy:
		for _, arg := range args[:eventListArgs[name]] {
			if _, ok := ListEventType(x.typeOf(arg)); !ok {
				return x.at(arg, "", "%s works on lists of events, and %s", macroName(name), x.isA(arg))
			}
		}
	}
	usage := functionUsage[macroName(name)]
	if usage == "" {
		usage = "something else"
	}
	if len(name) > 3 && name[:3] == "get" && t.Kind() != types.TimestampKind {
		return x.at(first, "", "%s asks a moment, and %s: write %s", name, x.isA(first), usage)
	}
	return x.atName(node, "", "%s does not take these arguments: %s; it is written %s", macroName(name), x.types(args), usage)
}

// types lists what arguments are.
func (x *explainer) types(args []ast.Expr) string {
	words := make([]string, len(args))
	for i, arg := range args {
		words[i] = aType(x.typeOf(arg))
	}
	return listed(words)
}

// foldBody is the expression over each element of an aggregate's first argument; nil where it is none.
func (x *explainer) foldBody(args []ast.Expr) ast.Expr {
	if len(args) == 0 {
		return nil
	}
	return mapBody(args[0])
}

// mapBody is the expression that a map macro computes for each element; nil for any other node.
func mapBody(e ast.Expr) ast.Expr {
	if e.Kind() != ast.ComprehensionKind {
		return nil
	}
	step := e.AsComprehension().LoopStep()
	if step.Kind() != ast.CallKind {
		return nil
	}
	args := step.AsCall().Args()
	if len(args) == 3 { // filtered
		step = args[1]
		if step.Kind() != ast.CallKind {
			return nil
		}
		args = step.AsCall().Args()
	}
	if len(args) != 2 || args[1].Kind() != ast.ListKind || args[1].AsList().Size() != 1 {
		return nil
	}
	return args[1].AsList().Elements()[0]
}
