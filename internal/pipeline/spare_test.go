package pipeline

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/ruas/ruas/internal/event"
)

// TestSlabsAreUsedAgain reads many records from memory that the log writes over, lets go of them in another order, and looks that none
// changes while it is held, and that room is used again when nobody holds anything of it.
func TestSlabsAreUsedAgain(t *testing.T) {
	t.Parallel()
	f := newFeed(nil, nil, nil, nil, 1)
	log := make([]byte, 0, slabSize) // what the log gives holds until the next poll
	record := func(i, size int) Record {
		log = fmt.Appendf(log[:0], "c%d", i)
		key := len(log)
		for len(log) < key+size {
			log = fmt.Appendf(log, "%d ", i)
		}
		return Record{Key: log[:key], Value: log[key : key+size], Offset: int64(i)}
	}
	holds := func(in *input, i int) {
		t.Helper()
		if want := record(i, len(in.record.Value)); !bytes.Equal(in.record.Key, want.Key) || !bytes.Equal(in.record.Value, want.Value) {
			t.Fatalf("record %d is now %.20q", i, in.record.Value)
		}
	}
	const at, size = 3_000, 200
	var held []*input
	done := func(n int) []planned {
		list := make([]planned, n)
		for i := range list {
			list[i].input = held[i]
		}
		held = held[n:]
		return list
	}
	for i := range 10 * at {
		in := f.spare.take(make([]*input, 1))[0]
		f.keep(in, record(i, size))
		held = append(held, in)
		if len(held) == at {
			holds(held[0], i-at+1)
			holds(in, i)
			f.spare.give(done(at / 3))
			holds(held[0], i-at+1+at/3)
		}
	}
	f.spare.give(done(len(held)))
	if n, most := len(f.spare.slabs), at*(size+10)/slabSize+2; n > most {
		t.Errorf("%d slabs were made, want no more than %d", n, most)
	}

	none := new(input)
	f.keep(none, Record{Key: []byte{}})
	if none.record.Key == nil || none.record.Value != nil {
		t.Errorf("an empty key and no value became %#v and %#v", none.record.Key, none.record.Value)
	}

	// What is no good is kept until it was told of, and what is large has memory of its own.
	bad, large := new(input), new(input)
	f.keep(bad, record(1, size))
	f.keep(large, record(2, slabSize/2))
	bad.reject = &event.Reject{Reason: event.ReasonJSON}
	held = []*input{bad}
	f.spare.give(done(1))
	for i := range 2 * at {
		in := new(input)
		f.keep(in, record(i, size))
		held = append(held, in)
	}
	f.spare.give(done(len(held)))
	holds(bad, 1)
	holds(large, 2)
}

// TestLargeUpdatesLetGo empties updates, of which the next ones are made: each list is kept, and none of them for good that was once large.
func TestLargeUpdatesLetGo(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, spareEntries, spareEntries + 1} {
		u := &Update{
			States: make([]StateRecord, n), Sooner: make([]Deadline, n), Exact: make([]Deadline, n), Joined: make([]Membership, n), Left: make([]Membership, n),
		}
		u.empty()
		want := n
		if n > spareEntries {
			want = 0
		}
		for list, kept := range map[string]int{
			"states": cap(u.States), "sooner": cap(u.Sooner), "exact": cap(u.Exact), "joined": cap(u.Joined), "left": cap(u.Left),
		} {
			if kept != want {
				t.Errorf("of %d %s an update keeps room for %d, want %d", n, list, kept, want)
			}
		}
	}
}
