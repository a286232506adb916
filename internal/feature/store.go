package feature

import "slices"

// Store holds the series of one customer, each in a slot, in one piece of memory without pointers. The zero value has none.
//
// The block is: the number of series; a word each, in order of slots: the slot above its offset; and the series in the same
// order: a word of head, length and room, and the rows.
type Store struct {
	block []uint64
	rests *[]slotRest // sorted by slot; nil, as of nearly all: none
}

// slotRest is what a series has beside its rows.
type slotRest struct {
	slot int
	rest *rest
}

// A series' word: how many entries were trimmed and still stand before the first, how many there are, for how many there is room.
const (
	countBits = 21
	countMask = 1<<countBits - 1
)

func packHead(head, n, room int) uint64 {
	return uint64(head)<<(2*countBits) | uint64(n)<<countBits | uint64(room)
}

func unpackHead(w uint64) (head, n, room int) {
	return int(w >> (2 * countBits)), int(w >> countBits & countMask), int(w & countMask)
}

const offsetMask = 1<<32 - 1

// find returns the place of a slot in the order of those that there are.
func (st *Store) find(slot int) (place int, ok bool) {
	if len(st.block) == 0 {
		return 0, false
	}
	places := st.block[1 : 1+st.block[0]]
	if len(places) > 8 {
		return slices.BinarySearchFunc(places, slot, func(p uint64, slot int) int { return int(p>>32) - slot })
	}
	for i, p := range places {
		if s := int(p >> 32); s >= slot {
			return i, s == slot
		}
	}
	return len(places), false
}

// findAgain is find for who knows where the slot was.
func (st *Store) findAgain(slot, place int) (int, bool) {
	if len(st.block) > 0 && uint64(place) < st.block[0] && int(st.block[1+place]>>32) == slot {
		return place, true
	}
	return st.find(slot)
}

// Has tells whether there is a series in a slot.
func (st *Store) Has(slot int) bool {
	_, ok := st.find(slot)
	return ok
}

// Slots yields the slots that have a series.
func (st *Store) Slots(yield func(slot int) bool) {
	for i := 0; len(st.block) > 0 && i < int(st.block[0]); i++ {
		if !yield(int(st.block[1+i] >> 32)) {
			return
		}
	}
}

// Open makes s the series of a slot, with columns of these kinds; an empty one where there is none. s shares the store's memory:
// it is good until the store changes, and who changes s puts it back.
func (st *Store) Open(slot int, kinds []Kind, s *Series) {
	i, ok := st.find(slot)
	if !ok {
		*s = Series{kinds: kinds}
		return
	}
	st.open(i, slot, kinds, s)
}

// open is Open for the slot at place i.
func (st *Store) open(i, slot int, kinds []Kind, s *Series) {
	off := int(st.block[1+i] & offsetMask)
	head, n, room := unpackHead(st.block[off])
	s.kinds, s.head, s.n, s.rest, s.place = kinds, head, n, nil, i
	s.rows = st.block[off+1 : off+1+room*(1+len(kinds))]
	if st.rests != nil {
		s.rest = st.restOf(slot)
	}
}

func (st *Store) restOf(slot int) *rest {
	for _, r := range *st.rests {
		if r.slot == slot {
			return r.rest
		}
	}
	return nil
}

// Grow is Open with room for one more entry. It tells whether the store's memory moved: then what was opened before is good no more.
func (st *Store) Grow(slot int, kinds []Kind, s *Series) (moved bool) {
	w := 1 + len(kinds)
	i, ok := st.findAgain(slot, s.place)
	if !ok {
		st.add(i, slot, w, 1)
		moved = true
	}
	off := int(st.block[1+i] & offsetMask)
	if head, n, room := unpackHead(st.block[off]); n == room || head+n == room && n > 16 && head < n/4 {
		more := roomFor(n)
		st.widen(i, off+1+room*w, more*w)
		off = int(st.block[1+i] & offsetMask)
		st.block[off] = packHead(head, n, room+more)
		moved = true
	}
	st.open(i, slot, kinds, s)
	return moved
}

// add makes a series with room for so many entries of width w, at place i.
func (st *Store) add(i, slot, w, room int) {
	if len(st.block) == 0 {
		st.insert(0, 1)
	}
	// The table of places grows by a word, and the series stands before the next one.
	k := int(st.block[0])
	at := len(st.block)
	if i < k {
		at = int(st.block[1+i] & offsetMask)
	}
	size := 1 + room*w
	st.insert(at, size)
	st.block[at] = packHead(0, 0, room)
	st.insert(1+i, 1)
	st.block[1+i] = uint64(slot)<<32 | uint64(at)
	st.block[0]++
	for j := range k + 1 {
		st.block[1+j]++ // for the word in the table
		if j > i {
			st.block[1+j] += uint64(size)
		}
	}
}

