package pipeline

import (
	"context"
	"math/rand/v2"
	"strings"
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

// teller says what fails: at once, and while it goes on failing in the same way not again before quietFor is over.
type teller struct {
	gist string
	at   time.Time
}

const quietFor = time.Minute

// news tells whether the error is to be said.
func (t *teller) news(err error) bool {
	gist := strings.Map(func(r rune) rune { // ports, offsets and durations differ with each try
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, err.Error())
	if gist == t.gist && time.Since(t.at) < quietFor {
		return false
	}
	t.gist, t.at = gist, time.Now()
	return true
}

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
