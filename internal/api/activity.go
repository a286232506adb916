package api

import "time"

// Activity is what happened in a segment, by steps of time, the oldest first; the last step is the one under way.
type Activity struct {
	From          time.Time
	Step          time.Duration
	Joins, Leaves []uint32
}

// noWindow asks for no activity, usualWindow is what one segment tells.
const (
	noWindow    = "none"
	usualWindow = "3h"
)

// windows are what is counted: each so many steps.
var windows = []struct {
	name  string
	step  time.Duration
	steps int64
}{{"15m", 10 * time.Second, 90}, {"3h", time.Minute, 180}, {"7d", time.Hour, 168}}

var windowNames = []string{"15m", "3h", "7d", noWindow}

// tally counts a segment's changes by when they were published.
type tally struct {
	last    time.Time
	seconds ring
	windows []ring
}

func newTally() *tally {
	t := &tally{seconds: newRing(60), windows: make([]ring, len(windows))}
	for i, w := range windows {
		t.windows[i] = newRing(w.steps)
	}
	return t
}

func (t *tally) add(now time.Time, join bool) {
	t.last = now
	t.seconds.add(now.Unix(), join)
	for i, w := range windows {
		t.windows[i].add(now.UnixMilli()/w.step.Milliseconds(), join)
	}
}

// ring counts by step over the newest of them.
type ring []struct {
	at            int64
	joins, leaves uint32
}

func newRing(steps int64) ring { return make(ring, steps) }

func (r ring) add(step int64, join bool) {
	s := &r[step%int64(len(r))]
	if s.at != step {
		s.at, s.joins, s.leaves = step, 0, 0
	}
	if join {
		s.joins++
	} else {
		s.leaves++
	}
}

// of gives the counts of a step; the step is not older than the ring is long.
func (r ring) of(step int64) (joins, leaves uint32) {
	if s := &r[step%int64(len(r))]; s.at == step {
		return s.joins, s.leaves
	}
	return 0, 0
}

// activity reads a window that ends now, from when counting began.
func (t *tally) activity(window string, began, now time.Time) Activity {
	for i, w := range windows {
		if w.name != window {
			continue
		}
		step := w.step.Milliseconds()
		last := now.UnixMilli() / step
		first := max(last-w.steps+1, min(began.UnixMilli()/step, last))
		a := Activity{From: time.UnixMilli(first * step), Step: w.step}
		for at := first; at <= last; at++ {
			var joins, leaves uint32
			if t != nil {
				joins, leaves = t.windows[i].of(at)
			}
			a.Joins, a.Leaves = append(a.Joins, joins), append(a.Leaves, leaves)
		}
		return a
	}
	return Activity{}
}
