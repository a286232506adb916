package plan

import (
	"github.com/ruas/ruas/internal/feature"
)

// list is a list of events as a rule writes it. Ages are in milliseconds; Forever where there is no limit.
type list interface {
	// sources returns the series whose rows may be members.
	sources() []*series
	// require has the newest n members of age below h kept (feature.All: every one), with what decides about them.
	require(h int64, n int)
	// bound is the age that every member is below.
	bound() int64
	// finite tells that require keeps whole what collect gives: by a window, or because only so many are members.
	finite() bool
	// final is the age from which on an event's membership does not change any more, late events within max_lateness
	// included; Forever where anything may still change it.
	final() int64
	// collect appends the members at f.now among the events that are kept, in order of (time, arrival). False: the list is an
	// error; the members are those on which nothing errs.
	collect(f *Frame, into []row) ([]row, bool)
	// next returns a moment after f.now, not later than the next at which time alone changes the members or the error.
	next(f *Frame) int64
}

// baseList is the list of the events of a series in a window: now-hi < time <= now-lo. Every window, and every filter that
// looks at nothing but the event, folds into one.
type baseList struct {
	c     *compiler
	typ   int // index of the event type; anyType
	preds []pred
	lo    int64
	hi    int64
	errs  []*baseList // the list is an error where one of these has a member
	ser   *series     // looked up at first use
}

func (l *baseList) series() *series {
	if l.ser == nil {
		l.ser = l.c.seriesOf(l.typ, l.preds, nil)
	}
	return l.ser
}

func (l *baseList) sources() []*series { return []*series{l.series()} }
func (l *baseList) bound() int64       { return l.hi }
func (l *baseList) finite() bool       { return l.hi != feature.Forever }
func (l *baseList) final() int64       { return l.lo }

func (l *baseList) require(h int64, n int) {
	l.series().need(l.c, feature.Need{Lo: l.lo, Hi: min(l.hi, h), N: n})
}

// window returns the indexes [from, to) of the members at f.now.
func (l *baseList) window(f *Frame) (s *feature.Series, from, to int) {
	s = f.kept(l.ser.slot)
	if s == nil {
		return nil, 0, 0
	}
	to = s.Len()
	if l.lo > 0 {
		to = s.After(f.now - l.lo)
	}
	if l.hi != feature.Forever {
		from = min(s.After(f.now-l.hi), to)
	}
	return s, from, to
}

// failed tells whether a filter errs on an event that it is asked about.
func (l *baseList) failed(f *Frame) bool {
	for _, e := range l.errs {
		if e.any(f) {
			return true
		}
	}
	return false
}

// any tells whether the list, of errors, has a member.
func (l *baseList) any(f *Frame) bool {
	if l.ser.ever != nil && l.hi == feature.Forever {
		if a := f.state.Acc(l.ser.ever.slot); a != nil && a.Count > 0 && (l.lo == 0 || a.Least.Val().Int() <= f.now-l.lo) {
			return true
		}
		return false
	}
	_, from, to := l.window(f)
	return from < to
}

func (l *baseList) collect(f *Frame, into []row) ([]row, bool) {
	_, from, to := l.window(f)
	f.walked += to - from
	for i := from; i < to; i++ {
		into = append(into, rowOf(l.ser.slot, i))
	}
	return into, !l.failed(f)
}

func (l *baseList) next(f *Frame) int64 {
	next := l.edge(f)
	for _, e := range l.errs {
		next = min(next, e.errorEdge(f))
	}
	return next
}

// edge returns the next moment at which an event comes into the window or leaves it.
func (l *baseList) edge(f *Frame) int64 {
	s := f.kept(l.ser.slot)
	next := int64(feature.Forever)
	if s == nil || l.lo >= l.hi {
		return next
	}
	if l.hi != feature.Forever {
		if i := s.After(f.now - l.hi); i < s.Len() {
			next = s.Time(i) + l.hi
		}
	}
	if l.lo > 0 {
		if i := s.After(f.now - l.lo); i < s.Len() {
			next = min(next, s.Time(i)+l.lo)
		}
	}
	return next
}

// errorEdge returns the next moment at which a list of errors gets its first member or loses its last.
func (l *baseList) errorEdge(f *Frame) int64 {
	if l.ser.ever != nil && l.hi == feature.Forever {
		if a := f.state.Acc(l.ser.ever.slot); l.lo > 0 && a != nil && a.Count > 0 && a.Least.Val().Int()+l.lo > f.now {
			return a.Least.Val().Int() + l.lo
		}
		return feature.Forever
	}
	if l.lo == 0 {
		if s, from, to := l.window(f); from < to {
			return s.Time(to-1) + l.hi
		}
		return feature.Forever
	}
	return l.edge(f)
}

// narrow returns the list with its window cut to lo <= age < hi.
func (l *baseList) narrow(lo, hi int64) *baseList {
	n := *l
	n.lo, n.hi = max(l.lo, lo), min(l.hi, hi)
	return &n
}

// windowList cuts a window out of a list that is not a baseList.
type windowList struct {
	list
	lo, hi int64
}

