package oracle

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ruas/ruas/internal/rule"
)

// bind gives every function of the rules its meaning. zero is the overload's result for a sum of nothing.
func bind(env *cel.Env) (*cel.Env, error) {
	impl := map[string]func(zero ref.Val, args []ref.Val) ref.Val{
		rule.FnLast: func(_ ref.Val, a []ref.Val) ref.Val {
			now, d := millis(a[2]), integer(a[1])
			return keep(a[0], func(e ref.Val) bool { return now-d < timeOf(e) && timeOf(e) <= now })
		},
		rule.FnBefore: func(_ ref.Val, a []ref.Val) ref.Val {
			now, d := millis(a[2]), integer(a[1])
			return keep(a[0], func(e ref.Val) bool { return timeOf(e) <= now-d })
		},
		rule.FnBetween: func(_ ref.Val, a []ref.Val) ref.Val {
			now, d1, d2 := millis(a[3]), integer(a[1]), integer(a[2])
			return keep(a[0], func(e ref.Val) bool { return now-d2 < timeOf(e) && timeOf(e) <= now-d1 })
		},
		rule.FnAfter: func(_ ref.Val, a []ref.Val) ref.Val {
			other := elements(a[1])
			if len(other) == 0 {
				return a[0]
			}
			newest := timeOf(other[len(other)-1])
			return keep(a[0], func(e ref.Val) bool { return timeOf(e) > newest })
		},
		rule.FnFollowedBy: func(_ ref.Val, a []ref.Val) ref.Val {
			return keep(a[0], func(e ref.Val) bool { return followed(e, a) })
		},
		rule.FnNotFollowedBy: func(_ ref.Val, a []ref.Val) ref.Val {
			now, d := millis(a[4]), integer(a[2])
			return keep(a[0], func(e ref.Val) bool { return timeOf(e)+d <= now && !followed(e, a) })
		},
		rule.FnNotYetFollowedBy: func(_ ref.Val, a []ref.Val) ref.Val {
			return keep(a[0], func(e ref.Val) bool { return !followed(e, a) })
		},
		rule.FnSum:      func(zero ref.Val, a []ref.Val) ref.Val { return sum(elements(a[0]), zero) },
		rule.FnAvg:      func(_ ref.Val, a []ref.Val) ref.Val { return avg(elements(a[0])) },
		rule.FnMin:      func(_ ref.Val, a []ref.Val) ref.Val { return extreme(elements(a[0]), types.IntNegOne) },
		rule.FnMax:      func(_ ref.Val, a []ref.Val) ref.Val { return extreme(elements(a[0]), types.IntOne) },
		rule.FnDistinct: func(_ ref.Val, a []ref.Val) ref.Val { return list(distinct(elements(a[0]))) },
		rule.FnCountBy: func(_ ref.Val, a []ref.Val) ref.Val {
			return by(elements(a[0]), func(same []int) ref.Val { return types.Int(len(same)) })
		},
		rule.FnSumBy: func(zero ref.Val, a []ref.Val) ref.Val {
			values := elements(a[1])
			return by(elements(a[0]), func(same []int) ref.Val {
				var of []ref.Val
				for _, i := range same {
					of = append(of, values[i])
				}
				return sum(of, zero)
			})
		},
		rule.FnFirst: func(_ ref.Val, a []ref.Val) ref.Val {
			if l := elements(a[0]); len(l) > 0 {
				return l[0]
			}
			return types.NewErr("first of an empty list")
		},
		rule.FnNewest: func(_ ref.Val, a []ref.Val) ref.Val {
			if l := elements(a[0]); len(l) > 0 {
				return l[len(l)-1]
			}
			return types.NewErr("newest of an empty list")
		},
		rule.FnNewestN: func(_ ref.Val, a []ref.Val) ref.Val {
			l := elements(a[0])
			return list(l[max(0, len(l)-int(integer(a[1]))):])
		},
		rule.FnAgo: func(_ ref.Val, a []ref.Val) ref.Val { return timestamp(millis(a[1]) - integer(a[0])) },
		rule.FnDay: func(_ ref.Val, a []ref.Val) ref.Val { return types.String(day(a[0], a[1]).Format(time.DateOnly)) },
		rule.FnDaysSince: func(_ ref.Val, a []ref.Val) ref.Val {
			return types.Int(daysBetween(day(a[0], a[2]), day(a[1], a[2])))
		},
		rule.FnDaysUntil: func(_ ref.Val, a []ref.Val) ref.Val {
			date, err := time.Parse(time.DateOnly, string(a[0].(types.String)))
			if err != nil {
				return types.NewErr("no date: %v", a[0])
			}
			return types.Int(daysUntil(date, day(a[1], a[2])))
		},
		rule.FnAge: func(_ ref.Val, a []ref.Val) ref.Val {
			date, err := time.Parse(time.DateOnly, string(a[0].(types.String)))
			if err != nil {
				return types.NewErr("no date: %v", a[0])
			}
			return types.Int(age(date, day(a[1], a[2])))
		},
		rule.FnInSegment: func(_ ref.Val, a []ref.Val) ref.Val {
			in, found := a[0].(traits.Mapper).Find(a[1])
			return types.Bool(found && in == types.True)
		},
	}
	var opts []cel.EnvOption
	for name, f := range impl {
		decl, ok := env.Functions()[name]
		if !ok {
			return nil, fmt.Errorf("%s is not declared", name)
		}
		for _, o := range decl.OverloadDecls() {
			result := o.ResultType()
			if result.Kind() == types.MapKind {
				result = result.Parameters()[1]
			}
			var zero ref.Val = types.IntZero
			if result.Kind() == types.DoubleKind {
				zero = types.Double(0)
			}
			call := func(args ...ref.Val) ref.Val { return f(zero, args) }
			binding := cel.FunctionBinding(call)
			switch len(o.ArgTypes()) {
			case 1:
				binding = cel.UnaryBinding(func(a ref.Val) ref.Val { return call(a) })
			case 2:
				binding = cel.BinaryBinding(func(a, b ref.Val) ref.Val { return call(a, b) })
			}
			opts = append(opts, cel.Function(name, cel.Overload(o.ID(), o.ArgTypes(), o.ResultType(), binding)))
		}
	}
	return env.Extend(opts...)
}

