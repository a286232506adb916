package plan

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// What sizes assume of a typical customer, and of one who takes the most.
const (
	typicalGap     = 3 * feature.DayMS // between two events of one type
	typicalAnyGap  = feature.DayMS     // between two events of whatever type
	typicalPass    = 3                 // of so many events a filter lets one pass
	typicalHistory = 2 * 365 * feature.DayMS
	typicalKeys    = 5 // different values that events are grouped by
	typicalCount   = 100
	typicalText    = 12
	typicalWords   = 3 // in a list of texts
	atMostText     = 64
	atMostWords    = 16
	atMostHistory  = 100 * 365 * feature.DayMS
	atMostCount    = 1 << 40
)

const (
	typicalMeans = "two years of history, an event of each type every three days, of which a filter lets one in three pass, " +
		"5 different values to group by, texts of 12 bytes"
	atMostMeans = "all that rules ask for, up to %s entries a series and as many values to group by, over a hundred years, " +
		"numbers of full length, texts of 64 bytes"
)

// sizer measures encoded samples of state, so that sizes follow the encoding.
type sizer struct {
	bound int
	known map[string]int // sizes of samples that were measured
}

func newSizer(bound int) *sizer { return &sizer{bound: bound, known: map[string]int{}} }

// series is the size of what needs keep of a series, with columns of these kinds.
func (z *sizer) series(s *series, needs []need, kinds []feature.Kind, mayMiss bool) Size {
	var size Size
	if n := s.typical(needs, z.bound); n > 0 {
		size.Typical = partSize(z.rows(sample{n: n, gap: s.gap(), kinds: kinds}))
	}
	n, horizon := 0, int64(0)
	for _, d := range needs {
		horizon = max(horizon, min(d.Hi, atMostHistory))
		if d.Lo > 0 {
			n = z.bound
		}
		n = max(n, min(d.N, z.bound))
	}
	size.AtMost = partSize(z.rows(sample{n: n, gap: dearest(horizon, n), kinds: kinds, atMost: true, mayMiss: mayMiss}))
	return size
}

// gap is the time between two events of the series of a typical customer.
func (s *series) gap() int64 {
	gap := int64(typicalGap)
	if s.typ == anyType {
		gap = typicalAnyGap
	}
	if len(s.preds) > 0 {
		gap *= typicalPass
	}
	return gap
}

// rare tells that a typical customer has none: the series holds the events on which a filter errs.
func (s *series) rare() bool {
	for i := range s.preds {
		if s.preds[i].fails {
			return true
		}
	}
	return false
}

// typical is the number of entries of a typical customer.
func (s *series) typical(needs []need, bound int) int {
	if s.rare() {
		return 0
	}
	most, gap := int64(0), s.gap()
	for _, d := range needs {
		hi := min(d.Hi, typicalHistory)
		if d.after != nil {
			hi = min(hi, d.after.gap())
		}
		n := (hi + gap - 1) / gap
		if d.N != feature.All {
			n = min(n, min(d.Lo, hi)/gap+int64(d.N))
		}
		most = max(most, n)
	}
	if s.latest {
		most = min(most, typicalKeys)
	}
	return int(min(most, int64(bound)))
}

// dearest is a gap for which times take at least as many bytes as those of any n events within a horizon: the bytes of a gap
// grow with its logarithm, so that unequal gaps take less than one byte each more than equal ones.
func dearest(horizon int64, n int) int64 {
	gap := int64(1)
	for gap <= horizon/int64(max(n, 1)) {
		gap <<= 7 // bits in a byte of a varint
	}
	return gap
}

// acc is the size of an acc whose rows have columns of these kinds.
func (z *sizer) acc(a *acc, kinds []feature.Kind, mayMiss bool) Size {
	var size Size
	if !a.base.rare() {
		size.Typical = partSize(z.settled(a, typicalKeys, sample{gap: a.base.gap(), kinds: kinds}))
	}
	size.AtMost = partSize(z.settled(a, z.bound, sample{gap: dearest(atMostHistory, 1), kinds: kinds, atMost: true, mayMiss: mayMiss}))
	return size
}

// settled encodes what an acc holds, with so many groups where it has groups.
func (z *sizer) settled(a *acc, groups int, like sample) int {
	f, base, count := &a.fold, like.gap, int64(typicalCount)
	c := feature.Acc{Until: noTime}
	if a.final > 0 {
		c.Until = base - a.final
	}
	if like.atMost {
		count, c.Gaps = atMostCount, atMostCount
	}
	if f.Count {
		c.Count = count
	}
	var total feature.Total
	if f.Sum {
		total = like.total()
	}
	x := feature.Moment
	if a.xCol >= 0 {
		x = a.base.kinds[a.xCol]
	}
	if f.Min {
		c.Least = feature.ScalarOf(like.value(x, base))
	}
	if f.Max {
		c.Most = feature.ScalarOf(like.value(x, base))
	}
	if !f.Groups {
		c.Sum = total
	}
	size := len(c.Append(nil, base, noTime))
	if f.Groups {
		one := feature.Groups{Keys: []feature.Group{{Key: like.value(a.base.kinds[a.kCol], base), Count: count, Sum: total}}}
		c.Group = &one
		each := len(c.Append(nil, base, noTime)) - size
		size += groups * each
	}
	if n := f.Oldest + f.Newest; n > 0 {
		if !like.atMost {
			n = min(n, int(typicalHistory/like.gap))
		}
		like.n = n
		size += z.rows(like)
	}
	return size
}

// attribute is the size of an attribute.
func (z *sizer) attribute(p *event.Property) Size {
	one := func(s sample) int {
		v := s.value(kindOf(&node{typ: rule.KindType(p.Kind)}), s.gap)
		if p.Kind == event.Date {
			v = feature.OfString("2006-01-02")
		}
		return partSize(len(feature.AppendVal(binary.AppendVarint(nil, s.gap), v)))
	}
	return Size{Typical: one(sample{gap: typicalHistory}), AtMost: one(sample{gap: atMostHistory, atMost: true})}
}

// property returns the attribute of a slot.
func (r *reporter) property(slot int) *event.Property {
	return &r.Set.Schema.Profile().Properties[r.attrs[slot].prop]
}

// sample is what a measured state looks like: n entries, one every gap milliseconds, with values of some kinds.
type sample struct {
	n       int
	gap     int64
	kinds   []feature.Kind
	atMost  bool
	mayMiss bool // a column may lack a value
}

// rows encodes a series.
func (z *sizer) rows(s sample) int {
	id := fmt.Sprint(s)
	if size, ok := z.known[id]; ok {
		return size
	}
	kept := feature.NewSeries(s.kinds)
	base := int64(s.n) * s.gap
	row := make([]feature.Val, len(s.kinds))
	if s.mayMiss && s.atMost {
		kept.Insert(0, row) // one more, without values: where one entry lacks a value, each takes a byte more
	}
	for i, k := range s.kinds {
		row[i] = s.value(k, base)
	}
	for i := range s.n {
		kept.Insert(int64(i)*s.gap, row)
	}
	if s.atMost {
		kept.SetShed(atMostCount, base-atMostHistory)
	}
	z.known[id] = len(kept.Append(nil, base))
	return z.known[id]
}

// value is one value; a moment is long before base.
func (s sample) value(k feature.Kind, base int64) feature.Val {
	text, words := strings.Repeat("x", typicalText), typicalWords
	if s.atMost {
		text, words = strings.Repeat("x", atMostText), atMostWords
	}
	switch k {
	case feature.Bool:
		return feature.OfBool(true)
	case feature.Int:
		if s.atMost {
			return feature.OfInt(math.MinInt64)
		}
		return feature.OfInt(3)
	case feature.Double:
		if s.atMost {
			return feature.OfDouble(math.Pi)
		}
		return feature.OfDouble(129.95)
	case feature.Moment:
		if s.atMost {
			return feature.OfMoment(base - 9999*365*feature.DayMS)
		}
		return feature.OfMoment(base - typicalHistory)
	case feature.String:
		return feature.OfString(text)
	case feature.Object:
		list := make([]string, words)
		for i := range list {
			list[i] = text
		}
		return feature.OfObject(list)
	case feature.None, feature.Row:
	}
	return feature.Val{}
}

// total is a sum.
func (s sample) total() feature.Total {
	var t feature.Total
	if s.atMost {
		t.AddInt(math.MaxInt64)
	} else {
		t.Add(12345.67)
	}
	return t
}

// partSize is the size of a part of n bytes with its hash and its length.
func partSize(n int) int {
	return 4 + len(binary.AppendUvarint(nil, uint64(n))) + n
}

// grouped writes a number with commas.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
