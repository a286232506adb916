package event

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"
)

// place is one place in a record that something reads: the name of a member, with the places inside its value. It also holds
// what the record that is being decoded has there.
type place struct {
	path     string // from the record's root, for people
	spelling spelling
	children map[string]*place
	// first is the child that came first in the last object here, and next the sibling that came next: producers write their
	// members in one order, so that nearly every name is found by one comparison.
	first, next *place

	// seen is the number of the record that has something here; start and end are where.
	seen       uint64
	start, end int
	form       form
	escaped    bool // a string with escapes
}

// spelling is how most records spell a member's name: in quotes, with the colon right behind. Its first bytes stand in words too, which
// are compared without a call.
type spelling struct {
	text string
	word [2]uint64
	mask [2]uint64 // the bytes of word that text has
	// least is how many bytes there must be to be compared: no fewer than in words.
	least int
}

const spelled = 16 // bytes of a spelling that stand in words

// spellingOf returns how records spell a name. A name that JSON escapes, or that is no text, is never compared: no record is so long.
func spellingOf(name string) spelling {
	if !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' }) {
		return spelling{least: MaxRecord + 1}
	}
	s := spelling{text: `"` + name + `":`}
	s.least = max(spelled, len(s.text))
	var word, mask [spelled]byte
	for i := range copy(word[:], s.text) {
		mask[i] = 0xff
	}
	for i := range s.word {
		s.word[i] = binary.LittleEndian.Uint64(word[8*i:])
		s.mask[i] = binary.LittleEndian.Uint64(mask[8*i:])
	}
	return s
}

// begins tells whether the name begins at i, where b has as many bytes as least says.
func (s *spelling) begins(b []byte, i int) bool {
	return (wordAt(b, i)^s.word[0])&s.mask[0]|(wordAt(b, i+8)^s.word[1])&s.mask[1] == 0 && s.ends(b, i)
}

// ends tells whether b has what does not stand in words.
func (s *spelling) ends(b []byte, i int) bool {
	return s.least == spelled || string(b[i+spelled:i+len(s.text)]) == s.text[spelled:]
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
	c := &place{path: path, spelling: spellingOf(name)}
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
