package event

import (
	"fmt"
	"unicode/utf8"
)

const (
	// MaxRecord is the size of the largest record that is decoded, in bytes.
	MaxRecord = 1 << 20
	// MaxDepth is how deep objects and lists may be nested, the record itself counted: as deep as encoding/json goes.
	MaxDepth = 10_000
	// MaxField is how long id, type and customer_id may be, in bytes: a change holds two of them, and the customer_id as its key.
	MaxField = 32_768
)

// Decoder decodes the records of one source. It is not for concurrent use.
//
// It reads a record once: each value that some type declares is remembered by its place, and judged when the record's type is
// known, wherever in the record that stands. So the last of several members of one name is the only one that counts.
type Decoder struct {
	root     *place
	id       *place
	typ      *place // nil where the type is fixed
	customer *place
	time     *place
	// epochTime says that a time may be a number.
	epochTime bool
	byName    map[string]*decodedType
	fixed     *decodedType // the type of every record, or nil
	last      *decodedType // that of the record before: mostly the next one's too

	record []byte // the one being decoded
	number uint64 // of the record; a place whose seen differs has nothing
	deep   bool   // the record is nested too deep
	seen   uint64 // where it may be other than ASCII, a high bit of a byte is among these
	days   lastDay
	unkept Value // where values go that no rule reads
}

// Decode reads one record into ev, whose strings then alias the record. It returns nil or a *Reject; after a Reject ev holds
// nothing to rely on. Everything that the event's type declares is validated, and what Needs names is kept; members that the
// type does not declare are only read over. Decoding a good record allocates nothing once ev has been used for a while.
func (d *Decoder) Decode(record []byte, ev *Event) error {
	if r := d.scan(record); r != nil {
		return r
	}
	if r := d.judge(ev); r != nil {
		return r
	}
	return nil
}

// scan reads the whole record, whatever its type, and notes what stands at each place.
func (d *Decoder) scan(record []byte) *Reject {
	if len(record) > MaxRecord {
		return TooLarge(len(record))
	}
	d.record, d.deep, d.seen = record, false, 0
	d.number++
	r := d.value()
	// What is other than ASCII stands in strings, or is wrong, but for names that were compared, which are text. No message is about what is
	// no text.
	if (r != nil || d.seen&highs != 0) && !utf8.Valid(record) {
		return reject(ReasonJSON, "no UTF-8 at byte %d", invalidAt(record))
	}
	return r
}

// value reads the record's object.
func (d *Decoder) value() *Reject {
	b := d.record
	i := skipSpace(b, 0)
	if i == len(b) {
		return reject(ReasonJSON, "the record is empty")
	}
	if b[i] != '{' {
		return d.noObject(i)
	}
	if i = d.object(i+1, d.root, 1); i < 0 {
		return d.malformed(^i)
	}
	if i = skipSpace(b, i); i < len(b) {
		return reject(ReasonJSON, "%s at byte %d, behind the object", found(b, i), i)
	}
	return nil
}

// object begins behind the brace, reads the members, and notes those that have a place in at.
func (d *Decoder) object(i int, at *place, depth int) int {
	b := d.record
	i = skipSpace(b, i)
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	guess := &at.first
	for {
		if i >= len(b) {
			return ^i
		}
		p := *guess
		if p != nil && len(b)-i >= p.spelling.least && p.spelling.begins(b, i) {
			if i += len(p.spelling.text); i < len(b) && b[i] <= ' ' {
				i = skipSpace(b, i)
			}
		} else if p, i = d.name(i, at); i < 0 {
			return i
		} else if p != nil {
			*guess = p
		}
		if p == nil {
			i = d.skipValue(i, depth)
		} else {
			i = d.note(i, p, depth)
			guess = &p.next
		}
		if i < 0 {
			return i
		}
		if i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		switch {
		case i >= len(b):
			return ^i
		case b[i] == '}':
			return i + 1
		case b[i] != ',':
			return ^i
		}
		if i++; i < len(b) && b[i] <= ' ' {
			i = skipSpace(b, i)
		}
	}
}

