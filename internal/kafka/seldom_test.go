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
		{60, 10 * time.Millisecond, 3162 * time.Microsecond}, // 6,000 records a second
		{15, 10 * time.Millisecond, 6324 * time.Microsecond}, // 1,500
		{1, 600 * time.Millisecond, 190 * time.Millisecond},  // 1.7
		{0, 600 * time.Millisecond, 190 * time.Millisecond},  // nothing is as much as one
		{600, 4 * time.Millisecond, 632 * time.Microsecond},  // 150,000
	} {
		if got := seldom(x.n, x.in); got < x.want-x.want/100 || got > x.want+x.want/100 {
			t.Errorf("%d records in %v: the next request after %v, want %v", x.n, x.in, got, x.want)
		}
	}
}
