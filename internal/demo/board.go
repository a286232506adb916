package demo

import (
	"slices"
	"strings"
	"time"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/rule"
)

// board keeps what the screen shows of each segment.
type board struct {
	rows    map[string]*row
	opening time.Time
	changes int // since the opening
}

type row struct {
	name    string
	members int
	last    []visitor // newest first
	changed int       // the board's changes when it last changed; 0: not since the opening
}

// visitor is a customer who joined or left.
type visitor struct {
	id   string
	join bool
}

const visitors = 6

func newBoard(segments []*rule.Segment, opening time.Time) *board {
	b := &board{rows: make(map[string]*row, len(segments)), opening: opening}
	for _, s := range segments {
		b.rows[s.Name] = &row{name: s.Name}
	}
	return b
}

// follow takes the segments of changed rules: those that stay keep their members, and what happens in others counts from nobody.
func (b *board) follow(segments []*rule.Segment) {
	rows := newBoard(segments, b.opening).rows
	for name := range rows {
		if r := b.rows[name]; r != nil {
			rows[name] = r
		}
	}
	b.rows = rows
}

// apply counts a change. It is true where the change is news, not history.
func (b *board) apply(c *api.Change) bool {
	r := b.rows[c.Segment]
	if r == nil {
		return false
	}
	if c.Join() {
		r.members++
	} else {
		r.members--
	}
	r.last = append([]visitor{{c.Customer, c.Join()}}, r.last[:min(len(r.last), visitors-1)]...)
	if c.Time.Before(b.opening) {
		return false
	}
	b.changes++
	r.changed = b.changes
	return true
}

// top returns at most n rows by name: where there are more, those that changed last.
func (b *board) top(n int) []*row {
	out := make([]*row, 0, len(b.rows))
	for _, r := range b.rows {
		out = append(out, r)
	}
	byName := func(a, b *row) int { return strings.Compare(a.name, b.name) }
	if len(out) > n {
		slices.SortFunc(out, func(a, b *row) int {
			if a.changed != b.changed {
				return b.changed - a.changed
			}
			return byName(a, b)
		})
		out = out[:max(n, 0)]
	}
	slices.SortFunc(out, byName)
	return out
}
