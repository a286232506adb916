package rule

import (
	"strings"
	"unicode"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

type tokenKind uint8

const (
	tokenOperator tokenKind = iota
	tokenWord
	tokenNumber
	tokenString
)

// token is one word of an expression; start and end count its characters, end is the first past it.
type token struct {
	kind       tokenKind
	start, end int
	text       string
	partner    int // for a bracket, the index of its counterpart; else, and where it has none, -1
}

// tokens is an expression cut into words, as messages need it: it reads what is no CEL too.
type tokens struct {
	runes []rune
	list  []token
}

// twoCharacters are the operators of two characters.
var twoCharacters = map[string]bool{"&&": true, "||": true, "==": true, "!=": true, "<=": true, ">=": true, "<>": true}

// threeCharacters are the operators of other languages of three characters.
var threeCharacters = map[string]bool{"===": true, "!==": true}

func newTokens(source string) *tokens {
	t := &tokens{runes: []rune(source)}
	for i := 0; i < len(t.runes); {
		i = t.next(i)
	}
	var open []int
	for i := range t.list {
		t.list[i].partner = -1
		if t.list[i].kind != tokenOperator {
			continue
		}
		switch text := t.list[i].text; text {
		case "(", "[", "{":
			open = append(open, i)
		case ")", "]", "}":
			if n := len(open); n > 0 && t.list[open[n-1]].text == map[string]string{")": "(", "]": "[", "}": "{"}[text] {
				t.list[i].partner, t.list[open[n-1]].partner = open[n-1], i
				open = open[:n-1]
			}
		}
	}
	return t
}

// next reads the token at i, and gives where it ends.
func (t *tokens) next(i int) int {
	c := t.runes[i]
	switch {
	case unicode.IsSpace(c):
		return i + 1
	case c == '/' && t.at(i+1) == '/':
		for i < len(t.runes) && t.runes[i] != '\n' {
			i++
		}
		return i
	case isWordStart(c):
		end := i + 1
		for end < len(t.runes) && (isWordStart(t.runes[end]) || unicode.IsDigit(t.runes[end])) {
			end++
		}
		if q := t.at(end); (q == '"' || q == '\'') && isStringPrefix(string(t.runes[i:end])) {
			raw := strings.ContainsAny(string(t.runes[i:end]), "rR")
			return t.add(tokenString, i, t.stringEnd(end, raw))
		}
		return t.add(tokenWord, i, end)
	case unicode.IsDigit(c) || c == '.' && unicode.IsDigit(t.at(i+1)):
		return t.add(tokenNumber, i, t.numberEnd(i))
	case c == '"' || c == '\'':
		return t.add(tokenString, i, t.stringEnd(i, false))
	}
	if i+2 < len(t.runes) && threeCharacters[string(t.runes[i:i+3])] {
		return t.add(tokenOperator, i, i+3)
	}
	if i+1 < len(t.runes) && twoCharacters[string(t.runes[i:i+2])] {
		return t.add(tokenOperator, i, i+2)
	}
	return t.add(tokenOperator, i, i+1)
}

func (t *tokens) at(i int) rune {
	if i >= len(t.runes) {
		return 0
	}
	return t.runes[i]
}

func (t *tokens) add(kind tokenKind, start, end int) int {
	t.list = append(t.list, token{kind: kind, start: start, end: end, text: string(t.runes[start:end])})
	return end
}

func isWordStart(c rune) bool { return c == '_' || c == '@' || unicode.IsLetter(c) }

func isStringPrefix(s string) bool {
	switch strings.ToLower(s) {
	case "r", "b", "rb", "br":
		return true
	}
	return false
}

func (t *tokens) numberEnd(i int) int {
	hex := t.at(i) == '0' && (t.at(i+1) == 'x' || t.at(i+1) == 'X')
	if hex {
		i += 2
	}
	for i < len(t.runes) {
		c := t.runes[i]
		switch {
		case unicode.IsDigit(c) || hex && strings.ContainsRune("abcdefABCDEF", c):
		case !hex && c == '.' && unicode.IsDigit(t.at(i+1)):
		case !hex && (c == 'e' || c == 'E') && (unicode.IsDigit(t.at(i+1)) || strings.ContainsRune("+-", t.at(i+1)) && unicode.IsDigit(t.at(i+2))):
			i++
		case c == 'u' || c == 'U':
			return i + 1
		default:
			return i
		}
		i++
	}
	return i
}

// stringEnd is where the string that opens at i ends; one that is never closed ends with its line.
func (t *tokens) stringEnd(i int, raw bool) int {
	quote := string(t.runes[i])
	if t.at(i+1) == t.runes[i] && t.at(i+2) == t.runes[i] {
		quote = strings.Repeat(quote, 3)
	}
	for i += len(quote); i < len(t.runes); i++ {
		switch {
		case t.runes[i] == '\\' && !raw:
			i++
		case t.runes[i] == '\n' && len(quote) == 1:
			return i
		case i+len(quote) <= len(t.runes) && string(t.runes[i:i+len(quote)]) == quote:
			return i + len(quote)
		}
	}
	return len(t.runes)
}

// index is that of the token that holds the character at offset, or else of the next; len(list) past the last.
func (t *tokens) index(offset int) int {
	for i, one := range t.list {
		if offset < one.end {
			return i
		}
	}
	return len(t.list)
}

func (t *tokens) is(i int, text string) bool {
	return i >= 0 && i < len(t.list) && t.list[i].kind != tokenString && t.list[i].text == text
}

func (t *tokens) isKind(i int, kind tokenKind) bool {
	return i >= 0 && i < len(t.list) && t.list[i].kind == kind
}

// chainStart is the token where the chain of selects, calls and indexes begins that the token i ends.
func (t *tokens) chainStart(i int) int {
	for i >= 0 && i < len(t.list) {
		switch {
		case (t.is(i, ")") || t.is(i, "]") || t.is(i, "}")) && t.list[i].partner >= 0:
			i = t.list[i].partner
			if t.isKind(i-1, tokenWord) && !t.is(i-1, "in") || t.is(i, "[") && (t.is(i-1, ")") || t.is(i-1, "]") || t.isKind(i-1, tokenString)) {
				i--
				continue
			}
		case t.is(i-1, ".") && i >= 2:
			i -= 2
			continue
		}
		return i
	}
	return max(i, 0)
}

// span is what an AST node covers: from the first character up to, not including, the second.
func (t *tokens) span(info *ast.SourceInfo, e ast.Expr) (start, stop int) {
	r, ok := info.GetOffsetRange(e.ID())
	i := t.index(int(r.Start))
	if !ok || i >= len(t.list) {
		return 0, len(t.runes)
	}
	one := t.list[i]
	switch {
	case one.text == "(" || one.text == "[" || one.text == "{":
		first := i
		if t.isKind(i-1, tokenWord) && !t.is(i-1, "in") || one.text == "[" && (t.is(i-1, ")") || t.is(i-1, "]")) {
			first = t.chainStart(i - 1)
		}
		stop = one.end
		if one.partner >= 0 {
			stop = t.list[one.partner].end
		}
		return t.list[first].start, stop
	case one.text == "." && i > 0 && i+1 < len(t.list):
		return t.list[t.chainStart(i-1)].start, t.list[i+1].end
	case e.Kind() == ast.LiteralKind && one.text == "-" && i+1 < len(t.list):
		return one.start, t.list[i+1].end
	case e.Kind() == ast.CallKind && isOperator(e.AsCall().FunctionName()):
		start, stop = one.start, one.end
		for _, arg := range e.AsCall().Args() {
			from, to := t.span(info, arg)
			start, stop = min(start, from), max(stop, to)
		}
		return t.parenthesized(start, stop, one)
	}
	return one.start, one.end
}

// parenthesized widens what an operator covers by the brackets around its operands.
func (t *tokens) parenthesized(start, stop int, operator token) (wideStart, wideStop int) {
	for i := t.index(start) - 1; t.is(i, "(") && !t.isKind(i-1, tokenWord) && t.list[i].partner >= 0 &&
		t.list[t.list[i].partner].end <= operator.start; i-- {
		start = t.list[i].start
	}
	for i := t.index(stop); t.is(i, ")") && t.list[i].partner >= 0 && t.list[t.list[i].partner].start >= operator.end; i++ {
		stop = t.list[i].end
	}
	return start, stop
}

func isOperator(function string) bool {
	if _, ok := operators.FindReverse(function); ok {
		return function != operators.Index
	}
	return function == operators.Conditional
}

// name is the narrowest text that stands for a node: the field of a select, the name of a called function, else all of it.
func (t *tokens) name(info *ast.SourceInfo, e ast.Expr) (start, stop int) {
	r, ok := info.GetOffsetRange(e.ID())
	i := t.index(int(r.Start))
	switch {
	case ok && t.is(i, ".") && i+1 < len(t.list):
		return t.list[i+1].start, t.list[i+1].end
	case ok && t.is(i, "(") && t.isKind(i-1, tokenWord):
		return t.list[i-1].start, t.list[i-1].end
	}
	return t.span(info, e)
}

// text is the expression's text of a node, on one line; "" where that is long.
func (t *tokens) text(info *ast.SourceInfo, e ast.Expr) string {
	start, stop := t.span(info, e)
	words := strings.Join(strings.Fields(string(t.runes[start:stop])), " ")
	if len([]rune(words)) > 40 {
		return ""
	}
	return words
}

// findNode is the node with that id, or nil.
func findNode(e ast.Expr, id int64) ast.Expr {
	var found ast.Expr
	ast.PreOrderVisit(e, ast.NewExprVisitor(func(x ast.Expr) {
		if x.ID() == id && found == nil {
			found = x
		}
	}))
	return found
}
