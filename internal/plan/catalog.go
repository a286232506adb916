package plan

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/ruas/ruas/internal/feature"
)

// A Catalog is what a plan keeps of customers, so that another plan can tell what a state that was made under it holds, and since
// when: parts that are empty are not written, and a state alone does not tell what was never kept from what never happened.
type Catalog struct {
	series map[uint32]*catalogSeries // by the hashes under which states hold them
	accs   map[uint32]*catalogAcc
	attrs  map[uint32]catalogPiece
	// The same by their meaning.
	seriesOf map[uint64]*catalogSeries
	accsOf   map[uint64]*catalogAcc
}

type catalogSeries struct {
	key   uint64
	cols  []catalogColumn
	needs []catalogNeed
}

// catalogPiece is a piece by its hash, as states name it.
type catalogPiece uint32

type catalogColumn struct {
	key  uint64
	kind feature.Kind
	catalogPiece
}

type catalogNeed struct {
	feature.Need
	after uint64 // the other series; 0: none
	catalogPiece
}

type catalogAcc struct {
	key  uint64
	cols []catalogColumn // of the rows that it keeps
	catalogPiece
}

// catalogVersion is the first byte of an encoded catalog.
const catalogVersion = 1

// meaning hashes a text: FNV-1a, 64 bits. 0 is none.
func meaning(text string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(text))
	return max(h.Sum64(), 1)
}

// Catalog writes what p keeps.
func (p *Plan) Catalog() []byte {
	piece := func(dst []byte, kind pieceKind, slot, index int) []byte {
		return binary.LittleEndian.AppendUint32(dst, p.pieces[p.places[place{kind, slot, index}]].hash)
	}
	columns := func(dst []byte, s *series, n int, kind pieceKind, slot int) []byte {
		dst = binary.AppendUvarint(dst, uint64(n))
		for i := range n {
			dst = binary.LittleEndian.AppendUint64(dst, meaning(s.columnText(i)))
			dst = append(dst, byte(s.kinds[i]))
			dst = piece(dst, kind, slot, i)
		}
		return dst
	}
	dst := binary.AppendUvarint([]byte{catalogVersion}, uint64(len(p.series)))
	for slot, s := range p.series {
		dst = binary.LittleEndian.AppendUint32(dst, s.hash)
		dst = binary.LittleEndian.AppendUint64(dst, meaning(s.key))
		dst = columns(dst, s, len(s.cols), pieceColumn, slot)
		dst = binary.AppendUvarint(dst, uint64(len(s.needs)))
		for i, n := range s.needs {
			after := uint64(0)
			if n.after != nil {
				after = meaning(n.after.key)
			}
			dst = binary.AppendUvarint(dst, uint64(n.Lo))
			dst = binary.AppendUvarint(dst, uint64(n.Hi))
			dst = binary.AppendUvarint(dst, uint64(n.N))
			dst = binary.LittleEndian.AppendUint64(dst, after)
			dst = piece(dst, pieceNeed, slot, i)
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.accs)))
	for slot, a := range p.accs {
		dst = binary.LittleEndian.AppendUint32(dst, a.hash)
		dst = binary.LittleEndian.AppendUint64(dst, meaning(a.meaning()))
		dst = columns(dst, a.base, len(a.rowColumns()), pieceRows, slot)
		dst = piece(dst, pieceAcc, slot, 0)
	}
	dst = binary.AppendUvarint(dst, uint64(len(p.attrs)))
	for slot := range p.attrs {
		dst = binary.LittleEndian.AppendUint32(dst, p.attrs[slot].hash)
		dst = piece(dst, pieceAttr, slot, 0)
	}
	return dst
}

