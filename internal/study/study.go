// Package study owns the answers that take reading all events again: what a rule would do, who its members are beside everybody, and what
// they bought. It says what is asked of a study, runs one at a time beside the pipeline, and keeps what was found for a while. It steps
// customers by internal/replay, knows Kafka by the small interface that it declares, and nothing of HTTP or of the view.
package study

import (
	"errors"
	"time"

	"github.com/ruas/ruas/internal/engine"
)

// Request says what to study.
type Request struct {
	// Segment is the segment's name.
	Segment string
	// Rules is a rule file that stands in the place of what runs under the same names; "": the segment is studied as it runs.
	Rules string
	// Since is a duration of the rules: purchases older than that are no sales. "": all are.
	Since string
}

// State is how far a study is.
type State string

// The states.
const (
	Waiting State = "waiting"
	Running State = "running"
	Done    State = "done"
	Failed  State = "failed"
)

// Study is a study as it stands.
type Study struct {
	ID       string   `json:"id"`
	Segment  string   `json:"segment"`
	Preview  bool     `json:"preview"` // the rule is that of the request
	Since    string   `json:"since,omitempty"`
	State    State    `json:"state"`
	Progress Progress `json:"progress"`
	// AskedAt and EndedAt are by the clock of who runs it; engine.Never: not yet.
	AskedAt engine.Moment `json:"asked_at"`
	EndedAt engine.Moment `json:"ended_at,omitzero"`
	// Problem says why it failed.
	Problem string  `json:"problem,omitempty"`
	Result  *Result `json:"result,omitempty"`
}

// Progress counts records of the sources.
type Progress struct {
	Read int64 `json:"read"`
	// Total is 0 before the study runs.
	Total int64 `json:"total"`
}

// Result is what is true of all events that the sources held when the study began.
type Result struct {
	// AsOf is the moment up to which time was let pass.
	AsOf engine.Moment `json:"as_of"`
	// SourcesSince is the time of the earliest event; engine.Never: there was none.
	SourcesSince engine.Moment `json:"sources_since,omitzero"`
	// Complete is false where the beginning of some source is no longer there: of those that Incomplete names.
	Complete   bool     `json:"complete"`
	Incomplete []string `json:"incomplete,omitempty"`

	Events    int64 `json:"events"`
	Rejected  int64 `json:"rejected"`
	Customers int64 `json:"customers"`
	Members   int64 `json:"members"`
	// Against is the running rule over the same events; nil: there is none to compare with.
	Against    *Against    `json:"against,omitempty"`
	Sample     []Sampled   `json:"sample"`
	Attributes []Attribute `json:"attributes"`
	// Sales is nil where no schema declares purchases with an amount.
	Sales *Sales `json:"sales,omitempty"`
}

// Against compares with the running rule.
type Against struct {
	Members int64 `json:"members"`
	Joins   int64 `json:"joins"`
	Leaves  int64 `json:"leaves"`
}

// Sampled is a customer of the sample.
type Sampled struct {
	Customer string `json:"customer_id"`
	Member   bool   `json:"member"`
	// Was is what the running rule says; as Member where none is compared with.
	Was bool `json:"was"`
}

// The errors of Start beside mistakes in the rules, which are rule.Errors.
var (
	// ErrBusy says that as many studies wait as may.
	ErrBusy = errors.New("as many studies as are allowed wait already")
	// ErrSince says that the time for which sales count is none; it is wrapped with what is wrong.
	ErrSince = errors.New("since is a duration of the rules")
)

// NoSegment says that there is no segment of the name that is to be studied, neither in the rules of the request nor in those that run.
type NoSegment struct {
	Name string
	// Names are those that there are.
	Names []string
}

func (e *NoSegment) Error() string { return "there is no segment " + e.Name }

const (
	// mayWait is how many studies wait for the one that runs.
	mayWait = 4
	// keptFor and keptMost bound what is kept of studies that have ended.
	keptFor  = time.Hour
	keptMost = 16
)
