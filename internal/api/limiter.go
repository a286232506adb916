package api

import (
	"sync"
	"time"
)

// limiter lets each caller make so many requests a second, and as many at once (a token bucket).
type limiter struct {
	rate float64
	now  func() time.Time

	mu      sync.Mutex
	buckets map[string]*bucket
	swept   time.Time
}

type bucket struct {
	left float64
	at   time.Time
}

// newLimiter returns a limiter; rate 0: there is no limit.
func newLimiter(rate int, now func() time.Time) *limiter {
	return &limiter{rate: float64(rate), now: now, buckets: map[string]*bucket{}}
}

func (l *limiter) allow(from string) bool {
	if l.rate == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.sweep(now)
	b := l.buckets[from]
	if b == nil {
		b = &bucket{left: l.rate, at: now}
		l.buckets[from] = b
	}
	b.left = min(l.rate, b.left+now.Sub(b.at).Seconds()*l.rate)
	b.at = now
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// sweep forgets callers whose buckets are full again: after a second without a request all are.
func (l *limiter) sweep(now time.Time) {
	if now.Sub(l.swept) < time.Second {
		return
	}
	l.swept = now
	for from, b := range l.buckets {
		if now.Sub(b.at) >= time.Second {
			delete(l.buckets, from)
		}
	}
}
