package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/deadletter"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/suggest"
)

// DeadLetters are the records that were no good.
type DeadLetters interface {
	// Sources gives the names of the sources that letters may be asked for by.
	Sources() []string
	// List gives letters, the newest first.
	List(ctx context.Context, q deadletter.Query) (deadletter.Page, error)
	// Replay sends letters to their sources again. After an error some may have been sent.
	Replay(ctx context.Context, r deadletter.Request) (deadletter.Replayed, error)
}

const (
	defaultLetters = 50
	maxLetters     = 200
	// maxReplayed is how many letters may be named in a request.
	maxReplayed = 500
	// lettersTimeout is how long letters are read for one page.
	lettersTimeout = 10 * time.Second
)

// letterJSON is a dead letter. Key and value are text where they are UTF-8, else base64.
type letterJSON struct {
	Partition       int32       `json:"partition"`
	Offset          int64       `json:"offset"`
	Time            string      `json:"time"`
	Reason          string      `json:"reason"`
	Detail          string      `json:"detail,omitempty"`
	Source          string      `json:"source,omitempty"`
	Topic           string      `json:"topic,omitempty"`
	SourcePartition *int32      `json:"source_partition,omitempty"`
	SourceOffset    *int64      `json:"source_offset,omitempty"`
	Key             *string     `json:"key,omitempty"`
	KeyBase64       string      `json:"key_base64,omitempty"`
	Value           *string     `json:"value,omitempty"`
	ValueBase64     string      `json:"value_base64,omitempty"`
	Size            int         `json:"size"`
	Truncated       bool        `json:"truncated,omitempty"`
	NotReplayable   string      `json:"not_replayable,omitempty"`
	ReplayOf        *letterName `json:"replay_of,omitempty"`
	Replayed        string      `json:"replayed,omitempty"`
}

// letterName is where a letter is in its topic.
type letterName struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
}

// deadLetters lists the newest letters.
func (s *server) deadLetters(w http.ResponseWriter, r *http.Request) {
	args := query(r, "reason", "source", "limit", "cursor")
	q := deadletter.Query{
		Reason: args.text("reason"), Source: args.text("source"), Limit: int(args.number("limit", 1, maxLetters, defaultLetters)),
	}
	if cursor := args.text("cursor"); cursor != "" {
		before, err := parseOffsets(cursor)
		if err != nil {
			args.fail("cursor: %v", err)
		}
		q.Before = before
	}
	if args.bad(w, r) || !s.lettersWanted(w, r, q.Reason, q.Source) {
		return
	}
	if !take(s.rereads) {
		busy(w, r, "readers of topics")
		return
	}
	defer give(s.rereads)
	ctx, cancel := context.WithTimeout(r.Context(), lettersTimeout)
	defer cancel()
	page, err := s.DeadLetters.List(ctx, q)
	if err != nil {
		s.unread(w, r, err)
		return
	}
	out := struct {
		Letters []letterJSON `json:"letters"`
		Next    string       `json:"next,omitempty"`
	}{Letters: make([]letterJSON, len(page.Letters)), Next: Offsets(page.Next).String()}
	for i := range page.Letters {
		out.Letters[i] = letterOf(&page.Letters[i])
	}
	reply(w, out)
}

func letterOf(l *deadletter.Letter) letterJSON {
	out := letterJSON{
		Partition: l.Partition, Offset: l.Offset, Time: moment(l.Time), Reason: l.Reason, Detail: l.Detail, Source: l.Source, Topic: l.Topic,
		Size: l.Size, Truncated: l.ValueCut, NotReplayable: string(l.Never),
	}
	if l.SourcePartition >= 0 {
		out.SourcePartition = &l.SourcePartition
	}
	if l.SourceOffset >= 0 {
		out.SourceOffset = &l.SourceOffset
	}
	out.Key, out.KeyBase64 = textOf(l.Key)
	out.Value, out.ValueBase64 = textOf(l.Value)
	if l.ReplayOf != nil {
		out.ReplayOf = &letterName{l.ReplayOf.Partition, l.ReplayOf.Offset}
	}
	if l.Replayed != 0 {
		out.Replayed = moment(l.Replayed)
	}
	return out
}

// textOf gives bytes as text, or as base64 where they are none; neither where there are no bytes at all.
func textOf(b []byte) (text *string, base string) {
	switch {
	case b == nil:
		return nil, ""
	case utf8.Valid(b):
		s := string(b)
		return &s, ""
	}
	return nil, base64.StdEncoding.EncodeToString(b)
}

