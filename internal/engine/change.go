package engine

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"sort"
	"strconv"
	"sync/atomic"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ruas/ruas/internal/feature"
)

// Cause is why a membership changed.
type Cause uint8

// The causes.
const (
	CauseEvent    Cause = iota // an event, EventID
	CauseTime                  // time alone
	CauseRules                 // a change of rules
	CauseBackfill              // the first word about a member after a silent start
	CauseForget                // the customer was forgotten
)

// String returns the cause as changes write it.
func (c Cause) String() string {
	return [...]string{"event", "time", "rules", "backfill", "forget"}[c]
}

// Change is one join or leave.
type Change struct {
	Customer string
	// Segment is the segment's place in Engine.Segments.
	Segment int
	Join    bool
	// Time is the moment of the change, in milliseconds since the epoch.
	Time  int64
	Cause Cause
	// EventID is the id of the event that is the cause; "" for other causes.
	EventID string
	// Seq counts the changes of the customer in the segment, from 1: joins are odd.
	Seq uint64
	// Features is a JSON object of the features that the segment includes; nil for none.
	Features []byte
}

// Kind returns "join" or "leave".
func (ch *Change) Kind() string {
	if ch.Join {
		return "join"
	}
	return "leave"
}

// AppendJSON writes a change as one JSON object without a line end.
func (e *Engine) AppendJSON(dst []byte, ch *Change) []byte {
	segment := e.plan.Segments[ch.Segment].Name
	dst = append(dst, `{"id":"`...)
	dst = appendID(dst, ch, segment)
	dst = append(dst, `","customer_id":`...)
	dst = appendString(dst, ch.Customer)
	dst = append(dst, `,"segment":"`...)
	dst = append(dst, segment...)
	dst = append(dst, `","change":"`...)
	dst = append(dst, ch.Kind()...)
	dst = append(dst, `","time":"`...)
	dst = AppendTime(dst, ch.Time)
	dst = append(dst, `","cause":"`...)
	dst = append(dst, ch.Cause.String()...)
	dst = append(dst, '"')
	if ch.Cause == CauseEvent {
		dst = append(dst, `,"event_id":`...)
		dst = appendString(dst, ch.EventID)
	}
	dst = append(dst, `,"seq":`...)
	dst = strconv.AppendUint(dst, ch.Seq, 10)
	dst = append(dst, `,"rules":"`...)
	dst = append(dst, e.rules...)
	dst = append(dst, '"')
	if ch.Features != nil {
		dst = append(dst, `,"features":`...)
		dst = append(dst, ch.Features...)
	}
	return append(dst, '}')
}

// appendID writes a hash of (customer, segment, seq, time): the same change has the same id, wherever it is computed.
func appendID(dst []byte, ch *Change, segment string) []byte {
	var buf [128]byte
	in := binary.AppendUvarint(buf[:0], uint64(len(ch.Customer)))
	in = append(in, ch.Customer...)
	in = binary.AppendUvarint(in, uint64(len(segment)))
	in = append(in, segment...)
	in = binary.AppendUvarint(in, ch.Seq)
	in = binary.AppendVarint(in, ch.Time)
	sum := sha256.Sum256(in)
	return hex.AppendEncode(dst, sum[:16])
}

// AppendTime writes a moment in UTC, always with three decimals.
func AppendTime(dst []byte, ms int64) []byte {
	day := ms / feature.DayMS
	if ms < 0 || day > lastDay {
		return time.UnixMilli(ms).UTC().AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
	date := lastDate.Load()
	if date == nil || date.day != day {
		date = &dateText{day: day}
		time.UnixMilli(ms).UTC().AppendFormat(date.text[:0], "2006-01-02T")
		lastDate.Store(date)
	}
	dst = append(dst, date.text[:]...)
	in := int(ms - day*feature.DayMS)
	s := in / 1000
	dst = appendTwo(dst, s/3600, ':')
	dst = appendTwo(dst, s/60%60, ':')
	dst = appendTwo(dst, s%60, '.')
	in %= 1000
	return append(dst, byte('0'+in/100), byte('0'+in/10%10), byte('0'+in%10), 'Z')
}

// lastDay is the last day of the year 9999, counted from 1970.
const lastDay = 2932896

// dateText is the text of a day, counted from 1970.
type dateText struct {
	day  int64
	text [len("2006-01-02T")]byte
}

// lastDate is the day that was written last: mostly the next one too.
var lastDate atomic.Pointer[dateText]

func appendTwo(dst []byte, n int, end byte) []byte {
	return append(dst, byte('0'+n/10), byte('0'+n%10), end)
}

// maxFeatures is the most that the features of a change take, in bytes: with two ids and its key a record holds no more than 900 kB.
const maxFeatures = 400_000

// features writes the features that a segment includes, but for those that have no value, or for which there is no room.
func (s *stepper) features(segment int) []byte {
	include := s.plan.Segments[segment].Include
	if len(include) == 0 {
		return nil
	}
	dst := []byte{'{'}
	for _, i := range include {
		v := s.plan.Value(s.frame, i)
		if v.K == feature.None {
			continue
		}
		start := len(dst)
		if start > 1 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s.plan.Features[i].Name)
		dst = append(dst, ':')
		var ok bool
		if dst, ok = AppendValue(dst, v); !ok || len(dst) > maxFeatures {
			dst = dst[:start]
		}
	}
	return append(dst, '}')
}

