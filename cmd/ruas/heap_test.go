package main

import "testing"

func TestRoomForTheHeap(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 400, 1 << 20: 400, 32 << 20: 200, 128 << 20: 50, 1 << 30: 36} {
		if got := roomFor(live); got != want {
			t.Errorf("%d bytes are live: the heap may grow by %d %%, want %d", live, got, want)
		}
	}
}
