package engine_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/ruas/ruas/internal/engine"
)

// explainPairs is how many pairs of a segment and a history TestExplainEqualsFire asks.
const explainPairs = 120

// TestExplainEqualsFire explains random segments of random customers at random moments: the membership must be the one that Fire leaves, the
// conditions must be what decides it, and what is said to come must be what Fire then does.
func TestExplainEqualsFire(t *testing.T) {
	schema := loadSchema(t)
	pairs, asked, nexts := 0, 0, 0
	for seed := *seedFlag; pairs < explainPairs; seed++ {
		c := newCase(seed, schema)
		r := rand.New(rand.NewPCG(seed, 1))
		c.probe = func(eng *engine.Engine, cu *engine.Customer, clock int64) error {
			if r.IntN(2) > 0 {
				return nil
			}
			asked++
			next, err := probe(r, eng, cu, clock)
			if next {
				nexts++
			}
			return err
		}
		set, eng, err := c.build()
		if err != nil {
			if set, eng = c.acceptable(); set == nil {
				continue
			}
		}
		pairs += len(set.Segments)
		if _, err := c.driveSafely(eng); err != nil {
			t.Fatal(&difference{c, fmt.Sprintf("(go test -run TestExplainEqualsFire -seed %d) %v", seed, err)})
		}
		if *onceFlag {
			break
		}
	}
	t.Logf("%d explanations, of which %d saw a change to come", asked, nexts)
	if nexts == 0 && !*onceFlag {
		t.Error("none saw a change to come")
	}
}

func probe(r *rand.Rand, eng *engine.Engine, cu *engine.Customer, clock int64) (sawNext bool, err error) {
	segment := r.IntN(len(eng.Segments()))
	now := clock + []int64{0, 0, 1, r.Int64N(5_000), r.Int64N(40 * 24 * 60 * 60 * 1000)}[r.IntN(5)]
	before := eng.Encode(cu, nil)
	x := eng.Explain(cu, segment, now)
	if !bytes.Equal(eng.Encode(cu, nil), before) {
		return false, errors.New("explaining changed the state")
	}
	name := fmt.Sprintf("%s of %s at %d: %+v", x.Segment, cu.ID(), now, x)
	fired, err := eng.Decode(cu.ID(), before)
	if err != nil {
		return false, err
	}
	eng.Fire(fired, now, nil)
	since, seq := int64(engine.Never), uint64(0)
	fired.Memberships(func(s int, _ bool, at int64, n uint64) bool {
		if s == segment {
			since, seq = at, n
		}
		return true
	})
	if fired.In(segment) != x.Member || since != int64(x.Since) || seq != x.Seq {
		return false, fmt.Errorf("%s; fired, it is %v since %d with %d changes", name, fired.In(segment), since, seq)
	}
	if x.Known && !decided(&x) {
		return false, fmt.Errorf("%s; the conditions decide otherwise", name)
	}
	if err := probeNext(eng, fired, segment, &x); err != nil {
		return false, fmt.Errorf("%s; %w", name, err)
	}
	if err := probeConditions(r, eng, cu, segment, &x); err != nil {
		return false, fmt.Errorf("%s; %w", name, err)
	}
	return x.Next != engine.Never, nil
}

// decided tells whether the conditions let the membership stand.
func decided(x *engine.Explanation) bool {
	when, until := allHold(x.When), len(x.Until) > 0 && allHold(x.Until)
	switch {
	case len(x.Until) == 0:
		return x.Member == when
	case x.Member:
		return !until
	}
	return !when || until
}

func allHold(of []engine.Condition) bool {
	for i := range of {
		if !of[i].Holds {
			return false
		}
	}
	return true
}

// probeNext fires c until the segment changes.
func probeNext(eng *engine.Engine, c *engine.Customer, segment int, x *engine.Explanation) error {
	for range 300 {
		at := c.Deadline()
		switch {
		case at == engine.Never && x.Next != engine.Never:
			return errors.New("nothing is to come")
		case at == engine.Never || x.Next == engine.Never && at >= int64(x.SameUntil):
			return nil
		}
		for _, ch := range eng.Fire(c, at, nil) {
			if ch.Segment == segment {
				if ch.Time != int64(x.Next) || ch.Join != x.NextMember {
					return fmt.Errorf("it changes to %v at %d", ch.Join, ch.Time)
				}
				return nil
			}
		}
		if at > int64(x.Next) {
			return fmt.Errorf("it is the same at %d", at)
		}
	}
	return nil
}

// probeConditions looks at the next change of one of the conditions from close by.
func probeConditions(r *rand.Rand, eng *engine.Engine, c *engine.Customer, segment int, x *engine.Explanation) error {
	i := r.IntN(len(x.When))
	cond := &x.When[i]
	if cond.Next == engine.Never {
		return nil
	}
	last := eng.Explain(c, segment, int64(cond.Next)-1).When[i]
	if last.Holds != cond.Holds || last.Known != cond.Known {
		return fmt.Errorf("%q changes before %d", cond.Text, cond.Next)
	}
	then := eng.Explain(c, segment, int64(cond.Next)).When[i]
	if then.Holds == cond.Holds && then.Known == cond.Known {
		return fmt.Errorf("%q does not change at %d", cond.Text, cond.Next)
	}
	return nil
}