func (l *windowList) bound() int64 { return min(l.list.bound(), l.hi) }
func (l *windowList) finite() bool { return l.list.finite() || l.hi != feature.Forever }
func (l *windowList) final() int64 { return max(l.list.final(), l.lo) }
func (l *windowList) require(h int64, n int) {
	if l.lo > 0 {
		n = feature.All // the newest of the inner list may all be too young
	}
	l.list.require(min(h, l.hi), n)
}

func (l *windowList) collect(f *Frame, into []row) ([]row, bool) {
	start := len(into)
	into, ok := l.list.collect(f, into)
	kept := into[:start]
	for _, r := range into[start:] {
		if age := f.now - f.time(r); age >= l.lo && (l.hi == feature.Forever || age < l.hi) {
			kept = append(kept, r)
		}
	}
	return kept, ok
}

func (l *windowList) next(f *Frame) int64 {
	next := l.list.next(f)
	rows, _ := l.list.collect(f, f.buffer())
	for _, r := range rows {
		t := f.time(r)
		if l.hi != feature.Forever && t+l.hi > f.now {
			next = min(next, t+l.hi)
		}
		if t+l.lo > f.now {
			next = min(next, t+l.lo)
		}
	}
	f.release(rows)
	return next
}

// afterList is L.after(O): what is newer than the newest of the other list.
type afterList struct {
	list
	other list
}

// final: the other list's next event may push any member out.
func (l *afterList) final() int64 { return feature.Forever }

func (l *afterList) require(h int64, n int) {
	if b, ok := l.list.(*baseList); ok {
		if o, ok := l.other.(*baseList); ok && o.lo == 0 && o.hi == feature.Forever {
			// The newest of other only gets newer: what it has passed is never a member again.
			b.series().needAfter(b.c, feature.Need{Lo: b.lo, Hi: min(b.hi, h), N: n}, o.series())
			o.require(feature.Forever, 1)
			return
		}
	}
	l.list.require(h, n)
	l.other.require(min(h, l.other.bound()), 1)
}

func (l *afterList) collect(f *Frame, into []row) ([]row, bool) {
	others, ok := l.other.collect(f, f.buffer())
	limit, some := int64(0), len(others) > 0
	if some {
		limit = f.time(others[len(others)-1])
	}
	f.release(others)
	start := len(into)
	into, ok2 := l.list.collect(f, into)
	ok = ok && ok2
	if !some {
		return into, ok
	}
	kept := into[:start]
	for _, r := range into[start:] {
		if f.time(r) > limit {
			kept = append(kept, r)
		}
	}
	return kept, ok
}

func (l *afterList) next(f *Frame) int64 { return min(l.list.next(f), l.other.next(f)) }

// newestList is L.newest(n).
type newestList struct {
	list
	n int
}

func (l *newestList) final() int64 { return feature.Forever }
func (l *newestList) finite() bool { return true }
func (l *newestList) require(int64, int) {
	// The n newest whatever their age: a window behind this list only looks at them.
	l.list.require(l.list.bound(), l.n)
}

func (l *newestList) collect(f *Frame, into []row) ([]row, bool) {
	start := len(into)
	into, ok := l.list.collect(f, into)
	if extra := len(into) - start - l.n; extra > 0 {
		copy(into[start:], into[start+extra:])
		into = into[:len(into)-extra]
	}
	return into, ok
}

// choiceList is c ? L : M.
type choiceList struct {
	cond node
	a, b list
}

func (l *choiceList) sources() []*series     { return append(l.a.sources(), l.b.sources()...) }
func (l *choiceList) require(h int64, n int) { l.a.require(h, n); l.b.require(h, n) }
func (l *choiceList) bound() int64           { return max(l.a.bound(), l.b.bound()) }
func (l *choiceList) finite() bool           { return l.a.finite() && l.b.finite() }
func (l *choiceList) final() int64           { return feature.Forever }

func (l *choiceList) collect(f *Frame, into []row) ([]row, bool) {
	switch c := l.cond.eval(f); {
	case c.True():
		return l.a.collect(f, into)
	case c.False():
		return l.b.collect(f, into)
	}
	return into, false
}

func (l *choiceList) next(f *Frame) int64 {
	return min(l.cond.nextChange(f), l.a.next(f), l.b.next(f))
}

// rowsList is the rows that an acc keeps, before those that still wait in their series.
type rowsList struct {
	list
	acc *acc
	n   int
}

func (l *rowsList) sources() []*series { return l.list.sources() }
func (l *rowsList) finite() bool       { return true }
func (l *rowsList) final() int64       { return feature.Forever }
func (l *rowsList) require(int64, int) {}

func (l *rowsList) collect(f *Frame, into []row) ([]row, bool) {
	start := len(into)
	kept, until := 0, int64(noTime)
	if a := f.state.Acc(l.acc.slot); a != nil {
		kept, until = a.Rows.Len(), a.Until
	}
	slot := len(f.open) + l.acc.slot
	for i := range kept {
		into = append(into, rowOf(slot, i))
	}
	rows, ok := l.list.collect(f, f.buffer())
	for _, r := range rows {
		if l.acc.final > 0 && f.time(r) > until {
			into = append(into, r)
		}
	}
	f.release(rows)
	if extra := len(into) - start - l.n; extra > 0 {
		copy(into[start:], into[start+extra:])
		into = into[:len(into)-extra]
	}
	return into, ok
}