// lettersWanted answers where a reason or a source is none, or where there are no letters.
func (s *server) lettersWanted(w http.ResponseWriter, r *http.Request, reason, source string) bool {
	if s.DeadLetters == nil {
		fail(w, r, notFound, "this server does not serve dead letters")
		return false
	}
	var reasons []string
	for _, d := range event.Reasons() {
		reasons = append(reasons, string(d.Reason))
	}
	for _, c := range []struct {
		what, is string
		all      []string
		kind     problemType
	}{{"reason", reason, reasons, badRequest}, {"source", source, s.DeadLetters.Sources(), notFound}} {
		if c.is != "" && !slices.Contains(c.all, c.is) {
			fail(w, r, c.kind, "there is no %s %.128q%s: it is one of %s", c.what, c.is, suggest.Hint(c.is, c.all), strings.Join(c.all, ", "))
			return false
		}
	}
	return true
}

// replayJSON is what a request to send letters again says.
type replayJSON struct {
	Letters []struct {
		Partition *whole `json:"partition"`
		Offset    *whole `json:"offset"`
	} `json:"letters"`
	Reason nonEmpty `json:"reason"`
	Source nonEmpty `json:"source"`
	Until  nonEmpty `json:"until"`
	From   nonEmpty `json:"from"`
	To     nonEmpty `json:"to"`
}

// request reads what is asked for.
func (j *replayJSON) request() (q deadletter.Request, err error) {
	q = deadletter.Request{Reason: string(j.Reason), Source: string(j.Source)}
	switch named, filtered := len(j.Letters) > 0, j.Reason != "" || j.Source != "" || j.Until != ""; {
	case len(j.Letters) > maxReplayed:
		return q, fmt.Errorf("at most %d letters may be named", maxReplayed)
	case named && (filtered || j.From != "" || j.To != ""):
		return q, errors.New("letters are named, or told by reason, source and until, and not both")
	case !named && !filtered:
		return q, errors.New("name letters, or tell them by reason, source or until")
	}
	for _, n := range j.Letters {
		if n.Partition == nil || n.Offset == nil || *n.Partition < 0 || *n.Partition > math.MaxInt32 || *n.Offset < 0 {
			return q, errors.New("a letter is named by its partition and its offset, each from 0")
		}
		q.Places = append(q.Places, deadletter.Place{Partition: int32(*n.Partition), Offset: int64(*n.Offset)})
	}
	if j.Until != "" {
		until, ok := event.ParseMoment(string(j.Until))
		if !ok {
			return q, fmt.Errorf("until is a time with a zone, as 2026-11-21T10:00:00Z, not %.40q", j.Until)
		}
		q.Until = until
	}
	for _, at := range []struct {
		name, text string
		to         *map[int32]int64
	}{{"from", string(j.From), &q.From}, {"to", string(j.To), &q.To}} {
		if at.text == "" {
			continue
		}
		offsets, err := parseOffsets(at.text)
		if err != nil {
			return q, fmt.Errorf("%s: %w", at.name, err)
		}
		*at.to = offsets
	}
	return q, nil
}

// replayedJSON is what became of it. Next, beside the same reason, source and until, asks for the rest.
type replayedJSON struct {
	Replayed int                    `json:"replayed"`
	Skipped  map[deadletter.Why]int `json:"skipped"`
	Next     *replayNext            `json:"next,omitempty"`
}

type replayNext struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// replay sends letters again.
func (s *server) replay(w http.ResponseWriter, r *http.Request) {
	if args := query(r); args.bad(w, r) {
		return
	}
	var ask replayJSON
	if !body(w, r, &ask) {
		return
	}
	q, err := ask.request()
	if err != nil {
		fail(w, r, badRequest, "%v", err)
		return
	}
	if !s.lettersWanted(w, r, q.Reason, q.Source) {
		return
	}
	if !take(s.replays) {
		busy(w, r, "replays")
		return
	}
	defer give(s.replays)
	// Who hangs up meanwhile has asked all the same: what is under way ends as a whole.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
	defer cancel()
	done, err := s.DeadLetters.Replay(ctx, q)
	what := "replay"
	if err != nil {
		what = "replay failed"
	}
	audit(s.Logger, r, what, zap.Int("replayed", done.Replayed), zap.Any("skipped", done.Skipped), zap.Int("named", len(q.Places)),
		zap.String("reason", q.Reason), zap.String("source", q.Source))
	if err != nil {
		s.unread(w, r, err)
		return
	}
	out := replayedJSON{Replayed: done.Replayed, Skipped: done.Skipped}
	if done.From != nil {
		out.Next = &replayNext{Offsets(done.From).String(), Offsets(done.To).String()}
	}
	reply(w, out)
}
