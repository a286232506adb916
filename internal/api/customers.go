package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/view"
)

type customerJSON struct {
	ID          string           `json:"customer_id"`
	AsOf        string           `json:"as_of,omitempty"`
	Memberships []membershipJSON `json:"memberships"`
	// Features and Profile are written by the engine.
	Features json.RawMessage `json:"features"`
	Profile  json.RawMessage `json:"profile"`
	// Warming says that the customer was not decided by the rules in force yet: there are no features.
	Warming bool `json:"warming,omitempty"`
}

type membershipJSON struct {
	Segment string `json:"segment"`
	// Since is the time of the join, Seq its number among the customer's changes in the segment.
	Since string `json:"since"`
	Seq   uint64 `json:"seq"`
}

func (s *server) customer(w http.ResponseWriter, r *http.Request) {
	id, ok := customerOf(w, r)
	if !ok {
		return
	}
	found, ok := s.look(w, r, id)
	if !ok {
		return
	}
	out, err := s.describeCustomer(&found)
	if err != nil {
		s.unread(w, r, err)
		return
	}
	standAt(w, []view.Standing{found.Standing})
	reply(w, out)
}

// look reads the customer that a path names, no older than at_least asks for, or answers why not.
func (s *server) look(w http.ResponseWriter, r *http.Request, id string) (found view.Customer, ok bool) {
	args := query(r, "at_least")
	atLeast := args.number("at_least", 0, math.MaxInt64, 0)
	if args.bad(w, r) {
		return found, false
	}
	found, err := s.await(r.Context(), id, atLeast)
	switch {
	case errors.Is(err, errBehind):
		standAt(w, []view.Standing{found.Standing})
		fail(w, r, behind, "partition %d is not at offset %d of the changes after %v", found.Partition, atLeast, s.Wait)
	case err != nil:
		s.unread(w, r, err)
	case found.State == nil:
		standAt(w, []view.Standing{found.Standing})
		fail(w, r, notFound, "there was no event of this customer")
	default:
		return found, true
	}
	return found, false
}

// errBehind says that the view did not get as far as it should in time.
var errBehind = errors.New("the view is behind")

// pauses are those between two looks at a view that is behind: it follows a commit within milliseconds, or else within a while.
const (
	firstPause   = 2 * time.Millisecond
	longestPause = 100 * time.Millisecond
)

// await reads a customer once the view holds the changes before an offset.
func (s *server) await(ctx context.Context, id string, atLeast int64) (customer view.Customer, err error) {
	err = s.poll(ctx, func() (bool, error) {
		found, err := s.View.Customers(ctx, []string{id})
		if err != nil {
			return false, err
		}
		customer = found[0]
		return atLeast == 0 || customer.Changes >= atLeast, nil
	})
	return customer, err
}

// poll looks again and again until look finds what it looks for, or fails. errBehind: that is not there in time.
func (s *server) poll(ctx context.Context, look func() (found bool, err error)) error {
	end := time.Now().Add(s.Wait)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		if found, err := look(); found || err != nil {
			return err
		}
		if time.Now().Add(pause).After(end) {
			return errBehind
		}
		wait := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}

// describeCustomer says what is known of a customer, at the present of their partition.
func (s *server) describeCustomer(found *view.Customer) (*customerJSON, error) {
	e := s.Engine()
	c, err := e.Decode(found.ID, found.State)
	if err != nil {
		return nil, fmt.Errorf("reading a state of partition %d: %w", found.Partition, err)
	}
	now := s.present(&found.Standing)
	out := &customerJSON{
		ID: found.ID, AsOf: moment(now), Memberships: memberships(e, c),
		Features: json.RawMessage("{}"), Profile: e.AppendProfile(nil, c),
	}
	if found.Rules != e.RulesHash() {
		out.Warming = true
	} else if !c.Empty() {
		out.Features = e.AppendFeatures(nil, c, now)
	}
	return out, nil
}

// memberships are the segments that a customer is in, sorted by name.
func memberships(e *engine.Engine, c *engine.Customer) []membershipJSON {
	out := []membershipJSON{}
	c.Memberships(func(segment int, in bool, since int64, seq uint64) bool {
		if in {
			out = append(out, membershipJSON{Segment: e.Segments()[segment].Name, Since: moment(since), Seq: seq})
		}
		return true
	})
	slices.SortFunc(out, func(a, b membershipJSON) int { return strings.Compare(a.Segment, b.Segment) })
	return out
}

// maxBatch is the most customers of one request.
const maxBatch = 1000

func (s *server) customers(w http.ResponseWriter, r *http.Request) {
	args := query(r)
	if args.bad(w, r) {
		return
	}
	var ask struct {
		Customers []string `json:"customers"`
	}
	if !body(w, r, &ask) {
		return
	}
	if n := len(ask.Customers); n == 0 || n > maxBatch {
		fail(w, r, badRequest, "customers holds from 1 to %d ids, not %d", maxBatch, n)
		return
	}
	for _, id := range ask.Customers {
		if why := wrongID(id); why != "" {
			fail(w, r, badRequest, "customers: %s", why)
			return
		}
	}
	all, err := s.View.Customers(r.Context(), ask.Customers)
	if err != nil {
		s.unread(w, r, err)
		return
	}
	out := struct {
		AsOf      string          `json:"as_of,omitempty"`
		Customers []*customerJSON `json:"customers"`
		Missing   []string        `json:"missing"`
	}{Customers: []*customerJSON{}, Missing: []string{}}
	standings := make([]view.Standing, len(all))
	for i := range all {
		standings[i] = all[i].Standing
		if all[i].State == nil {
			out.Missing = append(out.Missing, all[i].ID)
			continue
		}
		one, err := s.describeCustomer(&all[i])
		if err != nil {
			s.unread(w, r, err)
			return
		}
		out.Customers = append(out.Customers, one)
	}
	out.AsOf = standAt(w, standings)
	reply(w, out)
}
