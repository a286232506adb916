package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Customer is what is known of a customer.
type Customer struct {
	ID string `json:"customer_id"`
	// AsOf is the moment that Features are evaluated at; zero: there is none yet.
	AsOf        time.Time    `json:"as_of"`
	Memberships []Membership `json:"memberships"` // sorted by segment
	// Features that have a value, and the attributes that some rule reads, by name.
	Features map[string]any `json:"features"`
	Profile  map[string]any `json:"profile"`
	// Warming says that the customer was not decided by the rules in force yet: there are no Features.
	Warming bool `json:"warming"`

	Standing `json:"-"`
}

// In tells whether the customer is in a segment.
func (c *Customer) In(segment string) bool {
	for _, m := range c.Memberships {
		if m.Segment == segment {
			return true
		}
	}
	return false
}

// Membership is a segment that a customer is in.
type Membership struct {
	Segment string    `json:"segment"`
	Since   time.Time `json:"since"`
	Seq     uint64    `json:"seq"` // the number of the join among the customer's changes in the segment
}

// ReadOption says how a customer is read.
type ReadOption func(url.Values)

// AtLeast asks for an answer that holds every change before an offset of the customer's partition: who has read the change at offset n
// gives n+1. The answer waits for it, for some seconds; then the error is a *Problem with status 504.
func AtLeast(offset int64) ReadOption {
	return func(q url.Values) { q.Set("at_least", strconv.FormatInt(offset, 10)) }
}

func read(options []ReadOption) url.Values {
	q := url.Values{}
	for _, option := range options {
		option(q)
	}
	return q
}

// Customer reads one customer. IsNotFound: there was no event of theirs.
func (c *Client) Customer(ctx context.Context, id string, options ...ReadOption) (*Customer, error) {
	out := new(Customer)
	at, err := c.get(ctx, read(options), out, "v1", "customers", id)
	if err != nil {
		return nil, err
	}
	out.Standing = at
	return out, nil
}

// maxBatch is how many customers one request may ask for.
const maxBatch = 1000

// Customers reads many customers, a thousand in each request. Those of whom nothing is known are left out.
func (c *Client) Customers(ctx context.Context, ids []string) ([]Customer, error) {
	var all []Customer
	for len(ids) > 0 {
		n := min(len(ids), maxBatch)
		var out struct {
			Customers []Customer `json:"customers"`
		}
		body := map[string][]string{"customers": ids[:n]}
		at, err := c.exchange(ctx, call{method: http.MethodPost, path: []string{"v1", "customers:batch"}, body: body}, &out)
		if err != nil {
			return nil, err
		}
		for i := range out.Customers {
			out.Customers[i].Standing = at
		}
		all, ids = append(all, out.Customers...), ids[n:]
	}
	return all, nil
}

// Explanation says why a customer is in a segment, or why not.
type Explanation struct {
	Customer string    `json:"customer_id"`
	Segment  string    `json:"segment"`
	AsOf     time.Time `json:"as_of"`
	Member   bool      `json:"member"`
	// Known is false where it cannot be decided yet, because the rules changed: Member stands as it was.
	Known bool      `json:"known"`
	Since time.Time `json:"since"` // of the latest change; zero: there was none
	Seq   uint64    `json:"seq"`
	// When has to hold, all of it, for a join; Until ends a membership.
	When  []Condition `json:"when"`
	Until []Condition `json:"until"`
	// Next is when time alone makes Member to NextMember, if nothing happens before; zero: it does not.
	Next       time.Time `json:"next"`
	NextMember bool      `json:"next_member"`
	// SameUntil is set where nobody looked further ahead: nothing changes Member before it.
	SameUntil time.Time `json:"same_until"`

	Standing `json:"-"`
}

// Condition is a part of a rule.
type Condition struct {
	Text    string `json:"text"` // as the rule has it
	Op      string `json:"op"`
	Holds   bool   `json:"holds"`
	Known   bool   `json:"known"`
	Missing bool   `json:"missing"` // something that it needs is not there: an attribute, a property, an average of nothing
	// Value is what the condition is about, AtLeast: or more; Threshold is what it is compared with. Both are nil where there is none.
	Value     json.RawMessage `json:"value"`
	AtLeast   bool            `json:"at_least"`
	Threshold json.RawMessage `json:"threshold"`
	Segment   string          `json:"segment"` // that in_segment asks for
	Events    []EventList     `json:"events"`
	Lossy     bool            `json:"lossy"` // some of what it looks at was shed
	Next      time.Time       `json:"next"`  // when time alone changes Holds; zero: it does not
	SameUntil time.Time       `json:"same_until"`
	Of        []Condition     `json:"of"`
}

// EventList is a list of events that a condition looks at, as far as they are kept.
type EventList struct {
	List    string `json:"list"`
	Total   int    `json:"total"`
	AtLeast bool   `json:"at_least"`
	// Events are the newest, in order of time.
	Events []Event `json:"events"`
}

// Event is what is kept of an event.
type Event struct {
	Type   string                     `json:"type"`
	Time   time.Time                  `json:"time"`
	Fields map[string]json.RawMessage `json:"fields"`
}

// Explain says why a customer is in a segment, or why not.
func (c *Client) Explain(ctx context.Context, customer, segment string, options ...ReadOption) (*Explanation, error) {
	out := new(Explanation)
	at, err := c.get(ctx, read(options), out, "v1", "customers", customer, "segments", segment, "explain")
	if err != nil {
		return nil, err
	}
	out.Standing = at
	return out, nil
}
