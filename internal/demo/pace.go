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
	from  int64 // earlier events are left out

	events    atomic.Int64
	customers atomic.Int64
	open      atomic.Bool // the history is sent
}

func clientOptions(brokers []string) []kgo.Opt {
	return []kgo.Opt{
		kgo.SeedBrokers(brokers...),
		// Keys go where Kafka's own clients put them: murmur2.
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(5 * time.Millisecond),
	}
}

// run sends until the context is cancelled or Kafka refuses.
func (p *producer) run(ctx context.Context, client *kgo.Client) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		ev := p.shop.Next()
		p.customers.Store(int64(p.shop.Customers()))
		if ev.Time < p.from {
			continue
		}
		if wait := p.clock.wait(time.UnixMilli(ev.Time)); wait > 0 {
			p.open.Store(true)
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		record := &kgo.Record{Topic: ev.Topic, Key: []byte(ev.Customer), Value: ev.JSON}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				stop(fmt.Errorf("producing the shop's events: %w", err))
			}
		})
		p.events.Add(1)
	}
}
