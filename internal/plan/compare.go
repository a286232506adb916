package plan

import (
	"math"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/feature"
)

// countWindow is the number of entries of a series with now-hi < time <= now: only time lowers it.
type countWindow struct {
	slot int
	hi   int64
	errs []*baseList
}

// totalWindow is the sum, or the average, of a column in such a window.
type totalWindow struct {
	list *baseList
	col  int
	mean bool
}

// compare compiles <, <=, > and >=.
func (c *compiler) compare(op relation, left, right ast.Expr, sc *scope) node {
	if d, ok := nowOffset(left); ok {
		return c.sinceNow(op, d, c.expr(right, sc))
	}
	if d, ok := nowOffset(right); ok {
		return c.sinceNow(op.mirrored(), d, c.expr(left, sc))
	}
	if n, ok := c.sizes(op, left, right, sc); ok {
		return n
	}
	a, b := c.expr(left, sc), c.expr(right, sc)
	n := node{typ: types.BoolType, safe: a.safe && b.safe, next: earliest(&a, &b), eval: ordering(op, &a, &b)}
	switch {
	case a.missing != "" && b.safe:
		n.missing = a.missing
	case b.missing != "" && a.safe:
		n.missing = b.missing
	}
	if flip := flipOf(&a, &b); flip != nil {
		n.next = flip
	}
	if a.total != nil && b.constant {
		k := b.eval(nil)
		n.next = a.total.crossing(op, k)
		n.guard = a.total.guard(op, k)
	}
	return n
}

// ordering is the value of <, <=, > and >=.
func ordering(op relation, a, b *node) func(f *Frame) feature.Val {
	against := func(x, y feature.Val) feature.Val {
		r, ok := order(x, y)
		if !ok {
			return feature.Val{}
		}
		return feature.OfBool(op&r != 0)
	}
	left, right := a.eval, b.eval
	if b.constant {
		k := right(nil)
		return func(f *Frame) feature.Val { return against(left(f), k) }
	}
	return func(f *Frame) feature.Val {
		x := left(f)
		if x.K == feature.None {
			return x
		}
		return against(x, right(f))
	}
}

// flipOf returns the next change of a comparison of a number of days with a constant; nil for any other comparison.
func flipOf(a, b *node) func(f *Frame) int64 {
	if b.flip != nil {
		a, b = b, a
	}
	if a.flip == nil || !b.constant {
		return nil
	}
	k := b.eval(nil)
	if k.K != feature.Int || k.Int() < -1e6 || k.Int() > 1e6 {
		return nil
	}
	return func(f *Frame) int64 { return a.flip(f, k.Int()) }
}

// sizes compiles a comparison of a size() with a whole number.
func (c *compiler) sizes(op relation, left, right ast.Expr, sc *scope) (node, bool) {
	if k, ok := number(right); ok && isSize(left) {
		return c.countAgainst(op, left, k, sc)
	}
	if k, ok := number(left); ok && isSize(right) {
		return c.countAgainst(op.mirrored(), right, k, sc)
	}
	return node{}, false
}

// number reads a whole number that a count may be compared with.
func number(e ast.Expr) (k int64, ok bool) {
	if e.Kind() != ast.LiteralKind {
		return 0, false
	}
	v := valOf(e.AsLiteral())
	if v.K != feature.Int || v.Int() < 0 || v.Int() >= 1<<31 {
		return 0, false
	}
	return v.Int(), true
}

func isSize(e ast.Expr) bool {
	return e.Kind() == ast.CallKind && e.AsCall().FunctionName() == "size"
}

// sizeOf returns the argument of size(x) or x.size().
func sizeOf(e ast.Expr) ast.Expr {
	if e.AsCall().IsMemberFunction() {
		return e.AsCall().Target()
	}
	return e.AsCall().Args()[0]
}

// countAgainst compiles size() op k, for which the k or k+1 newest events are enough.
func (c *compiler) countAgainst(op relation, size ast.Expr, k int64, sc *scope) (node, bool) {
	enough := k + 1
	if op == greater|equal || op == less {
		enough = max(k, 1)
	}
	n, ok := c.sizeUpTo(sizeOf(size), int(enough), sc)
	if !ok {
		return node{}, false
	}
	if n.window != nil {
		out := n.window.against(op, int(k))
		out.guard = n.guard.reaching(op, int(k))
		return out, true
	}
	count := n.eval
	out := node{typ: types.BoolType, safe: n.safe, next: n.next, guard: n.guard.reaching(op, int(k)), eval: func(f *Frame) feature.Val {
		v := count(f)
		if v.K == feature.None {
			return v
		}
		return feature.OfBool(op&orderOf(v.Int(), k) != 0)
	}}
	if op.upwards() {
		out.rising = n.rising
	}
	if n.grows {
		out.hint = atLeast(op, int(k), func(f *Frame, n int) bool { return count(f).Int() >= int64(n) })
	}
	return out, true
}

