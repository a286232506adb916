package feature

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"testing"
)

// exact is what a double counts as: its shortest decimal text.
func exact(f float64) *big.Rat {
	x, ok := new(big.Rat).SetString(strconv.FormatFloat(f, 'g', -1, 64))
	if !ok {
		panic(f)
	}
	return x
}

func TestTotalOfKnownSums(t *testing.T) {
	for _, c := range []struct {
		add  []float64
		want float64
	}{
		{nil, 0},
		{[]float64{0.1, 0.7}, 0.8},
		{[]float64{0.1, 0.2}, 0.3},
		{[]float64{1e16, 1, -1e16}, 1},
		{[]float64{math.MaxFloat64, math.MaxFloat64, -math.MaxFloat64}, math.MaxFloat64},
		{[]float64{math.MaxFloat64, math.MaxFloat64}, math.Inf(1)},
		{[]float64{-math.MaxFloat64, -math.MaxFloat64}, math.Inf(-1)},
		{[]float64{5e-324, 5e-324}, 1e-323},
		{[]float64{5e-324, -5e-324}, 0},
		{[]float64{1e300, 1e-300, -1e300}, 1e-300},
		{[]float64{math.Copysign(0, -1)}, 0},
	} {
		var total Total
		for _, f := range c.add {
			total.Add(f)
		}
		if got := total.Float64(); got != c.want || math.Signbit(got) != math.Signbit(c.want) {
			t.Errorf("the sum of %v is %v, want %v", c.add, got, c.want)
		}
	}
}

// TestTotalAgainstRationals adds random doubles and integers, in two orders and in two halves, beside exact rationals.
func TestTotalAgainstRationals(t *testing.T) {
	randomly(t, 2000, func(t *testing.T, r *rand.Rand) {
		n := 1 + r.IntN(40)
		draw := randomDouble
		if r.IntN(2) == 0 {
			draw = randomPrice
		}
		values := make([]Val, n)
		want := new(big.Rat)
		for i := range values {
			if r.IntN(5) == 0 {
				x := int64(r.Uint64()) >> r.IntN(64)
				values[i] = OfInt(x)
				want.Add(want, new(big.Rat).SetInt64(x))
			} else {
				f := draw(r)
				values[i] = OfDouble(f)
				want.Add(want, exact(f))
			}
		}
		var forward, shuffled, left, right Total
		for i, v := range values {
			if !forward.AddVal(v) {
				t.Fatalf("%v could not be added", v)
			}
			if i < n/2 {
				left.AddVal(v)
			} else {
				right.AddVal(v)
			}
		}
		for _, i := range r.Perm(n) {
			shuffled.AddVal(values[i])
		}
		copied := left.Clone()
		copied.AddTotal(&right)
		nearest, _ := want.Float64()
		by := 1 + r.Int64N(1_000_000)
		mean, _ := new(big.Rat).Quo(want, new(big.Rat).SetInt64(by)).Float64()
		for name, total := range map[string]*Total{"in order": &forward, "shuffled": &shuffled, "by halves": &copied} {
			if total.rat().Cmp(want) != 0 {
				t.Errorf("%s: %v add up to %v, want %v", name, values, total.rat(), want)
			}
			if got := total.Float64(); got != nearest {
				t.Errorf("%s: %v add up to the double %v, want %v", name, values, got, nearest)
			}
			if got := total.Mean(by); got != mean {
				t.Errorf("%s: %v divided by %d is %v, want %v", name, values, by, got, mean)
			}
			if again := roundTrip(t, total); again.rat().Cmp(want) != 0 {
				t.Errorf("%s: %v is %v after encoding", name, want, again.rat())
			}
		}
	})
}

func roundTrip(t *testing.T, total *Total) *Total {
	t.Helper()
	b := total.Append(nil)
	r := NewReader(b)
	out := r.Total()
	if r.Err() != nil || r.Rest() != 0 {
		t.Fatalf("reading %x: %v, %d bytes left", b, r.Err(), r.Rest())
	}
	return &out
}

