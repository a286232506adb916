package rule

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cel.dev/cel-go/common"
)

const syntaxError = "Syntax error: "

// explainParse words what the parser found: of syntax errors only the first, for the others mostly follow from it.
func (c *exprChecker) explainParse(p *parsed, found []*common.Error) Errors {
	x := &explainer{c, p}
	first, at := false, 0
	for _, one := range found {
		if offset := p.offset(one.Location); strings.HasPrefix(one.Message, syntaxError) && (!first || offset < at) {
			first, at = true, offset
		}
	}
	if first {
		f := x.syntaxFault(at)
		if p.expr.at.cutByComment(len(p.tokens.runes)) {
			f.message += "; YAML takes # after a blank for a comment: put the whole expression in single quotes"
		}
		return Errors{x.error(f)}
	}
	var errs Errors
	for i, one := range found {
		if i > 0 && p.offset(one.Location) == p.offset(found[i-1].Location) {
			continue
		}
		errs = append(errs, x.error(x.macroFault(p.offset(one.Location), one.Message)))
	}
	return errs
}

// cutByComment tells whether a comment follows right after the value, in its last line.
func (p *places) cutByComment(length int) bool {
	if length == 0 {
		return false
	}
	last := p.at[length-1]
	line := p.file.line(last.line)
	rest := string(line[min(last.column, len(line)):])
	return strings.HasPrefix(strings.TrimLeft(rest, " \t"), "#")
}

// insteadOfWord is what CEL writes for the words and signs of other languages.
var insteadOfWord = map[string]string{
	"and": "&&", "or": "||", "not": "!", "is": "==", "eq": "==", "equals": "==", "=": "==", "<>": "!=", "===": "==", "!==": "!=", "&": "&&", "|": "||",
	"like": "contains", "None": "has", "nil": "has",
}

var (
	durationWord   = regexp.MustCompile(`^(s|m|h|d|w|days?|hours?|minutes?|weeks?)$`)
	reservedWord   = regexp.MustCompile(`^reserved identifier: (.*)$`)
	curlyQuotes    = "“”„‘’«»"
	openedBy       = map[string]string{")": "(", "]": "[", "}": "{"}
	closedBy       = map[string]string{"(": ")", "[": "]", "{": "}"}
	beyondBrackets = "this %s closes no %s"
)

func (x *explainer) syntaxFault(offset int) fault {
	t := x.p.tokens
	for i, one := range t.list {
		if one.kind == tokenString && !closedString(one.text) {
			return fault{one.start, one.end, "the quote that opens here is never closed", ""}
		}
		if one.kind == tokenOperator && strings.Contains(curlyQuotes, one.text) {
			return fault{one.start, one.end, `texts are written in straight quotes: "…"`, ""}
		}
		if one.kind == tokenOperator && openedBy[one.text] != "" && one.partner < 0 {
			return fault{one.start, one.end, fmt.Sprintf(beyondBrackets, one.text, openedBy[one.text]), ""}
		}
		if one.start > offset+1 {
			break
		}
		if insteadOfWord[strings.ToLower(one.text)] != "" && one.kind != tokenString && (one.end > offset-1 || t.index(offset) == i+1) {
			if f, ok := x.otherWord(i); ok {
				return f
			}
		}
	}
	for _, one := range t.list {
		if one.kind == tokenOperator && closedBy[one.text] != "" && one.partner < 0 {
			return fault{one.start, one.end, fmt.Sprintf("this %s is never closed: its %s is missing", one.text, closedBy[one.text]), ""}
		}
	}
	i := t.index(offset)
	if i >= len(t.list) {
		if n := len(t.list); n > 0 {
			last := t.list[n-1]
			return fault{last.start, last.end, fmt.Sprintf("the expression ends too early: something is missing after %s", last.text), ""}
		}
		return fault{0, 1, "there is no expression, only a comment", ""}
	}
	one := t.list[i]
	if t.isKind(i-1, tokenNumber) && t.list[i-1].end == one.start && one.kind == tokenWord {
		number := t.list[i-1]
		if durationWord.MatchString(one.text) {
			literal := `"` + number.text + one.text[:1] + `"`
			return fault{number.start, one.end, "a duration is written in quotes", literal}
		}
		digits := strings.ReplaceAll(number.text+one.text, "_", "")
		if _, err := strconv.ParseFloat(digits, 64); err == nil {
			return fault{number.start, one.end, "a number is written with digits alone", digits}
		}
	}
	if one.text == "=" {
		return fault{one.start, one.end, "= assigns nothing here", "=="}
	}
	if i > 0 && one.kind != tokenOperator && (t.list[i-1].kind != tokenOperator || openedBy[t.list[i-1].text] != "") {
		return fault{one.start, one.end, fmt.Sprintf("something is missing between %s and %s, like a comma, && or a comparison", t.list[i-1].text,
			one.text), ""}
	}
	if i > 0 {
		return fault{one.start, one.end, fmt.Sprintf("%s cannot stand here, after %s", one.text, t.list[i-1].text), ""}
	}
	return fault{one.start, one.end, one.text + " cannot stand here", ""}
}

