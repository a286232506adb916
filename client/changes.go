package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Change is a join or a leave, as it is published.
type Change struct {
	ID       string         `json:"id"`
	Customer string         `json:"customer_id"`
	Segment  string         `json:"segment"`
	Change   string         `json:"change"` // join or leave
	Time     time.Time      `json:"time"`
	Cause    string         `json:"cause"` // event, time, rules, backfill or forget
	EventID  string         `json:"event_id"`
	Seq      uint64         `json:"seq"`
	Rules    string         `json:"rules"`
	Features map[string]any `json:"features"`

	// JSON is the change as it came, and Offset where a stream that takes up behind it begins.
	JSON   json.RawMessage `json:"-"`
	Offset string          `json:"-"`
}

// Join tells a join from a leave.
func (c *Change) Join() bool { return c.Change == "join" }

// Filter says which changes are wanted; the zero value: all, from now on.
type Filter struct {
	Segments []string // any of them; none: all segments
	Customer string   // "": all customers
	// From is a Change's or an answer's Offset to begin behind; "": begin now, with the newest Recent changes.
	From   string
	Recent int
	// Broken is told why a connection broke, before it is made anew; nil: nobody is.
	Broken func(error)
}

func (f *Filter) query() url.Values {
	q := url.Values{}
	for _, s := range f.Segments {
		q.Add("segment", s)
	}
	if f.Customer != "" {
		q.Set("customer", f.Customer)
	}
	if f.Recent > 0 {
		q.Set("recent", strconv.Itoa(f.Recent))
	}
	return q
}

const (
	firstPause   = time.Second
	longestPause = 30 * time.Second
)

// Watch yields changes as they happen, until ctx is done, which is no error. A connection that breaks is made anew, and nothing is lost or
// doubled in between, as far as the topic keeps it. An error, which ends it, is one that trying again does not mend, or that there was no
// connection to begin with.
func (c *Client) Watch(ctx context.Context, filter Filter) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		from, connected := filter.From, false
		for pause := firstPause; ; pause = min(2*pause, longestPause) {
			before := from
			err := c.watch(ctx, &filter, &from, &connected, func(change Change) bool { return yield(change, nil) })
			switch p := new(Problem); {
			case errors.Is(err, errEnough) || ctx.Err() != nil:
				return
			case errors.As(err, &p) && p.RetryAfter == 0 && p.Status < http.StatusInternalServerError:
				yield(Change{}, err)
				return
			case !connected && p.Status == 0:
				yield(Change{}, err)
				return
			}
			if filter.Broken != nil {
				filter.Broken(err)
			}
			if from != before {
				pause = firstPause
			}
			wait := time.NewTimer(pause)
			select {
			case <-ctx.Done():
				wait.Stop()
				return
			case <-wait.C:
			}
		}
	}
}

// errEnough says that whoever watches has seen enough.
var errEnough = errors.New("enough")

// watch reads one connection, and keeps in from where the next one takes up, and in connected whether there ever was one.
func (c *Client) watch(ctx context.Context, filter *Filter, from *string, connected *bool, yield func(Change) bool) error {
	what := call{method: http.MethodGet, path: []string{"v1", "changes"}, query: filter.query(), accept: "text/event-stream"}
	if *from != "" {
		what.query.Del("recent")
		what.header = http.Header{"Last-Event-Id": {*from}}
	}
	answer, err := c.send(ctx, what)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	*connected = true
	return events(answer.Body, func(id string, data []byte) error {
		if id != "" {
			*from = id
		}
		if data == nil {
			return nil
		}
		change := Change{JSON: data, Offset: id}
		if err := json.Unmarshal(data, &change); err != nil {
			return fmt.Errorf("reading a change: %w", err)
		}
		if !yield(change) {
			return errEnough
		}
		return nil
	})
}

// maxLine is the most bytes of a change: no record exceeds it.
const maxLine = 1 << 20

// events reads server-sent events. data is nil for one that says only where the stream stands.
func events(r io.Reader, each func(id string, data []byte) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var (
		id   string
		data []byte
	)
	for lines.Scan() {
		line := lines.Bytes()
		if len(line) == 0 {
			if err := each(id, data); err != nil {
				return err
			}
			data = nil
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "id":
			id = string(value)
		case "data":
			data = append([]byte(nil), value...)
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("reading the changes: %w", err)
	}
	return io.ErrUnexpectedEOF
}
