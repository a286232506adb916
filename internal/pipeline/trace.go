package pipeline

import "time"

// Part is a part of the work on a batch.
type Part int

// The parts, in their order. The view may be written a while after the commit, for several batches at once.
const (
	Polling    Part = iota // records arrive, and are put in order
	Loading                // customers are brought into memory
	Stepping               // the engine applies what came
	Committing             // one Kafka transaction
	Viewing                // Redis is brought up to date
	parts
)

var partNames = [parts]string{"poll", "load", "step", "commit", "view"}

func (p Part) String() string { return partNames[p] }

// Traced is how one batch went, for traces.
type Traced struct {
	Partition int32
	// Parts has when each part began and ended; one that did not begin has no times, one that failed no end.
	Parts [parts]struct{ Began, Ended time.Time }
	// Inputs counts the records taken, Due the deadlines that fired, Customers the states written.
	Inputs, Due, Customers, Changes, DeadLetters int
	// Failed says why the batch came to nothing; nil: it did not.
	Failed error
}

// traceBegin begins to trace a batch, where somebody asked for it.
func (s *session) traceBegin() {
	if s.opt.Traced == nil {
		return
	}
	if s.traced == nil { // else the batch before had no effect
		s.traced = new(Traced)
	}
	*s.traced = Traced{Partition: s.number}
	s.traced.Parts[Polling].Began = time.Now()
}

// traceNext ends a part, and begins the one behind it.
func (s *session) traceNext(next Part) {
	if s.traced == nil {
		return
	}
	now := time.Now()
	s.traced.Parts[next-1].Ended, s.traced.Parts[next].Began = now, now
}

// traceCommitted gives the trace of a batch that is committed away, if there is one.
func (s *session) traceCommitted(b *batch, tx *Transaction) []*Traced {
	t := s.traced
	if t == nil || t.Parts[Committing].Began.IsZero() {
		return nil
	}
	s.traced = nil
	t.Parts[Committing].Ended = s.committed
	t.Inputs, t.Due, t.Customers, t.Changes, t.DeadLetters = b.count, b.fired, b.stored, len(tx.Changes), len(tx.DeadLetters)
	return []*Traced{t}
}

// traceFailed hands over the batch in hand, if the session ended by a fault.
func (s *session) traceFailed(err error) {
	if s.traced != nil && err != nil && s.stopping.Err() == nil {
		s.traced.Failed = err
		s.opt.Traced(s.traced)
	}
}

// traceWritten hands over batches that the view has now.
func (w *writer) traceWritten(list []*Traced, began time.Time) {
	now := time.Now()
	for _, t := range list {
		t.Parts[Viewing].Began, t.Parts[Viewing].Ended = began, now
		w.traced(t)
	}
}
