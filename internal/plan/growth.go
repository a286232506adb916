package plan

import (
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
)

// growth is how much an event of one type may add to an encoded state, in bytes: fixed, and copies times the length of each
// of its texts.
type growth struct {
	fixed  int
	copies int
	texts  []int // the properties that are texts, or lists of them
}

// The most that a number or a moment takes when it is encoded, with what tells whether it is there; and what a key of groups
// has beside its text.
const (
	numberBytes = 11
	groupBytes  = 32
)

// measure finds out how much the events of each type may add.
func (p *Plan) measure(types []*event.Type) {
	p.growth = make([]growth, len(types))
	for t, typ := range types {
		g := &p.growth[t]
		g.fixed = numberBytes // of its id
		most := p.feeds[t].greatest((*series).growth)
		g.fixed, g.copies = g.fixed+most.fixed, g.copies+most.copies
		if t == p.profile {
			g.fixed += groupBytes * len(p.attrs)
			g.copies++
		}
		for i := range typ.Properties {
			switch typ.Properties[i].Kind {
			case event.String, event.Date, event.Strings:
				if p.needs[typ.Name][typ.Properties[i].Name] {
					g.texts = append(g.texts, i)
				}
			default:
			}
		}
	}
}

// growth is what an event may add that enters the series.
func (s *series) growth() (g growth) {
	g.addRow(s)
	for _, a := range append(append([]*acc(nil), s.fed...), s.waits...) {
		g.fixed += groupBytes
		g.copies++
		if a.fold.Oldest+a.fold.Newest > 0 {
			g.addRow(s)
		}
	}
	return g
}

func (g *growth) addRow(s *series) {
	g.fixed += numberBytes * (1 + len(s.cols))
	for _, k := range s.kinds {
		if k == feature.String || k == feature.Object {
			g.copies++
		}
	}
}

// Growth returns about how much an event may at most add to the encoding of a customer's state, in bytes.
func (p *Plan) Growth(ev *event.Event) int {
	g := &p.growth[ev.Type.Index]
	if g.copies == 0 {
		return g.fixed
	}
	n := len(ev.ID)
	for _, i := range g.texts {
		v := &ev.Props[i]
		n += len(v.Str)
		for _, s := range v.List() {
			n += len(s) + 1
		}
	}
	return g.fixed + g.copies*n
}

// Halve makes a state smaller: the part that takes the most bytes loses the older half of its entries, or of its keys. Where
// only attributes are left, the longest loses its value, and attribute is true. It tells whether there was anything to lose.
func (p *Plan) Halve(st *State, base int64) (attribute, ok bool) {
	var buf []byte
	largest, shed := 0, func() {}
	consider := func(size int, do func()) {
		if size > largest {
			largest, shed = size, do
		}
	}
	for s, slot := range p.Kept(st) {
		if s.Len() > 0 {
			kept := *s
			buf = kept.Append(buf[:0], base)
			consider(len(buf), func() {
				kept.ShedOldest((kept.Len() + 1) / 2)
				st.Kept.Put(slot, &kept)
			})
		}
	}
	for _, a := range st.Accs {
		if a == nil {
			continue
		}
		if a.Rows.Len() > 0 {
			buf = a.Rows.Append(buf[:0], base)
			consider(len(buf), func() { a.Rows.ShedOldest((a.Rows.Len() + 1) / 2) })
		}
		if a.Group != nil && len(a.Group.Keys) > 0 {
			buf = a.Group.Append(buf[:0], base)
			consider(len(buf), func() { a.Group.ShedOldest((len(a.Group.Keys) + 1) / 2) })
		}
	}
	if largest == 0 {
		attrs := st.Attrs()
		for i := range attrs {
			a := &attrs[i]
			buf = feature.AppendVal(buf[:0], a.Value)
			if a.Value.K != feature.None {
				consider(len(buf), func() { a.Value = feature.Val{} })
			}
		}
		attribute = largest > 0
	}
	shed()
	return attribute, largest > 0
}

// Shed returns how many entries were pushed out of a state's series, and how many events found no room for their key, while
// a rule still asked for them.
func (st *State) Shed() int64 {
	n := st.Kept.Shed()
	for _, a := range st.Accs {
		if a == nil {
			continue
		}
		if a.Rows != nil {
			n += a.Rows.Shed()
		}
		if a.Group != nil {
			n += a.Group.Shed
		}
	}
	return n
}
