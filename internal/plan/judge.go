package plan

import (
	"cel.dev/cel-go/common/ast"

	"github.com/ruas/ruas/internal/feature"
)

// What depends on what is not known of a customer is unknown. It travels as CEL's errors do: && and || absorb it where the other
// side decides, ?: asks only for the branch that is taken, and anything else over it is unknown. This file is the way by which
// customers are decided of whom something is unknown; all others never come here.

// operand compiles an expression with all that it looks at.
func (c *compiler) operand(e ast.Expr, sc *scope, compile func(ast.Expr, *scope) node) node {
	outer, own := c.uses, newUses()
	c.uses = own
	n := compile(e, sc)
	c.uses = outer
	outer.merge(own)
	if n.judged == nil {
		n.reads = &reads{uses: own}
		c.reads = append(c.reads, n.reads)
	}
	return n
}

// judged is how the value of a node comes about where some of what it looks at is unknown.
type judged struct {
	// eval gives the value; false: it is unknown.
	eval func(f *Frame) (v feature.Val, known bool)
	// next gives a moment after f.now, not later than the next at which time alone changes what eval gives.
	next func(f *Frame) int64
}

// judge gives the value of an operand; false: it is unknown.
func (n *node) judge(f *Frame) (v feature.Val, known bool) {
	switch {
	case n.judged != nil:
		return n.judged.eval(f)
	case n.reads.known(f):
		return n.eval(f), true
	case n.hint != nil:
		return n.hint(f)
	}
	return feature.Val{}, false
}

// nextJudged is the next change of judge by time alone.
func (n *node) nextJudged(f *Frame) int64 {
	if n.judged != nil {
		return n.judged.next(f)
	}
	return min(n.nextChange(f), n.reads.wake(f))
}

// judgeBoth is && and ||: decides tells whether one side is enough.
func judgeBoth(a, b *node, decides func(feature.Val) bool) *judged {
	return &judged{
		eval: func(f *Frame) (feature.Val, bool) {
			x, known := a.judge(f)
			if known && decides(x) {
				return x, true
			}
			y, alsoKnown := b.judge(f)
			switch {
			case alsoKnown && decides(y):
				return y, true
			case !known || !alsoKnown:
				return feature.Val{}, false
			case x.K == feature.None:
				return x, true
			}
			return y, true
		},
		next: func(f *Frame) int64 { return min(a.nextJudged(f), b.nextJudged(f)) },
	}
}

// judgeNot is !.
func judgeNot(of *node) *judged {
	if of.judged == nil {
		return nil
	}
	return &judged{next: of.judged.next, eval: func(f *Frame) (feature.Val, bool) {
		v, known := of.judged.eval(f)
		return not(v), known
	}}
}

// hintNot is ! of what is known already.
func hintNot(hint func(f *Frame) (feature.Val, bool)) func(f *Frame) (feature.Val, bool) {
	if hint == nil {
		return nil
	}
	return func(f *Frame) (feature.Val, bool) {
		v, known := hint(f)
		return not(v), known
	}
}

// atLeast compares a number of events with k as far as those decide that are known.
func atLeast(op relation, k int, reaches func(f *Frame, n int) bool) func(f *Frame) (feature.Val, bool) {
	more := feature.OfBool(op&greater != 0)
	return func(f *Frame) (feature.Val, bool) {
		if reaches(f, k+1) || (op&greater != 0) == (op&equal != 0) && reaches(f, k) {
			return more, true
		}
		return feature.Val{}, false
	}
}

// judgeConditional is ?:.
func judgeConditional(cond, a, b *node) *judged {
	return &judged{
		eval: func(f *Frame) (feature.Val, bool) {
			switch v, known := cond.judge(f); {
			case !known:
				return v, false
			case v.True():
				return a.judge(f)
			case v.False():
				return b.judge(f)
			}
			return feature.Val{}, true
		},
		next: func(f *Frame) int64 { return min(cond.nextJudged(f), a.nextJudged(f), b.nextJudged(f)) },
	}
}

// judge decides a segment; false: that is unknown, and the membership stands.
func (p *Plan) judge(f *Frame, segment int, in bool) (is, known bool) {
	s := &p.Segments[segment]
	until, over := false, true
	if s.hasUntil {
		v, known := s.until.judge(f)
		if known && (v.True() || in) {
			return !v.True(), true
		}
		if in {
			return in, false
		}
		until, over = v.True(), known
	}
	switch v, known := s.when.judge(f); {
	case known && !v.True():
		return false, true
	case known && over:
		return !until, true
	}
	return in, false
}

// Known tells whether the membership of a segment can be decided at f's moment. Where it cannot, it stands as it was.
func (p *Plan) Known(f *Frame, segment int) bool {
	if f.state.since() == nil {
		return true
	}
	_, known := p.judge(f, segment, f.members.In(segment))
	return known
}

// nextJudged is Next where something is unknown: the moments at which a segment becomes known, or unknown, are among its own.
func (p *Plan) nextJudged(f *Frame, segment int, in bool) int64 {
	s := &p.Segments[segment]
	now := f.now
	defer func() { f.now = now }()
	_, before := p.judge(f, segment, in)
	most := f.walked + maxWalk
	for steps := 0; steps < maxSteps && (steps == 0 || f.walked < most); steps++ {
		next := int64(feature.Forever)
		if !s.hasUntil || !in {
			next = s.when.nextJudged(f)
		}
		if s.hasUntil {
			next = min(next, s.until.nextJudged(f))
		}
		if next == feature.Forever {
			return next
		}
		f.now = max(next, f.now+1)
		if is, known := p.judge(f, segment, in); is != in || known != before {
			return f.now
		}
	}
	return f.now
}

// Unknown tells whether something of what the plan looks at may be unknown of the customer.
func (st *State) Unknown() bool { return st.since() != nil }

// Learn forgets what was unknown and is so no more, at f's moment.
func (p *Plan) Learn(f *Frame) {
	st := f.state
	if st.since() == nil {
		return
	}
	left := false
	for i := range p.pieces {
		since := st.rare.since[i]
		if since == fromStart {
			continue
		}
		if x := p.whole(i); x.known(f, since) {
			st.rare.since[i] = fromStart
			continue
		}
		left = true
	}
	if !left {
		st.rare.since = nil
	}
}

// whole is a piece as all rules together look at it.
func (p *Plan) whole(number int) readPiece {
	x := readPiece{piece: p.pieces[number], number: number}
	switch x.kind {
	case pieceNeed:
		x.need = p.series[x.slot].needs[x.index]
	case pieceColumn:
		for _, n := range p.series[x.slot].needs {
			x.needs = append(x.needs, n.Need)
		}
	case pieceAcc, pieceRows, pieceAttr: // are looked at in one way
	}
	return x
}
