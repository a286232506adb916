package pipeline

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/ruas/ruas/internal/engine"
)

// Keys of the state topic: a letter for the kind, then the customer's id.
const (
	customerKey = 'c'
	taskKey     = "t"
)

// recordVersion is that of TaskRecord, and of the records beside it: 3 where archives may stand there. A greater one is refused.
const recordVersion = 3

// TaskRecord is what a task commits about itself with every transaction, beside the customers' states.
type TaskRecord struct {
	Version int `json:"version"`
	// Epoch is one more with each session on the partition number.
	Epoch int64 `json:"epoch"`
	// Clock is in milliseconds since the epoch; math.MinInt64: nothing moved it yet.
	Clock int64 `json:"clock"`
	// Began is where the clock stood when the transaction's first event was taken: with it the record says all that decided the
	// transaction's changes. Events are applied in the order of the merge, each behind the deadlines before it; then the clock goes on
	// to Clock.
	Began int64 `json:"began"`
	// Through is the customer up to whom, in order of ids, the deadlines at Clock itself were decided: a transaction may end within a moment
	// that has more of them than it takes. Empty: those at Clock are not decided yet.
	Through string           `json:"through,omitempty"`
	Sources []SourceProgress `json:"sources"`
	// Rules is the hash of the rules by which customers are decided.
	Rules        string `json:"rules"`
	RulesVersion int64  `json:"rules_version"`
	// Silent says that changes are not published: a first start that catches up.
	Silent bool `json:"silent,omitempty"`
	// Generation is that of the newest sweep. A customer's state bears the generation of the last sweep that it had.
	Generation uint64 `json:"generation,omitempty"`
	// Sweeps are those that some customers may not have had yet, oldest first.
	Sweeps []Sweep `json:"sweeps,omitempty"`
	// Kept finds what states hold; nil: a release before version 2 wrote the record.
	Kept *Kept `json:"kept,omitempty"`
	// Lists is the topic that has each customer's present list of segments; empty: there is none, or it was not filled yet.
	Lists string `json:"lists,omitempty"`
	// Forgotten holds the requests to forget that were done lately, oldest first.
	Forgotten []Forgotten `json:"forgotten,omitempty"`
	// Warming are the segments that may be unknown of customers who were there before the rules changed.
	Warming []engine.Warming `json:"warming,omitempty"`
}

// SourceProgress is how far a source is applied.
type SourceProgress struct {
	Topic string `json:"topic"`
	ID    string `json:"id"` // the topic's
	// Next is the offset of the next event to apply.
	Next int64 `json:"next"`
	// Holds says that the clock waits for the source: see lane.
	Holds bool `json:"holds"`
}

// Sweep is a decision of all customers at one moment.
type Sweep struct {
	Generation uint64 `json:"generation"`
	// Backfill says the first word about every member; else customers are decided by changed rules.
	Backfill bool `json:"backfill,omitempty"`
	// Lists writes every customer's list of segments; nobody is decided.
	Lists bool  `json:"lists,omitempty"`
	Clock int64 `json:"clock"`
}

func (r *TaskRecord) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err) // a struct of numbers and strings always encodes
	}
	return b
}

// ParseTaskRecord reads a task record.
func ParseTaskRecord(b []byte) (TaskRecord, error) {
	var r TaskRecord
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("reading a task record: %w", err)
	}
	if r.Version > recordVersion {
		return r, &Refusal{Reason: fmt.Sprintf("the state was written by a newer ruas (task record version %d, this one reads up to %d): run that release or a newer one, or build the state anew under another kafka.group and topics.state", r.Version, recordVersion)}
	}
	return r, nil
}

// Decided tells whether the states of a generation were made under the rules in force: no sweep of changed rules has them ahead.
func (r *TaskRecord) Decided(generation uint64) bool {
	for _, s := range r.Sweeps {
		if !s.Backfill && s.Generation > generation {
			return false
		}
	}
	return true
}

// progress gives the entry of a topic; nil: the source is new.
func (r *TaskRecord) progress(topic string) *SourceProgress {
	for i := range r.Sources {
		if r.Sources[i].Topic == topic {
			return &r.Sources[i]
		}
	}
	return nil
}

// firstRecord is that of a task that has no state.
func firstRecord() TaskRecord {
	return TaskRecord{Version: recordVersion, Clock: math.MinInt64, Began: math.MinInt64}
}

// joinState puts the generation before a customer's state, as both the state topic and the view hold it.
func joinState(generation uint64, dst []byte) []byte { return binary.AppendUvarint(dst, generation) }

// SplitState divides what the view holds of a customer into the generation of the last sweep and the state as the engine encoded it.
func SplitState(value []byte) (generation uint64, state []byte, err error) {
	generation, n := binary.Uvarint(value)
	if n <= 0 {
		return 0, nil, errors.New("a state is cut short")
	}
	return generation, value[n:], nil
}
