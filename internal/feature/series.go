package feature

import (
	"math"
	"slices"
)

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

// Series is a list of kept events in order of (time, arrival), each with the values of some columns. The zero value is empty
// and has no columns. Indexes count from 0, the oldest that is kept.
//
// An entry is a row of words: its time, then a word a column. So an entry is one place in memory, and a short series is too.
type Series struct {
	kinds []Kind
	rows  []uint64 // as many as there is room for
	head  int      // the place of entry 0: what was trimmed stays before it until room is needed
	n     int
	rest  *rest // nil for nearly all
	place int   // where a store that it was opened from had it: mostly has it still
}

// rest is what words do not hold, and what most series do not have.
type rest struct {
	shed      int64
	shedUntil int64
	columns   []restColumn // nil, or one a column
}

// restColumn holds, an entry, what a word does not; nil where no entry needs it.
type restColumn struct {
	gaps []bool // entries without a value
	strs []string
	objs []any
	cum  cumulative
}

// NewSeries returns an empty series with columns of these kinds, which it does not change.
func NewSeries(kinds []Kind) *Series { return &Series{kinds: kinds} }

// Len returns the number of entries; a nil series has none.
func (s *Series) Len() int {
	if s == nil {
		return 0
	}
	return s.n
}

// Blank tells that there is nothing to say of the series: it has no entries, and none was shed.
func (s *Series) Blank() bool { return s == nil || s.n == 0 && s.Shed() == 0 }

// Shed counts the entries that the bound pushed out while a rule still asked for them.
func (s *Series) Shed() int64 {
	if s == nil || s.rest == nil {
		return 0
	}
	return s.rest.shed
}

// ShedUntil is the time of the newest entry that was shed.
func (s *Series) ShedUntil() int64 {
	if s.rest == nil {
		return 0
	}
	return s.rest.shedUntil
}

// SetShed says how many entries were shed, and of what time the newest of them is.
func (s *Series) SetShed(n, until int64) { s.more().shed, s.more().shedUntil = n, until }

func (s *Series) more() *rest {
	if s.rest == nil {
		s.rest = new(rest)
	}
	return s.rest
}

// width is the number of words of an entry.
func (s *Series) width() int { return 1 + len(s.kinds) }

// Time returns the event time of entry i.
func (s *Series) Time(i int) int64 { return int64(s.rows[(s.head+i)*(1+len(s.kinds))]) }

// word returns what stands in column c of entry i.
func (s *Series) word(i, c int) uint64 { return s.rows[(s.head+i)*(1+len(s.kinds))+1+c] }

