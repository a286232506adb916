package plan

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/ruas/ruas/internal/feature"
)

// A piece is the least of what is kept that may be known since another moment than its neighbours: one need of a series, one
// column of it, one acc, one column of the rows that an acc keeps, one attribute. Where rules change, a piece that was not kept
// before is known of old customers only from then on.
type piece struct {
	kind  pieceKind
	slot  int // of the series, the acc or the attribute
	index int // of the need or the column
	hash  uint32
}

type pieceKind uint8

const (
	pieceNeed pieceKind = iota
	pieceColumn
	pieceAcc
	pieceRows // a column of the rows that an acc keeps
	pieceAttr
)

// fromStart is the since of a piece that is known from the customer's first event on.
const fromStart = math.MinInt64

// place finds a piece.
type place struct {
	kind        pieceKind
	slot, index int
}

// identifyPieces gives every piece its number and the hash of its meaning.
func (p *Plan) identifyPieces(unique func(taken map[uint32]int, text string, slot int) uint32) {
	p.byPiece, p.places = map[uint32]int{}, map[place]int{}
	add := func(kind pieceKind, slot, index int, text string) {
		i := len(p.pieces)
		p.pieces = append(p.pieces, piece{kind: kind, slot: slot, index: index, hash: unique(p.byPiece, text, i)})
		p.places[place{kind, slot, index}] = i
	}
	for i, s := range p.series {
		for j, n := range s.needs {
			after := ""
			if n.after != nil {
				after = n.after.key
			}
			add(pieceNeed, i, j, fmt.Sprintf("need %d %d %d after %s of %s", n.Lo, n.Hi, n.N, after, s.key))
		}
		for j := range s.cols {
			add(pieceColumn, i, j, "column "+s.columnText(j)+" of "+s.key)
		}
	}
	for i, a := range p.accs {
		add(pieceAcc, i, 0, "acc "+a.meaning())
		for j := range a.rowColumns() {
			add(pieceRows, i, j, "column "+a.base.columnText(j)+" of rows of "+a.meaning())
		}
	}
	for i := range p.attrs {
		add(pieceAttr, i, 0, "attribute "+p.attrs[i].text)
	}
}

// columnText is what a column holds, and of what kind: a schema may give a property another type.
func (s *series) columnText(i int) string { return s.cols[i].key + kindText(s.kinds[i]) }

// meaning is what an acc adds up, whatever other columns its series has.
func (a *acc) meaning() string {
	return a.key + a.valueKinds()
}

// valueKinds is of what kinds the values are that an acc adds up.
func (a *acc) valueKinds() string {
	text := ""
	for _, col := range []int{a.xCol, a.kCol} {
		if col >= 0 {
			text += kindText(a.base.kinds[col])
		}
	}
	return text
}

// rowColumns is the columns of the rows that an acc keeps.
func (a *acc) rowColumns() []col {
	if a.fold.Oldest+a.fold.Newest == 0 {
		return nil
	}
	return a.base.cols
}

// reads is all that an expression looks at of a state.
type reads struct {
	uses     *uses // until it is resolved
	pieces   []readPiece
	segments []int
}

// readPiece is a piece with how it is looked at.
type readPiece struct {
	piece
	number int
	need   need
	needs  []feature.Need // of a column: which rows it is read of
}

// resolve finds the pieces of what was compiled.
func (r *reads) resolve(p *Plan) {
	u := r.uses
	r.uses = nil
	add := func(kind pieceKind, slot, index int) *readPiece {
		n := p.places[place{kind, slot, index}]
		r.pieces = append(r.pieces, readPiece{piece: p.pieces[n], number: n})
		return &r.pieces[len(r.pieces)-1]
	}
	for _, slot := range slices.Sorted(maps.Keys(u.needs)) {
		s, needs := p.series[slot], u.needs[slot]
		for i, n := range s.needs {
			if slices.Contains(needs, n) {
				add(pieceNeed, slot, i).need = n
			}
		}
		for _, i := range slices.Sorted(maps.Keys(u.columns[slot])) {
			x := add(pieceColumn, slot, i)
			for _, n := range needs {
				x.needs = append(x.needs, n.Need)
			}
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(u.accs)) {
		a := p.accs[slot]
		add(pieceAcc, slot, 0)
		for i := range a.rowColumns() {
			if u.columns[a.base.slot][i] {
				add(pieceRows, slot, i)
			}
		}
	}
	for _, slot := range slices.Sorted(maps.Keys(u.attrs)) {
		add(pieceAttr, slot, 0)
	}
	r.segments = slices.Sorted(maps.Keys(u.segments))
}

// known tells whether all that an expression looks at at f's moment is known.
func (r *reads) known(f *Frame) bool {
	for i := range r.pieces {
		x := &r.pieces[i]
		if since := f.state.since()[x.number]; since != fromStart && !x.known(f, since) {
			return false
		}
	}
	for _, s := range r.segments {
		if !f.plan.Known(f, s) {
			return false
		}
	}
	return true
}

// wake returns a moment after f's, not later than the next at which time alone makes something known.
func (r *reads) wake(f *Frame) int64 {
	next := int64(feature.Forever)
	for i := range r.pieces {
		x := &r.pieces[i]
		if since := f.state.since()[x.number]; since != fromStart && !x.known(f, since) {
			next = min(next, x.wake(f, since))
		}
	}
	return next
}

// known tells whether a piece that is complete for times after since holds what is asked of it. It stays so.
func (x *readPiece) known(f *Frame, since int64) bool {
	switch x.kind {
	case pieceNeed:
		return x.need.known(f, f.kept(x.slot), since)
	case pieceColumn:
		s := f.kept(x.slot)
		from := s.Len()
		for _, n := range x.needs {
			from = min(from, s.From(f.now, n))
		}
		return from == s.Len() || s.Time(from) > since
	case pieceRows:
		a := f.state.Acc(x.slot)
		return a == nil || a.Rows.Len() == 0 || a.Rows.Time(0) > since
	case pieceAttr:
		// The latest update is known where it is none of before.
		a := f.state.attr(x.slot)
		return a.Set && a.Time >= since
	case pieceAcc:
		return false // something is always missing
	}
	return false
}

// known tells whether a series that is complete for times after since holds all that n asks for.
func (n need) known(f *Frame, s *feature.Series, since int64) bool {
	switch {
	case n.Hi != feature.Forever && f.now-n.Hi >= since:
		return true
	case n.N != feature.All && s.After(f.now-n.Lo)-s.After(since) >= n.N:
		return true
	case n.after != nil:
		// Nothing up to the newest event of the other series is asked for.
		o := f.kept(n.after.slot)
		return o.Len() > 0 && o.Time(o.Len()-1) >= since
	}
	return false
}

// wake returns the moment at which time alone may make a piece known that is not. That an event comes of age for a list is among the list's
// own moments.
func (x *readPiece) wake(f *Frame, since int64) int64 {
	next := int64(feature.Forever)
	switch x.kind {
	case pieceNeed:
		if x.need.Hi != feature.Forever {
			next = since + x.need.Hi
		}
	case pieceColumn:
		s := f.kept(x.slot)
		last := s.Time(s.After(since) - 1) // there is one, or the column were known
		for _, n := range x.needs {
			if n.Hi != feature.Forever && last+n.Hi > f.now {
				next = min(next, last+n.Hi)
			}
		}
	case pieceAcc, pieceRows, pieceAttr: // events alone make them known
	}
	return next
}
