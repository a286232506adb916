package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// node is one value of a schema document, its members in the order in which they are written.
type node struct {
	// value is what json.Decoder gives for a scalar; nil for null, objects and lists.
	value   any
	kind    nodeKind
	members []member
	items   []*node
	pointer string // RFC 6901
}

type nodeKind uint8

const (
	scalarNode nodeKind = iota
	objectNode
	listNode
)

type member struct {
	name string
	node *node
}

// member returns the value of that name, or nil.
func (n *node) member(name string) *node {
	for i := range n.members {
		if n.members[i].name == name {
			return n.members[i].node
		}
	}
	return nil
}

// text returns a string value.
func (n *node) text() (string, bool) {
	s, ok := n.value.(string)
	return s, ok
}

// parseDocument reads one JSON document. Unlike json.Unmarshal it keeps the order of members and refuses a name that stands
// twice, because of a property written twice one would be lost in silence.
func parseDocument(data []byte) (*node, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("the document is not UTF-8")
	}
	// Unmarshal is the strict one: Decoder.Token lets some malformed documents pass.
	var whole json.RawMessage
	if err := json.Unmarshal(data, &whole); err != nil {
		line := 1
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line += bytes.Count(data[:syntax.Offset], []byte("\n"))
		}
		return nil, fmt.Errorf("line %d: %w", line, err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	n, err := parseNode(d, "")
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", 1+bytes.Count(data[:d.InputOffset()], []byte("\n")), err)
	}
	return n, nil
}

func parseNode(d *json.Decoder, pointer string) (*node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	n := &node{pointer: pointer}
	switch token {
	case json.Delim('{'):
		n.kind = objectNode
		return n, parseMembers(d, n)
	case json.Delim('['):
		n.kind = listNode
		for i := 0; d.More(); i++ {
			item, err := parseNode(d, fmt.Sprintf("%s/%d", pointer, i))
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, item)
		}
		_, err := d.Token()
		return n, err
	default:
		n.value = token
		return n, nil
	}
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

func parseMembers(d *json.Decoder, n *node) error {
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		pointer := n.pointer + "/" + pointerEscape.Replace(name)
		if n.member(name) != nil {
			return fmt.Errorf("%s stands twice", pointer)
		}
		value, err := parseNode(d, pointer)
		if err != nil {
			return err
		}
		n.members = append(n.members, member{name, value})
	}
	_, err := d.Token()
	return err
}
