package client

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// StudyRequest says what to study.
type StudyRequest struct {
	// Segment is the segment's name.
	Segment string `json:"segment"`
	// Rules is a YAML segment file that has the segment as it might be; "": it is studied as it runs.
	Rules string `json:"rules,omitempty"`
	// Since says which purchases count as sales, as rules write durations ("30d"); "": all.
	Since string `json:"since,omitempty"`
}

// Study is a study of a segment over all events, as it stands.
type Study struct {
	ID      string `json:"id"`
	Segment string `json:"segment"`
	Preview bool   `json:"preview"` // the rule is that of the request
	Since   string `json:"since,omitempty"`
	State   string `json:"state"` // waiting, running, done or failed
	// Progress counts records; Total is 0 while the study waits.
	Progress struct {
		Read  int64 `json:"read"`
		Total int64 `json:"total"`
	} `json:"progress"`
	AskedAt time.Time    `json:"asked_at"`
	EndedAt time.Time    `json:"ended_at,omitzero"`
	Problem string       `json:"problem,omitempty"` // why it failed
	Result  *StudyResult `json:"result,omitempty"`  // nil until it is done
}

// Ended tells whether the study is done or has failed.
func (s *Study) Ended() bool { return s.State == "done" || s.State == "failed" }

// StudyResult is what is true of all events that the sources held when the study began.
type StudyResult struct {
	AsOf         time.Time `json:"as_of"`
	SourcesSince time.Time `json:"sources_since,omitzero"` // zero: there was no event
	// Complete is false where the beginning of some source, those in Incomplete, is no longer on the broker.
	Complete   bool     `json:"complete"`
	Incomplete []string `json:"incomplete,omitempty"`
	Events     int64    `json:"events"`
	Rejected   int64    `json:"rejected"`
	Customers  int64    `json:"customers"`
	Members    int64    `json:"members"`
	// Against is the running rule over the same events; nil: there is none to compare with.
	Against *struct {
		Members int64 `json:"members"`
		Joins   int64 `json:"joins"`
		Leaves  int64 `json:"leaves"`
	} `json:"against,omitempty"`
	// Sample holds those first whose membership would change.
	Sample []struct {
		Customer string `json:"customer_id"`
		Member   bool   `json:"member"`
		Was      bool   `json:"was"`
	} `json:"sample"`
	// Attributes are those first in which members differ most from everybody.
	Attributes []StudyAttribute `json:"attributes"`
	Sales      *Sales           `json:"sales,omitempty"` // nil: there are no purchases with an amount
}

// StudyAttribute compares members with everybody by one attribute or feature.
type StudyAttribute struct {
	Name   string `json:"name"`
	Source string `json:"source"` // profile or feature
	Unit   string `json:"unit"`   // text, number, years or days
	// Difference is 0 where both are alike and 1 where they share no value.
	Difference float64      `json:"difference"`
	Missing    StudyCount   `json:"missing"`
	Values     []StudyValue `json:"values"`
	Other      *StudyCount  `json:"other,omitempty"` // nil: Values has all
}

// StudyValue is one value, or a group of numbers: From or more and less than Below, where they are not nil.
type StudyValue struct {
	Value     string   `json:"value"`
	From      *float64 `json:"from,omitempty"`
	Below     *float64 `json:"below,omitempty"`
	Members   int64    `json:"members"`
	Customers int64    `json:"customers"`
}

// StudyCount counts customers, and how many different values they have.
type StudyCount struct {
	Values    int64 `json:"values"`
	Members   int64 `json:"members"`
	Customers int64 `json:"customers"`
}

// Sales are the purchases of members beside those of everybody.
type Sales struct {
	Since    time.Time `json:"since,omitzero"`     // zero: all purchases count
	Currency string    `json:"currency,omitempty"` // "": they name none
	// LeftOut are purchases in other currencies, which are in no figure.
	LeftOut []struct {
		Currency string `json:"currency,omitempty"`
		Orders   int64  `json:"orders"`
	} `json:"left_out,omitempty"`
	// AtLeast says that there are more orders than these.
	AtLeast   bool         `json:"at_least,omitempty"`
	Members   SalesFigures `json:"members"`
	Everybody SalesFigures `json:"everybody"`
	ByAge     []SalesGroup `json:"by_age"`
	ByCity    []SalesGroup `json:"by_city"`
}

// SalesGroup is a part of the customers: of one age or city, all Other ones, or those of whom it is Unknown.
type SalesGroup struct {
	Group     string       `json:"group,omitempty"`
	Unknown   bool         `json:"unknown,omitempty"`
	Other     bool         `json:"other,omitempty"`
	Members   SalesFigures `json:"members"`
	Everybody SalesFigures `json:"everybody"`
}

// SalesFigures are what some customers bought. AverageOrder is nil where there are no orders.
type SalesFigures struct {
	Customers    int64    `json:"customers"`
	Buyers       int64    `json:"buyers"`
	Orders       int64    `json:"orders"`
	Total        float64  `json:"total"`
	AverageOrder *float64 `json:"average_order,omitempty"`
}

// StartStudy asks for a study, which runs beside the pipeline and reads all events again. Where the rules have mistakes the error is a
// *Problem with status 422 that holds them.
func (c *Client) StartStudy(ctx context.Context, ask StudyRequest) (*Study, error) {
	out := new(Study)
	if _, err := c.exchange(ctx, call{method: http.MethodPost, path: []string{"v1", "studies"}, body: ask}, out); err != nil {
		return nil, err
	}
	return out, nil
}

// Study reads how far a study is, and once it is done what it found.
func (c *Client) Study(ctx context.Context, id string) (*Study, error) {
	out := new(Study)
	if _, err := c.get(ctx, nil, out, "v1", "studies", id); err != nil {
		return nil, err
	}
	return out, nil
}

// EndStudy ends a study, and has it forgotten.
func (c *Client) EndStudy(ctx context.Context, id string) error {
	answer, err := c.send(ctx, call{method: http.MethodDelete, path: []string{"v1", "studies", id}})
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

// AwaitStudy asks for a study again and again until it has ended, and tells progress each time; nil: nobody is told.
func (c *Client) AwaitStudy(ctx context.Context, id string, every time.Duration, progress func(*Study)) (*Study, error) {
	for {
		s, err := c.Study(ctx, id)
		if err != nil {
			return nil, err
		}
		if progress != nil {
			progress(s)
		}
		if s.Ended() {
			return s, nil
		}
		wait := time.NewTimer(every)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil, fmt.Errorf("waiting for a study: %w", ctx.Err())
		case <-wait.C:
		}
	}
}
