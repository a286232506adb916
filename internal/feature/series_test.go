package feature

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// entry is one entry of the model: a list in which everything is found by walking.
type entry struct {
	t   int64
	row []Val
}

// model is what a Series is to behave like.
type model struct {
	entries []entry
	shed    int64
	until   int64
}

func (m *model) insert(t int64, row []Val) int {
	i := len(m.entries)
	for i > 0 && m.entries[i-1].t > t {
		i--
	}
	m.entries = slices.Insert(m.entries, i, entry{t, row})
	return i
}

// trim keeps what any need asks for, and of that the newest bound.
func (m *model) trim(now int64, needs []Need, bound int) {
	first := len(m.entries)
	for _, need := range needs {
		old := 0 // entries that are not younger than Lo, from the newest on
		for i := len(m.entries) - 1; i >= 0; i-- {
			age := now - m.entries[i].t
			if need.Hi != Forever && age >= need.Hi {
				break
			}
			if age >= need.Lo {
				if old++; old > need.N {
					break
				}
			}
			first = min(first, i)
		}
	}
	if n := len(m.entries) - first; n > bound {
		m.shed += int64(n - bound)
		first += n - bound
		m.until = max(m.until, m.entries[first-1].t)
	}
	m.entries = slices.Clone(m.entries[first:])
}

var everyKind = []Kind{Double, Int, String, Moment, Bool, Object}

func randomRow(r *rand.Rand, kinds []Kind, gaps bool, draw func(*rand.Rand) float64) []Val {
	row := make([]Val, len(kinds))
	for i, k := range kinds {
		if gaps && r.IntN(6) == 0 {
			continue
		}
		row[i] = randomVal(r, k, draw)
	}
	return row
}

func randomVal(r *rand.Rand, k Kind, draw func(*rand.Rand) float64) Val {
	switch k {
	case Double:
		return OfDouble(draw(r))
	case Int:
		return OfInt(int64(r.Uint64()) >> (8 * r.IntN(8)))
	case String:
		return OfString(randomText(r))
	case Moment:
		return OfMoment(r.Int64N(4_000_000_000_000) - 1_000_000_000_000)
	case Bool:
		return OfBool(r.IntN(2) == 0)
	case Object:
		list := make([]string, r.IntN(4))
		for i := range list {
			list[i] = randomText(r)
		}
		return OfObject(list)
	default:
		return Val{}
	}
}

func same(a, b Val) bool {
	if a.K != b.K || a.N != b.N || a.S != b.S {
		return false
	}
	x, _ := a.R.([]string)
	y, _ := b.R.([]string)
	return slices.Equal(x, y)
}

func (m *model) compare(t *testing.T, s *Series) {
	t.Helper()
	if s.Len() != len(m.entries) || s.Shed() != m.shed || m.shed > 0 && s.ShedUntil() != m.until {
		t.Fatalf("%d entries, %d shed up to %d; want %d, %d, %d", s.Len(), s.Shed(), s.ShedUntil(), len(m.entries), m.shed, m.until)
	}
	for i, e := range m.entries {
		if s.Time(i) != e.t {
			t.Fatalf("entry %d is of %d, want %d", i, s.Time(i), e.t)
		}
		for c := range e.row {
			if got := s.Value(i, c); !same(got, e.row[c]) {
				t.Fatalf("entry %d, column %d is %v, want %v", i, c, got, e.row[c])
			}
		}
	}
}

// sum adds one by one.
func (m *model) sum(c, from, to int) (total *big.Rat, gaps int) {
	total = new(big.Rat)
	for _, e := range m.entries[from:to] {
		switch v := e.row[c]; {
		case v.K == Int:
			total.Add(total, new(big.Rat).SetInt64(v.Int()))
		case v.K == Double && !math.IsNaN(v.Float()) && !math.IsInf(v.Float(), 0):
			total.Add(total, exact(v.Float()))
		default:
			gaps++
		}
	}
	return total, gaps
}

func (m *model) find(c int, v Val) int {
	for i := len(m.entries) - 1; i >= 0; i-- {
		if e := m.entries[i].row[c]; e.K != None && same(e, v) {
			return i
		}
	}
	return -1
}

