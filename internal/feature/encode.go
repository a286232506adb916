package feature

import (
	"encoding/binary"
	"math"
)

// Append writes a sum.
func (t *Total) Append(dst []byte) []byte {
	if t.wide == nil {
		dst = append(dst, t.scale)
		return binary.AppendVarint(dst, t.coef)
	}
	dst = append(dst, wideMark)
	dst = binary.AppendVarint(dst, int64(t.wide.exp))
	return AppendString(dst, t.wide.coef.Text(62))
}

const wideMark = 0xff

// Total reads a sum.
func (r *Reader) Total() Total {
	scale := r.Byte()
	if scale != wideMark {
		if scale > maxScale {
			r.fail()
			return Total{}
		}
		return Total{scale: scale, coef: r.Int()}
	}
	w := &wideTotal{exp: int(r.Int())}
	if w.exp < -2000 || w.exp > 2000 {
		r.fail()
		return Total{}
	}
	if _, ok := w.coef.SetString(r.String(), 62); !ok {
		r.fail()
		return Total{}
	}
	return Total{wide: w}
}

// Append writes a series. Times count from base, so that the recent take few bytes.
func (s *Series) Append(dst []byte, base int64) []byte {
	n, shed := s.n, s.Shed()
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, uint64(shed))
	if shed > 0 {
		dst = binary.AppendVarint(dst, base-s.ShedUntil())
	}
	last := base
	for i := range n {
		t := s.Time(i)
		if i == 0 {
			dst = binary.AppendVarint(dst, base-t)
		} else {
			dst = binary.AppendUvarint(dst, uint64(t-last))
		}
		last = t
	}
	for c := range s.kinds {
		dst = s.appendColumn(dst, c, base)
	}
	return dst
}

// How a column is written.
const (
	plain   = 0
	withGap = 1 // a byte an entry tells whether it has a value
	scaled  = 2 // doubles as whole numbers of 10^-scale
)

func (s *Series) appendColumn(dst []byte, c int, base int64) []byte {
	kind, col := s.kinds[c], s.column(c)
	gaps := s.Gaps(c, 0, s.n) > 0
	scale, isScaled := uint8(0), false
	if kind == Double {
		scale, isScaled = s.commonScale(c)
	}
	mode := byte(plain)
	if gaps {
		mode |= withGap
	}
	if isScaled {
		mode |= scaled
	}
	dst = append(dst, mode)
	if isScaled {
		dst = append(dst, scale)
	}
	for i := range s.n {
		if gaps {
			dst = append(dst, byte(OfBool(!col.gap(i)).N))
			if col.gap(i) {
				continue
			}
		}
		switch w := s.word(i, c); kind {
		case Bool:
			dst = append(dst, byte(w))
		case Int:
			dst = binary.AppendVarint(dst, int64(w))
		case Moment:
			dst = binary.AppendVarint(dst, base-int64(w))
		case Double:
			if isScaled {
				coef, own, _ := decimal(math.Float64frombits(w))
				dst = binary.AppendVarint(dst, coef*pow10int[scale-own])
			} else {
				dst = binary.LittleEndian.AppendUint64(dst, w)
			}
		case String:
			if w&long != 0 {
				dst = AppendString(dst, col.strs[i])
				continue
			}
			n := w >> 56 // below 0x80: it is its own varint
			for dst = append(dst, byte(n)); n > 0; n-- {
				dst = append(dst, byte(w))
				w >>= 8
			}
		default:
			dst = AppendVal(dst, s.Value(i, c))
		}
	}
	return dst
}

// commonScale returns a scale with which all doubles of a column are whole numbers below 2^53.
func (s *Series) commonScale(c int) (scale uint8, ok bool) {
	largest, col := 0.0, s.column(c)
	for i := range s.n {
		if col.gap(i) {
			continue
		}
		w := s.word(i, c)
		f := math.Float64frombits(w)
		_, own, fits := decimal(f)
		if !fits || w == math.Float64bits(math.Copysign(0, -1)) {
			return 0, false
		}
		scale, largest = max(scale, own), max(largest, math.Abs(f))
	}
	return scale, largest*pow10[scale] < 1<<53
}

// Series reads a series whose columns have these kinds.
func (r *Reader) Series(kinds []Kind, base int64) *Series {
	s := NewSeries(kinds)
	r.SeriesInto(s, base)
	return s
}

// SeriesInto reads a series into s, whose memory and kinds of columns are kept.
func (r *Reader) SeriesInto(s *Series, base int64) {
	n, w := r.Count(), s.width()
	*s = Series{kinds: s.kinds, rows: s.rows}
	if shed := r.Natural(); shed > 0 {
		s.SetShed(shed, base-r.Int())
	}
	if s.n = n; n*w > len(s.rows) {
		s.rows = make([]uint64, n*w)
	}
	last := base
	for i := range n {
		t := last
		if i == 0 {
			t -= r.Int()
		} else if t += r.Natural(); t < last {
			r.fail()
		}
		s.rows[i*w] = uint64(t)
		last = t
	}
	for c := range s.kinds {
		s.readColumn(r, c, base)
	}
}