// After returns the index of the first entry with a time greater than t.
func (s *Series) After(t int64) int {
	if s == nil || s.n == 0 || s.Time(0) > t {
		return 0
	}
	lo, hi := 0, s.n
	// Most questions are about the newest entries, most series are short.
	for n := 0; n < 4 && lo < hi; n++ {
		if s.Time(hi-1) <= t {
			return hi
		}
		hi--
	}
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); s.Time(mid) > t {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// AfterOldest is After for questions about the oldest entries: it looks from there on, in steps that double (Bentley and Yao, An Almost
// Optimal Algorithm for Unbounded Searching, 1976).
func (s *Series) AfterOldest(t int64) int {
	lo, step := 0, 1
	for lo+step <= s.Len() && s.Time(lo+step-1) <= t {
		lo += step
		step *= 2
	}
	for hi := min(lo+step-1, s.Len()); lo < hi; {
		if mid := int(uint(lo+hi) >> 1); s.Time(mid) > t {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// column returns what column c holds beside words; nil: nothing.
func (s *Series) column(c int) *restColumn {
	if s.rest == nil || s.rest.columns == nil {
		return nil
	}
	return &s.rest.columns[c]
}

// ownColumn is column, made where there is none.
func (s *Series) ownColumn(c int) *restColumn {
	r := s.more()
	if r.columns == nil {
		r.columns = make([]restColumn, len(s.kinds))
	}
	return &r.columns[c]
}

// gap tells whether entry i has no value.
func (c *restColumn) gap(i int) bool { return c != nil && c.gaps != nil && c.gaps[i] }

// Value returns the value of entry i in column c; None where it has none.
func (s *Series) Value(i, c int) Val {
	col := s.column(c)
	if col.gap(i) {
		return Val{}
	}
	switch k, w := s.kinds[c], s.word(i, c); k {
	case String:
		if w&long == 0 {
			return Val{K: String, S: shortText(w)}
		}
		return Val{K: String, S: col.strs[i]}
	case Object:
		return Val{K: Object, R: col.objs[i]}
	default:
		return Val{K: k, N: w}
	}
}

// Insert puts an entry behind all entries of the same or an earlier time and returns its index. row has a value a column;
// None leaves a gap. Strings longer than ShortText are kept as they are.
func (s *Series) Insert(t int64, row []Val) int {
	i, w := s.After(t), s.width()
	s.makeRoom()
	at := (s.head + i) * w
	if i < s.n {
		copy(s.rows[at+w:], s.rows[at:(s.head+s.n)*w])
	}
	s.n++
	s.rows[at] = uint64(t)
	for c, k := range s.kinds {
		s.rows[at+1+c] = wordOf(k, &row[c])
		if s.rest != nil && s.rest.columns != nil || row[c].K == None || k == Object || k == String && len(row[c].S) > ShortText {
			s.ownColumn(c).insert(k, i, s.n, &row[c])
		}
	}
	return i
}

// makeRoom makes sure that one more entry finds room.
func (s *Series) makeRoom() {
	w := s.width()
	if (s.head+s.n+1)*w <= len(s.rows) {
		return
	}
	live := s.rows[s.head*w : (s.head+s.n)*w]
	if (s.n+1)*w > len(s.rows) || s.n > 16 && s.head < s.n/4 {
		s.rows = make([]uint64, (s.n+roomFor(s.n))*w)
	}
	copy(s.rows, live)
	s.head = 0
}

// roomFor is for how many more entries a series of n makes room when it is full.
func roomFor(n int) int { return 1 + n/4 }

func (c *restColumn) insert(k Kind, i, n int, v *Val) {
	if v.K == None && c.gaps == nil {
		c.gaps = make([]bool, n-1, n)
	}
	if c.gaps != nil {
		c.gaps = slices.Insert(c.gaps, i, v.K == None)
	}
	switch k {
	case String:
		isLong := len(v.S) > ShortText
		if isLong && c.strs == nil {
			c.strs = make([]string, n-1, n)
		}
		if c.strs != nil {
			text := ""
			if isLong {
				text = v.S
			}
			c.strs = slices.Insert(c.strs, i, text)
		}
	case Object:
		if c.objs == nil {
			c.objs = make([]any, n-1, n)
		}
		c.objs = slices.Insert(c.objs, i, v.R)
	default:
	}
	c.cum.cut(i)
}

// Full tells that there is no room for one more entry.
func (s *Series) Full() bool { return (s.head+s.n+1)*s.width() > len(s.rows) }

// Find returns the newest entry with a value in column c, -1 where there is none.
func (s *Series) Find(c int, v Val) int {
	if s.Len() == 0 || s.kinds[c] == Object {
		return -1
	}
	want, w, col := wordOf(s.kinds[c], &v), s.width(), s.column(c)
	for i, at := s.n-1, (s.head+s.n-1)*w+1+c; i >= 0; i, at = i-1, at-w {
		if s.rows[at] != want {
			continue
		}
		if col.gap(i) || s.kinds[c] == String && want&long != 0 && col.strs[i] != v.S {
			continue
		}
		return i
	}
	return -1
}

// Holds tells whether an integer stands in a series of one column of integers, without gaps. It is Find for those who expect that it does
// not, in up to thousands of entries: it looks at four at a time.
func (s *Series) Holds(n int64) bool {
	const w = 2
	rows := s.rows[s.head*w : (s.head+s.n)*w]
	for ; len(rows) >= 4*w; rows = rows[4*w:] {
		if rows[1] == uint64(n) || rows[3] == uint64(n) || rows[5] == uint64(n) || rows[7] == uint64(n) {
			return true
		}
	}
	for ; len(rows) > 0; rows = rows[w:] {
		if rows[1] == uint64(n) {
			return true
		}
	}
	return false
}

// Remove takes entry i out.
func (s *Series) Remove(i int) {
	w := s.width()
	copy(s.rows[(s.head+i)*w:], s.rows[(s.head+i+1)*w:(s.head+s.n)*w])
	s.n--
	if s.rest == nil {
		return
	}
	for c := range s.rest.columns {
		col := &s.rest.columns[c]
		col.gaps, col.strs, col.objs = remove(col.gaps, i), remove(col.strs, i), remove(col.objs, i)
		col.cum.cut(i)
	}
}

func remove[T any](s []T, i int) []T {
	if s == nil {
		return nil
	}
	return slices.Delete(s, i, i+1)
}

// Trim drops what no need asks for at now, and the oldest entries beyond bound.
func (s *Series) Trim(now int64, needs []Need, bound int) {
	from := s.n
	for i := range needs {
		if from == 0 {
			break
		}
		from = min(from, s.keepFrom(now, &needs[i]))
	}
	if s.n-from > bound {
		s.shed(s.n-from-bound, s.n-bound)
		from = s.n - bound
	}
	s.drop(from)
}

// shed counts that the newest n entries before from were pushed out.
func (s *Series) shed(n, from int) {
	r := s.more()
	if until := s.Time(from - 1); r.shed == 0 || until > r.shedUntil {
		r.shedUntil = until
	}
	r.shed += int64(n)
}

// ShedOldest pushes the oldest n entries out.
func (s *Series) ShedOldest(n int) {
	if n > 0 {
		s.shed(n, n)
		s.drop(n)
	}
}

// DropOldest takes the oldest n entries out, which nobody asks for any more.
func (s *Series) DropOldest(n int) { s.drop(n) }

// From returns the index of the oldest entry that need asks for at now.
func (s *Series) From(now int64, need Need) int {
	if s.Len() == 0 {
		return 0
	}
	return s.keepFrom(now, &need)
}

// WithColumns returns the series with other columns, of these kinds: each is one of the columns that it has, or (-1) has no values.
func (s *Series) WithColumns(kinds []Kind, from []int) *Series {
	same := len(from) == len(s.kinds)
	for i := range from {
		same = same && from[i] == i
	}
	if same {
		return s
	}
	out := NewSeries(kinds)
	if s.Shed() > 0 {
		out.SetShed(s.Shed(), s.ShedUntil())
	}
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
func (s *Series) keepFrom(now int64, need *Need) int {
	from := 0
	if need.Hi != Forever {
		from = s.After(now - need.Hi)
	}
	if need.N < s.n-from {
		from = max(from, s.After(now-need.Lo)-need.N)
	}
	return from
}

// drop takes the oldest n entries out.
func (s *Series) drop(n int) {
	if n == 0 {
		return
	}
	s.head += n
	if s.n -= n; s.n == 0 {
		s.head = 0
	}
	if s.rest == nil {
		return
	}
	for c := range s.rest.columns {
		col := &s.rest.columns[c]
		col.gaps, col.strs, col.objs = compact(col.gaps, n), compact(col.strs, n), compact(col.objs, n)
		col.cum.drop(n)
	}
}

// compact drops the first n elements and lets go of what they pointed at.
func compact[T any](s []T, n int) []T {
	if s == nil {
		return nil
	}
	clear(s[:n])
	return s[n:]
}

// Gaps returns how many of the entries from … to-1 have no value in column c.
func (s *Series) Gaps(c, from, to int) int {
	col := s.column(c)
	if col == nil || col.gaps == nil {
		return 0
	}
	n := 0
	for _, gap := range col.gaps[from:to] {
		if gap {
			n++
		}
	}
	return n
}

// Columns returns the number of columns.
func (s *Series) Columns() int { return len(s.kinds) }

// Kind returns the kind of column c's values.
func (s *Series) Kind(c int) Kind { return s.kinds[c] }
