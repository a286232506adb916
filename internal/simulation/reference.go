package simulation

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/pipeline"
)

// reference is the engine's answer to the inputs of one partition as they were committed: it applies the events between the offsets of
// two task records in the order of contract section 4, and moves the clock from the one's to the other's. It keeps every customer, looks
// at all of them for the next deadline, and knows neither batches nor Redis.
type reference struct {
	engine    *engine.Engine
	decoders  []*event.Decoder
	customers map[string]*known
	clock     int64
	out       []engine.Change
	// account tells the steps in words, with the changes that each asks for.
	account []string
	// rejected are the places of records that are no good, ahead of those beyond reach.
	rejected []place
	// forgotten counts requests that found somebody.
	forgotten int
}

// known is a customer, and the events that wait for their time.
type known struct {
	state  *engine.Customer
	asides []aside
	gone   bool // they were forgotten once
}

// empty tells whether nothing is known of the customer, as of one who was forgotten and did not come back.
func (k *known) empty() bool { return k.state.Empty() && len(k.asides) == 0 }

type aside struct {
	time   int64
	source int
	event  event.Event
}

// place is where a record was read.
type place struct {
	topic  string
	offset int64
}

// due is when the customer is to be looked at next.
func (k *known) due() int64 {
	at := k.state.Deadline()
	for _, a := range k.asides {
		at = min(at, a.time)
	}
	return at
}

func (w *world) newReference() (*reference, error) {
	r := &reference{engine: w.engine, customers: make(map[string]*known), clock: math.MinInt64}
	for _, name := range sources {
		d, err := event.NewDecoder(w.schema, event.Source{Name: name}, w.engine.Needs())
		if err != nil {
			return nil, err
		}
		r.decoders = append(r.decoders, d)
	}
	return r, nil
}

// customer gives the one with an id.
func (r *reference) customer(id string) *known {
	k := r.customers[id]
	if k == nil {
		id = strings.Clone(id)
		k = &known{state: r.engine.NewCustomer(id)}
		r.customers[id] = k
	}
	return k
}

// step applies what one transaction did: records holds what each source showed between the offsets, began is where the clock stood before
// the first, clock where it went, and through whom the deadlines of that very moment were decided.
func (r *reference) step(records [][]*kgo.Record, began, clock int64, through string) {
	r.fire(began, "")
	r.clock = max(r.clock, began)
	if len(records) > len(sources) {
		r.forget(records[len(sources)])
		records = records[:len(sources)]
	}
	lanes := make([][]event.Event, len(records))
	for i, list := range records {
		for _, rec := range list {
			var ev event.Event
			if err := r.decoders[i].Decode(rec.Value, &ev); err != nil {
				r.rejected = append(r.rejected, place{rec.Topic, rec.Offset})
				continue
			}
			ev = *ev.Clone()
			if ev.Time > clock {
				// It was ahead of the present: the clock is never beyond that.
				if ev.Time > farAhead {
					r.rejected = append(r.rejected, place{rec.Topic, rec.Offset})
					continue
				}
				k := r.customer(ev.Customer)
				k.asides = append(k.asides, aside{ev.Time, i, ev})
				continue
			}
			lanes[i] = append(lanes[i], ev)
		}
	}
	for {
		best := -1
		for i, l := range lanes {
			if len(l) > 0 && (best < 0 || l[0].Time < lanes[best][0].Time) {
				best = i
			}
		}
		if best < 0 {
			break
		}
		ev := lanes[best][0]
		lanes[best] = lanes[best][1:]
		r.fire(ev.Time, "")
		r.clock = max(r.clock, ev.Time)
		r.out = r.engine.Apply(r.customer(ev.Customer).state, &ev, r.clock, r.out)
	}
	r.fire(clock, through)
	r.clock = max(r.clock, clock)
}

