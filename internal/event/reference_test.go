package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// reference decodes as Decoder does, slowly and from the standard library: encoding/json into maps of raw members (of which the
// last of a name stays), rational numbers, package time.
type reference struct {
	schema *Schema
	src    Source
}

func (r reference) decode(record []byte) (*Event, Reason) {
	if !utf8.Valid(record) || !json.Valid(record) {
		return nil, ReasonJSON
	}
	if record = bytes.TrimSpace(record); record[0] != '{' {
		return nil, ReasonJSON
	}
	if depthOf(record) > MaxDepth {
		return nil, ReasonDepth
	}
	ev := &Event{}
	var reason Reason
	if ev.ID, reason = r.field(record, "id"); reason != "" {
		return nil, reason
	}
	typeName := r.src.Type
	if typeName == "" {
		if typeName, reason = r.field(record, "type"); reason != "" {
			return nil, reason
		}
	}
	if ev.Type = r.schema.Type(typeName); ev.Type == nil {
		return nil, ReasonType
	}
	if ev.Customer, reason = r.field(record, "customer_id"); reason != "" {
		return nil, reason
	}
	if ev.Time, reason = r.time(record); reason != "" {
		return nil, reason
	}
	for i := range ev.Type.Properties {
		p := &ev.Type.Properties[i]
		v, reason := r.value(r.member(record, p.Name), p)
		if reason != "" {
			return nil, reason
		}
		if v.Kind == Null && typeName != "profile" {
			v = Value{}
		}
		ev.Props = append(ev.Props, v)
	}
	return ev, ""
}

// member returns the raw value of a field or property, or nil.
func (r reference) member(record json.RawMessage, name string) json.RawMessage {
	names := []string{name}
	if path, mapped := r.src.Fields[name]; mapped {
		names = strings.Split(path, ".")
	}
	for _, name := range names {
		var members map[string]json.RawMessage
		if json.Unmarshal(record, &members) != nil {
			return nil
		}
		record = members[name]
	}
	return record
}

func (r reference) field(record []byte, name string) (string, Reason) {
	raw := r.member(record, name)
	if raw == nil || raw[0] != '"' {
		return "", ReasonField
	}
	s, ok := unescaped(raw)
	switch {
	case !ok:
		return "", ReasonText
	case s == "", len(s) > MaxField:
		return "", ReasonField
	default:
		return s, ""
	}
}

func (r reference) time(record []byte) (int64, Reason) {
	raw := r.member(record, "time")
	if _, mapped := r.src.Fields["time"]; mapped && raw != nil && (raw[0] == '-' || isDigit(raw[0])) {
		if hugeExponent(raw) {
			return 0, ReasonTime // of one record alone, so the caller avoids the question
		}
		n, _, ok := ratInteger(string(raw))
		if !ok || n < minMoment || n > maxMoment {
			return 0, ReasonTime
		}
		return n, ""
	}
	s, reason := r.field(record, "time")
	if reason != "" {
		return 0, reason
	}
	ms, ok := referenceMoment(s)
	if !ok {
		return 0, ReasonTime
	}
	return ms, ""
}

func (r reference) value(raw json.RawMessage, p *Property) (Value, Reason) {
	if raw == nil || string(raw) == "null" {
		if p.Required {
			return Value{}, ReasonMissing
		}
		if raw == nil {
			return Value{}, ""
		}
		return Value{Kind: Null}, ""
	}
	switch p.Kind {
	case Bool:
		switch string(raw) {
		case "true":
			return Value{Kind: Bool, Num: 1}, ""
		case "false":
			return Value{Kind: Bool}, ""
		}
		return Value{}, ReasonProperty
	case Int:
		if raw[0] != '-' && !isDigit(raw[0]) {
			return Value{}, ReasonProperty
		}
		n, exact, ok := ratInteger(string(raw))
		switch {
		case !ok:
			return Value{}, ReasonNumber
		case !exact:
			return Value{}, ReasonProperty
		}
		return Value{Kind: Int, Num: uint64(n)}, ""
	case Double:
		if raw[0] != '-' && !isDigit(raw[0]) {
			return Value{}, ReasonProperty
		}
		x, err := strconv.ParseFloat(string(raw), 64)
		if err != nil {
			return Value{}, ReasonNumber
		}
		return Value{Kind: Double, Num: math.Float64bits(x)}, ""
	case Strings:
		return referenceList(raw)
	default:
		return referenceText(raw, p)
	}
}

