package feature

import "math"

// Forever is the horizon of what never leaves a window, and the moment that never comes.
const Forever = math.MaxInt64

// Need is what one reader of a series asks of it: of the events of age below Hi, all that are younger than Lo and the N
// newest of the others. Ages are in milliseconds.
type Need struct {
	Lo, Hi int64
	N      int
}

// All as Need.N asks for every event.
const All = math.MaxInt

// Series is a list of kept events in order of (time, arrival), each with the values of some columns. The zero value is empty.
// Indexes count from 0, the oldest that is kept.
type Series struct {
	head  int // what was trimmed stays before head until the slices are compacted
	times []int64
	cols  []column
	// Shed counts the entries that the bound pushed out while a rule still asked for them.
	Shed int64
	// ShedUntil is the time of the newest entry that was shed.
	ShedUntil int64
}

// column holds one value an entry: nums for numbers, moments and booleans, strs for strings (with a hash of each in nums, so
// that a search looks at few of them), objs for all else.
type column struct {
	kind Kind
	nums []uint64
	strs []string
	objs []any
	gaps []bool // entries without a value; nil: none
	cum  cumulative
}

// NewSeries returns an empty series with columns of these kinds.
func NewSeries(kinds []Kind) *Series {
	s := &Series{cols: make([]column, len(kinds))}
	for i, k := range kinds {
		s.cols[i].kind = k
	}
	return s
}

// Len returns the number of entries; a nil series has none.
func (s *Series) Len() int {
	if s == nil {
		return 0
	}
	return len(s.times) - s.head
}

// Blank tells that there is nothing to say of the series: it has no entries, and none was shed.
func (s *Series) Blank() bool { return s == nil || s.Len() == 0 && s.Shed == 0 }

// Time returns the event time of entry i.
func (s *Series) Time(i int) int64 { return s.times[s.head+i] }

// After returns the index of the first entry with a time greater than t.
func (s *Series) After(t int64) int {
	if s == nil {
		return 0
	}
	lo, hi := s.head, len(s.times)
	if lo == hi || s.times[lo] > t {
		return 0
	}
	// Most questions are about the newest entries, most series are short.
	for n := 0; n < 4 && lo < hi; n++ {
		if s.times[hi-1] <= t {
			return hi - s.head
		}
		hi--
	}
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); s.times[mid] > t {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo - s.head
}

// Value returns the value of entry i in column c; None where it has none.
func (s *Series) Value(i, c int) Val {
	i += s.head
	col := &s.cols[c]
	if col.gap(i) {
		return Val{}
	}
	switch col.kind {
	case String:
		return Val{K: String, S: col.strs[i]}
	case Object:
		return Val{K: Object, R: col.objs[i]}
	default:
		return Val{K: col.kind, N: col.nums[i]}
	}
}

// Insert puts an entry behind all entries of the same or an earlier time and returns its index. row has a value a column;
// None leaves a gap. Strings are kept as they are.
func (s *Series) Insert(t int64, row []Val) int {
	i := s.head + s.After(t)
	s.times = insert(s.times, i, t)
	for c := range s.cols {
		s.cols[c].insert(i, len(s.times), row[c])
	}
	return i - s.head
}

// gap tells whether entry i, counted from the first of the slices, has no value.
func (c *column) gap(i int) bool { return c.gaps != nil && c.gaps[i] }

func (c *column) insert(i, n int, v Val) {
	if v.K == None && c.gaps == nil {
		c.gaps = make([]bool, n-1, n)
	}
	if c.gaps != nil {
		c.gaps = insert(c.gaps, i, v.K == None)
	}
	switch c.kind {
	case String:
		c.nums = insert(c.nums, i, hashOf(v.S))
		c.strs = insert(c.strs, i, v.S)
	case Object:
		c.objs = insert(c.objs, i, v.R)
	default:
		c.nums = insert(c.nums, i, v.N)
	}
	c.cum.cut(i)
}

func insert[T any](s []T, i int, v T) []T {
	s = append(s, v)
	if i < len(s)-1 {
		copy(s[i+1:], s[i:])
		s[i] = v
	}
	return s
}

// Find returns the newest entry with a value in column c, -1 where there is none.
func (s *Series) Find(c int, v Val) int {
	if s.Len() == 0 {
		return -1
	}
	col := &s.cols[c]
	want := v.N
	switch col.kind {
	case String:
		want = hashOf(v.S)
	case Object:
		return -1
	}
	for i := len(col.nums) - 1; i >= s.head; i-- {
		if col.nums[i] == want && (col.kind != String || col.strs[i] == v.S) && !col.gap(i) {
			return i - s.head
		}
	}
	return -1
}