// TestSeriesAgainstModel does random things to a series and to a plain list.
func TestSeriesAgainstModel(t *testing.T) {
	randomly(t, 600, func(t *testing.T, r *rand.Rand) {
		kinds := everyKind
		s := NewSeries(kinds)
		m := &model{}
		gaps, ordered := r.IntN(3) == 0, r.IntN(2) == 0
		draw := randomPrice
		switch r.IntN(3) {
		case 0:
			draw = randomDouble
		case 1:
			draw = func(r *rand.Rand) float64 {
				if r.IntN(10) == 0 {
					return []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[r.IntN(3)]
				}
				return randomPrice(r)
			}
		}
		bound := []int{3, 17, DefaultBoundOfTests}[r.IntN(3)]
		now := int64(1_700_000_000_000)
		for range 20 + r.IntN(120) {
			switch r.IntN(10) {
			case 0:
				if n := s.Len(); n > 0 {
					i := r.IntN(n)
					s.Remove(i)
					m.entries = slices.Delete(m.entries, i, i+1)
				}
			case 1:
				needs := randomNeeds(r)
				s.Trim(now, needs, bound)
				m.trim(now, needs, bound)
			default:
				now += r.Int64N(20)
				at := now
				if !ordered && r.IntN(3) == 0 {
					at -= r.Int64N(200) // late, and often tied
				}
				row := randomRow(r, kinds, gaps, draw)
				if got, want := s.Insert(at, row), m.insert(at, row); got != want {
					t.Fatalf("inserted at %d, want %d", got, want)
				}
			}
			compareReads(t, r, s, m, now)
		}
		m.compare(t, s)
		m.compareEncoded(t, s, kinds, now)
	})
}

// DefaultBoundOfTests is a bound that no random case reaches.
const DefaultBoundOfTests = 1 << 20

// randomNeeds asks for windows, for the newest few, for those behind a window, for everything.
func randomNeeds(r *rand.Rand) []Need {
	needs := make([]Need, 1+r.IntN(3))
	for i := range needs {
		n := Need{Hi: Forever, N: All}
		if r.IntN(3) > 0 {
			n.Hi = 1 + r.Int64N(400)
		}
		if r.IntN(2) == 0 {
			n.Lo = r.Int64N(100)
		}
		if r.IntN(2) == 0 {
			n.N = r.IntN(6)
		}
		needs[i] = n
	}
	return needs
}

func compareReads(t *testing.T, r *rand.Rand, s *Series, m *model, now int64) {
	t.Helper()
	m.compare(t, s)
	at := now - r.Int64N(300) + 20
	want := 0
	for want < len(m.entries) && m.entries[want].t <= at {
		want++
	}
	if got := s.After(at); got != want {
		t.Fatalf("the first entry after %d is %d, want %d", at, got, want)
	}
	if got := s.AfterOldest(at); got != want {
		t.Fatalf("the first entry after %d is %d, want %d", at, got, want)
	}
	from := r.IntN(s.Len() + 1)
	to := from + r.IntN(s.Len()-from+1)
	for c, k := range everyKind[:2] {
		sum, gaps := s.Sum(c, from, to)
		wantSum, wantGaps := m.sum(c, from, to)
		if gaps != wantGaps || sum.rat().Cmp(wantSum) != 0 {
			t.Fatalf("the %v of entries %d to %d add up to %v with %d gaps, want %v with %d", k, from, to, sum.rat(), gaps, wantSum, wantGaps)
		}
		if s.Rising(c) {
			for i, e := range m.entries {
				if e.row[c].K == Int && e.row[c].Int() < 0 || e.row[c].K == Double && e.row[c].Float() < 0 {
					t.Fatalf("column %d only rises, yet entry %d is %v", c, i, e.row[c])
				}
			}
		}
	}
	for c, k := range everyKind[:5] {
		v := randomVal(r, k, randomPrice)
		if i := r.IntN(s.Len() + 1); i < s.Len() {
			v = s.Value(i, c)
		}
		if v.K == None || k == Double && math.IsNaN(v.Float()) {
			continue
		}
		if got, want := s.Find(c, v), m.find(c, v); got != want {
			t.Fatalf("%v is newest at %d, want %d", v, got, want)
		}
	}
}