// name reads a member's name and the colon, and returns its place inside at, nil where it has none.
func (d *Decoder) name(i int, at *place) (*place, int) {
	b := d.record
	if b[i] != '"' {
		return nil, ^i
	}
	end, escaped, seen := skipString(b, i+1)
	if d.seen |= seen; end < 0 {
		return nil, end
	}
	return lookup(at, b[i+1:end], escaped), skipColon(b, end+1)
}

// lookup returns the place inside p of a name as the record spells it, or nil.
func lookup(p *place, raw []byte, escaped bool) *place {
	if !escaped {
		return p.children[string(raw)]
	}
	name, ok := appendUnescaped(nil, raw)
	if !ok {
		return nil
	}
	return p.children[string(name)]
}

// note reads the value that stands at p.
func (d *Decoder) note(i int, p *place, depth int) int {
	b := d.record
	if p.seen == d.number {
		p.forget()
	}
	p.seen, p.start, p.escaped = d.number, i, false
	if i >= len(b) {
		return ^i
	}
	switch p.form = formOf(b[i]); {
	case p.form == formString:
		var seen uint64
		i, p.escaped, seen = skipString(b, i+1)
		if d.seen |= seen; i >= 0 {
			i++
		}
	case p.form == formObject && p.children != nil:
		if depth == MaxDepth {
			return d.tooDeep(i)
		}
		i = d.object(i+1, p, depth+1)
	default:
		i = d.skipValue(i, depth)
	}
	p.end = i
	return i
}

// skipValue reads over a value inside an object or a list that is nested so deep.
func (d *Decoder) skipValue(i, depth int) int {
	b := d.record
	if i >= len(b) {
		return ^i
	}
	switch b[i] {
	case '"':
		end, _, seen := skipString(b, i+1)
		if d.seen |= seen; end < 0 {
			return end
		}
		return end + 1
	case '{':
		if depth == MaxDepth {
			return d.tooDeep(i)
		}
		return d.object(i+1, nowhere, depth+1)
	case '[':
		if depth == MaxDepth {
			return d.tooDeep(i)
		}
		return d.skipList(i+1, depth+1)
	case 't':
		return skipWord(b, i, "true")
	case 'f':
		return skipWord(b, i, "false")
	case 'n':
		return skipWord(b, i, "null")
	default:
		return skipNumber(b, i)
	}
}

// nowhere is a place without places inside. It is never written to.
var nowhere = &place{}

// skipList begins behind the bracket.
func (d *Decoder) skipList(i, depth int) int {
	b := d.record
	i = skipSpace(b, i)
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = d.skipValue(i, depth); i < 0 {
			return i
		}
		i = skipSpace(b, i)
		switch {
		case i >= len(b):
			return ^i
		case b[i] == ']':
			return i + 1
		case b[i] != ',':
			return ^i
		}
		i = skipSpace(b, i+1)
	}
}

func (d *Decoder) tooDeep(i int) int {
	d.deep = true
	return ^i
}

func (d *Decoder) malformed(i int) *Reject {
	if d.deep {
		return reject(ReasonDepth, "at byte %d", i)
	}
	if i >= len(d.record) {
		return reject(ReasonJSON, "the record is cut short, at byte %d", i)
	}
	return reject(ReasonJSON, "unexpected %s at byte %d", found(d.record, i), i)
}

// noObject rejects a record whose value is not an object, and says so only where it is JSON at all.
func (d *Decoder) noObject(i int) *Reject {
	end := d.skipValue(i, 0)
	if end < 0 {
		return d.malformed(^end)
	}
	return reject(ReasonJSON, "the record is %s, not an object", formOf(d.record[i]).article())
}

// found returns the character at i, for a message.
func found(b []byte, i int) string {
	r, _ := utf8.DecodeRune(b[i:])
	return fmt.Sprintf("%q", r)
}

// invalidAt returns where the first byte stands that is not UTF-8.
func invalidAt(b []byte) int {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(b)
}

// TooLarge is what becomes of a record of so many bytes, more than MaxRecord.
func TooLarge(size int) *Reject { return reject(ReasonSize, "%d bytes", size) }

func reject(reason Reason, format string, args ...any) *Reject {
	return &Reject{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
