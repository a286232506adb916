package demo

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// shopClock is the shop's time: from the opening on it runs speed times as fast as that of the world.
type shopClock struct {
	opening time.Time
	start   time.Time
	speed   float64
}

// now is the shop's present.
func (c shopClock) now() time.Time {
	return c.opening.Add(time.Duration(float64(time.Since(c.start)) * c.speed))
}

// wait is how long it takes in the world until the shop's present is t.
func (c shopClock) wait(t time.Time) time.Duration {
	return time.Duration(float64(t.Sub(c.now())) / c.speed)
}

// producer sends the events of a shop to Kafka, each at its time.
type producer struct {
	shop  *Shop
	clock shopClock
	next  *Event // the first one not sent by history

	events    atomic.Int64
	customers atomic.Int64
}

func clientOptions(brokers []string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(brokers...),
		// Keys go where Kafka's own clients put them: murmur2.
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(5 * time.Millisecond),
	}
}

// history sends what happened before the opening, and returns when Kafka has it. A reader that comes later finds it in order.
func (p *producer) history(ctx context.Context, client *kgo.Client) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for {
		ev := p.shop.Next()
		if ev.Time >= p.clock.opening.UnixMilli() {
			p.next = &ev
			break
		}
		p.send(ctx, client, &ev, stop)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("producing the shop's history: %w", context.Cause(ctx))
	}
	return nil
}

// run sends until the context is cancelled or Kafka refuses.
func (p *producer) run(ctx context.Context, client *kgo.Client) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		ev := p.nextEvent()
		if ev.Time < p.clock.opening.UnixMilli() {
			continue
		}
		if wait := p.clock.wait(time.UnixMilli(ev.Time)); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		p.send(ctx, client, &ev, stop)
	}
}

func (p *producer) nextEvent() Event {
	if ev := p.next; ev != nil {
		p.next = nil
		return *ev
	}
	return p.shop.Next()
}

func (p *producer) send(ctx context.Context, client *kgo.Client, ev *Event, stop context.CancelCauseFunc) {
	record := &kgo.Record{Topic: ev.Topic, Key: []byte(ev.Customer), Value: ev.JSON}
	client.Produce(ctx, record, func(_ *kgo.Record, err error) {
		if err != nil {
			stop(fmt.Errorf("producing the shop's events: %w", err))
		}
	})
	p.events.Add(1)
	p.customers.Store(int64(p.shop.Customers()))
}
