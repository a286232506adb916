package rule

import (
	"container/heap"
	"slices"
	"strings"
)

// reference is a use of a feature or a segment by name, at a node of an expression.
type reference struct {
	name string
	id   int64
	in   *parsed
	// via names the features through which an expression asks for a segment.
	via []string
}

// known keeps the references to names that are declared.
func known(refs []reference, all map[string]*declared) []reference {
	var out []reference
	for _, ref := range refs {
		if all[ref.name] != nil {
			out = append(out, ref)
		}
	}
	return out
}

// asks gives the segments that each segment asks for with in_segment, itself or through the features of its when and until.
func (l *loader) asks() map[string][]reference {
	through := map[string][]reference{} // by feature, the segments asked for
	var ofFeature func(name string, seen map[string]bool) []reference
	ofFeature = func(name string, seen map[string]bool) []reference {
		if out, ok := through[name]; ok {
			return out
		}
		d := l.features[name]
		if d == nil || d.when == nil || seen[name] {
			return nil
		}
		seen[name] = true
		var out []reference
		for _, ref := range d.when.segments {
			out = append(out, reference{name: ref.name, via: []string{"feature." + name}})
		}
		for _, used := range d.when.features {
			for _, ref := range ofFeature(used.name, seen) {
				out = append(out, reference{name: ref.name, via: append([]string{"feature." + name}, ref.via...)})
			}
		}
		slices.SortStableFunc(out, func(a, b reference) int { return strings.Compare(a.name, b.name) })
		out = slices.CompactFunc(out, func(a, b reference) bool { return a.name == b.name })
		if !l.broken[name] { // in a circle, what was seen is not all
			through[name] = out
		}
		return out
	}
	asks := map[string][]reference{}
	for name, d := range l.segments {
		for _, p := range []*parsed{d.when, d.until} {
			if p == nil {
				continue
			}
			asks[name] = append(asks[name], known(p.segments, l.segments)...)
			for _, ref := range p.features {
				for _, asked := range ofFeature(ref.name, map[string]bool{}) {
					if l.segments[asked.name] != nil {
						asks[name] = append(asks[name], reference{name: asked.name, id: ref.id, in: p, via: asked.via})
					}
				}
			}
		}
	}
	return asks
}

// ordered puts each name after those that it uses, and of those that are free at one time the smallest first (Kahn 1962, with a heap).
// Names in circles are left out.
func ordered(uses map[string][]reference, names []string) []string {
	waits := map[string]int{}       // number of different names still to come before
	usedBy := map[string][]string{} // the arrows turned round
	free := &nameHeap{}
	for _, name := range names {
		before := map[string]bool{}
		for _, ref := range uses[name] {
			before[ref.name] = true
		}
		for other := range before {
			usedBy[other] = append(usedBy[other], name)
		}
		if waits[name] = len(before); len(before) == 0 {
			heap.Push(free, name)
		}
	}
	var out []string
	for free.Len() > 0 {
		name := heap.Pop(free).(string)
		out = append(out, name)
		for _, user := range usedBy[name] {
			if waits[user]--; waits[user] == 0 {
				heap.Push(free, user)
			}
		}
	}
	return out
}

type nameHeap []string

func (h *nameHeap) Len() int           { return len(*h) }
func (h *nameHeap) Less(i, j int) bool { return (*h)[i] < (*h)[j] }
func (h *nameHeap) Swap(i, j int)      { (*h)[i], (*h)[j] = (*h)[j], (*h)[i] }
func (h *nameHeap) Push(x any)         { *h = append(*h, x.(string)) }
func (h *nameHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}

// circle is a set of names that all use each other, itself through others or directly.
type circle struct {
	members []string // sorted
	path    []string // the shortest way from the smallest member back to itself, both ends and the features between included
	first   reference
}

// circles finds every circle of uses, in order of their smallest members.
func circles(uses map[string][]reference) []circle {
	var out []circle
	done := map[string]bool{}
	names := map[string]bool{}
	for name, refs := range uses {
		names[name] = true
		for _, ref := range refs {
			names[ref.name] = true
		}
	}
	for _, name := range ordered(uses, sortedKeys(names)) {
		done[name] = true // what can be ordered is in no circle
	}
	for _, name := range sortedKeys(uses) {
		if done[name] {
			continue
		}
		path, first := wayBack(uses, name)
		if path == nil {
			continue
		}
		c := circle{path: path, first: first}
		for _, other := range sortedKeys(uses) {
			if other == name || !done[other] && reaches(uses, name, other) && reaches(uses, other, name) {
				c.members = append(c.members, other)
				done[other] = true
			}
		}
		out = append(out, c)
	}
	return out
}

// wayBack is the shortest way from a name through what it uses back to itself, and the first use on it; nil where there is none.
func wayBack(uses map[string][]reference, name string) ([]string, reference) {
	type step struct {
		from string
		by   reference
	}
	reached := map[string]step{}
	queue := []string{name}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, ref := range uses[at] {
			if _, seen := reached[ref.name]; !seen {
				reached[ref.name] = step{at, ref}
				queue = append(queue, ref.name)
			}
		}
	}
	last, found := reached[name]
	if !found {
		return nil, reference{}
	}
	var path []string // backwards
	for at := last; ; at = reached[at.from] {
		path = append(path, at.by.name)
		for _, feature := range slices.Backward(at.by.via) {
			path = append(path, feature)
		}
		if at.from == name {
			path = append(path, name)
			slices.Reverse(path)
			return path, at.by
		}
	}
}

func reaches(uses map[string][]reference, from, to string) bool {
	seen := map[string]bool{from: true}
	queue := []string{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, ref := range uses[at] {
			if ref.name == to {
				return true
			}
			if !seen[ref.name] {
				seen[ref.name] = true
				queue = append(queue, ref.name)
			}
		}
	}
	return false
}
