package pipeline

import (
	"context"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/engine"
)

// backfill says the first word about every member, when a silent first start has reached the present.
func (s *session) backfill() error {
	s.record.Silent = false
	s.record.Generation++
	for c := range s.customers.all {
		if c.state.Empty() { // a scan does not find who was forgotten
			c.generation = s.record.Generation
		}
	}
	s.record.Sweeps = append(s.record.Sweeps, Sweep{Generation: s.record.Generation, Backfill: true, Clock: s.clock})
	// Committed first: whoever takes over now goes on with the sweep.
	if err := s.commit(s.context, s.nothing()); err != nil {
		return err
	}
	return s.sweep(s.stopping)
}

// sweep decides every customer that has not had the record's sweeps yet. The clock stands meanwhile. It streams: a batch at a time is
// committed and brought to the view, and a customer's generation tells whether it was had before, so that a sweep goes on where another
// worker left it.
func (s *session) sweep(ctx context.Context) error {
	if len(s.record.Sweeps) == 0 {
		return nil
	}
	if err := s.writer.flush(ctx, s.queued); err != nil {
		return err
	}
	swept, undecided := 0, make(map[string]int)
	err := s.shard.Scan(ctx, s.writer.fence, func(found []StateRecord) error {
		b := s.nothing()
		b.all = true
		if err := s.sweepFound(ctx, b, found); err != nil {
			return err
		}
		for _, c := range b.touched {
			s.opt.Engine.Undecided(&c.state, s.clock, func(segment int) bool {
				undecided[s.nameOf(segment)]++
				return true
			})
		}
		swept += len(b.touched)
		if len(b.touched) == 0 {
			return nil
		}
		if err := s.commit(ctx, b); err != nil {
			return err
		}
		// What the scan gives next is read after this, so that it is never older than what was swept.
		return s.writer.flush(ctx, s.queued)
	})
	if err != nil {
		return err
	}
	fields := []zap.Field{zap.Int("customers", swept)}
	if len(undecided) > 0 { // of those who were swept now, where another worker began
		fields = append(fields, zap.Any("undecided", undecided))
	}
	s.log.Info("every customer is decided anew", fields...)
	s.record.Sweeps, s.takeovers, s.kept = nil, nil, keptRecord{}
	return s.commit(ctx, s.nothing())
}

// sweepFound decides customers as a scan found them.
func (s *session) sweepFound(ctx context.Context, b *batch, found []StateRecord) error {
	var (
		ids    []string
		states [][]byte
	)
	for _, rec := range found {
		if id := string(rec.Key); s.customers.get(id) == nil {
			ids, states = append(ids, id), append(states, rec.Value)
		}
	}
	if err := s.adoptAll(ctx, ids, states); err != nil {
		return err
	}
	for _, rec := range found {
		s.sweepOne(b, s.customers.get(string(rec.Key)))
	}
	return nil
}

func (s *session) sweepOne(b *batch, c *customer) {
	if c.generation >= s.record.Generation {
		return
	}
	for _, sw := range s.record.Sweeps {
		if sw.Generation <= c.generation {
			continue
		}
		if sw.Lists {
			continue
		}
		if sw.Backfill {
			b.changes = s.opt.Engine.Backfill(&c.state, sw.Clock, b.changes)
			continue
		}
		b.changes = s.opt.Engine.Redecide(&c.state, sw.Clock, engine.CauseRules, b.changes)
	}
	b.credit(c)
	c.generation = s.record.Generation
	c.fired = true // the view's deadline is replaced
	s.touch(b, c)
}
