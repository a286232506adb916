package plan

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"

	"github.com/ruas/ruas/internal/feature"
)

// Append writes a state; times count from base. Each part is written under the hash of its definition, so that a state that
// other rules made is recognised part by part.
func (p *Plan) Append(dst []byte, st *State, base int64) []byte {
	n := 0
	for _, s := range st.Series {
		if !s.Blank() {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i, s := range st.Series {
		if !s.Blank() {
			dst = appendPart(dst, p.series[i].hash, func(dst []byte) []byte { return s.Append(dst, base) })
		}
	}
	n = 0
	for _, a := range st.Accs {
		if a != nil {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i, a := range st.Accs {
		if a != nil {
			dst = appendPart(dst, p.accs[i].hash, func(dst []byte) []byte { return a.Append(dst, base, noTime) })
		}
	}
	n = 0
	for i := range st.Attrs {
		if st.Attrs[i].Set {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(n))
	for i := range st.Attrs {
		if a := &st.Attrs[i]; a.Set {
			dst = appendPart(dst, p.attrs[i].hash, func(dst []byte) []byte {
				dst = binary.AppendVarint(dst, base-a.Time)
				return feature.AppendVal(dst, a.Value)
			})
		}
	}
	return dst
}

// appendPart writes a part with its hash and its length.
func appendPart(dst []byte, hash uint32, write func([]byte) []byte) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, hash)
	start := len(dst)
	dst = append(dst, 0)
	dst = write(dst)
	n := len(dst) - start - 1
	if n < 0x80 {
		dst[start] = byte(n)
		return dst
	}
	var size [binary.MaxVarintLen64]byte
	w := binary.PutUvarint(size[:], uint64(n))
	dst = append(dst, size[:w-1]...) // room for the longer length
	copy(dst[start+w:], dst[start+1:start+1+n])
	copy(dst[start:], size[:w])
	return dst
}

// Read reads a state into st. Parts of other definitions are left out; known tells whether there were none of them.
func (p *Plan) Read(r *feature.Reader, base int64, st *State) (known bool) {
	p.Init(st)
	known = true
	part := func(read func(hash uint32, in *feature.Reader) bool) { known = readParts(r, read) && known }
	part(func(hash uint32, in *feature.Reader) bool {
		i, ok := p.bySeries[hash]
		if ok {
			st.Series[i] = in.Series(p.series[i].kinds, base)
		}
		return ok
	})
	part(func(hash uint32, in *feature.Reader) bool {
		i, ok := p.byAcc[hash]
		if ok {
			st.Accs[i] = in.Acc(p.accs[i].base.kinds, base, noTime)
		}
		return ok
	})
	return p.readAttrs(r, base, st) && known
}

func (p *Plan) readAttrs(r *feature.Reader, base int64, st *State) (known bool) {
	return readParts(r, func(hash uint32, in *feature.Reader) bool {
		i, ok := p.byAttr[hash]
		if ok {
			st.Attrs[i] = Attr{Set: true, Time: base - in.Int(), Value: in.Val()}
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