// hashOf is FNV-1a, 64 bits.
func hashOf(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); i++ {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Remove takes entry i out.
func (s *Series) Remove(i int) {
	i += s.head
	s.times = remove(s.times, i)
	for c := range s.cols {
		col := &s.cols[c]
		col.gaps, col.nums, col.strs, col.objs = remove(col.gaps, i), remove(col.nums, i), remove(col.strs, i), remove(col.objs, i)
		col.cum.cut(i)
	}
}

func remove[T any](s []T, i int) []T {
	if s == nil {
		return nil
	}
	return append(s[:i], s[i+1:]...)
}

// Trim drops what no need asks for at now, and the oldest entries beyond bound.
func (s *Series) Trim(now int64, needs []Need, bound int) {
	n := s.Len()
	from := n
	for _, need := range needs {
		from = min(from, s.keepFrom(now, need))
	}
	if n-from > bound {
		s.shed(n-from-bound, n-bound)
		from = n - bound
	}
	s.drop(from)
}

// shed counts that the newest n entries before from were pushed out.
func (s *Series) shed(n, from int) {
	if until := s.Time(from - 1); s.Shed == 0 || until > s.ShedUntil {
		s.ShedUntil = until
	}
	s.Shed += int64(n)
}

// ShedOldest pushes the oldest n entries out.
func (s *Series) ShedOldest(n int) {
	if n > 0 {
		s.shed(n, n)
		s.drop(n)
	}
}

// From returns the index of the oldest entry that need asks for at now.
func (s *Series) From(now int64, need Need) int {
	if s.Len() == 0 {
		return 0
	}
	return s.keepFrom(now, need)
}

// WithColumns returns the series with other columns, of these kinds: each is one of the columns that it has, or (-1) has no values.
func (s *Series) WithColumns(kinds []Kind, from []int) *Series {
	same := len(from) == len(s.cols)
	for i := range from {
		same = same && from[i] == i
	}
	if same {
		return s
	}
	out := NewSeries(kinds)
	out.Shed, out.ShedUntil = s.Shed, s.ShedUntil
	row := make([]Val, len(from))
	for i := range s.Len() {
		for c := range row {
			row[c] = Val{}
			if from[c] >= 0 {
				row[c] = s.Value(i, from[c])
			}
		}
		out.Insert(s.Time(i), row)
	}
	return out
}

// keepFrom returns the index of the oldest entry that need asks for at now.
func (s *Series) keepFrom(now int64, need Need) int {
	from := 0
	if need.Hi != Forever {
		from = s.After(now - need.Hi)
	}
	if need.N < s.Len()-from {
		from = max(from, s.After(now-need.Lo)-need.N)
	}
	return from
}

// drop takes the oldest n entries out.
func (s *Series) drop(n int) {
	if n == 0 {
		return
	}
	if s.head += n; s.head < 16 && s.head < len(s.times) || 2*s.head < len(s.times) {
		return
	}
	h := s.head
	s.times = compact(s.times, h)
	for i := range s.cols {
		c := &s.cols[i]
		c.gaps, c.nums, c.strs, c.objs = compact(c.gaps, h), compact(c.nums, h), compact(c.strs, h), compact(c.objs, h)
		c.cum.cut(0)
	}
	s.head = 0
}

// compact drops the first h elements and lets go of what they pointed at.
func compact[T any](s []T, h int) []T {
	if s == nil {
		return nil
	}
	n := copy(s, s[h:])
	clear(s[n:])
	return s[:n]
}

// cumulative holds running totals of a column of numbers, so that the sum of any window is one subtraction.
type cumulative struct {
	sums  []int64 // sums[i]: the sum of entries 0 … i, × 10^scale
	scale uint8
	off   bool // a value or a sum did not fit: windows are added up one by one
	falls bool // there was a negative value
}

func (c *cumulative) cut(i int) {
	if i < len(c.sums) {
		c.sums = c.sums[:i]
	}
	if i == 0 {
		c.off, c.falls, c.scale = false, false, 0
	}
}

// extend brings the running totals up to the last entry; false where they cannot be had.
func (c *column) extend(n int) bool {
	cum := &c.cum
	for i := len(cum.sums); i < n && !cum.off; i++ {
		var t Total
		if i > 0 {
			t = Total{coef: cum.sums[i-1], scale: cum.scale}
		}
		coef, scale, ok := int64(0), uint8(0), true
		if !c.gap(i) {
			if c.kind == Int {
				coef = int64(c.nums[i])
			} else {
				coef, scale, ok = decimal(math.Float64frombits(c.nums[i]))
			}
		}
		cum.falls = cum.falls || coef < 0
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
	return !cum.off
}

func (c *cumulative) rescale(scale uint8) bool {
	f := pow10int[scale-c.scale]
	for i, s := range c.sums {
		m, ok := mul(s, f)
		if !ok {
			return false
		}
		c.sums[i] = m
	}
	return true
}

// Sum returns the exact sum of column c over entries from … to-1, and how many of them have no finite value.
func (s *Series) Sum(c, from, to int) (t Total, gaps int) {
	if from >= to {
		return t, 0
	}
	col := &s.cols[c]
	gaps = s.Gaps(c, from, to)
	lo, hi := s.head+from, s.head+to
	if col.extend(len(s.times)) {
		before := int64(0)
		if lo > 0 {
			before = col.cum.sums[lo-1]
		}
		// Running totals of both signs may be further apart than 64 bits reach.
		if diff, ok := sub(col.cum.sums[hi-1], before); ok {
			return Total{coef: diff, scale: col.cum.scale}, gaps
		}
	}
	for i := lo; i < hi; i++ {
		if col.gap(i) {
			continue
		}
		if !t.AddVal(Val{K: col.kind, N: col.nums[i]}) {
			gaps++
		}
	}
	return t, gaps
}

// Gaps returns how many of the entries from … to-1 have no value in column c.
func (s *Series) Gaps(c, from, to int) int {
	col := &s.cols[c]
	if col.gaps == nil {
		return 0
	}
	n := 0
	for _, gap := range col.gaps[s.head+from : s.head+to] {
		if gap {
			n++
		}
	}
	return n
}

// Columns returns the number of columns.
func (s *Series) Columns() int { return len(s.cols) }

// Kind returns the kind of column c's values.
func (s *Series) Kind(c int) Kind { return s.cols[c].kind }

// Rising tells that column c's running totals are at hand and that it holds no negative number: a sum over a window falls
// when its oldest entries leave.
func (s *Series) Rising(c int) bool {
	col := &s.cols[c]
	return col.extend(len(s.times)) && !col.cum.falls
}
