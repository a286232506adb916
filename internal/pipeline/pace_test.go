package pipeline

import (
	"testing"
	"time"
)

// TestGathering holds how long inputs wait for others: less the more there are, and never longer than the configuration says.
func TestGathering(t *testing.T) {
	for _, x := range []struct {
		every time.Duration
		ready int
		want  time.Duration
	}{
		{0, 0, 0},
		{0, 500, 0},
		{50 * time.Millisecond, 0, 10 * time.Millisecond}, // what time alone moves waits for no company
		{50 * time.Millisecond, 14, 50 * time.Millisecond},
		{50 * time.Millisecond, 20, 35 * time.Millisecond},
		{50 * time.Millisecond, 50, 14 * time.Millisecond},
		{50 * time.Millisecond, 500, 1400 * time.Microsecond},
		{5 * time.Millisecond, 0, 5 * time.Millisecond},
		{5 * time.Millisecond, 50, 5 * time.Millisecond},
	} {
		s := &session{opt: &Options{BatchEvery: x.every}}
		if got := s.gathering(x.ready); got != x.want {
			t.Errorf("batch.every %v, %d inputs ready: a transaction after %v, want %v", x.every, x.ready, got, x.want)
		}
	}
}
