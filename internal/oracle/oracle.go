// Package oracle is the second, dumb version of the whole engine: stock CEL programs over a customer's whole history, with every function
// of the rules written as plainly as the contract says it, evaluated again and again at every moment that could matter. It is slow and
// keeps everything. Tests compare the engine with it; nothing else may import it, and it must know neither the engine, nor plans, nor
// features.
package oracle

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

// Oracle holds the programs of a set of rules.
type Oracle struct {
	set      *rule.Set
	features []program
	segments []segment
}

type program struct {
	name string
	cel  cel.Program
}

type segment struct {
	*rule.Segment
	when, until cel.Program // until may be nil
}

// New makes stock CEL programs of a set's checked expressions.
func New(set *rule.Set) (*Oracle, error) {
	env, err := rule.NewEnv(set.Schema)
	if err != nil {
		return nil, err
	}
	for _, f := range set.Features {
		if err := env.AddFeature(f.Name, f.Type); err != nil {
			return nil, err
		}
	}
	bound, err := bind(env.CEL())
	if err != nil {
		return nil, fmt.Errorf("binding the functions of rules: %w", err)
	}
	o := &Oracle{set: set}
	for _, f := range set.Features {
		p, err := bound.PlanProgram(f.Expr.AST)
		if err != nil {
			return nil, fmt.Errorf("planning feature %s: %w", f.Name, err)
		}
		o.features = append(o.features, program{name: f.Name, cel: p})
	}
	for _, s := range set.Segments {
		seg := segment{Segment: s}
		if seg.when, err = bound.PlanProgram(s.When.AST); err != nil {
			return nil, fmt.Errorf("planning segment %s: %w", s.Name, err)
		}
		if s.Until != nil {
			if seg.until, err = bound.PlanProgram(s.Until.AST); err != nil {
				return nil, fmt.Errorf("planning until of segment %s: %w", s.Name, err)
			}
		}
		o.segments = append(o.segments, seg)
	}
	return o, nil
}

// A Moment is one evaluation of one customer.
type Moment struct {
	oracle *Oracle
	vars   map[string]any
}

// At binds a history's events up to now, the zone in force then, and the memberships as they stand: a map by the segment's name that the
// caller may go on changing.
func (o *Oracle) At(h *History, now int64, zone string, members map[string]bool) *Moment {
	vars := maps.Clone(h.variables(o.set.Schema, now))
	vars[rule.VarNow] = timestamp(now)
	vars[rule.HiddenNow] = timestamp(now)
	vars[rule.HiddenZone] = types.String(h.zone(now, zone))
	vars[rule.HiddenSegments] = members
	return &Moment{oracle: o, vars: vars}
}

// Features evaluates every feature, in the set's order, with the memberships as they stand. One that errs is left out.
func (m *Moment) Features() (map[string]ref.Val, error) {
	values := map[string]ref.Val{}
	m.vars[rule.VarFeature] = &object{typ: types.NewObjectType("ruas.feature"), fields: values}
	for _, f := range m.oracle.features {
		v, err := m.eval(f.cel)
		if err != nil {
			return nil, fmt.Errorf("feature %s: %w", f.name, err)
		}
		if v != nil {
			values[f.name] = v
		}
	}
	return values, nil
}

// holds tells whether a condition is true. An error of the expression counts as false.
func (m *Moment) holds(p cel.Program) (bool, error) {
	v, err := m.eval(p)
	return v == types.True, err
}

// eval is the value of a program, nil where it errs as expressions may. A panic inside of cel-go or of a binding is an error of eval.
func (m *Moment) eval(p cel.Program) (ref.Val, error) {
	v, _, err := p.Eval(m.vars)
	if err == nil && types.IsError(v) {
		err = v.(*types.Err)
	}
	switch {
	case err == nil && types.IsUnknown(v):
		return nil, errors.New("an unknown value")
	case err == nil:
		return v, nil
	case strings.Contains(err.Error(), "internal error"), strings.Contains(err.Error(), "no such overload"):
		return nil, err
	}
	return nil, nil
}

// Eval is the value of one feature at a moment with no memberships; nil where it errs.
func (o *Oracle) Eval(feature string, h *History, now int64, zone string) (ref.Val, error) {
	values, err := o.At(h, now, zone, map[string]bool{}).Features()
	return values[feature], err
}

// Evaluate decides every segment once, in dependency order, and updates the memberships. A condition sees the memberships that the
// segments before it came to at this moment, directly and in features; what a flip includes is read when all segments are decided.
func (o *Oracle) Evaluate(h *History, now int64, zone string, members map[string]bool) (flipped []Flip, err error) {
	m := o.At(h, now, zone, members)
	values, err := m.Features()
	if err != nil {
		return nil, err
	}
	for _, s := range o.segments {
		when, err := m.holds(s.when)
		if err != nil {
			return nil, fmt.Errorf("segment %s: %w", s.Name, err)
		}
		until := false
		if s.until != nil {
			if until, err = m.holds(s.until); err != nil {
				return nil, fmt.Errorf("until of segment %s: %w", s.Name, err)
			}
		}
		in := members[s.Name]
		switch {
		case !in && when && !until:
		case in && s.until == nil && !when, in && until:
		default:
			continue
		}
		members[s.Name] = !in
		flipped = append(flipped, Flip{Segment: s.Segment, Join: !in})
		if values, err = m.Features(); err != nil {
			return nil, err
		}
	}
	for i := range flipped {
		for _, name := range flipped[i].Segment.Include {
			if v, ok := values[name]; ok {
				if flipped[i].Features == nil {
					flipped[i].Features = map[string]ref.Val{}
				}
				flipped[i].Features[name] = v
			}
		}
	}
	return flipped, nil
}

// Flip is one change of membership, with the features that the segment includes, those that err left out.
type Flip struct {
	Segment  *rule.Segment
	Join     bool
	Features map[string]ref.Val
}

func timestamp(ms int64) types.Timestamp { return types.Timestamp{Time: time.UnixMilli(ms).UTC()} }

// valueOf is a property as CEL sees it; false where it is missing.
func valueOf(v event.Value) (ref.Val, bool) {
	switch v.Kind {
	case event.String, event.Date:
		return types.String(v.Str), true
	case event.Int:
		return types.Int(v.Num), true
	case event.Double:
		return types.Double(double(v.Num)), true
	case event.Bool:
		return types.Bool(v.Num != 0), true
	case event.Moment:
		return timestamp(int64(v.Num)), true
	case event.Strings:
		return types.DefaultTypeAdapter.NativeToValue(append([]string{}, v.List()...)), true
	default: // Missing, Null
		return nil, false
	}
}
