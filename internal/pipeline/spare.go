package pipeline

import (
	"bytes"
	"sync"
)

// spare is what batches are done with, and what is used again: as much as was ever read ahead at a time.
type spare struct {
	mu     sync.Mutex
	inputs []*input
	slabs  []*slab
}

// slab is memory that the records of many inputs are copied to, one behind the other. It is used again when the last of them is let go of;
// a slab with a record that nobody lets go of is not.
type slab struct {
	room []byte
	held int // records that were copied to it, counted by who fills it
	// left is how many of them are held, once it is full; before that, minus how many were let go of.
	left int // of the lock of spare
}

const slabSize = 64 << 10

// keep gives an input a copy of a record, which holds only until the next is polled.
func (f *feed) keep(in *input, r Record) {
	n := len(r.Key) + len(r.Value)
	if n > slabSize/4 {
		in.record, in.slab = r, nil
		in.record.Key, in.record.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
		return
	}
	if f.open == nil || cap(f.open.room)-len(f.open.room) < n {
		f.open = f.spare.exchange(f.open)
	}
	to := f.open
	in.slab, in.record = to, Record{Headers: r.Headers, Offset: r.Offset}
	in.record.Key, in.record.Value = to.copy(r.Key), to.copy(r.Value)
	to.held++
}

// copy keeps nil apart from what is empty: a dead letter is what the record was.
func (b *slab) copy(piece []byte) []byte {
	if piece == nil {
		return nil
	}
	from := len(b.room)
	b.room = append(b.room, piece...)
	return b.room[from:len(b.room):len(b.room)]
}

// exchange takes a full slab, or nil, for an empty one.
func (s *spare) exchange(full *slab) *slab {
	s.mu.Lock()
	defer s.mu.Unlock()
	if full != nil {
		if full.left += full.held; full.left == 0 {
			s.empty(full)
		}
	}
	n := len(s.slabs)
	if n == 0 {
		return &slab{room: make([]byte, 0, slabSize)}
	}
	next := s.slabs[n-1]
	s.slabs[n-1], s.slabs = nil, s.slabs[:n-1]
	return next
}

// empty takes a slab back of which nobody holds anything.
func (s *spare) empty(b *slab) {
	spoil(b.room)
	b.room, b.held = b.room[:0], 0
	s.slabs = append(s.slabs, b)
}

// take fills a list with empty inputs.
func (s *spare) take(list []*input) []*input {
	s.mu.Lock()
	left := max(0, len(s.inputs)-len(list))
	n := copy(list, s.inputs[left:])
	clear(s.inputs[left:])
	s.inputs = s.inputs[:left]
	s.mu.Unlock()
	slab := make([]input, len(list)-n)
	for i := range slab {
		list[n+i] = &slab[i]
	}
	return list
}

// give takes inputs back that were applied, and lets go of their records. Those that are no good are still to be told of.
func (s *spare) give(done []planned) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range done {
		in := done[i].input
		if in.reject != nil {
			continue
		}
		if in.slab == nil { // else what it points to is used again too
			in.record = Record{}
			in.event.Release()
		} else if in.slab.left--; in.slab.left == 0 {
			s.empty(in.slab)
		}
		in.slab = nil
		s.inputs = append(s.inputs, in)
	}
}
