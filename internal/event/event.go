// Package event owns what an event is: the types and attributes that schemas declare, the decoding of one record into one
// event, and every reason for which a record is refused. It reads schema files, does no other IO, and knows neither rules nor Kafka.
package event

import "strings"

// Kind is the type of a property or an attribute.
type Kind uint8

// The kinds. Missing is the zero value: the property is not there.
const (
	Missing Kind = iota
	// Null is an explicit JSON null; only a profile update keeps it, where it removes the attribute.
	Null
	String
	Int
	Double
	Bool
	// Moment is an RFC 3339 time with zone, as milliseconds since the epoch.
	Moment
	// Date is a calendar date as "2006-01-02".
	Date
	// Strings is a list of strings.
	Strings
)

// Value is the value of one property. The zero Value is Missing.
//
// Str and the elements of List may alias the record that was decoded, and List the Event: whoever keeps them longer clones them.
type Value struct {
	Kind Kind
	// Num holds an Int (as int64), a Moment (milliseconds, as int64), a Bool (0 or 1) or a Double (math.Float64bits).
	Num uint64
	// Str holds a String or a Date.
	Str string
	// list holds Strings, which few values are: nil for an empty list too.
	list *[]string
}

// List returns Strings; nil for an empty list too.
func (v *Value) List() []string {
	if v.list == nil {
		return nil
	}
	return *v.list
}

// SetList makes v hold Strings, which it does not copy.
func (v *Value) SetList(list []string) {
	*v = Value{Kind: Strings}
	if len(list) > 0 {
		v.list = &list
	}
}

// Property is a declared property of an event type, or an attribute of the profile.
type Property struct {
	Name        string
	Kind        Kind
	Required    bool
	Enum        []string // the values allowed; nil: any
	Description string
	// Index is the property's place in its type's Properties and in an Event's Props.
	Index int
}

// Type is an event type. The type named "profile" holds the attributes of a customer.
type Type struct {
	Name        string
	Description string
	Properties  []Property
	// Index is the type's place in Schema.Types.
	Index int
}

// Event is one decoded event. It holds as long as its record is not changed and nothing else is decoded into it: whoever keeps
// one longer, clones it.
type Event struct {
	Type     *Type
	ID       string
	Customer string
	// Time is the event time in milliseconds since the epoch.
	Time int64
	// Props holds the values by Property.Index, up to the last one that the decoder's Needs name for the type. Only those are filled; all
	// others are Missing.
	Props []Value

	made *made // nil for most
}

// made is what of an event does not stand in its record: unescaped text, and lists with their elements.
type made struct {
	text     []byte
	elements []string
	lists    [][]string
}

// Release empties e, so that it holds on to no record; what it has room for in Props it keeps.
func (e *Event) Release() {
	clear(e.Props)
	*e = Event{Props: e.Props[:0]}
}

// more is what is made for e, where there is nothing yet too.
func (e *Event) more() *made {
	if e.made == nil {
		e.made = new(made)
	}
	return e.made
}

// Fetch reads from the memory that is looked at first when e is applied, for those who know some events ahead whose turn it will be: by
// then the processor has it at hand. What it returns means nothing.
func (e *Event) Fetch() (x uint64) {
	if n := len(e.Props); n > 0 {
		x = e.Props[n-1].Num
	}
	if e.ID != "" {
		x += uint64(e.ID[0])
	}
	return x
}

// Clone returns a copy that shares nothing with the record, the decoder or e; only the Type is the same.
func (e *Event) Clone() *Event {
	c := &Event{
		Type:     e.Type,
		ID:       strings.Clone(e.ID),
		Customer: strings.Clone(e.Customer),
		Time:     e.Time,
		Props:    make([]Value, len(e.Props)),
	}
	for i, v := range e.Props {
		v.Str = strings.Clone(v.Str)
		if v.list != nil {
			list := make([]string, len(*v.list))
			for j, s := range *v.list {
				list[j] = strings.Clone(s)
			}
			v.list = &list
		}
		c.Props[i] = v
	}
	return c
}

// Needs names the properties that some rule reads: by type name, the set of property names. A property that is not needed is
// validated, not kept.
type Needs map[string]map[string]bool

// With returns Needs that name what n or more names.
func (n Needs) With(more Needs) Needs {
	all := make(Needs, len(n))
	for _, part := range []Needs{n, more} {
		for typ, properties := range part {
			if all[typ] == nil {
				all[typ] = make(map[string]bool, len(properties))
			}
			for name, needed := range properties {
				all[typ][name] = all[typ][name] || needed
			}
		}
	}
	return all
}
