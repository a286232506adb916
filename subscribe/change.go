package subscribe

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Change is a record of segment-changes: a customer joined a segment or left it.
type Change struct {
	// ID is the same however often the change is read, and no other change's.
	ID         string `json:"id"`
	CustomerID string `json:"customer_id"`
	Segment    string `json:"segment"`
	// Kind is Join or Leave.
	Kind Kind `json:"change"`
	// Time is the moment of the change, a whole millisecond, in UTC. It may lie before that at which it was published.
	Time time.Time `json:"time"`
	// Cause is event, time, rules, backfill or forget.
	Cause string `json:"cause"`
	// EventID is the event that is the cause; "" for other causes.
	EventID string `json:"event_id"`
	// Seq counts the changes of the customer in the segment, from 1 and without a gap: joins are odd, leaves even.
	Seq uint64 `json:"seq"`
	// Rules is a hash of the rules that were in force.
	Rules string `json:"rules"`
	// Features are those that the segment includes, but for those without a value.
	Features map[string]json.RawMessage `json:"features"`
}

// Kind is what a change is.
type Kind string

// The kinds of changes.
const (
	Join  Kind = "join"
	Leave Kind = "leave"
)

// ParseChange reads a record of segment-changes.
func ParseChange(r *Record) (*Change, error) {
	c := new(Change)
	err := json.Unmarshal(r.Value, c)
	if err == nil && (c.ID == "" || c.CustomerID == "" || c.Segment == "" || c.Seq == 0 || c.Kind != Join && c.Kind != Leave) {
		err = errors.New("it is no change")
	}
	if err != nil {
		return nil, fmt.Errorf("partition %d, offset %d: %w", r.Partition, r.Offset, err)
	}
	return c, nil
}

// Feature reads a feature into what v points to. False where the change does not have it, or it is of another type.
func (c *Change) Feature(name string, v any) bool {
	raw, ok := c.Features[name]
	return ok && json.Unmarshal(raw, v) == nil
}

// Mark is the change of a customer in a segment that was the last to be acted on. Kept beside the effect, it tells which changes are still
// to be acted on. The zero Mark: none was.
type Mark struct {
	Seq  uint64    `json:"seq"`
	Time time.Time `json:"time"`
}

// MarkOf gives the mark that a change leaves.
func MarkOf(c *Change) Mark { return Mark{c.Seq, c.Time} }

// ErrMissed is returned where changes before this one were never seen.
var ErrMissed = errors.New("changes were missed")

// Before tells whether a change of the same customer and segment comes after the mark: true for a new one, which is to be acted on, false
// for one that was seen before. A first change after a leave is new too: the history begins anew where the customer was forgotten, or where
// the segment was removed and came back. The change that follows on others that were not seen is new, and the error is ErrMissed; a zero
// Mark knows of none that could have been.
func (m Mark) Before(c *Change) (bool, error) {
	switch {
	case m.Seq == 0 || c.Seq == m.Seq+1:
		return true, nil
	case c.Seq > m.Seq:
		return true, fmt.Errorf("customer %s, segment %s: %w between %d and %d", c.CustomerID, c.Segment, ErrMissed, m.Seq, c.Seq)
	}
	return c.Seq == 1 && m.Seq%2 == 0 && c.Time.After(m.Time), nil
}
