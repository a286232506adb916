package hashindex_test

import (
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/ruas/ruas/internal/hashindex"
)

// TestIndexIsAMap does at random what a map does too.
func TestIndexIsAMap(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		x, texts, want := hashindex.New(), []string{""}, map[string]uint32{}
		// Few hashes, so that most of what is looked for is not in its own place; in some runs those of the last places, which are followed
		// by the first.
		few := r.Uint32N(2) == 0
		hash := func(text string) uint32 {
			h := x.Hash(text)
			if few {
				return h | 0xfff<<20
			}
			return h
		}
		find := func(text string) uint32 {
			_ = x.Fetch(hash(text))
			number, next := x.First(hash(text))
			for number != 0 && texts[number] != text {
				number, next = x.Next(hash(text), next)
			}
			return number
		}
		for range 20_000 {
			text := strconv.Itoa(r.IntN(1500))
			if got := find(text); got != want[text] {
				t.Fatalf("seed %d: %q is %d, want %d", seed, text, got, want[text])
			}
			switch number, there := want[text]; {
			case !there:
				texts = append(texts, text)
				want[text] = uint32(len(texts) - 1)
				x.Add(hash(text), want[text])
			case r.IntN(2) == 0:
				x.Remove(hash(text), number)
				delete(want, text)
			}
		}
		for n := range 1500 {
			if text := strconv.Itoa(n); find(text) != want[text] {
				t.Fatalf("seed %d: in the end %q is %d, want %d", seed, text, find(text), want[text])
			}
		}
	}
}
