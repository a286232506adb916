package rule

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// source is a rule file's text, cut into lines of characters.
type source struct {
	name  string
	lines [][]rune
}

func newSource(name string, content []byte) *source {
	text := strings.TrimPrefix(string(content), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")
	s := &source{name: name}
	for line := range strings.SplitSeq(text, "\n") {
		s.lines = append(s.lines, []rune(line))
	}
	return s
}

// line gives a line's characters; line numbers count from 1, and outside the file lines are empty.
func (s *source) line(n int) []rune {
	if n < 1 || n > len(s.lines) {
		return nil
	}
	return s.lines[n-1]
}

// errorAt makes an Error about the characters from column up to, not including, end of one line.
func (s *source) errorAt(line, column, end int, message, suggestion string) *Error {
	return &Error{File: s.name, Line: line, Column: column, EndColumn: max(end, column+1), Message: message, Suggestion: suggestion,
		text: string(s.line(line))}
}

// errorLine makes an Error about a whole line.
func (s *source) errorLine(line int, message string) *Error {
	text := string(s.line(line))
	indent := len([]rune(text)) - len([]rune(strings.TrimLeft(text, " \t")))
	end := len([]rune(strings.TrimRight(text, " \t"))) + 1
	return s.errorAt(line, indent+1, end, message, "")
}

// errorNode makes an Error about a YAML node: a scalar's first line, the first key of a mapping, the first item of a sequence.
func (s *source) errorNode(n *yaml.Node, message, suggestion string) *Error {
	if n.Kind == yaml.ScalarNode {
		p := newPlaces(s, n)
		line, column, end := p.span(0, len(p.at)-1)
		return s.errorAt(line, column, end, message, suggestion)
	}
	end := n.Column + 1
	if n.Kind == yaml.AliasNode {
		end = n.Column + 1 + len([]rune(n.Value))
	} else if len(n.Content) > 0 && n.Content[0].Line == n.Line && n.Content[0].Kind == yaml.ScalarNode {
		end = n.Content[0].Column + len([]rune(n.Content[0].Value))
	}
	return s.errorAt(n.Line, n.Column, end, message, suggestion)
}

// place is where one character of a scalar's value stands in the file; both count from 1.
type place struct{ line, column int }

// places knows where each character of a scalar's value stands in its file, through YAML's folding, quoting and indentation.
type places struct {
	file *source
	at   []place // one for each character of the value, and one past the last
}

// newPlaces walks a scalar's text beside its value. Where they part ways (a form of YAML that no rule needs), every character is given
// the scalar's first place.
func newPlaces(file *source, n *yaml.Node) *places {
	w := &scalarWalk{file: file, line: n.Line, column: n.Column, value: []rune(n.Value)}
	if w.properties() {
		var ok bool
		switch {
		case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
			ok = w.block(n.Style&yaml.FoldedStyle != 0)
		case n.Style&yaml.DoubleQuotedStyle != 0:
			ok = w.flow('"')
		case n.Style&yaml.SingleQuotedStyle != 0:
			ok = w.flow('\'')
		default:
			ok = w.flow(0)
		}
		if ok && len(w.at) == len(w.value)+1 {
			return &places{file: file, at: w.at}
		}
	}
	p := &places{file: file, at: make([]place, len([]rune(n.Value))+1)}
	for i := range p.at {
		p.at[i] = place{n.Line, n.Column}
	}
	return p
}

// span gives the file's line and columns of the value's characters from start up to, not including, stop. Text that goes on over several
// lines is cut after the first.
func (p *places) span(start, stop int) (line, column, end int) {
	last := len(p.at) - 1
	start = min(max(start, 0), last)
	stop = min(max(stop, start), last)
	from := p.at[start]
	end = from.column + 1
	for i := start; i < stop && p.at[i].line == from.line; i++ {
		end = max(end, p.at[i].column+1)
	}
	// Blanks at the end, from a fold or a block's last line, are not meant.
	text := p.file.line(from.line)
	for end > from.column+1 && (end-2 >= len(text) || text[end-2] == ' ') {
		end--
	}
	return from.line, from.column, end
}

// scalarWalk reads a scalar's text in the file and its value side by side.
type scalarWalk struct {
	file         *source
	line, column int // of the next character to read, from 1
	value        []rune
	at           []place
}

// peek is the next character of the line; false at its end.
func (w *scalarWalk) peek() (rune, bool) {
	line := w.file.line(w.line)
	if w.column < 1 || w.column > len(line) {
		return 0, false
	}
	return line[w.column-1], true
}

func (w *scalarWalk) record() { w.at = append(w.at, place{w.line, w.column}) }

// properties steps over an anchor and a tag before the scalar itself.
func (w *scalarWalk) properties() bool {
	for {
		c, ok := w.peek()
		if !ok || c != '&' && c != '!' {
			return ok || len(w.value) == 0
		}
		for ok && c != ' ' && c != '\t' {
			w.column++
			c, ok = w.peek()
		}
		for ok && (c == ' ' || c == '\t') {
			w.column++
			c, ok = w.peek()
		}
		if !ok {
			return false
		}
	}
}

// blankAhead tells whether nothing but blanks is left of the line.
func (w *scalarWalk) blankAhead() bool {
	line := w.file.line(w.line)
	for i := w.column - 1; i < len(line); i++ {
		if line[i] != ' ' && line[i] != '\t' {
			return false
		}
	}
	return true
}

// toText moves to the next character that is no blank, over line ends.
func (w *scalarWalk) toText() bool {
	for {
		for c, ok := w.peek(); ok; c, ok = w.peek() {
			if c != ' ' && c != '\t' {
				return true
			}
			w.column++
		}
		if w.line >= len(w.file.lines) {
			return false
		}
		w.line, w.column = w.line+1, 1
	}
}

// flow walks a plain scalar (quote 0) or a quoted one.
func (w *scalarWalk) flow(quote rune) bool {
	if quote != 0 {
		if c, _ := w.peek(); c != quote {
			return false
		}
		w.column++
	}
	for i := 0; i < len(w.value); {
		if quote == '"' {
			if c, ok := w.peek(); ok && c == '\\' {
				if !w.escape(&i) {
					return false
				}
				continue
			}
		}
		if (w.value[i] == ' ' || w.value[i] == '\n') && w.blankAhead() {
			// A fold: one line end is a blank, and each more a line end.
			for w.record(); i+1 < len(w.value) && w.value[i] == '\n' && w.value[i+1] == '\n'; i++ {
				w.record()
			}
			i++
			w.line, w.column = w.line+1, 1
			if !w.toText() {
				return false
			}
			continue
		}
		c, ok := w.peek()
		if !ok || c != w.value[i] {
			return false
		}
		w.record()
		w.column++
		if quote == '\'' && c == quote {
			w.column++ // a quote is written twice
		}
		i++
	}
	w.record()
	return true
}

// escapeLength is how many hexadecimal digits follow an escape in double quotes.
var escapeLength = map[rune]int{'x': 2, 'u': 4, 'U': 8}

// escape walks one escape in double quotes: one character of the value, or none for an escaped line end.
func (w *scalarWalk) escape(i *int) bool {
	start := place{w.line, w.column}
	w.column++
	c, ok := w.peek()
	if !ok {
		w.line, w.column = w.line+1, 1
		return w.toText()
	}
	w.at = append(w.at, start)
	w.column += 1 + escapeLength[c]
	*i++
	return true
}

// block walks a literal or a folded scalar.
func (w *scalarWalk) block(folded bool) bool {
	w.line++
	first := w.line
	for first <= len(w.file.lines) && strings.TrimSpace(string(w.file.line(first))) == "" {
		first++
	}
	// The indentation is the first line's, less the blanks that the value keeps of it (there is an indicator, then).
	indent := leading(w.file.line(first)) - leading([]rune(strings.TrimLeft(string(w.value), "\n")))
	if indent < 0 {
		return false
	}
	w.column = indent + 1
	for i := range w.value {
		c, ok := w.peek()
		switch {
		case ok && c == w.value[i]:
			w.record()
			w.column++
		case ok || w.value[i] != '\n' && w.value[i] != ' ':
			return false
		default:
			w.record()
			w.line, w.column = w.line+1, indent+1
			if next := i + 1; folded && (next == len(w.value) || w.value[next] != '\n') {
				for w.line < len(w.file.lines) && strings.TrimSpace(string(w.file.line(w.line))) == "" {
					w.line++
				}
			}
		}
	}
	w.record()
	return true
}

func leading(line []rune) int {
	n := 0
	for n < len(line) && line[n] == ' ' {
		n++
	}
	return n
}