// widen makes n more words of room at an offset, which is the end of the series at place i.
func (st *Store) widen(i, at, n int) {
	st.insert(at, n)
	for j := i + 1; j < int(st.block[0]); j++ {
		st.block[1+j] += uint64(n)
	}
}

// insert puts n zero words in at an offset. What grows in small steps keeps little room at its end, for most customers stay small.
func (st *Store) insert(at, n int) {
	size := len(st.block)
	if size+n > cap(st.block) {
		block := make([]uint64, size, blockSize(size+n))
		copy(block, st.block)
		st.block = block
	}
	st.block = st.block[:size+n]
	copy(st.block[at+n:], st.block[at:size])
	clear(st.block[at : at+n])
}

// Read reads a series into a slot that has none.
func (st *Store) Read(r *Reader, slot int, kinds []Kind, base int64) {
	i, ok := st.find(slot)
	ahead := *r
	n := ahead.Count()
	if ok || ahead.err != nil {
		r.fail()
		return
	}
	st.add(i, slot, 1+len(kinds), n)
	var s Series
	st.Open(slot, kinds, &s)
	r.SeriesInto(&s, base)
	st.Put(slot, &s)
}

// narrow gives back most of the room of the series at place i, which was much longer once.
func (st *Store) narrow(i, off, w int) {
	head, n, room := unpackHead(st.block[off])
	rows := st.block[off+1:]
	copy(rows, rows[head*w:(head+n)*w])
	st.block[off] = packHead(0, n, n+1)
	less := (room - n - 1) * w
	st.block = slices.Delete(st.block, off+1+(n+1)*w, off+1+room*w)
	for j := i + 1; j < int(st.block[0]); j++ {
		st.block[1+j] -= uint64(less)
	}
	if len(st.block) < cap(st.block)/4 {
		st.block = append(make([]uint64, 0, blockSize(len(st.block))), st.block...)
	}
}

// CopyFrom makes st a copy of another store, with little room. What that has beside rows is st's from then on.
func (st *Store) CopyFrom(o *Store) {
	*st = Store{rests: o.rests}
	if len(o.block) > 1 {
		st.block = append(make([]uint64, 0, blockSize(len(o.block))), o.block...)
	}
}

// Reset empties the store and keeps its block.
func (st *Store) Reset() { st.block, st.rests = st.block[:0], nil }

// blockSize is what a block of at least n words takes.
func blockSize(n int) int { return (n + n/4 + 7) &^ 7 }

// Put takes a series back that was opened, or another one of the same columns, as that of a slot. It tells whether the store's memory
// moved.
func (st *Store) Put(slot int, s *Series) (moved bool) {
	i, ok := st.findAgain(slot, s.place)
	w := s.width()
	if !ok {
		if s.n == 0 && s.rest == nil {
			return false
		}
		st.add(i, slot, w, s.n)
		moved = true
	}
	off := int(st.block[1+i] & offsetMask)
	_, _, room := unpackHead(st.block[off])
	switch {
	case room == 0 && s.n == 0:
	case len(s.rows) == room*w && &s.rows[0] == &st.block[off+1]:
		st.block[off] = packHead(s.head, s.n, room)
		if room > 4*s.n+16 {
			st.narrow(i, off, w)
			moved = true
		}
	default:
		if s.n > room {
			st.widen(i, off+1+room*w, (s.n-room)*w)
			off, room = int(st.block[1+i]&offsetMask), s.n
			moved = true
		}
		copy(st.block[off+1:], s.rows[s.head*w:(s.head+s.n)*w])
		st.block[off] = packHead(0, s.n, room)
	}
	if s.rest != nil || st.rests != nil {
		st.putRest(slot, s.rest)
	}
	return moved
}

func (st *Store) putRest(slot int, r *rest) {
	if st.rests == nil {
		st.rests = new([]slotRest)
	}
	i, ok := slices.BinarySearchFunc(*st.rests, slot, func(x slotRest, slot int) int { return x.slot - slot })
	switch {
	case ok:
		(*st.rests)[i].rest = r
	case r != nil:
		*st.rests = slices.Insert(*st.rests, i, slotRest{slot, r})
	}
}

// Shed counts the entries that bounds pushed out of the series.
func (st *Store) Shed() (n int64) {
	if st.rests == nil {
		return 0
	}
	for _, r := range *st.rests {
		if r.rest != nil {
			n += r.rest.shed
		}
	}
	return n
}

// Fetch reads a word of each of the first few cache lines of the block. What it returns means nothing.
func (st *Store) Fetch() (x uint64) {
	const line, most = 8, 6
	for i := 0; i < min(len(st.block), line*most); i += line {
		x += st.block[i]
	}
	if n := len(st.block); n > line*most { // the newest entry of the last slot
		x += st.block[n-1]
	}
	return x
}

// Size returns how many bytes of memory the store takes, about.
func (st *Store) Size() int { return 8 * cap(st.block) }
