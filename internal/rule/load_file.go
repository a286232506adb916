package rule

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/ruas/ruas/internal/suggest"
)

// Keys of a rule file and of a segment.
const (
	keyFeatures    = "features"
	keySegments    = "segments"
	keyTitle       = "title"
	keyDescription = "description"
	keyTags        = "tags"
	keyWhen        = "when"
	keyUntil       = "until"
	keyInclude     = "include"
)

var (
	fileKeys    = []string{keyFeatures, keySegments}
	segmentKeys = []string{keyTitle, keyDescription, keyTags, keyWhen, keyUntil, keyInclude}
)

// reserved are the words that CEL keeps for itself.
var reserved = []string{"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop",
	"namespace", "null", "package", "return", "true", "var", "void", "while"}

// declared is a feature or a segment as its file has it.
type declared struct {
	name    string
	key     *yaml.Node
	file    *source
	feature *Feature // or nil
	segment *Segment // or nil
	include []*yaml.Node

	when, until *parsed // a feature's expression is its when
}

// place is where the name stands, as "file:line".
func (d *declared) place() string { return fmt.Sprintf("%s:%d", d.file.name, d.key.Line) }

// fileReader walks one file's YAML and collects what it declares.
type fileReader struct {
	file     *source
	errs     Errors
	declared []*declared
	misspelt map[string]bool // keys that are known, and were probably meant by unknown ones of the mapping read last
}

func (r *fileReader) fail(n *yaml.Node, suggestion, format string, args ...any) {
	r.errs = append(r.errs, r.file.errorNode(n, fmt.Sprintf(format, args...), suggestion))
}

// readFile gives what a file declares, and every mistake in its form.
func readFile(name string, content []byte) ([]*declared, Errors) {
	r := &fileReader{file: newSource(name, content)}
	root, err := parseYAML(r.file, content)
	if err != nil {
		return nil, Errors{err}
	}
	if root == nil || isNull(root) {
		return nil, nil
	}
	r.root(root)
	return r.declared, r.errs
}

func (r *fileReader) root(n *yaml.Node) {
	for key, value := range r.mapping(n, "a rule file", "features: and segments:", fileKeys) {
		what, read := "feature", r.readFeature
		shape := "name: expression"
		if key.Value == keySegments {
			what, read = "segment", r.readSegment
			shape = "name: and its when: below"
		}
		if isNull(value) {
			continue
		}
		for name, body := range r.mapping(value, key.Value, shape, nil) {
			if r.checkName(name, what) {
				read(name, body)
			}
		}
	}
}

// mapping yields the keys and values of a mapping; keys that are not known, or there twice, are mistakes and are left out. Where known is
// nil any key goes.
func (r *fileReader) mapping(n *yaml.Node, what, shape string, known []string) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		n := resolve(n)
		r.misspelt = map[string]bool{}
		if n.Kind != yaml.MappingNode {
			r.fail(n, "", "%s is written as %s, not as %s", what, shape, kindName(n))
			return
		}
		seen := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], resolve(n.Content[i+1])
			if key.Kind != yaml.ScalarNode {
				r.fail(key, "", "a key is a plain word, not %s", kindName(key))
				continue
			}
			if first := seen[key.Value]; first != nil {
				r.fail(key, "", "%q is here twice: the first is in line %d", key.Value, first.Line)
				continue
			}
			seen[key.Value] = key
			if rest := commaCut(n, i); rest > 0 {
				r.failCommaCut(key, value, n.Content[i+2:i+2+rest])
				r.misspelt[key.Value] = true
				i += rest
				continue
			}
			if known != nil && !slices.Contains(known, key.Value) {
				near := suggest.Nearest(key.Value, known)
				r.misspelt[near] = true
				r.fail(key, near, "%s has no key %q; it may have %s", what, key.Value, listed(known))
				continue
			}
			if !yield(key, value) {
				return
			}
		}
	}
}

// commaCut tells how many nodes behind the value at i+1 are the rest of it: between { and } a comma ends a value that is not in quotes,
// within the parentheses of a call too, and YAML takes what follows for keys.
func commaCut(mapping *yaml.Node, i int) int {
	value, end := mapping.Content[i+1], i+2
	if mapping.Style&yaml.FlowStyle == 0 || value.Kind != yaml.ScalarNode || value.Style != 0 {
		return 0
	}
	open := openParens(value.Value)
	for ; open > 0 && end+1 < len(mapping.Content) && isNull(mapping.Content[end+1]); end += 2 {
		open += openParens(mapping.Content[end].Value)
	}
	return end - i - 2
}

func openParens(s string) int { return strings.Count(s, "(") - strings.Count(s, ")") }

func (r *fileReader) failCommaCut(key, value *yaml.Node, rest []*yaml.Node) {
	whole := value.Value
	for i := 0; i < len(rest); i += 2 {
		whole += ", " + rest[i].Value
	}
	r.fail(value, "", "between { and } a comma ends a value that is not in quotes: write %s: '%s'", key.Value, strings.ReplaceAll(whole, "'", "''"))
}

var (
	goodSegmentName = regexp.MustCompile(`^[a-z0-9_]+$`)
	goodFeatureName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)
	humps           = regexp.MustCompile(`([a-z0-9])([A-Z])`)
	notInNames      = regexp.MustCompile(`[^a-z0-9]+`)
)

