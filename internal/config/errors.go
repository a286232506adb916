package config

import (
	"sort"
	"strconv"
	"strings"
)

// Error is one thing that is wrong with the configuration.
type Error struct {
	// Origin is the file or the environment variable that gave the value; empty for a default.
	Origin string
	// Line is the line in the file, from 1; 0: not known.
	Line int
	// Key is the key with its path, as in "kafka.tls.ca"; empty: the file as a whole.
	Key string
	// Text says what is wrong and, where it can, what to write instead.
	Text string
}

// Error gives origin:line: key: text.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Origin != "" {
		b.WriteString(e.Origin)
		if e.Line > 0 {
			b.WriteByte(':')
			b.WriteString(strconv.Itoa(e.Line))
		}
		b.WriteString(": ")
	}
	if e.Key != "" && e.Key != e.Origin {
		b.WriteString(e.Key)
		b.WriteString(": ")
	}
	b.WriteString(e.Text)
	return b.String()
}

// Errors is everything that is wrong with the configuration: those of the file by line, then the others.
type Errors []*Error

// Error gives one error a line.
func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted gives nil where there is no error, so that the result compares with nil.
func (es Errors) sorted() error {
	if len(es) == 0 {
		return nil
	}
	sort.SliceStable(es, func(i, j int) bool {
		if (es[i].Line > 0) != (es[j].Line > 0) {
			return es[i].Line > 0
		}
		return es[i].Line < es[j].Line
	})
	return es
}
