package feature

import (
	"bytes"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"
)

func TestValRoundTrip(t *testing.T) {
	randomly(t, 3000, func(t *testing.T, r *rand.Rand) {
		v := Val{}
		if k := r.IntN(len(everyKind) + 1); k < len(everyKind) {
			v = randomVal(r, everyKind[k], randomDouble)
		}
		b := AppendVal(nil, v)
		in := NewReader(b)
		got := in.Val()
		if in.Err() != nil || in.Rest() > 0 || !same(got, v) {
			t.Errorf("%v is read from %x as %v: %v, %d bytes left", v, b, got, in.Err(), in.Rest())
		}
	})
}

// TestDoublesKeepTheirBits writes columns of doubles that are whole numbers of a common scale, and those that are not.
func TestDoublesKeepTheirBits(t *testing.T) {
	for _, column := range [][]float64{
		{}, {1}, {1.5, 2.25, 1e6}, {0.1, 0.25, 12345.678}, {math.Copysign(0, -1), 1}, {0, 1}, {math.NaN(), 1}, {math.Inf(1)}, {-1.5, 3},
		{1e300, 0.1}, {9007199254740991, 1}, {9007199254740991, 0.1}, {0.1, 1e14}, {1e-15, 2}, {123456789.123456, 0.000000001},
	} {
		s, m := NewSeries([]Kind{Double}), &model{}
		for i, f := range column {
			s.Insert(int64(i), []Val{OfDouble(f)})
			m.insert(int64(i), []Val{OfDouble(f)})
		}
		m.compareEncoded(t, s, []Kind{Double}, 5)
	}
	s := NewSeries([]Kind{Double})
	for i := range 100 {
		s.Insert(int64(i), []Val{OfDouble(float64(i) / 4)})
	}
	if n := len(s.Append(nil, 0)); n > 350 {
		t.Errorf("100 prices take %d bytes", n)
	}
}

// damagedKinds are those of the columns of what the fuzzer reads.
var damagedKinds = everyKind

// readAll reads b as each thing that is encoded, and writes again what was read.
func readAll(b []byte) {
	const base, noTime = 1_000, -1 << 62
	in := NewReader(b)
	if s := in.Series(damagedKinds, base); in.Err() == nil {
		useSeries(s)
	}
	in = NewReader(b)
	if a := in.Acc(damagedKinds, base, noTime); in.Err() == nil {
		if a.Rows.Len() > 0 {
			useSeries(a.Rows)
		}
		a.Sum.Float64()
		a.Clone().Append(nil, base, noTime)
	}
	in = NewReader(b)
	if v := in.Val(); in.Err() == nil {
		AppendVal(nil, v)
	}
	in = NewReader(b)
	if t := in.Total(); in.Err() == nil {
		t.Mean(3)
		t.Append(nil)
	}
}

// useSeries does to a series what steps do.
func useSeries(s *Series) {
	for c := range 2 {
		s.Sum(c, 0, s.Len())
		s.Rising(c)
	}
	s.After(500)
	s.Append(nil, 7)
	s.Insert(500, make([]Val, len(damagedKinds)))
	s.Find(2, OfString("a"))
	s.Trim(1000, []Need{{Hi: 100, N: All}, {Hi: Forever, N: 2}}, 3)
}

// TestDamagedInput cuts what was written short, flips bits in it and makes lengths up. Nothing panics, and what is set aside
// for reading stays in proportion to the input.
func TestDamagedInput(t *testing.T) {
	randomly(t, 400, func(t *testing.T, r *rand.Rand) {
		b := randomEncoding(r)
		for range 20 {
			bad := bytes.Clone(b)
			switch r.IntN(4) {
			case 0:
				bad = bad[:r.IntN(len(bad)+1)]
			case 1:
				if len(bad) > 0 {
					bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
				}
			case 2:
				at := r.IntN(len(bad) + 1)
				bad = append(bad[:at:at], append([]byte{0xff, 0xff, 0xff, 0xff, 0x0f}, bad[at:]...)...)
			default:
				bad = make([]byte, r.IntN(40))
				for i := range bad {
					bad[i] = byte(r.Uint32())
				}
			}
			boundedly(t, bad)
		}
	})
}

func randomEncoding(r *rand.Rand) []byte {
	if r.IntN(2) == 0 {
		s := NewSeries(damagedKinds)
		for range r.IntN(20) {
			s.Insert(int64(r.IntN(1000)), randomRow(r, damagedKinds, true, randomDouble))
		}
		return s.Append(nil, 1000)
	}
	a := &Acc{}
	f := everyFold[r.IntN(len(everyFold))]
	for range r.IntN(30) {
		a.Add(&f, int64(r.IntN(1000)), OfDouble(randomDouble(r)), randomKey(r, String, 40), randomRow(r, damagedKinds, true, randomDouble), damagedKinds, 1000)
	}
	return a.Append(nil, 1000, -1<<62)
}

// boundedly reads b and holds what that allocates against its length.
func boundedly(t *testing.T, b []byte) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	readAll(b)
	runtime.ReadMemStats(&after)
	// Some 4 passes over the input, each of which may turn a byte into a value of a few words; and what a process does beside.
	if got, most := after.TotalAlloc-before.TotalAlloc, uint64(1000*len(b)+1<<17); got > most {
		t.Fatalf("reading %d bytes (%x) allocates %d", len(b), b, got)
	}
}

// FuzzReader reads anything.
func FuzzReader(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 0))
	for range 20 {
		f.Add(randomEncoding(r))
	}
	f.Fuzz(boundedly)
}

// TestCountIsHeldAgainstTheInput makes lengths up that the input cannot fill.
func TestCountIsHeldAgainstTheInput(t *testing.T) {
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3}
	for name, read := range map[string]func(*Reader){
		"a series": func(r *Reader) { r.Series(damagedKinds, 0) },
		"a list":   func(r *Reader) { r.strings() },
		"a string": func(r *Reader) { _ = r.String() },
		"groups":   func(r *Reader) { r.groups(0) },
	} {
		in := NewReader(huge)
		read(in)
		if in.Err() == nil {
			t.Errorf("%s of 2^62 elements is read from 12 bytes", name)
		}
	}
}

// TestReaderStaysFailed reads on after an error.
func TestReaderStaysFailed(t *testing.T) {
	in := NewReader([]byte{1})
	in.Uint64()
	if in.Err() == nil {
		t.Fatal("eight bytes are read from one")
	}
	if in.Uint() != 0 || in.Int() != 0 || in.Byte() != 0 || in.Uint32() != 0 || in.String() != "" || in.Count() != 0 || in.Rest() != 0 {
		t.Error("something is read after an error")
	}
	if in.Err() == nil {
		t.Error("the error is gone")
	}
}

// TestSeriesRefusesDisorder has times that fall, by a step that wraps.
func TestSeriesRefusesDisorder(t *testing.T) {
	s := NewSeries(nil)
	s.Insert(1, nil)
	s.Insert(2, nil)
	good := s.Append(nil, 0)
	in := NewReader(good)
	if in.Series(nil, 0); in.Err() != nil {
		t.Fatal(in.Err())
	}
	bad := append(bytes.Clone(good[:len(good)-1]), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
	in = NewReader(bad)
	if in.Series(nil, 0); in.Err() == nil {
		t.Error("times that fall are read")
	}
}
