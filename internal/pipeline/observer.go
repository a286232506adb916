package pipeline

import (
	"time"

	"github.com/ruas/ruas/internal/engine"
)

// Observer is told what a worker does, for metrics. Its methods are called by many goroutines and must return at once.
type Observer interface {
	// Committed is called after every transaction.
	Committed(number int32, c Committed)
	// Written is called when the view has a batch, with how long that took.
	Written(number int32, took time.Duration)
	// Lag is by how many records the task is behind the end of a source.
	Lag(number int32, source string, records int64)
	// Clock is where a task's clock is, in milliseconds since the epoch, and how many deadlines it holds in memory.
	Clock(number int32, clock int64, deadlines int)
	// Warming is called where the list of a task's warming segments begins and where it gets shorter.
	Warming(number int32, segments []engine.Warming)
	// Released is called when a task was given up.
	Released(number int32)
}

// Committed describes a transaction.
type Committed struct {
	// Events counts the inputs taken of each source, by its place in Options.Sources.
	Events  []int
	Joins   []int // by segment, in the engine's order
	Leaves  []int
	Reasons map[string]int // dead letters
	// Customers is how many states were written, StateBytes how large they are together, with the archives that were written beside them.
	Customers  int
	StateBytes int64
	// Shed counts the entries that the bounds pushed out of states while a rule still asked for them.
	Shed int64
	// Due counts the deadlines that fired.
	Due  int
	Took time.Duration
}

type nobody struct{}

func (nobody) Committed(int32, Committed)      {}
func (nobody) Written(int32, time.Duration)    {}
func (nobody) Lag(int32, string, int64)        {}
func (nobody) Clock(int32, int64, int)         {}
func (nobody) Warming(int32, []engine.Warming) {}
func (nobody) Released(int32)                  {}

// report tells the observer of a transaction.
func (s *session) report(b *batch, tx *Transaction, took time.Duration) {
	c := Committed{
		Events: b.events[:s.merge.timed()], Joins: make([]int, len(s.segments)), Leaves: make([]int, len(s.segments)),
		Customers: b.stored, StateBytes: s.stateBytes, Shed: s.shed, Due: b.fired, Took: took,
	}
	s.stateBytes, s.shed = 0, 0
	events := 0
	for _, n := range c.Events {
		events += n
	}
	if len(tx.Changes) > 0 { // none is published of a silent start
		for i := range b.changes {
			if b.changes[i].Join {
				c.Joins[b.changes[i].Segment]++
			} else {
				c.Leaves[b.changes[i].Segment]++
			}
		}
	}
	for _, r := range b.rejects {
		if c.Reasons == nil {
			c.Reasons = make(map[string]int)
		}
		c.Reasons[string(r.reject.Reason)]++
	}
	st := s.p.status
	st.events.Add(int64(events))
	st.changes.Add(int64(len(tx.Changes)))
	st.deadLetters.Add(int64(len(b.rejects)))
	st.shed.Add(c.Shed)
	st.commits.Add(1)
	s.opt.Observer.Committed(s.number, c)
}