func (s *Series) readColumn(r *Reader, c int, base int64) {
	mode := r.Byte()
	scale := uint8(0)
	if mode&scaled != 0 {
		if scale = r.Byte(); scale > maxScale {
			r.fail()
			return
		}
	}
	var rest *restColumn
	kind, w := s.kinds[c], s.width()
	for i, at := 0, 1+c; i < s.n; i, at = i+1, at+w {
		var v Val
		word, isShort := uint64(0), false
		switch {
		case mode&withGap != 0 && r.Byte() != 1:
		case kind == String:
			text := r.Bytes(r.Count())
			if isShort = len(text) <= ShortText; isShort {
				v.K, word = String, shortWord(text)
			} else {
				v = OfString(string(text))
			}
		default:
			v = r.cell(kind, mode, scale, base)
		}
		if r.err != nil {
			return
		}
		if !isShort {
			word = wordOf(kind, &v)
		}
		s.rows[at] = word
		if rest != nil || v.K == None || kind == Object || kind == String && len(v.S) > ShortText {
			rest = s.ownColumn(c)
			rest.insert(kind, i, i+1, &v)
		}
	}
}

func (r *Reader) cell(kind Kind, mode byte, scale uint8, base int64) Val {
	switch kind {
	case Bool:
		return OfBool(r.Byte() == 1)
	case Int:
		return OfInt(r.Int())
	case Moment:
		return OfMoment(base - r.Int())
	case Double:
		if mode&scaled != 0 {
			return OfDouble(float64(r.Int()) / pow10[scale])
		}
		return Val{K: Double, N: r.Uint64()}
	}
	v := r.Val()
	if v.K != Object {
		r.fail()
	}
	return v
}

// What an acc holds beside its count.
const (
	hasUntil = 1 << iota
	hasGaps
	hasSum
	hasLeast
	hasMost
	hasRows
	hasGroups
)

// Append writes an acc. Times count from base.
func (a *Acc) Append(dst []byte, base int64, noTime int64) []byte {
	flags := byte(0)
	set := func(flag byte, is bool) {
		if is {
			flags |= flag
		}
	}
	set(hasUntil, a.Until != noTime)
	set(hasGaps, a.Gaps != 0)
	set(hasSum, a.Sum.coef != 0 || a.Sum.wide != nil)
	set(hasLeast, a.Least.K != None)
	set(hasMost, a.Most.K != None)
	set(hasRows, !a.Rows.Blank())
	set(hasGroups, a.Group != nil)
	dst = append(dst, flags)
	dst = binary.AppendUvarint(dst, uint64(a.Count))
	if flags&hasUntil != 0 {
		dst = binary.AppendVarint(dst, base-a.Until)
	}
	if flags&hasGaps != 0 {
		dst = binary.AppendUvarint(dst, uint64(a.Gaps))
	}
	if flags&hasSum != 0 {
		dst = a.Sum.Append(dst)
	}
	if flags&hasLeast != 0 {
		dst = AppendVal(dst, a.Least.Val())
	}
	if flags&hasMost != 0 {
		dst = AppendVal(dst, a.Most.Val())
	}
	if flags&hasRows != 0 {
		dst = a.Rows.Append(dst, base)
	}
	if flags&hasGroups != 0 {
		dst = a.Group.Append(dst, base)
	}
	return dst
}

// Acc reads an acc whose rows have columns of these kinds.
func (r *Reader) Acc(kinds []Kind, base int64, noTime int64) *Acc {
	flags := r.Byte()
	a := &Acc{Until: noTime, Count: r.Natural()}
	if flags&hasUntil != 0 {
		a.Until = base - r.Int()
	}
	if flags&hasGaps != 0 {
		a.Gaps = r.Natural()
	}
	if flags&hasSum != 0 {
		a.Sum = r.Total()
	}
	if flags&hasLeast != 0 {
		a.Least = ScalarOf(r.Val())
	}
	if flags&hasMost != 0 {
		a.Most = ScalarOf(r.Val())
	}
	if flags&hasRows != 0 {
		a.Rows = r.Series(kinds, base)
	}
	if flags&hasGroups != 0 {
		a.Group = r.groups(base)
	}
	return a
}

// Append writes groups. Times count from base.
func (g *Groups) Append(dst []byte, base int64) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(g.Keys)))
	dst = binary.AppendUvarint(dst, uint64(g.Shed))
	for i := range g.Keys {
		k := &g.Keys[i]
		dst = AppendVal(dst, k.Key)
		dst = binary.AppendVarint(dst, base-k.First)
		dst = binary.AppendUvarint(dst, uint64(k.Count))
		dst = k.Sum.Append(dst)
	}
	return dst
}

// leastGroup is the size of the shortest group: kind, first moment, count and a sum of two bytes.
const leastGroup = 5

func (r *Reader) groups(base int64) *Groups {
	n := r.countOf(leastGroup)
	g := &Groups{Shed: r.Natural(), Keys: make([]Group, 0, n)}
	for i := 0; i < n && r.err == nil; i++ {
		g.Keys = append(g.Keys, Group{Key: r.key(), First: base - r.Int(), Count: r.Natural(), Sum: r.Total()})
	}
	g.reindex()
	return g
}

// key reads a value that can be compared with another.
func (r *Reader) key() Val {
	v := r.Val()
	if v.K == Object {
		r.fail()
		return Val{}
	}
	return v
}

// reindex rebuilds the index of many keys.
func (g *Groups) reindex() {
	g.index = nil
	if len(g.Keys) <= few {
		return
	}
	g.index = make(map[Val]int, 2*len(g.Keys))
	for i := range g.Keys {
		g.index[g.Keys[i].Key] = i
	}
}
