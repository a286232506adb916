package rule

import (
	"fmt"
	"sort"
	"strings"
)

// Error is one mistake in a rule file. It marshals to the form that `check --format json` prints.
type Error struct {
	File string `json:"file"`
	// Line and Column count from 1; Column and EndColumn count characters (code points), and EndColumn is the first one past the text
	// meant. Line is 0 where the mistake is the file's or the folder's as a whole.
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndColumn int    `json:"end_column"`
	Message   string `json:"message"`
	// Suggestion is what was probably meant, to be put in place of the text meant; empty where nothing is near.
	Suggestion string `json:"suggestion,omitempty"`

	text string // the source line
}

// Error gives the mistake as it is shown to people: place and message, then the source line with the text underlined.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.File)
	if e.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", e.Line, e.Column)
	}
	b.WriteString(": ")
	b.WriteString(e.Message)
	if e.Suggestion != "" {
		fmt.Fprintf(&b, "; did you mean %s?", quoteOnce(e.Suggestion))
	}
	if e.Line > 0 && strings.TrimSpace(e.text) != "" {
		e.underline(&b)
	}
	return b.String()
}

// shownWidth is how much of a source line is shown: a longer one is cut on both sides of the text meant.
const shownWidth = 150

func (e *Error) underline(b *strings.Builder) {
	line := []rune(strings.ReplaceAll(strings.TrimRight(e.text, " \t\r"), "\t", " "))
	start := min(max(e.Column-1, 0), len(line))
	end := min(max(e.EndColumn-1, start+1), max(len(line), start+1))
	prefix, suffix := "", ""
	if len(line) > shownWidth {
		from := max(0, start-shownWidth/3)
		to := min(len(line), from+shownWidth)
		if from > 0 {
			prefix = "…"
		}
		if to < len(line) {
			suffix = "…"
		}
		line, start, end = line[from:to], start-from, min(end, to)-from
	}
	number := fmt.Sprintf("%5d | ", e.Line)
	fmt.Fprintf(b, "\n%s%s%s%s", number, prefix, string(line), suffix)
	pad := strings.Repeat(" ", len(number)-2) + "| " + strings.Repeat(" ", len([]rune(prefix))+start)
	fmt.Fprintf(b, "\n%s^%s", pad, strings.Repeat("~", max(end-start-1, 0)))
}

// quoteOnce puts a suggestion in double quotes, unless it holds some itself.
func quoteOnce(s string) string {
	if strings.Contains(s, `"`) {
		return s
	}
	return `"` + s + `"`
}

// Errors are all mistakes of all files, in order of file, line and column.
type Errors []*Error

// Error gives every mistake, one after another.
func (e Errors) Error() string {
	parts := make([]string, len(e))
	for i, one := range e {
		parts[i] = one.Error()
	}
	return strings.Join(parts, "\n")
}

// Sorted orders the mistakes by their place and drops those that say the same of the same place. It works on e itself.
func (e Errors) Sorted() Errors {
	sort.SliceStable(e, func(i, j int) bool {
		a, b := e[i], e[j]
		if a.File != b.File {
			return a.File < b.File
		}
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	kept := e[:0]
	for i, one := range e {
		if i > 0 {
			last := kept[len(kept)-1]
			if last.File == one.File && last.Line == one.Line && last.Column == one.Column && last.Message == one.Message {
				continue
			}
		}
		kept = append(kept, one)
	}
	return kept
}
