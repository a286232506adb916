package event

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// typeKeyword names, in a schema file, the event type that the file declares or adds to.
const typeKeyword = "x-ruas-type"

const dialect = "https://json-schema.org/draft/2020-12/schema"

// declaration is what one schema file says about one type.
type declaration struct {
	file        string
	typeName    string
	description string
	properties  []Property
	pointers    []string // where each property stands
}

// place names a property's declaration for people.
func (d *declaration) place(i int) string { return d.file + ": " + d.pointers[i] }

// schemaReader reads one schema file and collects everything that is wrong with it.
type schemaReader struct {
	file string
	errs []error
}

func (r *schemaReader) fail(n *node, format string, args ...any) {
	pointer := n.pointer
	if pointer == "" {
		pointer = "/"
	}
	r.errs = append(r.errs, fmt.Errorf("%s: %s: %s", r.file, pointer, fmt.Sprintf(format, args...)))
}

// parseSchemaFile reads a schema document of the dialect that schemas/README.md describes. What a keyword demands and ruas would
// not do is an error, so that a schema never promises what is not kept.
func parseSchemaFile(file string, data []byte) (*declaration, error) {
	root, err := parseDocument(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	r := &schemaReader{file: file}
	if root.kind != objectNode {
		r.fail(root, "a schema file holds one JSON object")
		return nil, errors.Join(r.errs...)
	}
	d := &declaration{file: file}
	r.readRoot(root, d)
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	return d, nil
}

func (r *schemaReader) readRoot(root *node, d *declaration) {
	var properties, required *node
	for _, m := range root.members {
		switch m.name {
		case typeKeyword:
			before := len(r.errs)
			d.typeName = r.text(m)
			if err := checkTypeName(d.typeName); err != nil && len(r.errs) == before {
				r.fail(m.node, "%s", err)
			}
		case "$schema":
			if strings.TrimSuffix(r.text(m), "#") != dialect {
				r.fail(m.node, "only JSON Schema 2020-12 is read: %q", dialect)
			}
		case "type":
			if r.text(m) != "object" {
				r.fail(m.node, `an event is an object: "type" is "object"`)
			}
		case "properties":
			properties = m.node
		case "required":
			required = m.node
		case "additionalProperties", "unevaluatedProperties":
			if allowed, _ := m.node.value.(bool); !allowed {
				r.fail(m.node, "properties that are not declared are ignored, not refused: leave %s out", m.name)
			}
		case "description":
			d.description = r.text(m)
		default:
			r.annotation(m)
		}
	}
	if root.member(typeKeyword) == nil {
		r.fail(root, `%s is missing: it names the event type that the file declares, as in "%s": "purchase"`, typeKeyword, typeKeyword)
	}
	if properties != nil {
		r.readProperties(properties, d)
	}
	if required != nil {
		r.readRequired(required, properties, d)
	}
}

func (r *schemaReader) readProperties(n *node, d *declaration) {
	if n.kind != objectNode {
		r.fail(n, "properties is an object: a name and a schema each")
		return
	}
	for _, m := range n.members {
		if err := checkPropertyName(m.name); err != nil {
			r.fail(m.node, "%s", err)
			continue
		}
		p := Property{Name: m.name}
		if r.readProperty(m.node, &p) {
			d.properties = append(d.properties, p)
			d.pointers = append(d.pointers, m.node.pointer)
		}
	}
}

func (r *schemaReader) readRequired(n, properties *node, d *declaration) {
	for _, item := range n.items {
		name, ok := item.text()
		switch {
		case !ok:
			r.fail(item, "required lists names of properties")
		case d.typeName == profileName:
			r.fail(item, "an update of the profile carries only what changed: no attribute can be required")
		case properties == nil || properties.member(name) == nil:
			r.fail(item, "required names %q, which is not among this file's properties", name)
		case mayBeNull(properties.member(name)):
			r.fail(item, "%q is required and may be null: null is as if the property were not there", name)
		default:
			// A property that did not read well has its own error.
			if i := slices.IndexFunc(d.properties, func(p Property) bool { return p.Name == name }); i >= 0 {
				d.properties[i].Required = true
			}
		}
	}
	if n.kind != listNode {
		r.fail(n, "required is a list of names of properties")
	}
}

// readProperty reports whether the property could be read as far as its kind goes.
func (r *schemaReader) readProperty(n *node, p *Property) bool {
	if n.kind != objectNode {
		r.fail(n, "a property's schema is an object")
		return false
	}
	before := len(r.errs)
	typeName := r.propertyType(n)
	format, items := "", false
	for _, m := range n.members {
		switch m.name {
		case "type":
		case "description":
			p.Description = r.text(m)
		case "format":
			format = r.text(m)
			if format != "date" && format != "date-time" {
				r.fail(m.node, "format %q is not checked: only date and date-time are", format)
			} else if typeName != "string" {
				r.fail(m.node, `format %q needs "type": "string"`, format)
			}
		case "enum":
			p.Enum = r.readEnum(m.node)
			if typeName != "string" {
				r.fail(m.node, `enum needs "type": "string"`)
			}
		case "items":
			items = true
			r.readItems(m.node)
			if typeName != "array" {
				r.fail(m.node, `items needs "type": "array"`)
			}
		default:
			r.annotation(m)
		}
	}
	if format != "" && p.Enum != nil {
		r.fail(n.member("enum"), "enum and format cannot both be given")
	}
	switch {
	case format == "date":
		p.Kind = Date
	case format == "date-time":
		p.Kind = Moment
	case typeName == "string":
		p.Kind = String
	case typeName == "integer":
		p.Kind = Int
	case typeName == "number":
		p.Kind = Double
	case typeName == "boolean":
		p.Kind = Bool
	case typeName == "array":
		p.Kind = Strings
		if !items {
			r.fail(n, `a list is one of strings: "items": {"type": "string"}`)
		}
	}
	return len(r.errs) == before
}

// propertyType returns "type", where ["string", "null"] is as "string": null is always as if the property were not there.
func (r *schemaReader) propertyType(n *node) string {
	t := n.member("type")
	if t == nil {
		r.fail(n, `"type" is missing: string, integer, number, boolean or array`)
		return ""
	}
	name := t
	if mayBeNull(n) {
		name = t.items[0]
		if name.value == "null" {
			name = t.items[1]
		}
	}
	switch s, _ := name.text(); s {
	case "string", "integer", "number", "boolean", "array":
		return s
	}
	r.fail(t, "a property is of type string, integer, number, boolean, or array (of strings)")
	return ""
}

// mayBeNull reports whether "type" is a list of null and another.
func mayBeNull(property *node) bool {
	t := property.member("type")
	return t != nil && len(t.items) == 2 && (t.items[0].value == "null") != (t.items[1].value == "null")
}

func (r *schemaReader) readEnum(n *node) []string {
	if n.kind != listNode || len(n.items) == 0 {
		r.fail(n, "enum is a list of at least one string")
		return nil
	}
	var enum []string
	for _, item := range n.items {
		s, ok := item.text()
		switch {
		case !ok:
			r.fail(item, "enum lists strings")
		case slices.Contains(enum, s):
			r.fail(item, "enum lists %q twice", s)
		default:
			enum = append(enum, s)
		}
	}
	return enum
}

func (r *schemaReader) readItems(n *node) {
	if n.kind != objectNode || n.member("type") == nil || n.member("type").value != "string" {
		r.fail(n, `a list is one of strings: "items": {"type": "string"}`)
		return
	}
	for _, m := range n.members {
		switch m.name {
		case "type":
		case "description":
			r.text(m)
		default:
			r.annotation(m)
		}
	}
}

// annotation accepts the keywords that tell people something and ask nothing of a record, and refuses all others.
func (r *schemaReader) annotation(m member) {
	switch m.name {
	case "title", "$id", "$comment":
		r.text(m)
	case "examples", "deprecated", "readOnly", "writeOnly":
	case "default":
		r.fail(m.node, "a default is not filled in: leave it out, and ask has() in the rule")
	case "const":
		r.fail(m.node, `const is not supported: write "enum" with one value`)
	default:
		if !strings.HasPrefix(m.name, "x-") || strings.HasPrefix(m.name, "x-ruas-") {
			r.fail(m.node, "the keyword %q is not supported", m.name)
		}
	}
}

// text returns the string that a keyword must have.
func (r *schemaReader) text(m member) string {
	s, ok := m.node.text()
	if !ok {
		r.fail(m.node, "%s is a string", m.name)
	}
	return s
}
