package feature

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestStoreAgainstModels does random things to the series of a store, and to lists of their own.
func TestStoreAgainstModels(t *testing.T) {
	randomly(t, 200, func(t *testing.T, r *rand.Rand) {
		var st Store
		kinds, models := map[int][]Kind{}, map[int]*model{}
		slots := 1 + r.IntN(30)
		for slot := range slots {
			kinds[slot] = everyKind[:r.IntN(len(everyKind)+1)]
		}
		now := int64(1_700_000_000_000)
		for range 100 + r.IntN(400) {
			slot := r.IntN(slots)
			m := models[slot]
			if m == nil {
				m = &model{}
				models[slot] = m
			}
			var s Series
			switch r.IntN(12) {
			case 0:
				if st.Open(slot, kinds[slot], &s); s.Len() > 0 {
					i := r.IntN(s.Len())
					s.Remove(i)
					m.entries = slices.Delete(m.entries, i, i+1)
					st.Put(slot, &s)
				}
			case 1:
				needs := randomNeeds(r)
				st.Open(slot, kinds[slot], &s)
				s.Trim(now, needs, 10)
				m.trim(now, needs, 10)
				st.Put(slot, &s)
			case 2:
				read := NewSeries(kinds[slot])
				for range r.IntN(20) {
					now++
					read.Insert(now, randomRow(r, kinds[slot], true, randomPrice))
				}
				*m = model{}
				for i := range read.Len() {
					row := make([]Val, len(kinds[slot]))
					for c := range row {
						row[c] = read.Value(i, c)
					}
					m.insert(read.Time(i), row)
				}
				st.Put(slot, read)
			case 3:
				st = storedAgain(t, &st, kinds, now)
			case 4:
				var other Store
				other.CopyFrom(&st)
				st = other
			default:
				now += r.Int64N(20)
				at := now - r.Int64N(30)
				row := randomRow(r, kinds[slot], r.IntN(3) == 0, randomPrice)
				st.Grow(slot, kinds[slot], &s)
				s.Insert(at, row)
				m.insert(at, row)
				st.Put(slot, &s)
			}
			for slot, m := range models {
				st.Open(slot, kinds[slot], &s)
				m.compare(t, &s)
			}
		}
		if got := slices.Collect(st.Slots); !slices.IsSorted(got) || len(got) > slots {
			t.Errorf("the slots are %v", got)
		}
		shed := int64(0)
		for m := range maps.Values(models) {
			shed += m.shed
		}
		if got := st.Shed(); got != shed {
			t.Errorf("%d are shed, want %d", got, shed)
		}
	})
}

// storedAgain writes every series and reads them into another store.
func storedAgain(t *testing.T, st *Store, kinds map[int][]Kind, base int64) (again Store) {
	t.Helper()
	for slot := range st.Slots {
		var s Series
		st.Open(slot, kinds[slot], &s)
		in := NewReader(s.Append(nil, base))
		if again.Read(in, slot, kinds[slot], base); in.Err() != nil || in.Rest() > 0 {
			t.Fatalf("reading: %v, %d bytes left", in.Err(), in.Rest())
		}
		if in = NewReader(s.Append(nil, base)); s.Len() > 0 {
			if again.Read(in, slot, kinds[slot], base); in.Err() == nil {
				t.Fatal("a slot is read twice")
			}
		}
	}
	return again
}

// TestStoreGivesRoomBack fills a series and empties it.
func TestStoreGivesRoomBack(t *testing.T) {
	var st Store
	var s Series
	kinds := []Kind{Int}
	for i := range int64(10_000) {
		st.Grow(3, kinds, &s)
		s.Insert(i, []Val{OfInt(i)})
		st.Put(3, &s)
		st.Grow(5, kinds, &s)
		s.Insert(i, []Val{OfInt(-i)})
		s.Trim(i, []Need{{Hi: 100, N: All}}, 1000)
		st.Put(5, &s)
	}
	if n := st.Size(); n < 160_000 || n > 260_000 {
		t.Errorf("%d bytes for 10,100 entries", n)
	}
	st.Open(3, kinds, &s)
	s.Trim(10_000, []Need{{Hi: 3, N: All}}, 1000)
	st.Put(3, &s)
	st.Open(3, kinds, &s)
	if n := st.Size(); s.Len() != 2 || n > 10_000 {
		t.Errorf("%d bytes for %d entries and 100", n, s.Len())
	}
	if st.Open(5, kinds, &s); s.Len() != 100 || s.Value(99, 0).Int() != -9999 {
		t.Errorf("the neighbour has %d entries, the last is %v", s.Len(), s.Value(99, 0))
	}
}