// compareEncoded reads what the series writes, and has it written again.
func (m *model) compareEncoded(t *testing.T, s *Series, kinds []Kind, base int64) {
	t.Helper()
	b := s.Append(nil, base)
	in := NewReader(b)
	again := in.Series(kinds, base)
	if in.Err() != nil || in.Rest() > 0 {
		t.Fatalf("reading %x: %v, %d bytes left", b, in.Err(), in.Rest())
	}
	m.compare(t, again)
	if second := again.Append(nil, base); string(second) != string(b) {
		t.Fatalf("written as %x, then as %x", b, second)
	}
}

// TestSumNearTheLimits has windows whose sums fit 64 bits or do not, whatever the running totals before them are.
func TestSumNearTheLimits(t *testing.T) {
	const big63 = int64(9_000_000_000_000_000_000)
	for _, values := range [][]int64{
		{-big63, big63, big63}, {big63, -big63, -big63}, {math.MinInt64, math.MaxInt64, math.MaxInt64}, {math.MinInt64, -1, 1},
		{0, math.MinInt64, math.MinInt64}, {-1, math.MinInt64, math.MaxInt64},
	} {
		s, m := NewSeries([]Kind{Int}), &model{}
		for i, v := range values {
			s.Insert(int64(i), []Val{OfInt(v)})
			m.insert(int64(i), []Val{OfInt(v)})
		}
		for from := range len(values) + 1 {
			for to := from; to <= len(values); to++ {
				got, _ := s.Sum(0, from, to)
				if want, _ := m.sum(0, from, to); got.rat().Cmp(want) != 0 {
					t.Errorf("%v: entries %d to %d add up to %v, want %v", values, from, to, got.rat(), want)
				}
			}
		}
	}
}

// TestTrimBeyondTheBound has more entries in a window than a series keeps.
func TestTrimBeyondTheBound(t *testing.T) {
	const bound = 100
	s := NewSeries([]Kind{Int})
	needs := []Need{{Hi: 1000, N: All}}
	now := int64(0)
	for i := range int64(250) {
		now = i
		s.Insert(now, []Val{OfInt(i)})
		s.Trim(now, needs, bound)
	}
	if s.Len() != bound || s.Shed() != 150 || s.ShedUntil() != 149 {
		t.Errorf("%d entries, %d shed up to %d; want 100, 150, 149", s.Len(), s.Shed(), s.ShedUntil())
	}
	// What is older than all that is kept is shed at once, and counted.
	s.Insert(100, []Val{OfInt(-1)})
	s.Trim(now, needs, bound)
	if s.Len() != bound || s.Shed() != 151 || s.ShedUntil() != 149 || s.Time(0) != 150 {
		t.Errorf("after a late entry: %d entries from %d, %d shed up to %d", s.Len(), s.Time(0), s.Shed(), s.ShedUntil())
	}
	// What no rule asks for any more is not shed.
	s.Insert(3000, []Val{OfInt(1)})
	s.Trim(3000, needs, bound)
	if s.Len() != 1 || s.Shed() != 151 {
		t.Errorf("after the window: %d entries, %d shed", s.Len(), s.Shed())
	}
}

func TestHolds(t *testing.T) {
	s := NewSeries([]Kind{Int})
	for n := range int64(11) {
		for v := range 2 * n {
			if got, want := s.Holds(v), s.Find(0, Val{K: Int, N: uint64(v)}) >= 0; got != want || want != (v%2 == 1 && v >= 2*s.Time(0)+1) {
				t.Errorf("of %d entries: %v for %d, where Find says %v", s.Len(), got, v, want)
			}
		}
		if s.Len() > 6 {
			s.DropOldest(2)
		}
		s.Insert(n, []Val{{K: Int, N: uint64(2*n + 1)}})
	}
}
