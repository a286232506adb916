package plan

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"iter"

	"github.com/ruas/ruas/internal/feature"
)

// Append writes a state; times count from base. Each part is written under the hash of its definition, so that a state that
// other rules made is recognised part by part.
func (p *Plan) Append(dst []byte, st *State, base int64) []byte {
	count, n := len(dst), 0
	dst = append(dst, 0) // room for how many there are
	for s, slot := range p.Kept(st) {
		if !s.Blank() {
			start := len(dst)
			dst = s.Append(beginPart(dst, p.series[slot].hash), base)
			dst = endPart(dst, start)
			n++
		}
	}
	dst = putUint(dst, count, n)
	count, n = len(dst), 0
	dst = append(dst, 0)
	for i, a := range st.Accs {
		if a != nil {
			start := len(dst)
			dst = a.Append(beginPart(dst, p.accs[i].hash), base, noTime)
			dst = endPart(dst, start)
			n++
		}
	}
	dst = putUint(dst, count, n)
	count, n = len(dst), 0
	dst = append(dst, 0)
	attrs := st.Attrs()
	for i := range attrs {
		if a := &attrs[i]; a.Set {
			start := len(dst)
			dst = binary.AppendVarint(beginPart(dst, p.attrs[i].hash), base-a.Time)
			dst = feature.AppendVal(dst, a.Value)
			dst = endPart(dst, start)
			n++
		}
	}
	return putUint(dst, count, n)
}

// Kept yields the series that there are, in the order of their slots. Each is good until the next one.
func (p *Plan) Kept(st *State) iter.Seq2[*feature.Series, int] {
	return func(yield func(*feature.Series, int) bool) {
		var s feature.Series
		for slot := range st.Kept.Slots {
			if slot >= len(p.series) {
				return
			}
			if st.Kept.Open(slot, p.series[slot].kinds, &s); !yield(&s, slot) {
				return
			}
		}
	}
}

// beginPart writes the hash of a part, with room for its length in a byte; endPart writes the length of what came behind it, given
// where the part begins.
func beginPart(dst []byte, hash uint32) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, hash), 0)
}

func endPart(dst []byte, start int) []byte {
	start += 4
	return putUint(dst, start, len(dst)-start-1)
}

// putUint writes n where there is room for it in a byte; what is behind moves where it takes more.
func putUint(dst []byte, at, n int) []byte {
	if n < 0x80 {
		dst[at] = byte(n)
		return dst
	}
	var size [binary.MaxVarintLen64]byte
	w, end := binary.PutUvarint(size[:], uint64(n)), len(dst)
	dst = append(dst, size[:w-1]...)
	copy(dst[at+w:], dst[at+1:end])
	copy(dst[at:], size[:w])
	return dst
}

// Read reads a state into st, which has none of these parts. Parts of other definitions are left out; known tells whether there were none of them.
func (p *Plan) Read(r *feature.Reader, base int64, st *State) (known bool) {
	known = readParts(r, func(hash uint32, in *feature.Reader) bool {
		slot, ok := p.bySeries[hash]
		if ok {
			st.Kept.Read(in, slot, p.series[slot].kinds, base)
		}
		return ok
	})
	known = readParts(r, func(hash uint32, in *feature.Reader) bool {
		i, ok := p.byAcc[hash]
		if ok {
			p.setAcc(st, i, in.Acc(p.accs[i].base.kinds, base, noTime))
		}
		return ok
	}) && known
	return p.readAttrs(r, base, st) && known
}

func (p *Plan) setAcc(st *State, slot int, a *feature.Acc) {
	if st.Accs == nil {
		st.Accs = make([]*feature.Acc, len(p.accs))
	}
	st.Accs[slot] = a
}

func (p *Plan) readAttrs(r *feature.Reader, base int64, st *State) (known bool) {
	return readParts(r, func(hash uint32, in *feature.Reader) bool {
		i, ok := p.byAttr[hash]
		if ok {
			p.ownAttrs(st)[i] = Attr{Set: true, Time: base - in.Int(), Value: in.Val()}
		}
		return ok
	})
}

// readParts hands each part to read, which tells whether it knows its hash.
func readParts(r *feature.Reader, read func(hash uint32, in *feature.Reader) bool) (known bool) {
	known = true
	for n := r.Count(); n > 0 && r.Err() == nil; n-- {
		hash := r.Uint32()
		in := feature.NewReader(r.Bytes(r.Count()))
		if !read(hash, in) {
			known = false
		} else if in.Err() != nil || in.Rest() > 0 {
			r.Fail()
		}
	}
	return known
}

// identify gives every part the hash of its definition: what it holds, and in which columns.
func (c *compiler) identify() {
	p := c.p
	p.bySeries, p.byAcc, p.byAttr = map[uint32]int{}, map[uint32]int{}, map[uint32]int{}
	unique := func(taken map[uint32]int, text string, slot int) uint32 {
		for ; ; text += "'" {
			h := fnv.New32a()
			_, _ = h.Write([]byte(text))
			if _, twice := taken[h.Sum32()]; !twice {
				taken[h.Sum32()] = slot
				return h.Sum32()
			}
		}
	}
	for i, s := range p.series {
		s.hash = unique(p.bySeries, s.key+s.columns(), i)
	}
	for i, a := range p.accs {
		text := a.key
		if a.fold.Oldest+a.fold.Newest > 0 {
			text += a.base.columns()
		}
		text += a.valueKinds()
		a.hash = unique(p.byAcc, text, i)
	}
	for i := range p.attrs {
		kind := c.schema.Profile().Properties[p.attrs[i].prop].Kind
		p.attrs[i].text = fmt.Sprint(p.attrs[i].name, ":", uint8(kind))
		p.attrs[i].hash = unique(p.byAttr, p.attrs[i].text, i)
	}
	segments := map[uint32]int{}
	for i := range p.Segments {
		p.Segments[i].Hash = unique(segments, p.Segments[i].Name, i)
	}
	p.bySegment = segments
	p.identifyPieces(unique)
	for _, r := range c.reads {
		r.resolve(p)
	}
}

// SegmentOf returns the segment of a hash.
func (p *Plan) SegmentOf(hash uint32) (i int, ok bool) {
	i, ok = p.bySegment[hash]
	return i, ok
}

// columns writes what the columns hold, and of what kind: a schema may give a property another type.
func (s *series) columns() string {
	text := ""
	for i := range s.cols {
		text += " ; " + s.columnText(i)
	}
	return text
}

func kindText(k feature.Kind) string { return fmt.Sprint(":", uint8(k)) }
