package event

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
)

// ratInteger is integer over exact rational numbers.
func ratInteger(number string) (floor int64, exact, ok bool) {
	r, good := new(big.Rat).SetString(number)
	if !good {
		panic(number)
	}
	n := new(big.Int).Div(r.Num(), r.Denom()) // Euclid: the denominator is positive, so this is the floor
	return n.Int64(), r.IsInt(), n.IsInt64()
}

func TestInteger(t *testing.T) {
	numbers := []string{
		"0", "-0", "0.0", "-0.0", "0e5", "0.000e-5", "1", "-1", "1.0", "-1.0", "1.5", "-1.5", "0.5", "-0.5", "-0.0001",
		"999999999999999999", "1000000000000000000", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
		"-9223372036854775808.0", "-9223372036854775808.5", "-9223372036854775807.5", "9223372036854775807.5", "9223372036854775807.0",
		"92233720368547758070", "18446744073709551615", "18446744073709551616", "18446744073709551617", "99999999999999999999999999",
		"9.223372036854775807e18", "9.223372036854775808e18", "-9.223372036854775808e18", "922337203685477580.7e1", "92233720368547758070e-1", "92233720368547758079e-1",
		"1e18", "1e19", "1e20", "1E+2", "1e-2", "100e-2", "150e-2", "1e-400", "1e400", "-1e-400", "0.00001e5", "0.000015e5", "0001e0"[3:],
	}
	for _, number := range numbers {
		checkInteger(t, number)
	}
	for _, number := range []string{"1e99999999999999999999", "-1e99999999999999999999", "1e2147483648"} {
		if n, _, ok := integer(number); ok {
			t.Errorf("%s: got %d", number, n)
		}
	}
	for number, want := range map[string]int64{"1e-99999999999999999999": 0, "-1e-99999999999999999999": -1, "0e99999999999999999999": 0} {
		if n, exact, ok := integer(number); n != want || !ok || exact != (number[0] == '0') {
			t.Errorf("%s: got %d, %v, %v", number, n, exact, ok)
		}
	}
}

func checkInteger(t *testing.T, number string) {
	t.Helper()
	n, exact, ok := integer(number)
	wantN, wantExact, wantOK := ratInteger(number)
	if ok != wantOK || ok && (n != wantN || exact != wantExact) {
		t.Fatalf("%s: got %d, %v, %v, want %d, %v, %v", number, n, exact, ok, wantN, wantExact, wantOK)
	}
}

func TestIntegerAgainstRat(t *testing.T) {
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 0))
	t.Logf("seed %d", seed)
	digits := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteByte("0123456789000000999"[rnd.IntN(19)])
		}
		return b.String()
	}
	for range 200_000 {
		number := strings.TrimLeft(digits(1+rnd.IntN(22)), "0")
		if number == "" {
			number = "0"
		}
		if rnd.IntN(2) == 0 {
			number += "." + digits(1+rnd.IntN(22))
		}
		if rnd.IntN(2) == 0 {
			number += fmt.Sprintf("e%d", rnd.IntN(60)-30)
		}
		if rnd.IntN(2) == 0 {
			number = "-" + number
		}
		checkInteger(t, number)
	}
}
