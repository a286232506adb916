package plan

import (
	"slices"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
)

// node is a compiled expression.
type node struct {
	typ *types.Type
	// eval gives the value at f.now; None is CEL's error.
	eval func(f *Frame) feature.Val
	// next gives a moment after f.now, not later than the next at which time alone changes the value. nil: never.
	next func(f *Frame) int64
	// safe: the value is never an error.
	safe bool
	// constant: the value never changes.
	constant bool
	// missing is the one property without which eval errs, where there is no other reason to err.
	missing string
	// property is set where the value is that of a property of the event that is being taken in.
	property *event.Property
	// guard is what the value is not true without. Of a number: what it is not 1 or more without, nor k or more without k of it.
	guard *guard
	// rising is the slots of series of which more events keep the value true, and for at least as long; of a number, no smaller.
	rising []int
	// both are the sides of && or ||.
	both []*node
	// choice is set where the value is true only for some texts of a property.
	choice *choice
	// rows: the value is a row of one of these series.
	rows []*series
	// window is set where the value is a number of events that only time lowers: see countNode.
	window *countWindow
	total  *totalWindow
	// flip is set where the value is a number of days: a moment after f.now, not later than the next at which the value's
	// relation to k changes by time alone.
	flip func(f *Frame, k int64) int64

	// Of operands, for customers of whom something is unknown: how to judge them, or else all that they look at.
	judged *judged
	reads  *reads
	// hint gives the value where what is known is enough for it, though not all is; nil: it never is.
	hint func(f *Frame) (v feature.Val, known bool)
	// grows: the value is a number of events that is no smaller where more events are known.
	grows bool
}

// steady tells that an event more in the series of a slot does not make the value false that is true, nor sooner by time alone.
func (n *node) steady(slot int) bool {
	switch {
	case n.both != nil:
		return n.both[0].steady(slot) && n.both[1].steady(slot)
	case slices.Contains(n.rising, slot):
		return true
	}
	return !n.looksAt(slot)
}

// looksAt tells whether the value may be another one for an event more in the series of a slot.
func (n *node) looksAt(slot int) bool {
	if n.both != nil {
		return n.both[0].looksAt(slot) || n.both[1].looksAt(slot)
	}
	return n.reads == nil || n.reads.uses.series[slot]
}

func (n *node) nextChange(f *Frame) int64 {
	if n.next == nil {
		return feature.Forever
	}
	return n.next(f)
}

// earliest returns the next of several nodes; nil where none ever changes by time.
func earliest(nodes ...*node) func(f *Frame) int64 {
	var with []*node
	for _, n := range nodes {
		if n != nil && n.next != nil {
			with = append(with, n)
		}
	}
	switch len(with) {
	case 0:
		return nil
	case 1:
		return with[0].next
	}
	return func(f *Frame) int64 {
		next := int64(feature.Forever)
		for _, n := range with {
			next = min(next, n.next(f))
		}
		return next
	}
}

func constant(v feature.Val, t *types.Type) node {
	return node{typ: t, safe: true, constant: true, eval: func(*Frame) feature.Val { return v }}
}

// refOf gives a value to a stock CEL function.
func refOf(v feature.Val) ref.Val {
	switch v.K {
	case feature.Bool:
		return types.Bool(v.N == 1)
	case feature.Int:
		return types.Int(v.Int())
	case feature.Double:
		return types.Double(v.Float())
	case feature.String:
		return types.String(v.S)
	case feature.Moment:
		return types.Timestamp{Time: time.UnixMilli(v.Int()).UTC()}
	case feature.Object:
		switch o := v.R.(type) {
		case ref.Val:
			return o
		case []string:
			return types.NewStringList(types.DefaultTypeAdapter, o)
		}
	}
	return types.NewErr("no value")
}

// valOf takes a value from a stock CEL function.
func valOf(r ref.Val) feature.Val {
	switch v := r.(type) {
	case types.Bool:
		return feature.OfBool(bool(v))
	case types.Int:
		return feature.OfInt(int64(v))
	case types.Double:
		return feature.OfDouble(float64(v))
	case types.String:
		return feature.OfString(string(v))
	case types.Timestamp:
		if v.Nanosecond()%int(time.Millisecond) == 0 {
			return feature.OfMoment(v.UnixMilli())
		}
	case *types.Err, *types.Unknown:
		return feature.Val{}
	}
	if types.IsUnknownOrError(r) {
		return feature.Val{}
	}
	return feature.OfObject(r)
}
