package plan

import (
	"maps"
	"slices"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
)

// feed is where the events of one type go. A series whose filter asks for a text in a property is found by the event's: of thousands of
// filters an event meets those that it may pass. Lists of series are in order of their slots.
type feed struct {
	any  []*series // ask for no text
	keys []keyed
}

// keyed is the series that ask for a text in one property, each under every text that it would take.
type keyed struct {
	prop  int
	takes map[string][]*series
}

// choice says that an expression over an event is true only where a property is one of some texts.
type choice struct {
	prop  int
	texts []string
}

// choiceOf reads a comparison of a property with constants; nil for anything else.
func choiceOf(property *node, constants ...feature.Val) *choice {
	if property.property == nil {
		return nil
	}
	c := &choice{prop: property.property.Index}
	for _, v := range constants {
		if v.K != feature.String {
			return nil
		}
		if !slices.Contains(c.texts, v.S) {
			c.texts = append(c.texts, v.S)
		}
	}
	return c
}

// asks returns what an event has to have to enter the series; nil where that is no text.
func (s *series) asks() *choice {
	for i := range s.preds {
		p := &s.preds[i]
		for j := range p.nodes {
			if c := p.nodes[j].choice; c != nil && !p.fails {
				return c
			}
		}
	}
	return nil
}

func (fd *feed) add(s *series) {
	c := s.asks()
	if c == nil {
		fd.any = append(fd.any, s)
		return
	}
	i := slices.IndexFunc(fd.keys, func(k keyed) bool { return k.prop == c.prop })
	if i < 0 {
		i = len(fd.keys)
		fd.keys = append(fd.keys, keyed{prop: c.prop, takes: map[string][]*series{}})
	}
	for _, text := range c.texts {
		fd.keys[i].takes[text] = append(fd.keys[i].takes[text], s)
	}
}

// find returns the series that an event may enter, in lists whose backing is reused.
func (fd *feed) find(ev *event.Event, lists feeding) feeding {
	lists = append(lists[:0], fd.any)
	for i := range fd.keys {
		if v := &ev.Props[fd.keys[i].prop]; v.Kind == event.String || v.Kind == event.Date {
			if l := fd.keys[i].takes[v.Str]; len(l) > 0 {
				lists = append(lists, l)
			}
		}
	}
	return lists
}

// feeding is lists of series that are taken one after the other.
type feeding [][]*series

// take takes the series with the least slot; nil where none is left.
func (l feeding) take() *series {
	least := -1
	for i := range l {
		if len(l[i]) > 0 && (least < 0 || l[i][0].slot < l[least][0].slot) {
			least = i
		}
	}
	if least < 0 {
		return nil
	}
	s := l[least][0]
	l[least] = l[least][1:]
	return s
}

// greatest returns the most that what the series of one event add up to may be.
func (fd *feed) greatest(of func(s *series) growth) growth {
	total := sumOf(fd.any, of)
	for i := range fd.keys {
		var most growth
		for l := range maps.Values(fd.keys[i].takes) {
			g := sumOf(l, of)
			most.fixed, most.copies = max(most.fixed, g.fixed), max(most.copies, g.copies)
		}
		total.fixed, total.copies = total.fixed+most.fixed, total.copies+most.copies
	}
	return total
}

func sumOf(l []*series, of func(s *series) growth) (total growth) {
	for _, s := range l {
		g := of(s)
		total.fixed, total.copies = total.fixed+g.fixed, total.copies+g.copies
	}
	return total
}
