package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestErrorOfTheBound steps two engines, one with a low bound and one with none to speak of, and holds what the first gives to
// the formulas of docs/state.md.
func TestErrorOfTheBound(t *testing.T) {
	const bound, window = 20, 100_000
	for _, c := range []struct {
		name, feature string
		// holds tells whether got is within the error, where truth is what an engine without the bound gives and s entries were shed.
		holds func(got, truth, s int64) bool
	}{
		{"size", `purchase.last("100s").size()`, func(got, truth, _ int64) bool { return got == min(truth, bound) }},
		{"sum", `purchase.last("100s").sum(p, p.items)`, func(got, truth, s int64) bool { return got <= truth && truth-got <= 9*s }},
		{"min", `purchase.last("100s").min(p, p.items)`, func(got, truth, _ int64) bool { return got >= truth }},
		{"max", `purchase.last("100s").max(p, p.items)`, func(got, truth, _ int64) bool { return got <= truth }},
		{"different", `purchase.last("100s").distinct(p, p.product_id).size()`, func(got, truth, _ int64) bool { return got == min(truth, bound) }},
		{"older", `purchase.between("50s", "100s").size()`, func(got, truth, s int64) bool { return got <= truth && truth-got <= s }},
		{"newest", `purchase.newest(7).sum(p, p.items)`, func(got, truth, _ int64) bool { return got == truth }},
		{"newest in window", `purchase.last("100s").newest(7).sum(p, p.items)`, func(got, truth, _ int64) bool { return got == truth }},
		{"history", `purchase.size()`, func(got, truth, _ int64) bool { return got == truth }},
		{"settled", `purchase.before("100s").size()`, func(got, truth, s int64) bool { return got <= truth && truth-got <= s }},
		{"keys", `purchase.distinct(p, p.product_id).size()`, func(got, truth, _ int64) bool { return got == min(truth, bound) }},
		{"followed", `purchase.last("100s").followed_by(purchase, "5s").size()`, func(got, truth, s int64) bool { return got <= truth && truth-got <= s }},
	} {
		t.Run(c.name, func(t *testing.T) {
			yaml := []byte("features:\n  x: " + c.feature + "\nsegments:\n  known:\n    when: purchase.size() >= 0\n    include: [x]\n")
			low := newBench(t, yaml, Options{SeriesBound: bound})
			high := newBench(t, yaml, Options{SeriesBound: 1 << 20})
			for seed := range uint64(6) {
				r := rand.New(rand.NewPCG(seed, 0))
				a, b := low.eng.NewCustomer("c1"), high.eng.NewCustomer("c1")
				clockA, clockB, wrong := int64(0), int64(0), 0
				for i := range 500 {
					ms := clockA + r.Int64N(5000)
					if i > 400 {
						ms += 2000 // fewer come: the error heals
					}
					if r.IntN(6) == 0 {
						ms = max(0, clockA-r.Int64N(150_000))
					}
					record := purchase(fmt.Sprint("e", i), ms, fmt.Sprintf(`,"items":%d,"product_id":"p%d"`, r.IntN(10), r.IntN(60)))
					low.step(a, &clockA, record)
					high.step(b, &clockB, record)
					got, truth, s := featureOf(low, a, clockA, 0), featureOf(high, b, clockB, 0), low.eng.Shed(a)
					if got != truth {
						wrong++
					}
					if !c.holds(got, truth, s) || s == 0 && got != truth {
						t.Fatalf("seed %d, event %d: %d, truly %d, with %d shed", seed, i, got, truth, s)
					}
					if high.eng.Shed(b) != 0 {
						t.Fatal("the high bound was reached")
					}
				}
				clockA, clockB = clockA+2*window, clockB+2*window
				low.step(a, &clockA, purchase("last", clockA, `,"items":3,"product_id":"p0"`))
				high.step(b, &clockB, purchase("last", clockB, `,"items":3,"product_id":"p0"`))
				got, truth := featureOf(low, a, clockA, 0), featureOf(high, b, clockB, 0)
				if forever := c.name == "settled" || c.name == "keys"; got != truth && !forever {
					t.Errorf("seed %d: after the window it is %d, truly %d", seed, got, truth)
				}
				if exact := low.eng.Shed(a) == 0; exact != (wrong == 0) {
					t.Errorf("seed %d: %d of 500 answers are off, with %d shed", seed, wrong, low.eng.Shed(a))
				}
			}
		})
	}
}