func (r *fileReader) checkName(key *yaml.Node, what string) bool {
	name, good := key.Value, goodSegmentName
	if what == "feature" {
		good = goodFeatureName
	}
	suggestion := humps.ReplaceAllString(name, "${1}_$2")
	suggestion = strings.Trim(notInNames.ReplaceAllString(strings.ToLower(suggestion), "_"), "_")
	switch {
	case slices.Contains(reserved, name):
		r.fail(key, "", "%q is a word that CEL reserves: give the %s another name", name, what)
	case good.MatchString(name) && len(name) <= maxName:
		return true
	case len(name) > maxName:
		r.fail(key, "", "a name has at most %d characters", maxName)
	case what == "feature" && goodSegmentName.MatchString(name):
		r.fail(key, "", "the name of a feature does not begin with a digit: an expression could not say feature.%s", name)
	default:
		if !good.MatchString(suggestion) {
			suggestion = ""
		}
		r.fail(key, suggestion, "a name holds lower case letters, digits and _ only, and %q does not", name)
	}
	return false
}

// maxName is how many characters a name may have: it is part of keys in Redis and of a header of every change.
const maxName = 100

func (r *fileReader) readFeature(key, value *yaml.Node) {
	if value.Kind == yaml.MappingNode || value.Kind == yaml.SequenceNode {
		r.fail(value, "", "a feature is one expression, and YAML reads %s here: write %s: expression, in single quotes where it begins with { or [",
			kindName(value), key.Value)
		return
	}
	x := r.expression(value, "the feature "+key.Value)
	if x == nil {
		return
	}
	r.declared = append(r.declared, &declared{name: key.Value, key: key, file: r.file, feature: &Feature{Name: key.Value, Expr: x}})
}

func (r *fileReader) readSegment(key, value *yaml.Node) {
	if isNull(value) || value.Kind == yaml.ScalarNode {
		r.fail(key, "", "the segment %s has no when: write it below, indented: when: expression", key.Value)
		return
	}
	s := &Segment{Name: key.Value, File: r.file.name, Line: key.Line}
	d := &declared{name: key.Value, key: key, file: r.file, segment: s}
	hasWhen := value.Kind != yaml.MappingNode
	for k, v := range r.mapping(value, "a segment", "when: expression, and more keys below each other", segmentKeys) {
		switch k.Value {
		case keyTitle:
			s.Title = r.text(k, v)
		case keyDescription:
			s.Description = r.text(k, v)
		case keyTags:
			for _, n := range r.list(k, v) {
				s.Tags = append(s.Tags, n.Value)
			}
		case keyWhen:
			hasWhen = true
			s.When = r.expression(v, keyWhen)
		case keyUntil:
			s.Until = r.expression(v, keyUntil)
		case keyInclude:
			d.include = r.list(k, v)
			for _, n := range d.include {
				s.Include = append(s.Include, n.Value)
			}
		}
	}
	if !hasWhen && !r.misspelt[keyWhen] {
		r.fail(key, "", "the segment %s has no when: add when: expression, which says who belongs to it", key.Value)
	}
	r.declared = append(r.declared, d)
}

// text reads a title or a description.
func (r *fileReader) text(key, n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		r.fail(n, "", "%s is a text, and YAML reads %s here: put it in quotes", key.Value, kindName(n))
		return ""
	}
	if isNull(n) {
		return ""
	}
	return strings.TrimSpace(n.Value)
}

// list reads a list of words, none empty, none twice.
func (r *fileReader) list(key, n *yaml.Node) []*yaml.Node {
	if isNull(n) {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		suggestion := ""
		if n.Kind == yaml.ScalarNode {
			suggestion = "[" + n.Value + "]"
		}
		r.fail(n, suggestion, "%s is a list, like %s: [one, two]", key.Value, key.Value)
		return nil
	}
	var out []*yaml.Node
	seen := map[string]bool{}
	for _, item := range n.Content {
		item = resolve(item)
		switch {
		case item.Kind != yaml.ScalarNode || isNull(item) || item.Value == "":
			r.fail(item, "", "%s is a list of words, and YAML reads %s here", key.Value, kindName(item))
		case seen[item.Value]:
			r.fail(item, "", "%q is in %s twice", item.Value, key.Value)
		default:
			seen[item.Value] = true
			out = append(out, item)
		}
	}
	return out
}

// expression reads the text of an expression; nil where there is none.
func (r *fileReader) expression(n *yaml.Node, what string) *Expr {
	switch {
	case n.Kind != yaml.ScalarNode:
		r.fail(n, "", "%s is an expression, and YAML reads %s here: put the expression in single quotes", what, kindName(n))
		return nil
	case strings.HasPrefix(n.Tag, "!") && !strings.HasPrefix(n.Tag, "!!"):
		end := len([]rune(strings.TrimRight(string(r.file.line(n.Line)), " \t"))) + 1
		r.errs = append(r.errs, r.file.errorAt(n.Line, n.Column, end, "YAML takes what begins with ! for a tag: put the whole expression in "+
			"single quotes", ""))
		return nil
	case isNull(n) || strings.TrimSpace(n.Value) == "":
		r.fail(n, "", "%s is empty: write an expression", what)
		return nil
	}
	at := newPlaces(r.file, n)
	x := &Expr{Source: n.Value, File: r.file.name, at: at}
	x.Line, x.Column = at.at[0].line, at.at[0].column
	return x
}

func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping (key: value)"
	case yaml.SequenceNode:
		return "a list"
	default:
	}
	if isNull(n) || n.Value == "" {
		return "nothing"
	}
	return "a single value"
}

// listed joins words for a sentence: "a, b and c".
func listed(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
