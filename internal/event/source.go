package event

import (
	"fmt"
	"slices"
	"sort"

	"github.com/ruas/ruas/internal/suggest"
)

// Source says how the records of one source hold events.
type Source struct {
	// Name is the source's name, for messages.
	Name string
	// Type is the type of every record; empty where records name theirs.
	Type string
	// Fields says where something stands that does not stand under its own name at the top of the record: by "id", "type",
	// "customer_id", "time" or the name of a property, a path of names separated by dots ("payload.user.id"; "\." is a dot in a
	// name). What is mapped is looked for only there. A time that is mapped may also be a number, of milliseconds since the epoch.
	Fields map[string]string
}

// decodedProperty is how one property of a type is decoded.
type decodedProperty struct {
	*Property
	place *place
	keep  bool // some rule reads it
}

// decodedType is how the records of one type are decoded.
type decodedType struct {
	typ        *Type
	properties []decodedProperty
	width      int // of the values that are kept: one more than the last one's index
}

// NewDecoder returns a decoder of one source's records. It fails where the source names a type or a field that there is not, or
// maps to an impossible path, and where needs names what the schema does not declare.
func NewDecoder(s *Schema, src Source, needs Needs) (*Decoder, error) {
	d, err := newDecoder(s, src, needs)
	if err != nil {
		return nil, fmt.Errorf("source %q: %w", src.Name, err)
	}
	return d, nil
}

func newDecoder(s *Schema, src Source, needs Needs) (*Decoder, error) {
	types := s.Types
	if src.Type != "" {
		t := s.Type(src.Type)
		if t == nil {
			return nil, fmt.Errorf("no schema declares the type %q%s", src.Type, suggest.Hint(src.Type, typeNames(s.Types)))
		}
		if _, mapped := src.Fields[fieldType]; mapped {
			return nil, fmt.Errorf("the type is fixed to %q and mapped too", src.Type)
		}
		types = []*Type{t}
	}
	if err := checkFields(types, src.Fields); err != nil {
		return nil, err
	}
	if err := checkNeeds(s, needs); err != nil {
		return nil, err
	}
	d := &Decoder{root: &place{}, byName: make(map[string]*decodedType, len(types))}
	_, d.epochTime = src.Fields[fieldTime]
	if err := d.findFields(src); err != nil {
		return nil, err
	}
	for _, t := range types {
		dt, err := d.decodedType(t, src, needs[t.Name])
		if err != nil {
			return nil, err
		}
		d.byName[t.Name] = dt
		if src.Type != "" {
			d.fixed = dt
		}
	}
	return d, nil
}

func (d *Decoder) findFields(src Source) error {
	fields := []struct {
		name  string
		place **place
	}{{fieldID, &d.id}, {fieldCustomer, &d.customer}, {fieldTime, &d.time}, {fieldType, &d.typ}}
	for _, f := range fields {
		if f.name == fieldType && src.Type != "" {
			continue
		}
		var err error
		if *f.place, err = d.find(f.name, src); err != nil {
			return err
		}
	}
	return nil
}

func (d *Decoder) decodedType(t *Type, src Source, needs map[string]bool) (*decodedType, error) {
	dt := &decodedType{typ: t, properties: make([]decodedProperty, len(t.Properties))}
	for i := range t.Properties {
		p := &t.Properties[i]
		at, err := d.find(p.Name, src)
		if err != nil {
			return nil, err
		}
		dt.properties[i] = decodedProperty{Property: p, place: at, keep: needs[p.Name]}
		if needs[p.Name] {
			dt.width = i + 1
		}
	}
	return dt, nil
}

// find returns the place of a field or property.
func (d *Decoder) find(name string, src Source) (*place, error) {
	path, mapped := src.Fields[name]
	if !mapped {
		return d.root.child(name, name), nil
	}
	at, err := d.root.at(path)
	if err != nil {
		return nil, fmt.Errorf("fields: %s is mapped to %q: %w", name, path, err)
	}
	return at, nil
}

func typeNames(types []*Type) []string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name
	}
	return names
}

func checkFields(types []*Type, fields map[string]string) error {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		declared := func(t *Type) bool { return t.Property(name) != nil }
		if !slices.Contains(fieldNames, name) && !slices.ContainsFunc(types, declared) {
			known := slices.Clone(fieldNames)
			for _, t := range types {
				for _, p := range t.Properties {
					known = append(known, p.Name)
				}
			}
			return fmt.Errorf("fields: %q is neither id, type, customer_id, time nor a property of the source's types%s", name, suggest.Hint(name, known))
		}
	}
	return nil
}

func checkNeeds(s *Schema, needs Needs) error {
	for typeName, properties := range needs {
		t := s.Type(typeName)
		if t == nil {
			return fmt.Errorf("a rule reads the type %q, which no schema declares", typeName)
		}
		for name := range properties {
			if t.Property(name) == nil {
				return fmt.Errorf("a rule reads %s.%s, which no schema declares", typeName, name)
			}
		}
	}
	return nil
}
