package deadletter

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/ruas/ruas/internal/pipeline"
)

// Letter is a record that was no good, as far as it is shown.
type Letter struct {
	Place
	// Time is when it became a letter, in milliseconds since the epoch.
	Time           int64
	Reason, Detail string
	// Source is the name of the source that it came from; "": its topic is that of none. Topic, SourcePartition and SourceOffset are where it
	// was; SourceOffset is -1 of an event that had waited in its customer's state.
	Source, Topic   string
	SourcePartition int32
	SourceOffset    int64
	// Key and Value are the record's, or their beginnings where KeyCut and ValueCut say so. Size is that of the whole value.
	Key, Value       []byte
	KeyCut, ValueCut bool
	Size             int
	// Never says why the letter cannot be sent again; "": it can.
	Never Why
	// ReplayOf is the letter that it was when it was sent again and was still no good; nil: it never was.
	ReplayOf *Place
	// Replayed is when it was last sent again, as far as is remembered; 0: never.
	Replayed int64
}

// Why says why a letter is not sent again.
type Why string

// The reasons for not sending a letter again.
const (
	// Gone: there is no letter at the place, or it is no longer kept.
	Gone Why = "gone"
	// Cut: the letter does not hold the whole value.
	Cut Why = "cut"
	// NoSource: the record was not in a partition of a source of this ruas.
	NoSource Why = "no_source"
	// Repeated: it was sent again already, as far as is remembered.
	Repeated Why = "repeated"
	// TooLarge: the source's topic does not take it any more.
	TooLarge Why = "too_large"
)

// The most bytes that are shown.
const (
	mostKey   = 1 << 10
	mostValue = 4 << 10
)

// envelope is what the pipeline wrote about a record, behind the record's own headers.
type envelope struct {
	own            []pipeline.Header
	reason, detail string
	topic          string
	partition      int32
	offset         int64
	size           int
	cut            bool
	replayOf       *Place
}

// open divides the headers of a letter into the record's own and those behind them.
func open(r *Record) envelope {
	e := envelope{own: r.Headers, partition: -1, offset: -1, size: len(r.Value)}
	for i := len(r.Headers) - 1; i >= 0; i-- {
		if r.Headers[i].Key == pipeline.HeaderReason {
			e.own = r.Headers[:i:i]
			e.read(r.Headers[i:])
			break
		}
	}
	for _, h := range e.own {
		if h.Key == HeaderReplayOf {
			e.replayOf = parsePlace(string(h.Value))
		}
	}
	return e
}

func (e *envelope) read(headers []pipeline.Header) {
	for _, h := range headers {
		text := string(h.Value)
		switch h.Key {
		case pipeline.HeaderReason:
			e.reason = text
		case pipeline.HeaderDetail:
			e.detail = strings.ToValidUTF8(text, "\uFFFD")
		case pipeline.HeaderTopic:
			e.topic = text
		case pipeline.HeaderPartition:
			if n, err := strconv.ParseInt(text, 10, 32); err == nil {
				e.partition = int32(n)
			}
		case pipeline.HeaderOffset:
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				e.offset = n
			}
		case pipeline.HeaderCut:
			if n, err := strconv.Atoi(text); err == nil {
				e.size = n
			}
			e.cut = true
		}
	}
}

// parsePlace reads what Place.String writes; nil: it is something else.
func parsePlace(text string) *Place {
	partition, offset, _ := strings.Cut(text, ":")
	p, errP := strconv.ParseInt(partition, 10, 32)
	o, errO := strconv.ParseInt(offset, 10, 64)
	if errP != nil || errO != nil {
		return nil
	}
	return &Place{int32(p), o}
}

// never tells why a letter cannot be sent again, whoever asks; "": it can.
func (l *Letters) never(e *envelope) Why {
	switch _, ok := l.sources[e.topic]; {
	case !ok || e.partition < 0 || e.partition >= l.opt.Partitions:
		return NoSource
	case e.cut:
		return Cut
	}
	return ""
}

// letter gives what is shown of a record. It points at nothing of it.
func (l *Letters) letter(r *Record, e *envelope) Letter {
	out := Letter{
		Place: r.Place, Time: r.Time, Reason: e.reason, Detail: e.detail,
		Source: l.sources[e.topic], Topic: e.topic, SourcePartition: e.partition, SourceOffset: e.offset,
		Size: e.size, Never: l.never(e), ReplayOf: e.replayOf, Replayed: l.sentAt(r.Place),
	}
	out.Key, out.KeyCut = beginning(r.Key, mostKey)
	out.Value, out.ValueCut = beginning(r.Value, mostValue)
	out.ValueCut = out.ValueCut || e.cut
	return out
}

// beginning copies the first bytes of a text, and cuts no character in two.
func beginning(b []byte, most int) (_ []byte, cut bool) {
	if len(b) <= most {
		return bytes.Clone(b), false
	}
	n := most
	for n > most-utf8.UTFMax && !utf8.RuneStart(b[n]) {
		n--
	}
	return bytes.Clone(b[:n]), true
}

// again is the record as it is sent to its source once more.
func (e *envelope) again(r *Record) Outgoing {
	out := Outgoing{Topic: e.topic, Partition: e.partition, Key: bytes.Clone(r.Key), Value: bytes.Clone(r.Value)}
	for _, h := range e.own {
		if h.Key != HeaderReplayOf {
			out.Headers = append(out.Headers, pipeline.Header{Key: h.Key, Value: bytes.Clone(h.Value)})
		}
	}
	out.Headers = append(out.Headers, pipeline.Header{Key: HeaderReplayOf, Value: fmt.Append(nil, r.Place)})
	return out
}
