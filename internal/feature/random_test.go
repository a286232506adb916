package feature

import (
	"flag"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"
)

var seedFlag = flag.Uint64("seed", 1, "the first seed; every random case takes the next")

// randomly runs cases, each with a seed of its own, which a failure prints.
func randomly(t *testing.T, cases int, do func(t *testing.T, r *rand.Rand)) {
	t.Helper()
	for i := range cases {
		seed := *seedFlag + uint64(i)
		do(t, rand.New(rand.NewPCG(seed, 0)))
		if t.Failed() {
			t.Fatalf("seed %d (go test -run %s -seed %d)", seed, t.Name(), seed)
		}
	}
}

// randomDouble returns a finite double: a price, a fraction with many digits, any bits at all, or an extreme.
func randomDouble(r *rand.Rand) float64 {
	switch r.IntN(6) {
	case 0:
		return float64(r.IntN(200_000)-100_000) / 100
	case 1:
		return float64(r.IntN(2000) - 1000)
	case 2:
		return (r.Float64() - 0.5) * math.Pow(10, float64(r.IntN(40)-20))
	case 3:
		extremes := []float64{
			0, math.Copysign(0, -1), math.MaxFloat64, -math.MaxFloat64, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64,
			2.2250738585072014e-308, 2.225073858507201e-308, 1 << 53, 1<<53 + 2, 1e15, 999999999999999, 1e22, 1e23, 0.1, 0.7, 0.3, 1e-15, 1e-16,
			123456789012345, 0.000000000000001, 9007199254740993,
		}
		return extremes[r.IntN(len(extremes))]
	case 4:
		return math.Float64frombits(r.Uint64N(1 << 52)) // subnormal
	}
	for {
		if f := math.Float64frombits(r.Uint64()); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f
		}
	}
}

// randomPrice returns a double of at most two decimals, such as prices have.
func randomPrice(r *rand.Rand) float64 { return float64(r.IntN(100_000)) / 100 }

func randomText(r *rand.Rand) string {
	texts := []string{"", "a", "b", "sport", "kemeja batik", "ünïcode", "a\x00b", "\"quoted\""}
	if i := r.IntN(2 * len(texts)); i < len(texts) {
		return texts[i]
	}
	return "p" + strconv.Itoa(r.IntN(50))
}
