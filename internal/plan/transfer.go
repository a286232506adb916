package plan

import (
	"github.com/ruas/ruas/internal/feature"
)

// A Transfer takes states over that were made under other rules. It does not change.
type Transfer struct {
	plan *Plan
	// known: there is a catalog of what the other rules kept. Without, nothing is known of the time before.
	known        bool
	series, accs map[uint32]transferred // by the hashes under which the states hold them
	origins      []origin               // by piece
}

// transferred is where a part of a state goes.
type transferred struct {
	slot  int
	was   []feature.Kind // of its columns
	kinds []feature.Kind // of the columns that it gets
	from  []int          // which of the old ones they are; -1: none
}

// origin is where a piece comes from.
type origin struct {
	// covers are the pieces that held, each by itself, all that is asked.
	covers []catalogPiece
	// partly are the needs that held a part of what is asked.
	partly []catalogNeed
	// void: there is nothing to know, for there are no rows that might lack the column.
	void bool
}

// Transfer returns what takes states over that were made under the rules of a catalog; nil: nobody knows what was kept.
func (p *Plan) Transfer(c *Catalog) *Transfer {
	t := &Transfer{plan: p, known: c != nil, series: map[uint32]transferred{}, accs: map[uint32]transferred{}, origins: make([]origin, len(p.pieces))}
	if c == nil {
		return t
	}
	series, accs := map[uint64]int{}, map[uint64]int{}
	for slot, s := range p.series {
		series[meaning(s.key)] = slot
	}
	for slot, a := range p.accs {
		accs[meaning(a.meaning())] = slot
	}
	for hash, old := range c.series {
		if slot, ok := series[old.key]; ok && len(p.series[slot].needs) > 0 {
			t.series[hash] = newTransferred(slot, p.series[slot], len(p.series[slot].cols), old.cols)
		}
	}
	for hash, old := range c.accs {
		if slot, ok := accs[old.key]; ok {
			t.accs[hash] = newTransferred(slot, p.accs[slot].base, len(p.accs[slot].rowColumns()), old.cols)
		}
	}
	for i := range p.pieces {
		t.origins[i] = p.originOf(&p.pieces[i], c)
	}
	return t
}

func newTransferred(slot int, s *series, columns int, old []catalogColumn) transferred {
	t := transferred{slot: slot, kinds: s.kinds, was: make([]feature.Kind, len(old)), from: make([]int, columns)}
	for i := range old {
		t.was[i] = old[i].kind
	}
	for i := range t.from {
		t.from[i] = columnIn(old, meaning(s.columnText(i)))
	}
	return t
}

func columnIn(cols []catalogColumn, key uint64) int {
	for i := range cols {
		if cols[i].key == key {
			return i
		}
	}
	return -1
}

func (p *Plan) originOf(x *piece, c *Catalog) (o origin) {
	column := func(s *series, cols []catalogColumn) {
		if i := columnIn(cols, meaning(s.columnText(x.index))); i >= 0 {
			o.covers = append(o.covers, cols[i].catalogPiece)
		}
	}
	switch x.kind {
	case pieceNeed:
		s := p.series[x.slot]
		old := c.seriesOf[meaning(s.key)]
		if old == nil {
			return o
		}
		n, after := s.needs[x.index], uint64(0)
		if n.after != nil {
			after = meaning(n.after.key)
		}
		for _, held := range old.needs {
			switch {
			case (held.after == 0 || held.after == after) && n.within(held.Need):
				o.covers = append(o.covers, held.catalogPiece)
			case held.after == 0: // else how far it reached depends on another series
				o.partly = append(o.partly, held)
			}
		}
	case pieceColumn:
		s := p.series[x.slot]
		if old := c.seriesOf[meaning(s.key)]; old != nil {
			column(s, old.cols)
		} else {
			o.void = true
		}
	case pieceAcc:
		if old := c.accsOf[meaning(p.accs[x.slot].meaning())]; old != nil {
			o.covers = append(o.covers, old.catalogPiece)
		}
	case pieceRows:
		a := p.accs[x.slot]
		if old := c.accsOf[meaning(a.meaning())]; old != nil {
			column(a.base, old.cols)
		} else {
			o.void = true
		}
	case pieceAttr:
		if old, ok := c.attrs[p.attrs[x.slot].hash]; ok {
			o.covers = append(o.covers, old)
		}
	}
	return o
}

// Read reads a state that was made under the other rules; since says what was not known of it from the start. The plan's own rules took
// force at a moment: what was not kept until then is known since then.
func (t *Transfer) Read(r *feature.Reader, base int64, since Since, force int64, st *State) {
	p := t.plan
	if !t.known {
		p.Read(r, base, st)
	} else {
		readParts(r, func(hash uint32, in *feature.Reader) bool {
			to, ok := t.series[hash]
			if ok {
				st.Kept.Put(to.slot, in.Series(to.was, base).WithColumns(to.kinds, to.from))
			}
			return ok
		})
		readParts(r, func(hash uint32, in *feature.Reader) bool {
			to, ok := t.accs[hash]
			if ok {
				a := in.Acc(to.was, base, noTime)
				if a.Rows != nil {
					a.Rows = a.Rows.WithColumns(to.kinds, to.from)
				}
				p.setAcc(st, to.slot, a)
			}
			return ok
		})
		p.readAttrs(r, base, st)
	}
	t.since(since, force, st, st)
}

// AppendWorst writes since when what is known of the customer of whom least is known, in the form of AppendSince with times that count
// from 0; since is what that was under the other rules.
func (t *Transfer) AppendWorst(dst []byte, since Since, force int64) []byte {
	st := new(State)
	t.since(since, force, nil, st)
	return t.plan.AppendSince(dst, st, 0)
}

// since notes in st since when each piece is known; held is what was taken over, nil: of the customer of whom least is known.
func (t *Transfer) since(since Since, force int64, held, st *State) {
	for i := range t.origins {
		if at := t.origins[i].since(t.plan, since, force, held, t.plan.pieces[i].slot); at != fromStart {
			st.setSince(t.plan, i, at)
		}
	}
}

func (o *origin) since(p *Plan, since Since, force int64, held *State, slot int) int64 {
	if o.void {
		return fromStart
	}
	at := force
	for _, x := range o.covers {
		if at = min(at, since.of(x)); at == fromStart {
			return at
		}
	}
	for i := range o.partly {
		at = min(at, max(since.of(o.partly[i].catalogPiece), p.reach(o.partly[i].Need, force, held, slot)))
	}
	return at
}

// reach returns the time after which a series that was kept as o asks holds every event, at a moment.
func (p *Plan) reach(o feature.Need, at int64, held *State, slot int) int64 {
	whole, first := int64(fromStart), 0
	if o.Hi != feature.Forever {
		whole = at - o.Hi
	}
	if o.N == feature.All {
		return whole
	}
	if held == nil {
		return at - min(o.Lo, o.Hi)
	}
	var s feature.Series
	held.Kept.Open(slot, p.series[slot].kinds, &s)
	if o.Hi != feature.Forever {
		first = s.After(whole)
	}
	if aged := s.After(at - o.Lo); aged-first >= o.N {
		return s.Time(aged - o.N)
	}
	return whole // fewer than were asked for: they are all
}