// forget erases customers: before anything else of a transaction, at the clock of before.
func (r *reference) forget(requests []*kgo.Record) {
	for _, rec := range requests {
		var request pipeline.ForgetRequest
		if json.Unmarshal(rec.Value, &request) != nil {
			r.rejected = append(r.rejected, place{rec.Topic, rec.Offset})
			continue
		}
		if k := r.customers[request.Customer]; k != nil {
			if !k.empty() {
				r.forgotten++
			}
			k.asides, k.gone = nil, true
			r.out = r.engine.Forget(k.state, r.clock, r.out)
		}
	}
}

// farAhead is beyond what any present of a run allows; what else is ahead in the load is a little so.
var farAhead = epoch.Add(12 * time.Hour).UnixMilli()

// fire decides everybody who is due before a moment, in order of moment and id, and at that very moment up to a customer.
func (r *reference) fire(until int64, through string) {
	for {
		var next *known
		at := int64(engine.Never)
		for _, k := range r.customers {
			due := k.due()
			if due < at || due == at && next != nil && k.state.ID() < next.state.ID() {
				next, at = k, due
			}
		}
		if next == nil || at > until || at == until && next.state.ID() > through {
			return
		}
		r.clock = max(r.clock, at)
		slices.SortStableFunc(next.asides, func(a, b aside) int {
			if a.time != b.time {
				return int(a.time - b.time)
			}
			return a.source - b.source
		})
		for len(next.asides) > 0 && next.asides[0].time <= at {
			ev := next.asides[0].event
			next.asides = next.asides[1:]
			r.out = r.engine.Apply(next.state, &ev, r.clock, r.out)
		}
		if next.state.Deadline() <= at {
			r.out = r.engine.Fire(next.state, at, r.out)
		}
	}
}

// lines gives the changes as they are published.
func (r *reference) lines() []string {
	lines := make([]string, len(r.out))
	for i := range r.out {
		lines[i] = string(r.engine.AppendJSON(nil, &r.out[i]))
	}
	return lines
}

// expected replays what the task records of a partition say.
func (w *world) expected(p int32, tasks []pipeline.TaskRecord, read *reader) (*reference, error) {
	r, err := w.newReference()
	if err != nil {
		return nil, err
	}
	inputs := append(slices.Clone(sources), forgets)
	at := make([]int, len(inputs)) // records of each that are applied
	for _, t := range tasks {
		records := make([][]*kgo.Record, len(inputs))
		for i, name := range inputs {
			list := read.topics[name].records[p]
			end := at[i]
			for _, s := range t.Sources {
				if s.Topic == name {
					for end < len(list) && list[end].Offset < s.Next {
						end++
					}
				}
			}
			records[i], at[i] = list[at[i]:end], end
		}
		before := len(r.out)
		r.step(records, t.Began, t.Clock, t.Through)
		r.account = append(r.account, accountOf(&t, records, r, before)...)
	}
	return r, nil
}

// accountOf tells a step in words.
func accountOf(t *pipeline.TaskRecord, records [][]*kgo.Record, r *reference, before int) []string {
	clock := func(ms int64) string { return time.UnixMilli(ms).UTC().Format("04:05.000") }
	lines := []string{fmt.Sprintf("epoch %d, clock %s to %s", t.Epoch, clock(t.Began), clock(t.Clock))}
	for _, list := range records {
		for _, rec := range list {
			lines = append(lines, fmt.Sprintf("  %s %d: %s", rec.Topic, rec.Offset, rec.Value))
		}
	}
	for i := before; i < len(r.out); i++ {
		lines = append(lines, fmt.Sprintf("  -> %d: %s", i, r.engine.AppendJSON(nil, &r.out[i])))
	}
	return lines
}

// replayed answers all events at once, as replay does: time moves by records alone.
func (w *world) replayed(p int32, read *reader) (*reference, error) {
	r, err := w.newReference()
	if err != nil {
		return nil, err
	}
	records := make([][]*kgo.Record, len(sources))
	last := int64(math.MinInt64)
	for i, name := range sources {
		records[i] = read.topics[name].records[p]
		for _, rec := range records[i] {
			var ev event.Event
			if r.decoders[i].Decode(rec.Value, &ev) == nil {
				last = max(last, ev.Time)
			}
		}
	}
	r.step(records, math.MinInt64, last, "")
	return r, nil
}
