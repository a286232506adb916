package rule

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads a file's one document; nil for a file that says nothing.
func parseYAML(file *source, content []byte) (*yaml.Node, *Error) {
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, explainYAML(file, err)
	}
	var second yaml.Node
	if err := dec.Decode(&second); err == nil {
		line := max(second.Line, 1)
		for line > 1 && !strings.HasPrefix(string(file.line(line)), "---") {
			line--
		}
		return nil, file.errorLine(line, "a second YAML document begins here: a rule file holds one; remove the ---")
	} else if !errors.Is(err, io.EOF) {
		return nil, explainYAML(file, err)
	}
	return doc.Content[0], nil
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line \d+: )?`)

// explainYAML turns the YAML reader's error into one that says what to write. The reader often names the line where the surrounding
// mapping began: the line that spoils the file is the first one after which no reading of the lines so far succeeds.
func explainYAML(file *source, err error) *Error {
	problem := yamlLine.ReplaceAllString(err.Error(), "")
	good, bad := 0, len(file.lines)
	for good+1 < bad {
		middle := (good + bad) / 2
		if readable(file.lines[:middle]) {
			good = middle
		} else {
			bad = middle
		}
	}
	if i := slices.IndexFunc(file.lines, unreadable); i >= 0 {
		return file.errorLine(i+1, "this is no readable text: YAML is UTF-8 without control characters ("+problem+")")
	}
	text := string(file.line(bad))
	e := file.errorLine(bad, "")
	trimmed := strings.TrimSpace(text)
	key, value, isKey := strings.Cut(trimmed, ":")
	value = strings.TrimSpace(value)
	underline := func(s string) {
		if i := strings.LastIndex(text, s); i >= 0 && s != "" {
			e.Column = len([]rune(text[:i])) + 1
			e.EndColumn = e.Column + len([]rune(s))
		}
	}
	first := byte(0)
	if value != "" {
		first = value[0]
	}
	const wrap = "put the whole expression in single quotes, or under `when: |` on lines of its own"
	switch {
	case strings.HasPrefix(text, "\t") || strings.HasPrefix(strings.TrimLeft(text, " "), "\t"):
		underline(text[:len(text)-len(strings.TrimLeft(text, " \t"))])
		e.Message = "a tab at the start of the line: YAML is indented by blanks"
	case strings.Contains(problem, "unknown anchor"):
		underline(value)
		e.Message = "YAML takes what begins with * for a reference to an anchor: " + wrap
	case strings.Contains(problem, "escape character"):
		underline(value)
		e.Message = "in double quotes YAML reads \\ itself: write single quotes around, or double each \\"
	case strings.Contains(problem, "end of stream") && (first == '"' || first == '\''):
		underline(value)
		e.Message = "the quote that opens here is never closed"
	case isKey && (first == '"' || first == '\''):
		underline(value)
		e.Message = "YAML ends a value that begins with a quote at the closing quote: " + wrap
	case isKey && first == '!':
		underline(value)
		e.Message = "YAML takes what begins with ! for a tag: " + wrap
	case isKey && (first == '[' || first == '{'):
		underline(value)
		e.Message = "YAML takes what begins with " + string(first) + " for a list or a mapping of its own: " + wrap
		if key == keyTags || key == keyInclude {
			e.Message = "the list that opens here is never closed"
		}
	case isKey && strings.ContainsRune("@`%&*>|", rune(first)) && first != 0:
		underline(value)
		e.Message = "YAML gives " + string(first) + " at the start of a value a meaning of its own: " + wrap
	case strings.Contains(problem, "mapping values") && isKey && strings.Contains(value, ": "):
		underline(value)
		e.Message = "YAML takes a colon before a blank for the end of a key: " + wrap
	case strings.Contains(problem, "mapping values") && isKey && bad > 1 && !strings.Contains(string(file.line(bad-1)), ":"):
		above := file.errorLine(bad-1, "a key is followed by a colon and a blank: when: expression")
		return above
	case strings.Contains(problem, "mapping values") && isKey:
		underline(key)
		e.Message = "this line is indented more than the one above, which has a value already: the keys of one segment start in one column"
	case strings.Contains(problem, "could not find expected ':'"):
		e.Message = "a key is followed by a colon and a blank: when: expression"
	case strings.Contains(problem, "did not find expected key") || strings.Contains(problem, "did not find expected '-'"):
		e.Message = "this line does not line up with those above: the keys of one segment start in one column"
	default:
		e.Message = "this is no YAML: " + problem
	}
	return e
}

// unreadable tells whether a line holds bytes that are no UTF-8, or control characters.
func unreadable(line []rune) bool {
	return slices.ContainsFunc(line, func(c rune) bool { return c == utf8.RuneError || c < ' ' && c != '\t' })
}

// readable tells whether the lines are YAML so far.
func readable(lines [][]rune) bool {
	var b strings.Builder
	for _, line := range lines {
		b.WriteString(string(line))
		b.WriteByte('\n')
	}
	var n yaml.Node
	return yaml.Unmarshal([]byte(b.String()), &n) == nil
}
