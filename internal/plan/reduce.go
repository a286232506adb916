package plan

import (
	"github.com/ruas/ruas/internal/feature"
)

// value reads something of a row.
type value func(f *Frame, r row) feature.Val

// acc is where a plan keeps what is settled of a list: slot is its place in State.Accs.
type acc struct {
	slot  int
	key   string
	text  string // the list as people read it
	hash  uint32
	list  list
	base  *series // whose rows are added
	final int64   // the age at which an event is settled; 0: at once
	fold  feature.Fold
	xCol  int // column of the base series that holds x, and key; -1: none
	kCol  int
	every bool // x is the event's time: the acc of a list's existence
}

// noTime is before every moment.
const noTime = -1 << 62

// reducer adds up a list.
type reducer struct {
	list list
	fold feature.Fold
	x    value // nil: none
	key  value
	acc  *acc // where the list has no bound; nil: its members are all kept
	xs   func(f *Frame, r row) int64
}

// run adds up the members at f.now. The result is good until the state changes. False: the list is an error.
func (r *reducer) run(f *Frame) (*feature.Acc, bool) {
	until := int64(noTime)
	var total *feature.Acc
	if r.acc != nil {
		total = f.state.Acc(r.acc.slot)
		if r.acc.final == 0 {
			if total == nil {
				total = &noEvents
			}
			b, base := r.list.(*baseList)
			return total, !base || !b.failed(f)
		}
	}
	waiting, ok := r.list.collect(f, f.buffer())
	switch {
	case len(waiting) == 0 && total == nil:
		total = &noEvents
	case len(waiting) == 0: // what is settled is all there is, and is not added to
	case total == nil:
		total = &feature.Acc{}
	default:
		until, total = total.Until, total.Clone()
	}
	for _, w := range waiting {
		t := f.time(w)
		if t <= until {
			continue
		}
		var x, k feature.Val
		if r.x != nil {
			x = r.x(f, w)
		}
		if r.key != nil {
			k = r.key(f, w)
		}
		total.Add(&r.fold, t, x, k, nil, nil, f.plan.bound)
	}
	f.release(waiting)
	return total, ok
}

// noEvents is the sum of an empty list; it is never changed.
var noEvents feature.Acc

func (r *reducer) next(f *Frame) int64 {
	next := r.list.next(f)
	if r.xs == nil {
		return next
	}
	rows, _ := r.list.collect(f, f.buffer())
	for _, w := range rows {
		next = min(next, r.xs(f, w))
	}
	f.release(rows)
	return next
}

// settle adds to an acc what has reached its final age at f.now.
func (a *acc) settle(f *Frame) {
	s := f.kept(a.base.slot)
	if a.final == 0 || s.Len() == 0 {
		return
	}
	limit := f.now - a.final
	stored := f.state.Acc(a.slot)
	until := int64(noTime)
	if stored != nil {
		until = stored.Until
	}
	if limit <= until || s.Time(0) > limit {
		return
	}
	a.settleRows(f, func(t int64, _ row) bool { return t > until && t <= limit })
	f.acc(a).Until = limit
}

// settleLate adds a row that came when its time was settled already.
func (a *acc) settleLate(f *Frame, late row) {
	a.settleRows(f, func(_ int64, r row) bool { return r == late })
}

func (a *acc) settleRows(f *Frame, wanted func(t int64, r row) bool) {
	rows, _ := a.list.collect(f, f.buffer())
	for _, r := range rows {
		if t := f.time(r); r.slot() == a.base.slot && wanted(t, r) {
			a.add(f, t, r)
		}
	}
	f.release(rows)
}

func (a *acc) add(f *Frame, t int64, r row) {
	s := f.kept(a.base.slot)
	row := f.vals[:len(a.base.cols)]
	for i := range row {
		row[i] = s.Value(r.index(), i)
	}
	a.addRow(f, t, row)
}

// addRow adds the event with these columns.
func (a *acc) addRow(f *Frame, t int64, row []feature.Val) {
	var x, k feature.Val
	if a.xCol >= 0 {
		x = row[a.xCol]
	}
	if a.kCol >= 0 {
		k = row[a.kCol]
	}
	if a.every {
		x = feature.OfMoment(t)
	}
	f.acc(a).Add(&a.fold, t, x, k, row, a.base.kinds, f.plan.bound)
}

// acc returns a customer's acc, made at its first use.
func (f *Frame) acc(a *acc) *feature.Acc {
	stored := f.state.Acc(a.slot)
	if stored == nil {
		if f.state.Accs == nil {
			f.state.Accs = make([]*feature.Acc, len(f.plan.accs))
		}
		stored = &feature.Acc{Until: noTime}
		f.state.Accs[a.slot] = stored
	}
	return stored
}
