package event

import (
	"errors"
	"strings"
)

// place is one place in a record that something reads: the name of a member, with the places inside its value. It also holds
// what the record that is being decoded has there.
type place struct {
	path string // from the record's root, for people
	// quoted is the name with its closing quote, as a record spells it; "" for names that JSON escapes.
	quoted   string
	children map[string]*place
	// first is the child that came first in the last object here, and next the sibling that came next: producers write their
	// members in one order, so that nearly every name is found by one comparison.
	first, next *place

	// seen is the number of the record that has something here; start and end are where.
	seen       uint64
	start, end int
	escaped    bool // a string with escapes
}

// at returns the place of a path: names separated by dots; "\." is a dot that is part of a name, "\\" a backslash.
func (p *place) at(path string) (*place, error) {
	var name strings.Builder
	for i := 0; i < len(path); i++ {
		switch {
		case path[i] == '\\' && i+1 < len(path) && (path[i+1] == '.' || path[i+1] == '\\'):
			i++
			name.WriteByte(path[i])
		case path[i] == '.':
			if name.Len() == 0 {
				return nil, errEmptyName
			}
			p = p.child(name.String(), path[:i])
			name.Reset()
		default:
			name.WriteByte(path[i])
		}
	}
	if name.Len() == 0 {
		return nil, errEmptyName
	}
	return p.child(name.String(), path), nil
}

var errEmptyName = errors.New("a name in the path is empty")

func (p *place) child(name, path string) *place {
	if c := p.children[name]; c != nil {
		return c
	}
	c := &place{path: path}
	if !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		c.quoted = name + `"`
	}
	if p.children == nil {
		p.children = make(map[string]*place)
	}
	p.children[name] = c
	return c
}

// forget empties every place inside p: a name came twice, and what the first value held no longer counts.
func (p *place) forget() {
	for _, c := range p.children {
		c.seen = 0
		c.forget()
	}
}
