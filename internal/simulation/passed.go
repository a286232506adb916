package simulation

import (
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/pipeline"
)

// unheard is how long an event may be on the broker without holding the clock: an answer to where the sources end may be a second old, and
// the clock is no further than the present of a worker, which may be ahead by two.
const unheard = time.Second + 2*time.Second

// acknowledged notes since when the broker surely has a record.
func (w *world) acknowledged(r *kgo.Record) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.present[place{fmt.Sprintf("%s/%d", r.Topic, r.Partition), r.Offset}] = time.Now()
}

// heldSince gives the moment until which the clock may pass a record.
func (w *world) heldSince(r *kgo.Record) int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, ok := w.present[place{fmt.Sprintf("%s/%d", r.Topic, r.Partition), r.Offset}]; ok {
		if w.scenario.Records {
			return math.MinInt64 // all were there before the first worker
		}
		return at.Add(unheard).UnixMilli()
	}
	return math.MaxInt64
}

// checkPassed looks whether the clock waited for every source: it must not go beyond the next event of a source that takes no part in a
// step, if that event was there. The reference cannot tell, which moves its clock as the task records say.
func (w *world) checkPassed(p int32, tasks []pipeline.TaskRecord, read *reader) error {
	for i, name := range sources {
		decoder, err := event.NewDecoder(w.schema, event.Source{Name: name}, w.engine.Needs())
		if err != nil {
			return err
		}
		list := read.topics[name].records[p]
		clock := int64(math.MinInt64)
		for _, t := range tasks {
			if len(list) == 0 {
				break
			}
			next := list[0]
			for _, s := range t.Sources {
				for s.Topic == name && len(list) > 0 && list[0].Offset < s.Next {
					list = list[1:]
				}
			}
			// Before Began nothing was taken. Where something was taken of this source, what lies behind it may be late by right.
			to := t.Began
			if len(list) > 0 && list[0] == next {
				to = t.Clock
			}
			var ev event.Event
			if to > clock && decoder.Decode(next.Value, &ev) == nil && ev.Time < to && w.heldSince(next) < to {
				return fmt.Errorf("partition %d: the clock passed an event that was there: it went from %d to %d, and %s holds at offset %d\n    %s",
					p, clock, to, sources[i], next.Offset, next.Value)
			}
			clock = t.Clock
		}
	}
	return nil
}
