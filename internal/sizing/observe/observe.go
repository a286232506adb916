// Package observe steps rules over events, and says what they do to them: how many changes, how large states, how much CPU. It owns that
// measurement alone; what follows from it is package sizing's.
package observe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/replay"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/workload"
)

// Observed is what rules did to events.
type Observed struct {
	Events, Customers, Rejected int64
	Changes                     int64
	// StateBytes is the mean of the states at the end, and StateP99 what 99 of 100 do not exceed. WrittenBytes is the mean in which each
	// customer counts as often as it has events: nearly so large is a state when it is written.
	StateBytes, StateP99, WrittenBytes float64
	// Mean lengths.
	IDBytes, EventBytes, ChangeBytes float64
	// Memberships a customer.
	Memberships float64
	// Hottest is the share of all events that the customer with the most has, whose id is HottestID.
	Hottest   float64
	HottestID string
	// Shed counts what customers lost because they had more than is kept.
	Shed int64
	// CPU is what decoding, stepping and writing changes took.
	CPU time.Duration
	// FirstChanges are up to a MiB of the changes, FirstStates up to a thousand states.
	FirstChanges []byte
	FirstStates  [][]byte
}

// ErrEmpty says that there was nothing to observe.
var ErrEmpty = errors.New("no event in it is good")

// Events replays files of events, as opt says; its Out is not used.
func Events(ctx context.Context, opt replay.Options) (Observed, error) {
	var o Observed
	out := &sink{}
	opt.Out = out
	before := spent()
	result, err := replay.Run(ctx, opt)
	o.CPU = spent() - before
	switch {
	case err != nil:
		return o, err
	case result.Interrupted:
		return o, context.Canceled
	case result.Events == 0:
		return o, ErrEmpty
	}
	o.Events, o.Customers, o.Rejected, o.Changes = result.Events, int64(result.Customers), result.Rejected, result.Changes
	o.EventBytes = float64(result.Bytes) / float64(result.Events)
	if result.Changes > 0 {
		o.ChangeBytes = float64(out.n)/float64(result.Changes) - 1 // the line's end
	}
	o.FirstChanges = out.first
	o.customers(opt.Engine, result)
	return o, nil
}

func (o *Observed) customers(e *engine.Engine, result replay.Result) {
	var sizes []int
	var state []byte
	var weighted, ids, members, most int64
	for c, events := range result.Each {
		state = e.Encode(c, state[:0])
		if len(o.FirstStates) < 1000 {
			o.FirstStates = append(o.FirstStates, bytes.Clone(state))
		}
		sizes = append(sizes, len(state))
		weighted += int64(len(state)) * events
		ids += int64(len(c.ID()))
		o.Shed += e.Shed(c)
		c.Memberships(func(_ int, in bool, _ int64, _ uint64) bool {
			if in {
				members++
			}
			return true
		})
		if events > most {
			most, o.HottestID = events, c.ID()
		}
	}
	slices.Sort(sizes)
	total := 0
	for _, n := range sizes {
		total += n
	}
	n := float64(len(sizes))
	o.StateBytes, o.StateP99 = float64(total)/n, float64(sizes[len(sizes)*99/100])
	o.WrittenBytes = float64(weighted) / float64(result.Events)
	o.IDBytes, o.Memberships = float64(ids)/n, float64(members)/n
	o.Hottest = float64(most) / float64(result.Events)
}

// S10 steps the benchmark's ten rules over so many of its events.
func S10(ctx context.Context, events, customers int) (Observed, error) {
	schema, err := event.LoadSchema()
	if err != nil {
		return Observed{}, err
	}
	text, err := workload.Rules(10)
	if err != nil {
		return Observed{}, err
	}
	set, err := rule.Parse(schema, map[string][]byte{"s10.yaml": text})
	if err != nil {
		return Observed{}, err
	}
	e, err := engine.New(set, engine.Options{})
	if err != nil {
		return Observed{}, err
	}
	var lines bytes.Buffer
	if err := workload.Write(&lines, workload.Options{Events: events, Customers: customers}); err != nil {
		return Observed{}, err
	}
	return Events(ctx, replay.Options{
		Engine: e, Schema: schema, Files: []replay.File{{Path: "-"}}, Stdin: &lines, Rejects: replay.Report{W: io.Discard},
	})
}

// sink counts what is written, and keeps the first of it.
type sink struct {
	n     int64
	first []byte
}

func (s *sink) Write(p []byte) (int, error) {
	const most = 1 << 20
	if room := most - len(s.first); room > 0 {
		s.first = append(s.first, p[:min(room, len(p))]...)
	}
	s.n += int64(len(p))
	return len(p), nil
}
