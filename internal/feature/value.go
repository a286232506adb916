// Package feature owns what is kept of a customer's history and how it is computed: series of events in windows, running
// totals of all that left them, exact decimal sums and the calendar. Every moment is an argument, in milliseconds since the
// epoch. It knows no rules, no files, no wall clock.
package feature

import "math"

// Kind tells what a Val holds.
type Kind uint8

// The kinds of a Val. None is the zero value.
const (
	None   Kind = iota // no value: missing, or an error
	Bool               // N is 0 or 1
	Int                // N is an int64
	Double             // N is math.Float64bits
	Moment             // N is an int64, milliseconds since the epoch
	String             // S
	Row                // one event of a list: N is where it is kept
	Object             // R: any other value of the rule language
)

// Val is one value on its way through a rule. The zero Val is None: CEL's error, absorbed or passed on by CEL's own rules.
type Val struct {
	K Kind
	N uint64
	S string
	R any
}

// OfBool returns a boolean.
func OfBool(b bool) Val {
	if b {
		return Val{K: Bool, N: 1}
	}
	return Val{K: Bool}
}

// OfInt returns an integer.
func OfInt(i int64) Val { return Val{K: Int, N: uint64(i)} }

// OfDouble returns a double.
func OfDouble(f float64) Val { return Val{K: Double, N: math.Float64bits(f)} }

// OfMoment returns a moment, in milliseconds since the epoch.
func OfMoment(ms int64) Val { return Val{K: Moment, N: uint64(ms)} }

// OfString returns a string.
func OfString(s string) Val { return Val{K: String, S: s} }

// OfObject returns any other value.
func OfObject(r any) Val { return Val{K: Object, R: r} }

// Int returns the value of an Int or a Moment.
func (v Val) Int() int64 { return int64(v.N) }

// Float returns the value of a Double.
func (v Val) Float() float64 { return math.Float64frombits(v.N) }

// True tells whether v is the Bool true.
func (v Val) True() bool { return v.K == Bool && v.N == 1 }

// False tells whether v is the Bool false.
func (v Val) False() bool { return v.K == Bool && v.N == 0 }

// Key returns the value as a key: there is one zero, whatever its sign.
func (v Val) Key() Val {
	if v.K == Double && v.Float() == 0 {
		v.N = 0
	}
	return v
}
