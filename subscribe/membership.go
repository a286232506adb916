package subscribe

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Membership is a record of segment-memberships: all segments that a customer is in. The newest record of a customer counts.
type Membership struct {
	CustomerID string `json:"customer_id"`
	// Segments are names, in their order.
	Segments []string `json:"segments"`
	// Time is the moment since when this holds, in UTC; zero for a customer who was forgotten.
	Time time.Time `json:"time"`
}

// ParseMembership reads a record of segment-memberships. A record without a value is a customer who was forgotten: in no segment.
func ParseMembership(r *Record) (*Membership, error) {
	m := &Membership{CustomerID: string(r.Key)}
	if r.Value == nil {
		return m, nil
	}
	err := json.Unmarshal(r.Value, m)
	if err == nil && m.CustomerID != string(r.Key) {
		err = errors.New("the key is not the customer_id")
	}
	if err != nil {
		return nil, fmt.Errorf("partition %d, offset %d: %w", r.Partition, r.Offset, err)
	}
	return m, nil
}
