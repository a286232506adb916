package plan

import (
	"github.com/ruas/ruas/internal/feature"
)

type sequence uint8

const (
	followed sequence = iota
	notFollowed
	notYetFollowed
)

// sequenceList is L.followed_by(O, d, field) and its kin: an event e of L meets a partner f of O where
// e.time < f.time <= e.time+d and, where there is a field, both have it and its values are equal.
type sequenceList struct {
	kind     sequence
	of       list
	other    list
	d        int64
	lateness int64
	field    string // that an event and its partner share; "": none
	left     value  // the field of an event of L; nil: no field
	right    value
}

func (l *sequenceList) sources() []*series { return l.of.sources() }
func (l *sequenceList) finite() bool       { return l.of.finite() }

func (l *sequenceList) bound() int64 {
	if l.kind == followed && l.other.bound() != feature.Forever {
		return min(l.of.bound(), l.other.bound()+l.d)
	}
	return l.of.bound()
}

// final: a partner is younger than its event and at most d behind it. Where the other list has a window, it is none any more
// when it has left that, late or not; else it may be late by max_lateness, and belong to the other list until that list's own
// answer is final.
func (l *sequenceList) final() int64 {
	of, other := l.of.final(), l.other.bound()
	if other == feature.Forever {
		other = max(l.other.final(), l.lateness+1)
	}
	if of == feature.Forever || other == feature.Forever {
		return feature.Forever
	}
	return max(of, l.d+other)
}

func (l *sequenceList) require(h int64, _ int) {
	l.of.require(h, feature.All)
	l.other.require(h, feature.All)
}

func (l *sequenceList) collect(f *Frame, into []row) ([]row, bool) {
	partners, ok := l.other.collect(f, f.buffer())
	start := len(into)
	into, ok2 := l.of.collect(f, into)
	kept := into[:start]
	j := 0
	for _, e := range into[start:] {
		t := f.time(e)
		if l.kind == notFollowed && t+l.d > f.now {
			continue
		}
		for j < len(partners) && f.time(partners[j]) <= t {
			j++
		}
		if l.meets(f, e, t, partners[j:]) == (l.kind == followed) {
			kept = append(kept, e)
		}
	}
	f.release(partners)
	return kept, ok && ok2
}

// count counts the members up to n, where both lists are series and no field has to match. ok: an error is none.
func (l *sequenceList) count(f *Frame, of, other *baseList, n int) (count int, ok bool) {
	if of.failed(f) || other.failed(f) {
		return 0, false
	}
	events, i, end := of.window(f)
	partners, j, last := other.window(f)
	if i < end { // of a list without a window most partners are older than all events of one with a window
		j = max(j, min(partners.After(events.Time(i)), last))
	}
	for ; i < end && count < n; i++ {
		t := events.Time(i)
		if l.kind == notFollowed && t+l.d > f.now {
			break // so is the wait of all that come after
		}
		for j < last && partners.Time(j) <= t {
			j++
		}
		if met := j < last && partners.Time(j) <= t+l.d; met == (l.kind == followed) {
			count++
		}
	}
	return count, true
}

// meets tells whether e, at t, meets one of the partners that come after it.
func (l *sequenceList) meets(f *Frame, e row, t int64, partners []row) bool {
	if len(partners) == 0 || f.time(partners[0]) > t+l.d {
		return false
	}
	if l.left == nil {
		return true
	}
	want := l.left(f, e)
	if want.K == feature.None {
		return false
	}
	for _, p := range partners {
		if f.time(p) > t+l.d {
			return false
		}
		if l.right(f, p) == want {
			return true
		}
	}
	return false
}

func (l *sequenceList) next(f *Frame) int64 {
	next := min(l.of.next(f), l.other.next(f))
	if l.kind != notFollowed {
		return next
	}
	if of, ok := l.of.(*baseList); ok {
		s, from, to := of.window(f)
		f.walked += to - from // as much as count looks at where it is asked next
		if i := max(from, s.After(f.now-l.d)); i < to {
			next = min(next, s.Time(i)+l.d)
		}
		return next
	}
	rows, _ := l.of.collect(f, f.buffer())
	for _, r := range rows {
		if over := f.time(r) + l.d; over > f.now {
			next = min(next, over)
			break // rows come in order of time
		}
	}
	f.release(rows)
	return next
}
