package pipeline

import (
	"context"
	"math/rand/v2"
	"time"
)

// backoff is the time to wait before the next try: longer with each, and never the same for two workers.
type backoff struct{ next time.Duration }

const (
	backoffFirst = 50 * time.Millisecond
	backoffMost  = 3 * time.Second
)

// wait sleeps; false: ctx was done first.
func (b *backoff) wait(ctx context.Context) bool {
	b.next = min(max(2*b.next, backoffFirst), backoffMost)
	return sleep(ctx, b.next/2+rand.N(b.next/2))
}

func (b *backoff) reset() { b.next = 0 }

// sleep waits; false: ctx was done first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