// ReadCatalog reads what Plan.Catalog wrote.
func ReadCatalog(b []byte) (*Catalog, error) {
	r := feature.NewReader(b)
	if v := r.Byte(); r.Err() == nil && v > catalogVersion {
		return nil, fmt.Errorf("the catalog of what states hold is of version %d, and this release reads up to %d", v, catalogVersion)
	}
	c := &Catalog{
		series: map[uint32]*catalogSeries{}, accs: map[uint32]*catalogAcc{}, attrs: map[uint32]catalogPiece{},
		seriesOf: map[uint64]*catalogSeries{}, accsOf: map[uint64]*catalogAcc{},
	}
	each := func(do func()) {
		for n := r.Count(); n > 0 && r.Err() == nil; n-- {
			do()
		}
	}
	columns := func() (cols []catalogColumn) {
		each(func() {
			cols = append(cols, catalogColumn{r.Uint64(), feature.Kind(r.Byte()), catalogPiece(r.Uint32())})
		})
		return cols
	}
	each(func() {
		s := new(catalogSeries)
		c.series[r.Uint32()] = s
		s.key = r.Uint64()
		c.seriesOf[s.key] = s
		s.cols = columns()
		each(func() {
			n := feature.Need{Lo: r.Natural(), Hi: r.Natural(), N: int(r.Natural())}
			s.needs = append(s.needs, catalogNeed{n, r.Uint64(), catalogPiece(r.Uint32())})
		})
	})
	each(func() {
		a := new(catalogAcc)
		c.accs[r.Uint32()] = a
		a.key = r.Uint64()
		c.accsOf[a.key] = a
		a.cols = columns()
		a.catalogPiece = catalogPiece(r.Uint32())
	})
	each(func() {
		hash := r.Uint32()
		c.attrs[hash] = catalogPiece(r.Uint32())
	})
	if r.Err() != nil || r.Rest() > 0 {
		return nil, fmt.Errorf("reading the catalog of what states hold: %w", feature.ErrTruncated)
	}
	return c, nil
}

// Since is since when pieces are known that are not known from the customer's first event on, by their hashes. nil: everything is
// known.
type Since map[uint32]int64

// of returns since when a piece is known.
func (s Since) of(piece catalogPiece) int64 {
	if at, ok := s[uint32(piece)]; ok {
		return at
	}
	return fromStart
}

// AppendSince writes since when what is known of st; times count from base.
func (p *Plan) AppendSince(dst []byte, st *State, base int64) []byte {
	n := 0
	for _, at := range st.since() {
		if at != fromStart {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i, at := range st.since() {
		if at != fromStart {
			dst = binary.LittleEndian.AppendUint32(dst, p.pieces[i].hash)
			dst = binary.AppendVarint(dst, base-at)
		}
	}
	return dst
}

// ReadSince reads what AppendSince wrote.
func ReadSince(r *feature.Reader, base int64) Since {
	s := Since{}
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		hash := r.Uint32()
		s[hash] = base - r.Int()
	}
	return s
}

// Remember notes in a state of p's own making since when what is known.
func (p *Plan) Remember(st *State, since Since) {
	for hash, at := range since {
		if i, ok := p.byPiece[hash]; ok {
			st.setSince(p, i, at)
		}
	}
}

func (st *State) setSince(p *Plan, piece int, at int64) {
	if at == fromStart {
		return
	}
	if st.since() == nil {
		since := make([]int64, len(p.pieces))
		for i := range since {
			since[i] = fromStart
		}
		st.more().since = since
	}
	st.rare.since[piece] = at
}

// Warming says until when segments may be unknown of some customer, by the segments' places: a moment, or feature.Forever where time
// alone does not end it.
func (p *Plan) Warming(since Since) map[int]int64 {
	out := map[int]int64{}
	st := new(State)
	p.Remember(st, since)
	if st.since() == nil {
		return out
	}
	for i := range p.Segments {
		until := int64(fromStart)
		r := p.Segments[i].reads
		for j := range r.pieces {
			until = max(until, r.pieces[j].latest(st.since()[r.pieces[j].number]))
		}
		for _, asked := range r.segments {
			if u, ok := out[asked]; ok {
				until = max(until, u)
			}
		}
		if until != fromStart {
			out[i] = until
		}
	}
	return out
}

// latest returns the moment from which on a piece that is complete for times after since is known, whatever the customer did.
func (x *readPiece) latest(since int64) int64 {
	if since == fromStart {
		return fromStart
	}
	hi := int64(0)
	switch x.kind {
	case pieceNeed:
		hi = x.need.Hi
	case pieceColumn:
		for _, n := range x.needs {
			hi = max(hi, n.Hi)
		}
	default:
		hi = feature.Forever
	}
	if hi == feature.Forever {
		return hi
	}
	return since + hi
}
