package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestTimersAgainstModel does random things to the heap and to a plain map.
func TestTimersAgainstModel(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		var timers Timers
		model := map[string]int64{}
		for range 500 {
			id := fmt.Sprint("c", r.IntN(40))
			switch r.IntN(5) {
			case 0:
				timers.Remove(id)
				delete(model, id)
			case 1:
				timers.Set(id, Never)
				delete(model, id)
			case 2:
				// The earliest is taken, as it is when it fires.
				if first, _, ok := timers.Peek(); ok {
					timers.Remove(first)
					delete(model, first)
				}
			default:
				at := int64(r.IntN(30)) - 10
				timers.Set(id, at)
				model[id] = at
			}
			compareTimers(t, seed, &timers, model)
		}
		for timers.Len() > 0 {
			first, _, _ := timers.Peek()
			timers.Remove(first)
			delete(model, first)
			compareTimers(t, seed, &timers, model)
		}
	}
}

func compareTimers(t *testing.T, seed uint64, timers *Timers, model map[string]int64) {
	t.Helper()
	id, at, ok := "", int64(Never), false
	for i, a := range model {
		if !ok || a < at || a == at && i < id {
			id, at, ok = i, a, true
		}
	}
	if !ok {
		id, at = "", 0
	}
	gotID, gotAt, gotOK := timers.Peek()
	if gotID != id || gotAt != at || gotOK != ok || timers.Len() != len(model) {
		t.Fatalf("seed %d: %d timers, first %q at %d, %v; want %d, %q at %d, %v", seed, timers.Len(), gotID, gotAt, gotOK, len(model), id, at, ok)
	}
}
