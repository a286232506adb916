package plan

import (
	"math"

	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"

	"github.com/ruas/ruas/internal/feature"
)

// relation is how two values may stand to each other, a bit each. Compared with NaN, no bit is set. An operator is the set of
// relations that fulfil it.
type relation uint8

const (
	less relation = 1 << iota
	equal
	greater
)

// relations of the operators that compare.
var relations = map[string]relation{
	operators.Less: less, operators.LessEquals: less | equal,
	operators.Greater: greater, operators.GreaterEquals: greater | equal,
	operators.Equals: equal, operators.NotEquals: less | greater,
}

// String writes the operator of these relations.
func (r relation) String() string {
	switch r {
	case less:
		return "<"
	case less | equal:
		return "<="
	case greater:
		return ">"
	case greater | equal:
		return ">="
	case equal:
		return "=="
	}
	return "!="
}

// mirrored is the operator for exchanged sides.
func (r relation) mirrored() relation {
	return r&equal | r&less<<2 | r&greater>>2
}

// upwards tells that what is greater than a value that fulfils the operator fulfils it too.
func (r relation) upwards() bool { return r == greater || r == greater|equal }

// opposite is the operator that holds where r does not, for values that have an order.
func (r relation) opposite() relation { return r ^ (less | equal | greater) }

// order compares as CEL does; ok is false where that is an error.
func order(x, y feature.Val) (r relation, ok bool) {
	switch {
	case x.K == feature.Double && y.K == feature.Double:
		return orderOf(x.Float(), y.Float()), true
	case x.K == y.K && (x.K == feature.Int || x.K == feature.Moment):
		return orderOf(x.Int(), y.Int()), true
	case x.K == feature.None || y.K == feature.None:
		return 0, false
	case isNaN(x) || isNaN(y):
		return 0, true
	case x.K == feature.Double && y.K == feature.Int:
		return orderMixed(x.Float(), y.Int()), true
	case x.K == feature.Int && y.K == feature.Double:
		return orderMixed(y.Float(), x.Int()).mirrored(), true
	}
	a, isComparer := refOf(x).(traits.Comparer)
	if !isComparer {
		return 0, false
	}
	sign, isInt := a.Compare(refOf(y)).(types.Int)
	return orderOf(sign, 0), isInt
}

func orderOf[T int64 | float64 | types.Int](a, b T) relation {
	switch {
	case a < b:
		return less
	case a > b:
		return greater
	case a == b:
		return equal
	}
	return 0
}

// orderMixed compares a double with an integer as CEL does: by the double nearest to it.
func orderMixed(d float64, i int64) relation {
	switch {
	case d < math.MinInt64:
		return less
	case d > math.MaxInt64:
		return greater
	}
	return orderOf(d, float64(i))
}

func isNaN(v feature.Val) bool { return v.K == feature.Double && math.IsNaN(v.Float()) }
