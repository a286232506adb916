package replay

import (
	"context"
	"math"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
)

// partition is a part of the customers with a clock of its own.
type partition struct {
	ctx       context.Context
	engine    *engine.Engine
	out       output
	now       int64 // the clock; math.MinInt64 before the first event
	customers customers
	timers    timers
	changes   []engine.Change
	beside    *partition // of the engine beside; nil: there is none
	next      upcoming   // of one that is beside
}

func newPartition(ctx context.Context, e *engine.Engine, out output) *partition {
	return &partition{ctx: ctx, engine: e, out: out, now: math.MinInt64, customers: newCustomers(e)}
}

// upcoming is an event of another partition, for this one. It holds until the next one.
func (p *partition) upcoming(ev *event.Event) *upcoming {
	p.next = upcoming{event: *ev, hash: p.customers.hash(ev.Customer)}
	return &p.next
}

// apply moves the clock to the event, then applies it. Moments before the event's time come first; those at the clock wait, for
// more events of the same millisecond may come.
func (p *partition) apply(x *upcoming) error {
	ev := &x.event
	if ev.Time > p.now {
		if err := p.fire(ev.Time); err != nil {
			return err
		}
		p.now = ev.Time
	}
	c := x.customer
	if c == nil {
		// Another event may have been its first since the batch was looked up.
		if c = p.customers.find(x.hash, ev.Customer); c == nil {
			c = p.customers.add(x.hash, ev.Customer)
		}
	}
	c.events++
	p.changes = p.engine.Apply(&c.Customer, ev, p.now, p.changes[:0])
	p.timers.schedule(c)
	return p.out.write(p.changes, false)
}

// fire lets happen all that time alone moves before t.
func (p *partition) fire(t int64) error {
	for n := 1; ; n++ {
		c, at := p.timers.soonest(t)
		if c == nil {
			return nil
		}
		if n%checkEvery == 0 {
			if err := p.ctx.Err(); err != nil {
				return err
			}
		}
		p.changes = p.engine.Fire(&c.Customer, at, p.changes[:0])
		p.now = max(p.now, at)
		if err := p.out.write(p.changes, true); err != nil {
			return err
		}
	}
}

// finish moves the clock to the end and past everything due at it.
func (p *partition) finish(end int64) error {
	if end < math.MaxInt64 {
		if err := p.fire(end + 1); err != nil {
			return err
		}
	}
	p.now = max(p.now, end)
	return nil
}

// partitionOf is where Kafka's default partitioner puts a record with this key: murmur2 of it, made positive, modulo n.
func partitionOf(key string, n int) int {
	return int(murmur2(key)&0x7fffffff) % n
}

// murmur2 is Austin Appleby's MurmurHash2, 32 bits, with the seed of Kafka's clients.
func murmur2(key string) uint32 {
	const (
		seed = 0x9747b28c
		m    = 0x5bd1e995
		r    = 24
	)
	h := uint32(seed) ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := uint32(key[0]) | uint32(key[1])<<8 | uint32(key[2])<<16 | uint32(key[3])<<24
		k *= m
		k ^= k >> r
		k *= m
		h = h*m ^ k
	}
	switch len(key) {
	case 3:
		h ^= uint32(key[2]) << 16
		fallthrough
	case 2:
		h ^= uint32(key[1]) << 8
		fallthrough
	case 1:
		h = (h ^ uint32(key[0])) * m
	}
	h ^= h >> 13
	h *= m
	return h ^ h>>15
}
