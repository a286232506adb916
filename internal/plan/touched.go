package plan

import "math/bits"

// Touched is a set of segments that is emptied in the set's order, while it grows behind what was taken out.
type Touched struct {
	words []uint64 // a bit a segment
	some  []uint64 // a bit a word that is not zero
	held  []held   // the segments that are in only where the customer is held by them
}

// NewTouched returns an empty set for the plan.
func (p *Plan) NewTouched() *Touched {
	words := (len(p.Segments) + 63) / 64
	return &Touched{words: make([]uint64, words), some: make([]uint64, (words+63)/64)}
}

// Add puts a segment in.
func (t *Touched) Add(segment int) {
	w := segment / 64
	t.words[w] |= 1 << (segment % 64)
	t.some[w/64] |= 1 << (w % 64)
}

// AddAll puts segments in.
func (t *Touched) AddAll(segments []int) {
	for _, s := range segments {
		t.Add(s)
	}
}

// Open tells that the set waits for word of the segments that hold a customer: it is to be given by Hold.
func (t *Touched) Open() bool { return len(t.held) > 0 }

// Hold says that the customer is a member of a segment (in), or that a moment is set for it.
func (t *Touched) Hold(segment int, in bool) {
	for _, h := range t.held {
		if h.all.has(segment) && !(in && h.steady.has(segment)) {
			t.Add(segment)
			return
		}
	}
}

// Close ends the wait.
func (t *Touched) Close() { t.held = t.held[:0] }

// Take takes the first segment out; false where there is none.
func (t *Touched) Take() (segment int, ok bool) {
	for i, some := range t.some {
		if some == 0 {
			continue
		}
		w := 64*i + bits.TrailingZeros64(some)
		segment = 64*w + bits.TrailingZeros64(t.words[w])
		if t.words[w] &= t.words[w] - 1; t.words[w] == 0 {
			t.some[i] &= some - 1
		}
		return segment, true
	}
	return 0, false
}
