package kafka

import (
	"testing"
	"time"
)

// TestSeldom holds that requests follow each other the sooner the more comes, as the root of it.
func TestSeldom(t *testing.T) {
	for _, x := range []struct {
		n    int
		in   time.Duration
		want time.Duration
	}{
		{100, 10 * time.Millisecond, 5 * time.Millisecond},   // 10,000 records a second
		{40, 16 * time.Millisecond, 10 * time.Millisecond},   // 2,500
		{1, 400 * time.Millisecond, 316 * time.Millisecond},  // 2.5
		{0, 400 * time.Millisecond, 316 * time.Millisecond},  // nothing is as much as one
		{400, 4 * time.Millisecond, 1581 * time.Microsecond}, // 100,000
	} {
		if got := seldom(x.n, x.in); got < x.want-x.want/100 || got > x.want+x.want/100 {
			t.Errorf("%d records in %v: the next request after %v, want %v", x.n, x.in, got, x.want)
		}
	}
}