// AppendValue writes a value as JSON. False for what JSON has no word for: a double that is not finite.
func AppendValue(dst []byte, v feature.Val) (_ []byte, ok bool) {
	switch v.K {
	case feature.Bool:
		return strconv.AppendBool(dst, v.N == 1), true
	case feature.Int:
		return strconv.AppendInt(dst, v.Int(), 10), true
	case feature.Double:
		return appendFloat(dst, v.Float())
	case feature.String:
		return appendString(dst, v.S), true
	case feature.Moment:
		return append(AppendTime(append(dst, '"'), v.Int()), '"'), true
	case feature.Object:
		if list, isList := v.R.([]string); isList {
			return appendRef(dst, types.NewStringList(types.DefaultTypeAdapter, list))
		}
		if r, isRef := v.R.(ref.Val); isRef {
			return appendRef(dst, r)
		}
	}
	return dst, false
}

// appendFloat writes a double as encoding/json does, but for the one zero.
func appendFloat(dst []byte, f float64) ([]byte, bool) {
	if f == 0 {
		return append(dst, '0'), true
	}
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return dst, false
	}
	format := byte('f')
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e21 {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64), true
}

// appendRef writes a value of CEL.
func appendRef(dst []byte, r ref.Val) (_ []byte, ok bool) {
	switch v := r.(type) {
	case types.Bool:
		return strconv.AppendBool(dst, bool(v)), true
	case types.Int:
		return strconv.AppendInt(dst, int64(v), 10), true
	case types.Uint:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case types.Double:
		return appendFloat(dst, float64(v))
	case types.String:
		return appendString(dst, string(v)), true
	case types.Bytes:
		return appendString(dst, base64.StdEncoding.EncodeToString(v)), true
	case types.Timestamp:
		return append(AppendTime(append(dst, '"'), v.UnixMilli()), '"'), true
	case types.Duration:
		return appendString(dst, v.Duration.String()), true
	case types.Null:
		return append(dst, "null"...), true
	case traits.Mapper:
		return appendMap(dst, v)
	case traits.Lister:
		dst = append(dst, '[')
		for i, it := 0, v.Iterator(); it.HasNext() == types.True; i++ {
			if i > 0 {
				dst = append(dst, ',')
			}
			if dst, ok = appendRef(dst, it.Next()); !ok {
				return dst, false
			}
		}
		return append(dst, ']'), true
	}
	return dst, false
}

// appendMap writes a map as an object, its keys as text in order.
func appendMap(dst []byte, m traits.Mapper) (_ []byte, ok bool) {
	type entry struct {
		key   string
		value ref.Val
	}
	var entries []entry
	for it := m.Iterator(); it.HasNext() == types.True; {
		k := it.Next()
		text, isText := k.ConvertToType(types.StringType).(types.String)
		if !isText {
			return dst, false
		}
		entries = append(entries, entry{key: string(text), value: m.Get(k)})
	}
	sort.Slice(entries, func(i, j int) bool { return entries[i].key < entries[j].key })
	dst = append(dst, '{')
	for i, en := range entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendString(dst, en.key), ':')
		if dst, ok = appendRef(dst, en.value); !ok {
			return dst, false
		}
	}
	return append(dst, '}'), true
}

// appendString writes a JSON string. Input was checked to be UTF-8 when it was decoded.
func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= 0x20:
			dst = append(dst, c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		default:
			dst = append(dst, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		}
	}
	return append(dst, '"')
}
