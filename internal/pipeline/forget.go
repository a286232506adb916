package pipeline

import (
	"encoding/json"
	"time"

	"github.com/ruas/ruas/internal/event"
)

// forgetSource is the name of the source of requests to forget; no source of events has such a name.
const forgetSource = "@forget"

// ForgetRequest asks to forget a customer. It is the value of a record whose key is the customer's id, on a topic that is divided as the
// sources are. It has no time of its own: it takes effect when it is read, at the clock.
type ForgetRequest struct {
	// ID names the request, for who made it.
	ID       string `json:"id"`
	Customer string `json:"customer_id"`
	// RequestedAt is for people.
	RequestedAt string `json:"requested_at"`
}

// Forgotten is a request that was done.
type Forgotten struct {
	// Offset is that of the request, in its topic.
	Offset int64 `json:"offset"`
	// Clock is where the clock stood, in milliseconds since the epoch.
	Clock int64 `json:"clock"`
	// Changes is how many memberships ended.
	Changes int `json:"changes"`
	// Known tells whether there was anything to forget.
	Known bool `json:"known"`
	// At is when it was done by the worker's present, in milliseconds since the epoch.
	At int64 `json:"at"`
}

// A task record holds what was forgotten lately, for who waits for it.
const (
	forgottenMost = 64
	forgottenKept = 10 * time.Minute
)

// forgetDecoder reads requests to forget.
type forgetDecoder struct{}

// Decode fills in the id of the request and the customer alone.
func (forgetDecoder) Decode(record []byte, ev *event.Event) error {
	var r ForgetRequest
	if err := json.Unmarshal(record, &r); err != nil {
		return &event.Reject{Reason: event.ReasonJSON, Detail: err.Error()}
	}
	if r.Customer == "" {
		return &event.Reject{Reason: event.ReasonField, Detail: "customer_id is missing"}
	}
	ev.ID, ev.Customer, ev.Type, ev.Time, ev.Props = r.ID, r.Customer, nil, 0, ev.Props[:0]
	return nil
}

// forget erases a customer at the clock. One of whom nothing is known costs nothing but the offset.
func (s *session) forget(b *batch, in *planned) {
	c, before := in.customer, len(b.changes)
	known := !c.state.Empty()
	if known {
		b.changes = s.opt.Engine.Forget(&c.state, s.clock, b.changes)
		b.credit(c)
		c.generation, c.erased = s.record.Generation, b.number
		s.touch(b, c)
		c.fired = true // whatever deadline the view has
	}
	b.forgotten = append(b.forgotten, Forgotten{
		Offset: in.record.Offset, Clock: s.clock, Changes: len(b.changes) - before, Known: known, At: s.opt.Now().UnixMilli(),
	})
}

// remember leaves out what was done long ago, and adds what is new.
func remember(before, now []Forgotten, present time.Time) []Forgotten {
	var list []Forgotten
	for _, f := range before {
		if f.At > present.Add(-forgottenKept).UnixMilli() {
			list = append(list, f)
		}
	}
	list = append(list, now...)
	return list[max(0, len(list)-forgottenMost):]
}
