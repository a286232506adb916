package plan

import (
	"cmp"
	"slices"

	"github.com/ruas/ruas/internal/feature"
)

// A guard is what has to be kept of a customer for an expression to be true, by one look: k events in a series that are younger than hi,
// or k events (at most as many, where there is a limit) in an acc. Time alone takes a guard away, and never gives it: where a customer
// is not a member and the guard does not hold, the segment has nothing to decide until the next event.
type guard struct {
	acc   bool
	slot  int
	hi    int64 // of a series
	least int   // at least 1
	most  int64 // of an acc
}

// stricter returns the guard of a && b, either of which may have none: of both, the one that holds for fewer customers by the look of it.
func stricter(a, b *guard) *guard {
	if a == nil || b != nil && b.least > a.least {
		return b
	}
	return a
}

// reaching returns the guard of a comparison of a number with k, where g guards that the number is 1 or more, and grows with what g counts.
func (g *guard) reaching(op relation, k int) *guard {
	least := k
	if op == greater {
		least++
	}
	if g == nil || op&less != 0 || least < 1 {
		return nil
	}
	out := *g
	out.least = least
	if g.acc && op == equal {
		out.most = int64(k)
	}
	return &out
}

// guardOf returns the guard of a list's having a member; a list with k members has k of what it counts. nil: there is none.
func guardOf(l list) *guard {
	switch l := l.(type) {
	case *baseList:
		if l.lo == 0 && l.hi != feature.Forever {
			return &guard{slot: l.series().slot, hi: l.hi, least: 1, most: feature.Forever}
		}
	case *filterList:
		return guardOf(l.list)
	case *windowList:
		return guardOf(l.list)
	case *afterList:
		return guardOf(l.list)
	case *newestList:
		return guardOf(l.list)
	case *sequenceList:
		return guardOf(l.of)
	}
	return nil
}

// watch is the segments that something is read by, which are to be decided when it changes.
type watch struct {
	all     []int // in the set's order
	open    []int // those without a guard
	guarded []guarded
	held    mask // those with a guard
	// Of a series: those that one event more neither ends nor ends sooner. Whoever is in has nothing to decide then: the moment that is
	// set for the segment may come too soon, and is looked at anew when it does.
	steady mask
}

// guarded is the segments with a guard on one series or acc.
type guarded struct {
	acc     bool
	slot    int
	entries []guardedSegment // by the least that they ask for
}

type guardedSegment struct {
	guard
	segment int
}

// newWatch puts segments in order, by their guards. slot is that of the series that they read; -1: they read something else.
func (p *Plan) newWatch(segments []int, slot int) (w watch) {
	slices.Sort(segments)
	w.all = segments
	type place struct {
		acc  bool
		slot int
	}
	groups := map[place]int{}
	for _, i := range segments {
		if slot >= 0 && p.Segments[i].steady(slot) {
			w.steady.add(i)
		}
		g := p.Segments[i].when.guard
		if g == nil {
			w.open = append(w.open, i)
			continue
		}
		at := place{g.acc, g.slot}
		j, ok := groups[at]
		if !ok {
			j = len(w.guarded)
			groups[at] = j
			w.guarded = append(w.guarded, guarded{acc: g.acc, slot: g.slot})
		}
		w.guarded[j].entries = append(w.guarded[j].entries, guardedSegment{*g, i})
		w.held.add(i)
	}
	for _, g := range w.guarded {
		slices.SortStableFunc(g.entries, func(a, b guardedSegment) int { return cmp.Compare(a.least, b.least) })
	}
	return w
}

// touch touches the segments of a watch, at f's moment: those with a guard that does not hold only where the customer is a member or a
// moment is set for them, for which whoever knows that is to ask Touched.Held.
//
// bounded tells that the series lost an event for the one that came: nothing is steady then.
func (w *watch) touch(f *Frame, t *Touched, bounded bool) {
	if f.state.since() != nil {
		t.AddAll(w.all)
		return
	}
	steady := &w.steady
	if bounded {
		steady = &noMask
	}
	for _, i := range w.open {
		if !steady.keeps(f, i) {
			t.Add(i)
		}
	}
	for i := range w.guarded {
		w.guarded[i].touch(f, t, steady)
	}
	if len(w.guarded) > 0 {
		t.held = append(t.held, held{&w.held, steady})
	}
}

// held is segments that are touched where they hold the customer, but for those that are steady and have it as a member.
type held struct{ all, steady *mask }

var noMask mask

func (g *guarded) touch(f *Frame, t *Touched, steady *mask) {
	if g.acc {
		a := f.state.Acc(g.slot)
		if a == nil {
			return
		}
		for i := range g.entries {
			e := &g.entries[i]
			if int64(e.least) > a.Count {
				return
			}
			if a.Count <= e.most && !steady.keeps(f, e.segment) {
				t.Add(e.segment)
			}
		}
		return
	}
	s := f.kept(g.slot)
	n := s.Len()
	for i := range g.entries {
		e := &g.entries[i]
		if e.least > n {
			return
		}
		if s.Time(n-e.least) > f.now-e.hi && !steady.keeps(f, e.segment) {
			t.Add(e.segment)
		}
	}
}

// mask is a set of segments that are near each other.
type mask struct {
	first int // the first word's place among all
	words []uint64
}

// add puts a segment in; they come in order.
func (m *mask) add(segment int) {
	w := segment / 64
	if len(m.words) == 0 {
		m.first = w
	}
	for len(m.words) <= w-m.first {
		m.words = append(m.words, 0)
	}
	m.words[w-m.first] |= 1 << (segment % 64)
}

// keeps tells, of a set of steady segments, that the customer is a member of one: there is nothing to decide.
func (m *mask) keeps(f *Frame, segment int) bool { return m.has(segment) && f.members.In(segment) }

func (m *mask) has(segment int) bool {
	w := segment/64 - m.first
	return uint(w) < uint(len(m.words)) && m.words[w]>>(segment%64)&1 != 0
}
