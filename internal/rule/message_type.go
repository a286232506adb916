package rule

import (
	"strings"

	"cel.dev/cel-go/common/types"
)

// aType names a type for people, with its article.
func aType(t *types.Type) string {
	if t == nil {
		return "a value"
	}
	switch t.Kind() {
	case types.IntKind:
		return "an int"
	case types.TimestampKind:
		return "a moment"
	case types.NullTypeKind:
		return "null"
	case types.ErrorKind, types.DynKind, types.TypeParamKind, types.AnyKind:
		return "a value of any type"
	case types.ListKind:
		return "a list of " + plural(t.Parameters()[0])
	case types.MapKind:
		return "a map from " + bareType(t.Parameters()[0]) + " to " + bareType(t.Parameters()[1])
	case types.TypeKind:
		return "the name of a type"
	case types.StructKind:
		switch t.TypeName() {
		case profileType:
			return "the profile as a whole"
		case featureType:
			return "all features together"
		}
		name := bareType(t)
		if strings.ContainsAny(name[:1], "aeiou") {
			return "an " + name
		}
	default:
	}
	return "a " + bareType(t)
}

func bareType(t *types.Type) string {
	switch t.Kind() {
	case types.TimestampKind:
		return "moment"
	case types.DurationKind:
		return "duration"
	case types.ErrorKind, types.DynKind, types.TypeParamKind, types.AnyKind:
		return "value of any type"
	case types.ListKind:
		return "list of " + plural(t.Parameters()[0])
	case types.StructKind:
		if name, ok := EventType(t); ok {
			if name == VarEvents {
				return "event"
			}
			return name + " event"
		}
	default:
	}
	return t.String()
}

func plural(t *types.Type) string {
	switch t.Kind() {
	case types.ListKind:
		return "lists of " + plural(t.Parameters()[0])
	case types.MapKind:
		return "maps"
	case types.ErrorKind, types.DynKind, types.TypeParamKind, types.AnyKind:
		return "values of any type"
	default:
		return bareType(t) + "s"
	}
}

func isNumber(t *types.Type) bool {
	return t.Kind() == types.IntKind || t.Kind() == types.DoubleKind || t.Kind() == types.UintKind
}

// isOpen tells whether a type says nothing, because something it rests on has a mistake of its own.
func isOpen(t *types.Type) bool {
	switch t.Kind() {
	case types.ErrorKind, types.DynKind, types.TypeParamKind, types.AnyKind:
		return true
	case types.ListKind, types.MapKind:
		for _, p := range t.Parameters() {
			if isOpen(p) {
				return true
			}
		}
	default:
	}
	return false
}