func referenceText(raw json.RawMessage, p *Property) (Value, Reason) {
	if raw[0] != '"' {
		return Value{}, ReasonProperty
	}
	s, ok := unescaped(raw)
	if !ok {
		return Value{}, ReasonText
	}
	switch {
	case p.Kind == Moment:
		ms, ok := referenceMoment(s)
		if !ok {
			return Value{}, ReasonMoment
		}
		return Value{Kind: Moment, Num: uint64(ms)}, ""
	case p.Kind == Date:
		if t, err := time.Parse(time.DateOnly, s); err != nil || t.Year() == 0 {
			return Value{}, ReasonDate
		}
	case p.Enum != nil && !slices.Contains(p.Enum, s):
		return Value{}, ReasonChoice
	}
	return Value{Kind: p.Kind, Str: s}, ""
}

func referenceList(raw json.RawMessage) (Value, Reason) {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) != nil {
		return Value{}, ReasonProperty
	}
	v := Value{Kind: Strings}
	for _, item := range items {
		if item[0] != '"' {
			return Value{}, ReasonProperty
		}
		s, ok := unescaped(item)
		if !ok {
			return Value{}, ReasonText
		}
		v.SetList(append(v.List(), s))
	}
	return v, ""
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

func referenceMoment(s string) (int64, bool) {
	if !rfc3339.MatchString(s) {
		return 0, false
	}
	t, err := time.Parse(time.RFC3339Nano, strings.ToUpper(s))
	if err != nil || t.UTC().Year() < 1 || t.UTC().Year() > 9999 || strings.HasPrefix(s, "0000") {
		return 0, false
	}
	return t.UnixMilli(), true
}

// unescaped reads a JSON string; encoding/json puts U+FFFD where half of a surrogate pair is escaped.
func unescaped(raw json.RawMessage) (string, bool) {
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", false
	}
	written := strings.Count(string(raw), "\ufffd") + len(escapedFFFD.FindAllString(escapedSlash.ReplaceAllString(string(raw), ""), -1))
	return s, strings.Count(s, "\ufffd") == written
}

var (
	escapedSlash = regexp.MustCompile(`\\\\`)
	escapedFFFD  = regexp.MustCompile(`\\u[fF]{3}[dD]`)
)

func depthOf(record []byte) int {
	depth, deepest := 0, 0
	d := json.NewDecoder(bytes.NewReader(record))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err != nil {
			return deepest
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
			deepest = max(deepest, depth)
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
}

// hugeExponent finds the numbers that would take package big long.
func hugeExponent(record []byte) bool { return exponents.Match(record) }

var exponents = regexp.MustCompile(`[eE][+-]?0*\d{4,}`)

// differs says in what the decoder's answer is not the reference's.
func differs(record []byte, got *Event, err error, want *Event, reason Reason) string {
	if err != nil {
		r, ok := errors.AsType[*Reject](err)
		switch {
		case !ok:
			return "the error is no Reject"
		case reason == "":
			return "refused, and is good"
		case reason == r.Reason:
			return ""
		case r.Reason == ReasonDepth && depthMayBe(record, reason):
			return ""
		}
		return "refused as " + string(r.Reason) + ", not as " + string(reason)
	}
	switch {
	case reason != "":
		return "good, and should be refused as " + string(reason)
	case got.ID != want.ID || got.Type != want.Type || got.Customer != want.Customer || got.Time != want.Time:
		return "another field"
	}
	equal := slices.EqualFunc(got.Props, want.Props, func(a, b Value) bool {
		return a.Kind == b.Kind && a.Num == b.Num && a.Str == b.Str && slices.Equal(a.List(), b.List())
	})
	if !equal {
		return "another property"
	}
	return ""
}

// depthMayBe allows a record that is malformed and nested too deep to be refused for either.
func depthMayBe(record []byte, reason Reason) bool {
	return reason == ReasonJSON && bytes.Count(record, []byte("["))+bytes.Count(record, []byte("{")) > MaxDepth
}
