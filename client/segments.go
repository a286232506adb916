package client

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Segment is a segment and what happens in it.
type Segment struct {
	Name        string   `json:"name"`
	Title       string   `json:"title"`
	Description string   `json:"description"`
	Tags        []string `json:"tags"`
	When        string   `json:"when"`
	Until       string   `json:"until"`
	Include     []string `json:"include"`
	Members     int64    `json:"members"`
	// Joins and Leaves were published within the last minute, the latest change at LastChange.
	Joins      int       `json:"joins_last_minute"`
	Leaves     int       `json:"leaves_last_minute"`
	LastChange time.Time `json:"last_change"`
	// Warming says that the segment cannot be decided of every customer yet; WarmingUntil is zero where time alone does not end it.
	Warming      bool      `json:"warming"`
	WarmingUntil time.Time `json:"warming_until"`
	Activity     *Activity `json:"activity"`
}

// Activity is what happened in a segment by steps of time, the oldest first; the last step is under way.
type Activity struct {
	From        time.Time `json:"from"`
	StepSeconds int       `json:"step_seconds"`
	Joins       []int64   `json:"joins"`
	Leaves      []int64   `json:"leaves"`
	Members     []int64   `json:"members"` // at the end of each step
}

// Segments lists all segments by name, without their activity.
func (c *Client) Segments(ctx context.Context) ([]Segment, error) {
	var out struct {
		Segments []Segment `json:"segments"`
	}
	_, err := c.get(ctx, nil, &out, "v1", "segments")
	return out.Segments, err
}

// Segment reads one segment with its activity of the last three hours.
func (c *Client) Segment(ctx context.Context, name string) (*Segment, error) {
	out := new(Segment)
	if _, err := c.get(ctx, nil, out, "v1", "segments", name); err != nil {
		return nil, err
	}
	return out, nil
}

// Members yields the ids of all members of a segment, in order, as they are streamed. Who is a member throughout is there once; who joins
// or leaves meanwhile may be there or not. An error ends it.
func (c *Client) Members(ctx context.Context, segment string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		answer, err := c.send(ctx, call{
			method: http.MethodGet, path: []string{"v1", "segments", segment, "members"}, accept: "application/x-ndjson",
		})
		if err != nil {
			yield("", err)
			return
		}
		defer func() { _ = answer.Body.Close() }()
		in := json.NewDecoder(bufio.NewReader(answer.Body))
		for {
			var row struct {
				ID string `json:"customer_id"`
			}
			switch err := in.Decode(&row); {
			case err == io.EOF: // errors that wrap it are those of a list that is cut off
				return
			case err != nil:
				yield("", fmt.Errorf("reading the members of %s: %w", segment, err))
				return
			case !yield(row.ID, nil):
				return
			}
		}
	}
}

// Overlap is how many are in two segments.
type Overlap struct {
	A struct {
		Segment string `json:"segment"`
		Members int64  `json:"members"`
	} `json:"a"`
	B struct {
		Segment string `json:"segment"`
		Members int64  `json:"members"`
	} `json:"b"`
	Both   int64 `json:"both"`
	Either int64 `json:"either"`
}

// Overlap counts who is in both of two segments, and in either.
func (c *Client) Overlap(ctx context.Context, a, b string) (*Overlap, error) {
	out := new(Overlap)
	if _, err := c.get(ctx, url.Values{"a": {a}, "b": {b}}, out, "v1", "overlap"); err != nil {
		return nil, err
	}
	return out, nil
}
