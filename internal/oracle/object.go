package oracle

import (
	"fmt"
	"math"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// object is an event, the profile or the features, as a CEL value: a name is either there or missing.
type object struct {
	typ    *types.Type
	fields map[string]ref.Val
}

// Field makes it a rule.Object.
func (o *object) Field(name string) (ref.Val, bool) {
	v, ok := o.fields[name]
	return v, ok
}

func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("internal error: %s as %s", o.typ, t)
}

func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.TypeType {
		return o.typ
	}
	return types.NewErr("internal error: %s as %s", o.typ, t)
}

// Equal: an event equals itself alone.
func (o *object) Equal(other ref.Val) ref.Val { return types.Bool(ref.Val(o) == other) }

func (o *object) Type() ref.Type { return o.typ }

func (o *object) Value() any { return o }

func double(bits uint64) float64 { return math.Float64frombits(bits) }
