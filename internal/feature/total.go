package feature

import (
	"math"
	"math/big"
	"strconv"
)

// Total is an exact sum of doubles, each counted as its shortest decimal text, or of integers. Adding never rounds; reading it rounds once. The order of additions changes nothing. The zero value is zero.
//
// Almost always the sum is coef × 10^-scale in an int64. Where that overflows, wide takes over for good.
type Total struct {
	coef  int64
	scale uint8 // 0 to maxScale
	wide  *wideTotal
}

// wideTotal is coef × 10^exp.
type wideTotal struct {
	coef big.Int
	exp  int
}

const maxScale = 15

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

var pow10int = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// decimal returns f as coef × 10^-scale where f's shortest decimal text has at most 15 digits and as many decimals: decimals
// of up to 15 digits map one to one to doubles, so the first that gives f back is the shortest.
func decimal(f float64) (coef int64, scale uint8, ok bool) {
	for s := range pow10 {
		r := math.RoundToEven(f * pow10[s])
		if !(math.Abs(r) < 1e15) {
			return 0, 0, false
		}
		if r/pow10[s] == f {
			return int64(r), uint8(s), true
		}
	}
	return 0, 0, false
}

// Add adds a finite double.
func (t *Total) Add(f float64) {
	if t.wide == nil {
		if coef, scale, ok := decimal(f); ok && t.addScaled(coef, scale) {
			return
		}
		t.widen()
	}
	// 'e' with precision -1 is the shortest text that reads back as f.
	t.wide.addText(strconv.FormatFloat(f, 'e', -1, 64))
}

// AddInt adds an integer.
func (t *Total) AddInt(i int64) {
	if t.wide == nil {
		if t.addScaled(i, 0) {
			return
		}
		t.widen()
	}
	t.wide.add(big.NewInt(i), 0)
}

// AddVal adds an Int or a Double; false, and nothing added, for a double that is not finite and for everything else.
func (t *Total) AddVal(v Val) bool {
	switch v.K {
	case Int:
		t.AddInt(v.Int())
	case Double:
		f := v.Float()
		if math.IsInf(f, 0) || math.IsNaN(f) {
			return false
		}
		t.Add(f)
	default:
		return false
	}
	return true
}

// AddTotal adds another sum.
func (t *Total) AddTotal(o *Total) {
	if t.wide == nil && o.wide == nil && t.addScaled(o.coef, o.scale) {
		return
	}
	t.widen()
	if o.wide != nil {
		t.wide.add(&o.wide.coef, o.wide.exp)
		return
	}
	t.wide.add(big.NewInt(o.coef), -int(o.scale))
}

// Clone returns a copy that shares nothing with t.
func (t *Total) Clone() Total {
	c := *t
	if t.wide != nil {
		c.wide = &wideTotal{exp: t.wide.exp}
		c.wide.coef.Set(&t.wide.coef)
	}
	return c
}

// addScaled adds coef × 10^-scale and tells whether the sum still fits.
func (t *Total) addScaled(coef int64, scale uint8) bool {
	sum := t.coef
	if scale < t.scale {
		m, ok := mul(coef, pow10int[t.scale-scale])
		if !ok {
			return false
		}
		coef, scale = m, t.scale
	} else if scale > t.scale {
		m, ok := mul(sum, pow10int[scale-t.scale])
		if !ok {
			return false
		}
		sum = m
	}
	r := sum + coef
	if (r > sum) != (coef > 0) && coef != 0 {
		return false
	}
	t.coef, t.scale = r, scale
	return true
}

// sub returns a-b, and whether it fits.
func sub(a, b int64) (int64, bool) {
	r := a - b
	return r, (a >= 0) == (b >= 0) || (r >= 0) == (a >= 0)
}

// mul returns a×b, and whether it fits.
func mul(a, b int64) (int64, bool) {
	if a == 0 {
		return 0, true
	}
	r := a * b
	if r/b != a || (a == math.MinInt64 && b == -1) {
		return 0, false
	}
	return r, true
}

func (t *Total) widen() {
	if t.wide != nil {
		return
	}
	t.wide = &wideTotal{exp: -int(t.scale)}
	t.wide.coef.SetInt64(t.coef)
	t.coef, t.scale = 0, 0
}

func (w *wideTotal) add(coef *big.Int, exp int) {
	var c big.Int
	c.Set(coef)
	switch {
	case exp > w.exp:
		c.Mul(&c, tenTo(exp-w.exp))
	case exp < w.exp:
		w.coef.Mul(&w.coef, tenTo(w.exp-exp))
		w.exp = exp
	}
	w.coef.Add(&w.coef, &c)
}

// addText adds d.ddde±dd, as strconv writes it.
func (w *wideTotal) addText(text string) {
	digits := make([]byte, 0, len(text))
	exp, decimals := 0, 0
	point, negative := false, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '-':
			negative = true
		case c == '.':
			point = true
		case c == 'e':
			exp, _ = strconv.Atoi(text[i+1:])
			i = len(text)
		default:
			digits = append(digits, c)
			if point {
				decimals++
			}
		}
	}
	var c big.Int
	c.SetString(string(digits), 10)
	if negative {
		c.Neg(&c)
	}
	w.add(&c, exp-decimals)
}

func tenTo(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// Float64 returns the sum, rounded once to the nearest double; beyond the largest double it is an infinity.
func (t *Total) Float64() float64 { return t.Mean(1) }

// Mean returns the sum divided by n > 0, rounded once.
func (t *Total) Mean(n int64) float64 {
	const exact = 1 << 53
	if t.wide == nil && t.coef > -exact && t.coef < exact {
		// Both sides of one division are exact doubles, so it rounds once.
		if d, ok := mul(n, pow10int[t.scale]); ok && d < exact {
			return float64(t.coef) / float64(d)
		}
	}
	r := t.rat()
	r.Quo(r, new(big.Rat).SetInt64(n))
	f, _ := r.Float64()
	return f
}

// Int64 returns a sum of integers, and whether it fits 64 bits.
func (t *Total) Int64() (int64, bool) {
	if t.wide == nil {
		return t.coef, true
	}
	return t.wide.coef.Int64(), t.wide.coef.IsInt64() && t.wide.exp == 0
}

func (t *Total) rat() *big.Rat {
	if t.wide == nil {
		return new(big.Rat).SetFrac(big.NewInt(t.coef), big.NewInt(pow10int[t.scale]))
	}
	if t.wide.exp < 0 {
		return new(big.Rat).SetFrac(&t.wide.coef, tenTo(-t.wide.exp))
	}
	return new(big.Rat).SetInt(new(big.Int).Mul(&t.wide.coef, tenTo(t.wide.exp)))
}