// otherWord words an operator of another language.
func (x *explainer) otherWord(i int) (fault, bool) {
	one := x.p.tokens.list[i]
	instead := insteadOfWord[strings.ToLower(one.text)]
	if one.kind == tokenWord && (x.p.tokens.is(i-1, ".") || x.p.tokens.is(i+1, "(") && one.text != "not") {
		return fault{}, false // a name
	}
	return fault{one.start, one.end, fmt.Sprintf("CEL does not write %s", one.text), instead}, true
}

func closedString(s string) bool {
	s = strings.TrimLeft(s, "rRbB")
	quote := s[:1]
	if strings.HasPrefix(s, strings.Repeat(quote, 3)) && len(s) >= 3 {
		quote = strings.Repeat(quote, 3)
	}
	return len(s) >= 2*len(quote) && strings.HasSuffix(s, quote)
}

// tokenFault makes a fault about the token at offset.
func (x *explainer) tokenFault(offset int, suggestion, format string, args ...any) fault {
	t := x.p.tokens
	message := fmt.Sprintf(format, args...)
	i := t.index(offset)
	if i >= len(t.list) {
		return fault{0, len(t.runes), message, suggestion}
	}
	if t.is(i, "(") && t.isKind(i-1, tokenWord) {
		i--
	}
	if t.is(i, ".") && i > 0 && i+1 < len(t.list) {
		return fault{t.list[t.chainStart(i-1)].start, t.list[i+1].end, message, suggestion}
	}
	return fault{t.list[i].start, t.list[i].end, message, suggestion}
}

// macroFault words what a macro refuses.
func (x *explainer) macroFault(offset int, message string) fault {
	t := x.p.tokens
	i := t.index(offset)
	switch {
	case reservedWord.MatchString(message):
		return x.tokenFault(offset, "", "%s is a word that CEL reserves: choose another name", reservedWord.FindStringSubmatch(message)[1])
	case strings.HasPrefix(message, "invalid argument to has"):
		return x.tokenFault(offset, "", "has asks whether one field is there: write %s", functionUsage["has"])
	case strings.HasPrefix(message, "argument must be a simple name") || strings.HasPrefix(message, "argument is not an identifier"):
		return x.tokenFault(offset, "", "the first argument is a name of your own for each element, like p in %s", functionUsage["exists"])
	case strings.Contains(message, "is no duration") && t.isKind(i, tokenString):
		return x.tokenFault(offset, guessDuration(t.list[i].text), "%s", message)
	case strings.HasPrefix(message, "a duration is a literal") && t.isKind(i, tokenNumber):
		return x.tokenFault(offset, "", `a duration needs its unit, in quotes: %q for days`, t.list[i].text+"d")
	case strings.HasPrefix(message, "between takes the shorter"):
		return x.tokenFault(offset, "", "between takes the shorter duration first, the longer second: %s", functionUsage["between"])
	}
	return x.tokenFault(offset, "", "%s", message)
}

var (
	durationGuess = regexp.MustCompile(`^\s*(\d+)([.,]\d+)?\s*([A-Za-z]+)\s*$`)
	unitSeconds   = map[string]float64{"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "mo": 30 * 86400, "y": 365 * 86400}
	unitNames     = map[string]string{
		"s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "detik": "s",
		"m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m", "menit": "m",
		"h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "jam": "h",
		"d": "d", "day": "d", "days": "d", "hari": "d",
		"w": "w", "wk": "w", "week": "w", "weeks": "w", "minggu": "w",
		"mo": "mo", "mon": "mo", "month": "mo", "months": "mo", "bulan": "mo",
		"y": "y", "yr": "y", "year": "y", "years": "y", "tahun": "y",
	}
)

// guessDuration reads a duration as other systems write it: "30 days", "1.5h", "6 months" (of 30 days), "1y" (of 365).
func guessDuration(literal string) string {
	m := durationGuess.FindStringSubmatch(strings.Trim(literal, `"'`))
	if m == nil {
		return ""
	}
	unit := unitNames[strings.ToLower(m[3])]
	if m[3] == "M" {
		unit = "mo"
	}
	n, err := strconv.ParseFloat(m[1]+strings.Replace(m[2], ",", ".", 1), 64)
	if unit == "" || err != nil || n <= 0 {
		return ""
	}
	seconds := n * unitSeconds[unit]
	for _, u := range []string{unit, "d", "h", "m", "s"} {
		size := unitSeconds[u]
		if len(u) == 1 && u != "y" && seconds/size == float64(int64(seconds/size)) {
			return fmt.Sprintf(`"%d%s"`, int64(seconds/size), u)
		}
	}
	return ""
}
