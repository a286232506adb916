package pipeline

import "time"

const (
	// growMost bounds for how long a batch takes one stride after the other.
	growMost = 2 * time.Second
	// owedFor is how long it waits in between for what a source is known to have.
	owedFor = 100 * time.Millisecond
)

// begin makes a batch that has nothing.
func (s *session) begin() *batch {
	s.batches++
	b := s.batch.empty()
	b.number, b.began, b.since = s.batches, s.clock, time.Now()
	b.taken, b.events = make([]int, len(s.merge.lanes)), make([]int, len(s.merge.lanes))
	return b
}

// left is how many more inputs and deadlines the batch has room for in one stride.
func (s *session) left(b *batch) int { return min(s.opt.Stride, s.opt.BatchRecords-b.count-b.fired) }

// stride plans, loads and steps what comes next. A trace has all strides behind the first under stepping.
func (s *session) stride(b *batch) error {
	first := b.count+b.fired == 0
	s.plan(b, s.opt.Now().UnixMilli(), time.Now())
	if first {
		s.traceNext(Loading)
	}
	if err := s.load(b); err != nil {
		return err
	}
	if first {
		s.traceNext(Stepping)
	}
	return s.step(b)
}

// grows tells whether another stride follows before the batch is committed: the state of a customer whom both change is written once. What
// a source is known to have is waited for, since a commit takes longer.
func (s *session) grows(b *batch) bool {
	if !b.whole || !b.goesOn || s.full(b) || s.stopping.Err() != nil || time.Since(b.since) > growMost {
		return false
	}
	s.release(b)
	switch {
	case s.left(b) <= 0:
		return false
	case len(s.carry) > 0:
		return true
	}
	patience := time.NewTimer(owedFor)
	defer patience.Stop()
	for {
		v := s.merge.decide(max(s.opt.Now().UnixMilli(), s.clock), time.Now())
		if v.verb != wait || !s.merge.owed() {
			return v.verb == take && !v.passed
		}
		select {
		case a := <-s.feed.arrived:
			s.arrive(a)
		case e := <-s.feed.ended:
			s.hear(e)
		case <-patience.C:
			return false
		case <-s.stopping.Done():
			return false
		}
	}
}

// release lets go of a stride that was stepped: what is read next takes the room of its inputs.
func (s *session) release(b *batch) {
	s.render(b)
	b.count += len(b.inputs)
	b.fired += len(b.due)
	if len(b.inputs) > 0 { // else there may be no feed yet
		for i, n := range b.taken {
			b.events[i] += n
		}
		s.feed.took(b.taken)
		s.feed.spare.give(b.inputs)
	}
	clear(b.taken)
	b.inputs, b.due = b.inputs[:0], b.due[:0]
}
