package plan

import (
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
)

// Ingest takes an accepted event, of a time at or before f's moment, into the state that f is bound to.
func (p *Plan) Ingest(f *Frame, ev *event.Event, touched *Touched) {
	f.ev = ev
	if ev.Type.Index == p.profile {
		p.update(f, ev, touched)
	}
	f.feeding = p.feeds[ev.Type.Index].find(ev, f.feeding)
	for s := f.feeding.take(); s != nil; s = f.feeding.take() {
		if s.admits(f) {
			s.take(f, ev.Time)
			f.taken = append(f.taken, s)
		}
	}
	for _, s := range f.taken { // guards look at what all of them took
		s.watch.touch(f, touched, len(s.needs) > 0 && f.kept(s.slot).Shed() > 0)
	}
	f.taken, f.ev = f.taken[:0], nil
}

// update sets the attributes that a profile event names, each by its latest update.
func (p *Plan) update(f *Frame, ev *event.Event, touched *Touched) {
	for i := range p.attrs {
		v := &ev.Props[p.attrs[i].prop]
		if v.Kind == event.Missing {
			continue
		}
		a := &p.ownAttrs(f.state)[i]
		if a.Set && ev.Time < a.Time {
			continue
		}
		a.Set, a.Time, a.Value = true, ev.Time, f.texts.own(propVal(v))
		p.attrs[i].watch.touch(f, touched, false)
		if i == p.zoneAttr {
			f.zone = nil
		}
	}
}

func (s *series) admits(f *Frame) bool {
	for i := range s.preds {
		if !s.preds[i].holds(f) {
			return false
		}
	}
	return true
}

// take adds the event in f to the series and to what is settled of it.
func (s *series) take(f *Frame, t int64) {
	row := f.vals[:len(s.cols)]
	for i := range s.cols {
		row[i] = s.cols[i].node.eval(f)
		if ms, isTime := moment(row[i]); isTime {
			row[i] = feature.OfMoment(ms) // every moment is a whole millisecond
		}
		if s.keeps && (row[i].K == feature.Object || len(row[i].S) > feature.ShortText) {
			row[i] = f.texts.own(row[i])
		}
	}
	for _, a := range s.fed {
		a.addRow(f, t, row)
	}
	if len(s.needs) == 0 {
		return
	}
	var kept *feature.Series
	if s.latest {
		row[0] = row[0].Key()
		if kept = s.replace(f, t, row[0]); kept == nil {
			return
		}
	} else {
		kept = f.grow(s.slot)
	}
	i := kept.Insert(t, row)
	for _, a := range s.waits {
		stored := f.state.Acc(a.slot)
		if a.base == s && stored != nil && t <= stored.Until {
			a.settleLate(f, rowOf(s.slot, i))
		}
		a.settle(f)
	}
	kept.Trim(f.now, s.asked(f), f.plan.bound)
	for _, c := range s.sums {
		kept.KeepTotals(c)
	}
	f.put(s.slot)
}

// replace makes room for the newest event of a value; nil where a newer one is kept.
func (s *series) replace(f *Frame, t int64, key feature.Val) *feature.Series {
	if key.K == feature.None {
		return nil
	}
	kept := f.kept(s.slot)
	i := kept.Find(0, key)
	if i < 0 {
		return f.grow(s.slot)
	}
	if kept.Time(i) > t {
		return nil
	}
	kept.Remove(i)
	return kept
}

// asked is what rules ask of the series at f's moment.
func (s *series) asked(f *Frame) []feature.Need {
	if !s.chased {
		return s.plain
	}
	f.needs = append(f.needs[:0], s.plain...)
	for i := range s.widest {
		if after := s.widest[i].after; after != nil {
			// Nothing up to the newest event of the other series is asked for.
			if o := f.kept(after.slot); o.Len() > 0 {
				f.needs[i].Hi = min(f.needs[i].Hi, f.now-o.Time(o.Len()-1))
			}
		}
	}
	return f.needs
}
