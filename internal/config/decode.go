package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ruas/ruas/internal/suggest"
)

// place is where a value was given.
type place struct {
	origin string
	line   int
}

// decoder fills a Config and collects everything that is wrong on the way.
type decoder struct {
	file   string
	errs   Errors
	places map[string]place // by key
}

func (d *decoder) fail(n *yaml.Node, key, format string, args ...any) {
	d.errs = append(d.errs, &Error{Origin: d.file, Line: n.Line, Key: key, Text: fmt.Sprintf(format, args...)})
}

func (d *decoder) document(text []byte, c *Config) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if !errors.Is(err, io.EOF) { // an empty file is fine
			d.errs = append(d.errs, syntaxError(d.file, err))
		}
		return
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		d.fail(&doc, "", "more than one YAML document in the file")
		return
	}
	if len(doc.Content) == 1 {
		d.mapping(doc.Content[0], reflect.ValueOf(c).Elem(), "")
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntaxError moves the line from yaml's message to where other errors have it.
func syntaxError(file string, err error) *Error {
	text := err.Error()
	e := &Error{Origin: file, Text: "not YAML: " + yamlLine.ReplaceAllString(text, "")}
	if m := yamlLine.FindStringSubmatch(text); m != nil && m[1] != "" {
		e.Line, _ = strconv.Atoi(m[1]) // digits, by the pattern
	}
	return e
}

// mapping fills the struct v from the mapping n.
func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	d.pairs(n, path, func(name, value *yaml.Node) {
		key := join(path, name.Value)
		known := make([]string, 0, v.NumField())
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if keyOf(f) == name.Value && name.Value != "-" {
				d.value(value, v.Field(i), f, key)
				return
			}
			if keyOf(f) != "-" {
				known = append(known, keyOf(f))
			}
		}
		d.fail(name, key, "unknown key%s", suggest.Hint(name.Value, known))
	})
}

// pairs visits the keys and values of a mapping, and refuses all else.
func (d *decoder) pairs(n *yaml.Node, path string, visit func(name, value *yaml.Node)) {
	n = follow(n)
	if isNull(n) {
		return // a key without a value keeps the default
	}
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "want keys with values, as in \"key: value\"")
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name := follow(n.Content[i])
		if name.Kind != yaml.ScalarNode {
			d.fail(name, path, "a key must be a text")
			continue
		}
		if line, twice := first[name.Value]; twice {
			d.fail(name, join(path, name.Value), "given twice, first in line %d", line)
			continue
		}
		first[name.Value] = name.Line
		visit(name, n.Content[i+1])
	}
}

func (d *decoder) value(n *yaml.Node, v reflect.Value, f reflect.StructField, key string) {
	n = follow(n)
	if isNull(n) {
		return
	}
	d.places[key] = place{d.file, n.Line}
	switch {
	case v.Type() == reflect.TypeFor[[]Source]():
		d.sources(n, v)
	case v.Type() == reflect.TypeFor[[]Token]():
		d.tokens(n, v, key)
	case v.Kind() == reflect.Struct:
		d.mapping(n, v, key)
	case v.Kind() == reflect.Map:
		m := map[string]string{}
		d.pairs(n, key, func(name, value *yaml.Node) {
			if text, ok := d.scalar(value, join(key, name.Value)); ok {
				m[name.Value] = text
			}
		})
		v.Set(reflect.ValueOf(m))
	case v.Kind() == reflect.Slice:
		list := []string{}
		nodes := n.Content
		if n.Kind != yaml.SequenceNode {
			nodes = []*yaml.Node{n}
		}
		for _, item := range nodes {
			if text, ok := d.scalar(item, key); ok {
				list = append(list, text)
			}
		}
		v.Set(reflect.ValueOf(list))
	default:
		text, ok := d.scalar(n, key)
		if !ok {
			return
		}
		if err := set(v, f, text); err != nil {
			d.fail(n, key, "%s", err)
		}
	}
}

func (d *decoder) scalar(n *yaml.Node, key string) (string, bool) {
	n = follow(n)
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.fail(n, key, "want one value")
		return "", false
	}
	return n.Value, true
}

// sources fills the list in the order of the mapping.
func (d *decoder) sources(n *yaml.Node, v reflect.Value) {
	sources := []Source{}
	d.pairs(n, "sources", func(name, value *yaml.Node) {
		s := Source{Name: name.Value}
		key := "sources." + name.Value
		d.places[key] = place{d.file, name.Line}
		d.mapping(value, reflect.ValueOf(&s).Elem(), key)
		if s.Topic == "" {
			s.Topic = s.Name
		}
		sources = append(sources, s)
	})
	v.Set(reflect.ValueOf(sources))
}

// tokens fills the list of tokens.
func (d *decoder) tokens(n *yaml.Node, v reflect.Value, key string) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, key, "want a list of tokens, each with name, sha256 and scopes")
		return
	}
	tokens := []Token{}
	for i, item := range n.Content {
		var t Token
		d.mapping(item, reflect.ValueOf(&t).Elem(), fmt.Sprintf("%s.%d", key, i))
		tokens = append(tokens, t)
	}
	v.Set(reflect.ValueOf(tokens))
}

// set gives a value that is neither list nor mapping.
func set(v reflect.Value, f reflect.StructField, text string) error {
	if allowed := choices(f); allowed != nil {
		for _, a := range allowed {
			if a == text {
				v.SetString(text)
				return nil
			}
		}
		named := allowed
		if named[0] == "" {
			named = named[1:]
		}
		return fmt.Errorf("%q is not one of %s%s", text, strings.Join(named, ", "), suggest.Hint(text, named))
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		duration, err := parseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is %w", text, err)
		}
		v.SetInt(int64(duration))
	case v.Kind() == reflect.String:
		v.SetString(text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		v.SetBool(text == "true")
	case v.CanInt():
		number, err := strconv.ParseInt(strings.ReplaceAll(text, "_", ""), 10, v.Type().Bits())
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		v.SetInt(number)
	case v.CanFloat():
		number, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
			return fmt.Errorf("%q is not a number", text)
		}
		v.SetFloat(number)
	default:
		panic("config: no way to read a " + v.Type().String()) // a field of Config that no test has met
	}
	return nil
}

// follow gives the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }
