package feature

import "math"

// cumulative holds running totals of a column of numbers, so that the sum of any window is one subtraction.
type cumulative struct {
	sums    []int64 // sums[i]: the sum of entries 0 … i and what was before them, × 10^scale
	before  int64   // the sum of dropped entries that sums count too
	dropped int     // how many they are
	scale   uint8
	off     bool // a value or a sum did not fit: windows are added up one by one
	least   float64
	most    float64 // of all values that sums count, and of some that were dropped
}

// cut forgets the totals from entry i on.
func (c *cumulative) cut(i int) {
	if i < len(c.sums) {
		c.sums = c.sums[:i]
	}
	if i == 0 {
		*c = cumulative{sums: c.sums}
	}
}

// drop lets the oldest n entries go. Once as many went as are left the totals begin anew, and forget what did not fit.
func (c *cumulative) drop(n int) {
	if n >= len(c.sums) || c.dropped+n > len(c.sums)-n {
		c.cut(0)
		return
	}
	c.before, c.sums, c.dropped = c.sums[n-1], c.sums[n:], c.dropped+n
}

// fewEntries is the number of entries up to which they are added up one by one, without running totals.
const fewEntries = 16

// extend brings the running totals up to the last entry; false where they cannot be had.
func (s *Series) extend(c int) (cum *cumulative, ok bool) {
	col := s.ownColumn(c)
	cum = &col.cum
	for i := len(cum.sums); i < s.n && !cum.off; i++ {
		t := Total{coef: cum.before, scale: cum.scale}
		if i > 0 {
			t.coef = cum.sums[i-1]
		}
		coef, scale, ok := int64(0), uint8(0), true
		if !col.gap(i) {
			coef, scale, ok = s.decimal(i, c)
		}
		v := float64(coef) / pow10[scale]
		if len(cum.sums) == 0 {
			cum.least, cum.most = v, v
		}
		cum.least, cum.most = min(cum.least, v), max(cum.most, v)
		switch {
		case !ok || !t.addScaled(coef, scale):
			cum.off = true
		case t.scale > cum.scale:
			if !cum.rescale(t.scale) {
				cum.off = true
			}
		}
		cum.scale = max(cum.scale, t.scale)
		cum.sums = append(cum.sums, t.coef)
	}
	return cum, !cum.off
}

// decimal returns the number in column c of entry i as coef × 10^-scale.
func (s *Series) decimal(i, c int) (coef int64, scale uint8, ok bool) {
	w := s.word(i, c)
	if s.kinds[c] == Int {
		return int64(w), 0, true
	}
	return decimal(math.Float64frombits(w))
}

func (c *cumulative) rescale(scale uint8) bool {
	f := pow10int[scale-c.scale]
	before, ok := mul(c.before, f)
	if !ok {
		return false
	}
	c.before = before
	for i, s := range c.sums {
		m, ok := mul(s, f)
		if !ok {
			return false
		}
		c.sums[i] = m
	}
	return true
}

// KeepTotals has running totals of column c at hand for later, where the series is long enough for that to pay.
func (s *Series) KeepTotals(c int) {
	if s.n > fewEntries {
		s.extend(c)
	}
}

// Sum returns the exact sum of column c over entries from … to-1, and how many of them have no finite value.
func (s *Series) Sum(c, from, to int) (t Total, gaps int) {
	if from >= to {
		return t, 0
	}
	col := s.column(c)
	if s.n > fewEntries {
		if cum, ok := s.extend(c); ok {
			before := cum.before
			if from > 0 {
				before = cum.sums[from-1]
			}
			// Running totals of both signs may be further apart than 64 bits reach.
			if diff, ok := sub(cum.sums[to-1], before); ok {
				return Total{coef: diff, scale: cum.scale}, s.Gaps(c, from, to)
			}
		}
		col = s.column(c)
	}
	for i := from; i < to; i++ {
		if col.gap(i) || !t.AddVal(Val{K: s.kinds[c], N: s.word(i, c)}) {
			gaps++
		}
	}
	return t, gaps
}

// Bounds returns two numbers between which all values of column c lie, those of gaps being 0; false where sums of it are not cheap. They are
// rounded to doubles.
func (s *Series) Bounds(c int) (least, most float64, ok bool) {
	if s.n > fewEntries {
		cum, ok := s.extend(c)
		return cum.least, cum.most, ok
	}
	col := s.column(c)
	for i := range s.n {
		coef, scale := int64(0), uint8(0)
		if !col.gap(i) {
			if coef, scale, ok = s.decimal(i, c); !ok {
				return 0, 0, false
			}
		}
		v := float64(coef) / pow10[scale]
		if i == 0 {
			least, most = v, v
		}
		least, most = min(least, v), max(most, v)
	}
	return least, most, true
}

// Rising tells that column c holds no negative number, and that sums of it are cheap: a sum over a window falls when its oldest
// entries leave.
func (s *Series) Rising(c int) bool {
	least, _, ok := s.Bounds(c)
	return ok && least >= 0
}
