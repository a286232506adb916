package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// A worker's garbage is what it read and what it wrote, which does not grow with what it keeps. So a small heap may grow by a fixed amount
// between two collections, or it would be looked through too often, and a large one by less than the default of all it keeps.
const (
	heapRoom  = 64 << 20 // bytes
	leastRoom = 36       // percent of what is kept: looking through it costs the more, the more it is
	mostRoom  = 400      // percent
	heapEvery = time.Second
)

// boundHeap sets how much the heap may grow, until ctx is done. Who sets GOGC decides it instead.
func boundHeap(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	now := 100
	for tick := time.NewTicker(heapEvery); ; {
		metrics.Read(live)
		if percent := roomFor(live[0].Value.Uint64()); percent < now*9/10 || percent > now*11/10 { // setting it stops the world
			now = percent
			debug.SetGCPercent(percent)
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
	}
}

// roomFor is by how many percent a heap of which so many bytes are live may grow.
func roomFor(live uint64) int {
	return int(min(max(heapRoom*100/max(live, 1), leastRoom), mostRoom))
}
