package rule

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/event"
)

const (
	objectPrefix = "ruas."
	eventsType   = objectPrefix + VarEvents
	profileType  = objectPrefix + VarProfile
	featureType  = objectPrefix + VarFeature
)

// Fields that every event has, beside its type's properties.
const (
	FieldID   = "id"
	FieldType = "type"
	FieldTime = "time"
)

// Object is what the value of an object type (an event, the profile, the features) must offer to a stock CEL program.
type Object interface {
	// Field is the value of a declared field; false where it is missing.
	Field(name string) (ref.Val, bool)
}

// EventType is the name of the event type whose objects t describes: a schema's type, or "events" for objects of any type.
// False where t is no event's type.
func EventType(t *types.Type) (string, bool) {
	if t.Kind() != types.StructKind || !strings.HasPrefix(t.TypeName(), objectPrefix) {
		return "", false
	}
	switch t.TypeName() {
	case profileType, featureType:
		return "", false
	}
	return strings.TrimPrefix(t.TypeName(), objectPrefix), true
}

// ListEventType is EventType of the elements of a list type.
func ListEventType(t *types.Type) (string, bool) {
	if t.Kind() != types.ListKind {
		return "", false
	}
	return EventType(t.Parameters()[0])
}

// provider knows the object types of a schema, and passes everything else on to the standard registry.
type provider struct {
	types.Provider
	objects  map[string]map[string]*types.Type // by type name, then by field
	features map[string]*types.Type
}

func newProvider(base types.Provider, schema *event.Schema) *provider {
	p := &provider{Provider: base, objects: map[string]map[string]*types.Type{}, features: map[string]*types.Type{}}
	for _, t := range schema.Types {
		fields := make(map[string]*types.Type, len(t.Properties)+3)
		for i := range t.Properties {
			fields[t.Properties[i].Name] = KindType(t.Properties[i].Kind)
		}
		if t.Name != VarProfile {
			addEventFields(fields)
		}
		p.objects[objectPrefix+t.Name] = fields
	}
	p.objects[eventsType] = map[string]*types.Type{}
	addEventFields(p.objects[eventsType])
	if p.objects[profileType] == nil {
		p.objects[profileType] = map[string]*types.Type{}
	}
	p.objects[featureType] = p.features
	return p
}

func addEventFields(fields map[string]*types.Type) {
	fields[FieldID], fields[FieldType], fields[FieldTime] = cel.StringType, cel.StringType, cel.TimestampType
}

// KindType is the CEL type of a property.
func KindType(k event.Kind) *types.Type {
	switch k {
	case event.Int:
		return cel.IntType
	case event.Double:
		return cel.DoubleType
	case event.Bool:
		return cel.BoolType
	case event.Moment:
		return cel.TimestampType
	case event.Strings:
		return cel.ListType(cel.StringType)
	default: // String, Date
		return cel.StringType
	}
}

// FindStructType knows an object type by its name.
func (p *provider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.objects[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

// FindStructFieldNames lists an object type's fields in order of name.
func (p *provider) FindStructFieldNames(name string) ([]string, bool) {
	fields, ok := p.objects[name]
	if !ok {
		return p.Provider.FindStructFieldNames(name)
	}
	names := make([]string, 0, len(fields))
	for f := range fields {
		names = append(names, f)
	}
	slices.Sort(names)
	return names, true
}

// FindStructFieldType types a field, and reads it at run time from an Object. A missing field is an error when read.
func (p *provider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	fields, ok := p.objects[name]
	if !ok {
		return p.Provider.FindStructFieldType(name, field)
	}
	t, ok := fields[field]
	if !ok {
		return nil, false
	}
	return &types.FieldType{
		Type: t,
		IsSet: func(target any) bool {
			o, ok := target.(Object)
			if !ok {
				return false
			}
			_, ok = o.Field(field)
			return ok
		},
		GetFrom: func(target any) (any, error) {
			o, ok := target.(Object)
			if !ok {
				return nil, fmt.Errorf("internal error: %T is no object of %s", target, name)
			}
			v, ok := o.Field(field)
			if !ok {
				return nil, fmt.Errorf("no such key: %s", field)
			}
			return v, nil
		},
	}, true
}

// NewValue refuses to make an object: events come from the history alone.
func (p *provider) NewValue(name string, fields map[string]ref.Val) ref.Val {
	if _, ok := p.objects[name]; ok {
		return types.NewErr("objects of %s cannot be made in an expression", name)
	}
	return p.Provider.NewValue(name, fields)
}