// against compares the count with k. It reaches k where the k-th newest event is in the window, and falls below when that
// leaves: nothing is counted.
func (w *countWindow) against(op relation, k int) node {
	n := node{typ: types.BoolType, safe: len(w.errs) == 0}
	if op.upwards() {
		n.rising = []int{w.slot}
	}
	n.eval = func(f *Frame) feature.Val {
		for _, e := range w.errs {
			if e.any(f) {
				return feature.Val{}
			}
		}
		r := less
		if w.reaches(f, k) {
			if r = equal; op != less && op != greater|equal && w.reaches(f, k+1) {
				r = greater
			}
		}
		return feature.OfBool(op&r != 0)
	}
	if len(w.errs) == 0 {
		n.hint = atLeast(op, k, w.reaches)
	}
	n.next = func(f *Frame) int64 {
		next := int64(feature.Forever)
		for _, e := range w.errs {
			next = min(next, e.errorEdge(f))
		}
		floor := k
		switch {
		case op == greater || op == less|equal:
			floor = k + 1
		case (op == equal || op == less|greater) && w.reaches(f, k+1):
			floor = k + 1
		}
		if floor > 0 && w.reaches(f, floor) {
			s := f.kept(w.slot)
			next = min(next, s.Time(s.Len()-floor)+w.hi)
		}
		return next
	}
	return n
}

// reaches tells whether the count is k or more.
func (w *countWindow) reaches(f *Frame, k int) bool {
	s := f.kept(w.slot)
	n := s.Len()
	return k <= 0 || n >= k && s.Time(n-k) > f.now-w.hi
}

// guard: a sum of nothing is no more than 0, and there is no average of nothing.
func (w *totalWindow) guard(op relation, than feature.Val) *guard {
	if r, ok := order(feature.OfInt(0), than); w.mean || ok && r&op == 0 {
		return guardOf(w.list)
	}
	return nil
}

// maxSteps bounds how far a crossing is looked for; where it is further, the answer is a moment on the way.
const maxSteps = 64

// maxWalk bounds what looking on may cost beside, in entries of series: a step over a full one takes as long as thousands over short ones.
const maxWalk = 1 << 14

// crossing returns the next moment at which a sum or an average passes a constant, or stops or begins to be an error.
func (w *totalWindow) crossing(op relation, than feature.Val) func(f *Frame) int64 {
	return func(f *Frame) int64 {
		next := int64(feature.Forever)
		for _, e := range w.list.errs {
			next = min(next, e.errorEdge(f))
		}
		s, from, to := w.list.window(f)
		if from == to {
			return next
		}
		now := w.answer(s, from, to, op, than)
		if !w.mean && s.Gaps(w.col, from, to) == 0 && s.Rising(w.col) {
			// Without negative values the sum only falls: once is enough to look whether it will, then halve.
			if w.answer(s, to, to, op, than) == now {
				return next
			}
			lo, hi := from, to-1 // the first i so that the answer differs once entries up to i have left
			for lo < hi {
				if mid := (lo + hi) / 2; w.answer(s, mid+1, to, op, than) != now {
					hi = mid
				} else {
					lo = mid + 1
				}
			}
			return min(next, s.Time(lo)+w.list.hi)
		}
		if to-from <= fewEntries {
			if i := w.crossingOf(s, from, to, op, than, now); i >= 0 {
				next = min(next, s.Time(i)+w.list.hi)
			}
			return next
		}
		for i, steps := from+w.surely(s, from, to, than), 0; i < to; i, steps = i+1, steps+1 {
			if steps == meanSteps || w.answer(s, i+1, to, op, than) != now {
				f.early = f.early || steps == meanSteps
				return min(next, s.Time(i)+w.list.hi)
			}
		}
		return next
	}
}

// meanSteps bounds how many entries of a long window are looked at for one moment, behind those that surely change nothing.
const meanSteps = 4

