package pipeline

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// writer brings committed batches to the view, in order, behind the task's back.
type writer struct {
	shard   Shard
	epoch   int64
	queue   chan numbered
	spare   chan *Update  // that are written, for those to come
	hurry   chan struct{} // somebody waits for what is queued
	failed  chan error    // ErrStale, once
	written atomic.Uint64 // number of the last batch that the view has
	applied atomic.Int64  // the offset up to which the view has everything
	tell    func(doing string, err error)
	observe func(time.Duration)
	traced  func(*Traced)
}

// numbered is what one batch changes, or several that follow each other; number is that of the last.
type numbered struct {
	number  uint64
	updates []*Update
	traced  []*Traced
}

const (
	// writerQueue bounds how far the view may be behind.
	writerQueue = 4
	// intactEvery is how often an idle task looks whether the view is still whole.
	intactEvery = 2 * time.Second
)

func newWriter(shard Shard, fence Fence, tell func(string, error), observe func(time.Duration)) *writer {
	w := &writer{shard: shard, epoch: fence.Epoch, queue: make(chan numbered, writerQueue), spare: make(chan *Update, writerQueue), failed: make(chan error, 1), tell: tell, observe: observe, hurry: make(chan struct{}, 1)}
	w.applied.Store(fence.Applied)
	return w
}

// run writes until ctx is done or the view is stale. A server that does not answer is asked again until it does.
func (w *writer) run(ctx context.Context) {
	const looking = "looking after Redis"
	var failing teller
	look := time.NewTicker(intactEvery)
	defer look.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case next := <-w.queue:
			if err = w.write(ctx, w.gather(ctx, next)); err != nil {
				w.failed <- err
				return
			}
		case <-look.C:
			err = w.shard.Intact(ctx, w.fence())
			switch {
			case errors.Is(err, ErrStale):
				w.failed <- err
				return
			case ctx.Err() != nil:
				return
			case err != nil && failing.news(err):
				w.tell(looking, err)
			case err == nil && failing != (teller{}):
				failing = teller{}
				w.tell(looking, nil)
			}
		}
	}
}

func (w *writer) write(ctx context.Context, next numbered) error {
	start := time.Now()
	update := merged(next.updates)
	err := persist(ctx, w.tell, "writing to Redis", func() error { return w.shard.Write(ctx, update) })
	if err != nil {
		return err
	}
	w.applied.Store(update.To.Applied)
	w.written.Store(next.number)
	w.observe(time.Since(start))
	w.traceWritten(next.traced, start)
	for _, u := range next.updates {
		u.empty()
		select {
		case w.spare <- u:
		default:
		}
	}
	return nil
}

// blank gives an update that has nothing.
func (w *writer) blank() *Update {
	select {
	case u := <-w.spare:
		return u
	default:
		return new(Update)
	}
}

// fence is what the view holds at least.
func (w *writer) fence() Fence { return Fence{Epoch: w.epoch, Applied: w.applied.Load()} }

// flush waits until batch number is written.
func (w *writer) flush(ctx context.Context, number uint64) error {
	for w.written.Load() < number {
		select {
		case err := <-w.failed:
			return err
		case w.hurry <- struct{}{}:
		default:
		}
		if !sleep(ctx, time.Millisecond) {
			return ctx.Err()
		}
	}
	return nil
}

// persist tries until it succeeds, the view turns out to be stale or is refused, or ctx is done.
func persist(ctx context.Context, tell func(string, error), doing string, try func() error) error {
	var (
		again  backoff
		saying teller
	)
	for {
		err := try()
		if refused := new(Refusal); err == nil || errors.Is(err, ErrStale) || errors.As(err, &refused) || ctx.Err() != nil {
			if (saying != teller{}) {
				tell(doing, nil)
			}
			return err
		}
		if saying.news(err) {
			tell(doing, err)
		}
		if !again.wait(ctx) {
			return ctx.Err()
		}
	}
}
