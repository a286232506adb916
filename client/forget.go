package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Forgotten is what became of a request to forget a customer.
type Forgotten struct {
	Customer string `json:"customer_id"`
	// Done is false where the request is recorded, and not applied yet: it will be.
	Done bool `json:"done"`
	// At is when it was done, Clock the time of the leaves, Changes how many there were.
	At      time.Time `json:"forgotten_at,omitzero"`
	Clock   time.Time `json:"clock,omitzero"`
	Changes int       `json:"changes"`
	// Request is the request's record. Changelog is the offset of the state topic before which the removal is; nil: there was nothing to
	// forget, or the request is not applied yet.
	Request   Place  `json:"request"`
	Changelog *Place `json:"changelog,omitempty"`
}

// Place is a place in a topic.
type Place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Forget has a customer forgotten, whether ruas knows of them or not, and waits some seconds for the proof. Asking twice does no harm.
func (c *Client) Forget(ctx context.Context, customer string) (*Forgotten, error) {
	answer, err := c.send(ctx, call{method: http.MethodDelete, path: []string{"v1", "customers", customer}})
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	out := &Forgotten{Done: answer.StatusCode == http.StatusOK}
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		return nil, fmt.Errorf("reading the answer of ruas: %w", err)
	}
	return out, nil
}
