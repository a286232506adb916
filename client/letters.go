package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Letter is a dead letter: a record that was no good.
type Letter struct {
	LetterPlace
	Time time.Time `json:"time"` // when it was set aside
	// Reason is why the record was no good, Detail what was found where.
	Reason string `json:"reason"`
	Detail string `json:"detail,omitempty"`
	// Source is the name of the source that it came from; "": its topic is that of none.
	Source string `json:"source,omitempty"`
	Topic  string `json:"topic,omitempty"`
	// SourcePartition and SourceOffset are where it was; nil: that is not known.
	SourcePartition *int32 `json:"source_partition,omitempty"`
	SourceOffset    *int64 `json:"source_offset,omitempty"`
	// Key and Value are the record's where they are UTF-8, KeyBytes and ValueBytes where not; or their beginnings.
	Key        string `json:"key,omitempty"`
	KeyBytes   []byte `json:"key_base64,omitempty"`
	Value      string `json:"value,omitempty"`
	ValueBytes []byte `json:"value_base64,omitempty"`
	// Size is that of the whole value, in bytes; Truncated says that it is longer than what is here.
	Size      int  `json:"size"`
	Truncated bool `json:"truncated,omitempty"`
	// NotReplayable says why it cannot be sent again; "": it can.
	NotReplayable string `json:"not_replayable,omitempty"`
	// ReplayOf is the letter that it was when it was sent again and was still no good; nil: it never was.
	ReplayOf *LetterPlace `json:"replay_of,omitempty"`
	// Replayed is when the server last sent it again, as far as it remembers.
	Replayed time.Time `json:"replayed,omitzero"`
}

// LetterPlace is where a letter is in the topic of dead letters.
type LetterPlace struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// LetterFilter says which letters are wanted; "": all.
type LetterFilter struct {
	Reason string
	Source string // the name of a source
}

// letterPage is how many letters one request asks for.
const letterPage = "200"

// DeadLetters reads dead letters, the newest first, as far back as the caller goes on. After an error it ends.
func (c *Client) DeadLetters(ctx context.Context, filter LetterFilter) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		query := url.Values{"limit": {letterPage}}
		for name, value := range map[string]string{"reason": filter.Reason, "source": filter.Source} {
			if value != "" {
				query.Set(name, value)
			}
		}
		for {
			var page struct {
				Letters []Letter `json:"letters"`
				Next    string   `json:"next"`
			}
			if _, err := c.get(ctx, query, &page, "v1", "dead-letters"); err != nil {
				yield(Letter{}, err)
				return
			}
			for _, l := range page.Letters {
				if !yield(l, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("cursor", page.Next)
		}
	}
}

// Replayed is what became of letters that were to be sent again.
type Replayed struct {
	// Replayed counts those that were sent, Skipped those that were not, by why: "gone", "cut", "no_source", "repeated" or "too_large".
	Replayed int            `json:"replayed"`
	Skipped  map[string]int `json:"skipped"`
}

// maxReplayed is how many letters one request may name.
const maxReplayed = 500

// ReplayLetters sends letters to their sources once more. Those that the server remembers to have sent are skipped. After an error what was done
// before it is told.
func (c *Client) ReplayLetters(ctx context.Context, letters ...LetterPlace) (Replayed, error) {
	all := Replayed{Skipped: map[string]int{}}
	for len(letters) > 0 {
		n := min(len(letters), maxReplayed)
		if _, err := c.replay(ctx, map[string]any{"letters": letters[:n]}, &all); err != nil {
			return all, err
		}
		letters = letters[n:]
	}
	return all, nil
}

// ReplayDeadLetters sends the letters of a filter to their sources once more, those that were set aside before a time; zero: all that are there
// now. The filter, or the time, must say something. After an error what was done before it is told.
func (c *Client) ReplayDeadLetters(ctx context.Context, filter LetterFilter, until time.Time) (Replayed, error) {
	all, body := Replayed{Skipped: map[string]int{}}, map[string]any{}
	for name, value := range map[string]string{"reason": filter.Reason, "source": filter.Source} {
		if value != "" {
			body[name] = value
		}
	}
	if !until.IsZero() {
		body["until"] = until.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	for {
		next, err := c.replay(ctx, body, &all)
		if err != nil || next == nil {
			return all, err
		}
		body["from"], body["to"] = next.From, next.To
	}
}

// replayNext is where the rest is.
type replayNext struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// replay sends one request, and adds what became of it.
func (c *Client) replay(ctx context.Context, body map[string]any, all *Replayed) (*replayNext, error) {
	var out struct {
		Replayed
		Next *replayNext `json:"next"`
	}
	if _, err := c.exchange(ctx, call{method: http.MethodPost, path: []string{"v1", "dead-letters:replay"}, body: body}, &out); err != nil {
		return nil, err
	}
	all.Replayed += out.Replayed.Replayed
	for why, n := range out.Skipped {
		all.Skipped[why] += n
	}
	return out.Next, nil
}
