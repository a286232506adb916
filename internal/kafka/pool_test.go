package kafka

import "testing"

func TestFree(t *testing.T) {
	t.Parallel()
	var f free[byte]
	if room := f.take(10, 1); room != nil {
		t.Errorf("took %d bytes of nothing", cap(room))
	}
	for _, n := range []int{30, 20, 100, 5} {
		f.give(make([]byte, n), 1000)
	}
	for _, c := range []struct{ n, least, want int }{
		{18, 9, 20},    // the smallest that will do
		{18, 9, 30},    // the next
		{18, 9, 0},     // 100 is too large, 5 is too small
		{150, 75, 100}, // not enough, but the largest
	} {
		if room := f.take(c.n, c.least); cap(room) != c.want || len(room) != 0 {
			t.Errorf("room for %d, at least %d: got %d of %d, want none of %d", c.n, c.least, len(room), cap(room), c.want)
		}
	}
	for range 300 {
		f.give(make([]byte, 2), 1000)
	}
	if len(f.idle) != idleSlices || f.size != 2*idleSlices {
		t.Errorf("%d slices of %d bytes lie idle, want %d", len(f.idle), f.size, idleSlices)
	}
	f.give(make([]byte, 999), 1000)
	if f.size > 1000 || cap(f.idle[len(f.idle)-1]) != 999 {
		t.Errorf("%d bytes lie idle, want no more than 1000, the newest among them", f.size)
	}
}
