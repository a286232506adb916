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
	n := s.Len()
	dst = binary.AppendUvarint(dst, uint64(n))
	dst = binary.AppendUvarint(dst, uint64(s.Shed))
	if s.Shed > 0 {
		dst = binary.AppendVarint(dst, base-s.ShedUntil)
	}
	last := base
	for i := range n {
		if i == 0 {
			dst = binary.AppendVarint(dst, base-s.Time(0))
		} else {
			dst = binary.AppendUvarint(dst, uint64(s.Time(i)-last))
		}
		last = s.Time(i)
	}
	for c := range s.cols {
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
	col, n := &s.cols[c], s.Len()
	gaps := s.Gaps(c, 0, n) > 0
	scale, isScaled := s.commonScale(c)
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
	for i := range n {
		v := s.Value(i, c)
		if gaps {
			dst = append(dst, byte(OfBool(v.K != None).N))
		}
		if v.K == None {
			continue
		}
		switch col.kind {
		case Bool:
			dst = append(dst, byte(v.N))
		case Int:
			dst = binary.AppendVarint(dst, v.Int())
		case Moment:
			dst = binary.AppendVarint(dst, base-v.Int())
		case Double:
			if isScaled {
				coef, own, _ := decimal(v.Float())
				dst = binary.AppendVarint(dst, coef*pow10int[scale-own])
			} else {
				dst = binary.LittleEndian.AppendUint64(dst, v.N)
			}
		case String:
			dst = AppendString(dst, v.S)
		default:
			dst = AppendVal(dst, v)
		}
	}
	return dst
}

// commonScale returns a scale with which all doubles of a column are whole numbers below 2^53.
func (s *Series) commonScale(c int) (scale uint8, ok bool) {
	if s.cols[c].kind != Double {
		return 0, false
	}
	largest := 0.0
	for i := range s.Len() {
		v := s.Value(i, c)
		if v.K == None {
			continue
		}
		_, own, fits := decimal(v.Float())
		if !fits || v.N == math.Float64bits(math.Copysign(0, -1)) {
			return 0, false
		}
		scale, largest = max(scale, own), max(largest, math.Abs(v.Float()))
	}
	return scale, largest*pow10[scale] < 1<<53
}

// Series reads a series whose columns have these kinds.
func (r *Reader) Series(kinds []Kind, base int64) *Series {
	n := r.Count()
	s := NewSeries(kinds)
	if s.Shed = r.Natural(); s.Shed > 0 {
		s.ShedUntil = base - r.Int()
	}
	s.times = make([]int64, n)
	for i := range n {
		if i == 0 {
			s.times[0] = base - r.Int()
		} else {
			if s.times[i] = s.times[i-1] + r.Natural(); s.times[i] < s.times[i-1] {
				r.fail()
			}
		}
	}
	for c := range s.cols {
		r.column(&s.cols[c], n, base)
	}
	return s
}

func (r *Reader) column(c *column, n int, base int64) {
	mode := r.Byte()
	scale := uint8(0)
	if mode&scaled != 0 {
		if scale = r.Byte(); scale > maxScale {
			r.fail()
			return
		}
	}
	for i := 0; i < n && r.err == nil; i++ {
		var v Val
		if mode&withGap == 0 || r.Byte() == 1 {
			v = r.cell(c.kind, mode, scale, base)
		}
		c.insert(i, i+1, v)
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
	case String:
		return OfString(r.String())
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
		dst = AppendVal(dst, a.Least)
	}
	if flags&hasMost != 0 {
		dst = AppendVal(dst, a.Most)
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
		a.Least = r.Val()
	}
	if flags&hasMost != 0 {
		a.Most = r.Val()
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