func TestTotalOfIntegers(t *testing.T) {
	randomly(t, 2000, func(t *testing.T, r *rand.Rand) {
		var total Total
		want := new(big.Int)
		for range 1 + r.IntN(30) {
			i := int64(r.Uint64()) >> (r.IntN(8) * 8)
			total.AddInt(i)
			want.Add(want, big.NewInt(i))
			got, ok := total.Int64()
			if ok != want.IsInt64() || ok && got != want.Int64() {
				t.Fatalf("the sum is %d, %v; want %v", got, ok, want)
			}
		}
	})
	var total Total
	total.AddInt(math.MaxInt64)
	total.AddInt(1)
	if _, ok := total.Int64(); ok {
		t.Error("2^63 fits 64 bits")
	}
	total.AddInt(-1)
	if got, ok := total.Int64(); !ok || got != math.MaxInt64 {
		t.Errorf("back within 64 bits the sum is %d, %v", got, ok)
	}
	total = Total{}
	total.AddInt(math.MinInt64)
	total.AddInt(math.MinInt64)
	total.AddInt(math.MaxInt64)
	total.AddInt(1)
	if got, ok := total.Int64(); !ok || got != math.MinInt64 {
		t.Errorf("the sum is %d, %v", got, ok)
	}
}

// TestMeanRoundsOnce has quotients of which a total that is rounded first, and then divided, gives another double.
func TestMeanRoundsOnce(t *testing.T) {
	twice := 0
	randomly(t, 3000, func(t *testing.T, r *rand.Rand) {
		var total Total
		want := new(big.Rat)
		n := int64(2 + r.IntN(20))
		for range n {
			f := math.Float64frombits(r.Uint64N(1<<52) | 0x3ff<<52)
			total.Add(f)
			want.Add(want, exact(f))
		}
		nearest, _ := want.Quo(want, new(big.Rat).SetInt64(n)).Float64()
		if got := total.Mean(n); got != nearest {
			t.Errorf("the mean of %d is %v, want %v", n, got, nearest)
		}
		if total.Float64()/float64(n) != nearest {
			twice++
		}
	})
	if twice == 0 {
		t.Error("no case tells rounding once from rounding twice")
	}
}

func TestTotalRefusesWhatIsNotFinite(t *testing.T) {
	var total Total
	total.Add(1.5)
	for _, v := range []Val{
		OfDouble(math.NaN()), OfDouble(math.Inf(1)), OfDouble(math.Inf(-1)), {}, OfString("1"), OfBool(true), OfMoment(1),
	} {
		if total.AddVal(v) {
			t.Errorf("%v was added", v)
		}
	}
	if got := total.Float64(); got != 1.5 {
		t.Errorf("the sum became %v", got)
	}
}

// TestTotalCloneIsApart changes a copy, and then the first.
func TestTotalCloneIsApart(t *testing.T) {
	for _, first := range []float64{1, 1e300} {
		var a Total
		a.Add(first)
		b := a.Clone()
		b.Add(2)
		if got := a.Float64(); got != first {
			t.Errorf("adding to the copy made %v of %v", got, first)
		}
		a.Add(-first)
		if got := a.Float64(); got != 0 {
			t.Errorf("adding to the first made it %v", got)
		}
	}
}

func TestDecimalIsTheShortestText(t *testing.T) {
	randomly(t, 20000, func(t *testing.T, r *rand.Rand) {
		f := randomDouble(r)
		coef, scale, ok := decimal(f)
		if !ok {
			return
		}
		got := new(big.Rat).SetFrac(big.NewInt(coef), big.NewInt(pow10int[scale]))
		if got.Cmp(exact(f)) != 0 {
			t.Errorf("%v is read as %d with %d decimals", f, coef, scale)
		}
	})
}