func elements(l ref.Val) []ref.Val {
	var out []ref.Val
	for it := l.(traits.Lister).Iterator(); it.HasNext() == types.True; {
		out = append(out, it.Next())
	}
	return out
}

func list(l []ref.Val) ref.Val {
	return types.NewRefValList(types.DefaultTypeAdapter, append([]ref.Val{}, l...))
}

func keep(l ref.Val, want func(ref.Val) bool) ref.Val {
	var out []ref.Val
	for _, e := range elements(l) {
		if want(e) {
			out = append(out, e)
		}
	}
	return list(out)
}

func integer(v ref.Val) int64 { return int64(v.(types.Int)) }

func millis(v ref.Val) int64 { return v.(types.Timestamp).UnixMilli() }

func timeOf(e ref.Val) int64 { return millis(e.(*object).fields[rule.FieldTime]) }

// followed: some f of the other list comes later than e, by d at most, and shares the field where one is named.
func followed(e ref.Val, args []ref.Val) bool {
	d, field := integer(args[2]), string(args[3].(types.String))
	for _, f := range elements(args[1]) {
		later := timeOf(e) < timeOf(f)
		if inTime := timeOf(f) <= timeOf(e)+d; !later || !inTime {
			continue
		}
		if field == "" {
			return true
		}
		x, ok1 := e.(*object).fields[field]
		y, ok2 := f.(*object).fields[field]
		if ok1 && ok2 && x.Equal(y) == types.True {
			return true
		}
	}
	return false
}

// total adds exactly: each double counts with its shortest decimal text. False where a value is not finite.
func total(values []ref.Val) (*big.Rat, bool) {
	t := new(big.Rat)
	for _, v := range values {
		x := new(big.Rat)
		switch n := v.(type) {
		case types.Int:
			x.SetInt64(int64(n))
		case types.Double:
			if math.IsNaN(float64(n)) || math.IsInf(float64(n), 0) {
				return nil, false
			}
			x.SetString(strconv.FormatFloat(float64(n), 'g', -1, 64))
		default:
			panic(fmt.Sprintf("a sum of %T", v))
		}
		t.Add(t, x)
	}
	return t, true
}

func sum(values []ref.Val, zero ref.Val) ref.Val {
	t, ok := total(values)
	if !ok {
		return types.NewErr("a sum of what is not finite")
	}
	if zero == types.IntZero {
		if !t.Num().IsInt64() {
			return types.NewErr("a sum past 64 bits")
		}
		return types.Int(t.Num().Int64())
	}
	f, _ := t.Float64()
	return types.Double(f)
}

func avg(values []ref.Val) ref.Val {
	if len(values) == 0 {
		return types.NewErr("avg of nothing")
	}
	t, ok := total(values)
	if !ok {
		return types.NewErr("avg of what is not finite")
	}
	f, _ := t.Quo(t, new(big.Rat).SetInt64(int64(len(values)))).Float64()
	return types.Double(f)
}

// extreme is the least value for the sign -1, the greatest for 1.
func extreme(values []ref.Val, sign types.Int) ref.Val {
	if len(values) == 0 {
		return types.NewErr("min or max of nothing")
	}
	best := values[0]
	for _, v := range values {
		if f, ok := v.(types.Double); ok && math.IsNaN(float64(f)) {
			return types.NewErr("min or max of what is no number")
		}
		if v.(traits.Comparer).Compare(best) == sign {
			best = v
		}
	}
	return best
}

func distinct(values []ref.Val) []ref.Val {
	var out []ref.Val
next:
	for _, v := range values {
		for _, seen := range out {
			if v.Equal(seen) == types.True {
				continue next
			}
		}
		out = append(out, v)
	}
	return out
}

// by maps each different key to what of makes of the places at which it stands.
func by(keys []ref.Val, of func(same []int) ref.Val) ref.Val {
	m := map[ref.Val]ref.Val{}
	for _, k := range distinct(keys) {
		var same []int
		for i, other := range keys {
			if k.Equal(other) == types.True {
				same = append(same, i)
			}
		}
		v := of(same)
		if types.IsError(v) {
			return v
		}
		m[k] = v
	}
	return types.DefaultTypeAdapter.NativeToValue(m)
}
