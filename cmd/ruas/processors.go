package main

import (
	"context"
	"os"
	"runtime"
	"time"
)

// Where little comes, Go wakes an idle thread for nearly each goroutine that has something to do, which costs more than what that does. So
// while a worker needs half a core or less, it runs on one processor, as Go calls them.
const (
	loadEvery = 100 * time.Millisecond
	littleCPU = loadEvery / 2     // is what one processor is enough for,
	muchCPU   = loadEvery * 3 / 4 // and from here on it would be too little
	littleFor = 3 * time.Second   // how long little must be needed
)

// boundProcessors runs the program on one processor while it needs little, until ctx is done. Who sets GOMAXPROCS decides it instead.
func boundProcessors(ctx context.Context) {
	before, ok := cpuTime()
	if os.Getenv("GOMAXPROCS") != "" || runtime.GOMAXPROCS(0) == 1 || !ok {
		return
	}
	defer runtime.SetDefaultGOMAXPROCS()
	var l load
	for tick := time.NewTicker(loadEvery); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		used, _ := cpuTime()
		was := l.one
		switch l.needs(used - before); {
		case l.one && !was:
			runtime.GOMAXPROCS(1)
		case was && !l.one:
			runtime.SetDefaultGOMAXPROCS()
		}
		before = used
	}
}

// load is what is known of how much CPU the program needs. The zero value knows nothing.
type load struct {
	one    bool // one processor is enough
	little time.Duration
}

// needs notes what was used in loadEvery.
func (l *load) needs(cpu time.Duration) {
	switch {
	case cpu >= muchCPU:
		l.one, l.little = false, 0
	case cpu > littleCPU:
		l.little = 0
	default:
		if l.little += loadEvery; l.little >= littleFor {
			l.one = true
		}
	}
}