// surely is how many entries may leave a window, the oldest first, before the mean can pass k: with each, what all are above or below k in
// sum changes by no more than the furthest value does.
func (w *totalWindow) surely(s *feature.Series, from, to int, k feature.Val) int {
	least, most, ok := s.Bounds(w.col)
	if !ok || !w.mean || s.Gaps(w.col, from, to) > 0 {
		return 0
	}
	than, n := k.Float(), to-from
	if k.K == feature.Int {
		than = float64(k.Int())
	}
	t, _ := s.Sum(w.col, from, to)
	over := t.Float64() - than*float64(n)
	step := most - than
	if over < 0 {
		over, step = -over, than-least
	}
	// What doubles round off is far less than one entry, or so much that nothing is sure.
	rounding := (math.Abs(t.Float64()) + math.Abs(than)*float64(n)) * 1e-12
	if step <= rounding || math.IsNaN(over) || over <= 2*rounding {
		return 0
	}
	return int(min(max(0, (over-2*rounding)/step*(1-1e-9)-1), float64(n-1)))
}

// fewEntries is how many entries are added up anew rather than looked up in running totals.
const fewEntries = 16

// crossingOf returns the first entry so that the answer is no longer now once it and all before it have left; -1: there is none. The
// entries are added up once, from the newest on.
func (w *totalWindow) crossingOf(s *feature.Series, from, to int, op relation, than, now feature.Val) int {
	var t feature.Total
	first, gaps := -1, 0
	for i := to - 1; i >= from; i-- {
		if i+1 < to && !t.AddVal(s.Value(i+1, w.col)) {
			gaps++
		}
		if w.relates(&t, gaps, to-1-i, s.Kind(w.col), op, than) != now {
			first = i
		}
	}
	return first
}

// answer tells whether the sum or average over entries from … to-1 fulfils op; None where it is an error.
func (w *totalWindow) answer(s *feature.Series, from, to int, op relation, than feature.Val) feature.Val {
	t, gaps := s.Sum(w.col, from, to)
	return w.relates(&t, gaps, to-from, s.Kind(w.col), op, than)
}

// relates compares the sum, or the average, of n values, of which so many are missing.
func (w *totalWindow) relates(t *feature.Total, gaps, n int, kind feature.Kind, op relation, than feature.Val) feature.Val {
	var v feature.Val
	switch {
	case gaps > 0 || n == 0 && w.mean:
		return feature.Val{}
	case w.mean:
		v = feature.OfDouble(t.Mean(int64(n)))
	case kind == feature.Int:
		i, ok := t.Int64()
		if !ok {
			return feature.Val{}
		}
		v = feature.OfInt(i)
	default:
		v = feature.OfDouble(t.Float64())
	}
	r, ok := order(v, than)
	if !ok {
		return feature.Val{}
	}
	return feature.OfBool(op&r != 0)
}

// in compiles x in list and x in map.
func (c *compiler) in(left, right ast.Expr, sc *scope) node {
	x := c.expr(left, sc)
	if n, ok := c.inLiteral(&x, right); ok {
		return n
	}
	set := c.expr(c.distinctOfMap(right), sc)
	run := c.stockFunction(operators.In)
	return node{typ: types.BoolType, next: earliest(&x, &set), eval: func(f *Frame) feature.Val {
		v, s := x.eval(f), set.eval(f)
		if v.K == feature.None || s.K == feature.None {
			return feature.Val{}
		}
		return valOf(run([]ref.Val{refOf(v), refOf(s)}))
	}}
}

// inLiteral compiles x in ["a", "b"].
func (c *compiler) inLiteral(x *node, right ast.Expr) (node, bool) {
	if right.Kind() != ast.ListKind {
		return node{}, false
	}
	set := map[feature.Val]bool{}
	var all []feature.Val
	for _, e := range right.AsList().Elements() {
		if e.Kind() != ast.LiteralKind {
			return node{}, false
		}
		v := valOf(e.AsLiteral())
		switch v.K {
		case feature.String, feature.Int, feature.Bool:
			set[v] = true
			all = append(all, v)
		default:
			return node{}, false
		}
	}
	return node{typ: types.BoolType, safe: x.safe, missing: x.missing, next: x.next, choice: choiceOf(x, all...), eval: func(f *Frame) feature.Val {
		v := x.eval(f)
		if v.K == feature.None {
			return v
		}
		return feature.OfBool(set[feature.Val{K: v.K, N: v.N, S: v.S}])
	}}, true
}
