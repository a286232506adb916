package oracle

import (
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/iana"
	"github.com/ruas/ruas/internal/rule"
)

// History is the accepted events of one customer in order of (time, arrival).
type History struct {
	events []*event.Event
	// vars is what variables made last, of the first bound events; nil after a change.
	vars  map[string]any
	bound int
}

// Add puts an event in its place: behind all those of its time.
func (h *History) Add(e *event.Event) {
	i := len(h.events)
	for i > 0 && h.events[i-1].Time > e.Time {
		i--
	}
	h.events = slices.Insert(h.events, i, e)
	h.vars = nil
}

// until is the events with time <= now.
func (h *History) until(now int64) []*event.Event {
	n := 0
	for n < len(h.events) && h.events[n].Time <= now {
		n++
	}
	return h.events[:n]
}

// attributes is the profile at now: each attribute's latest update, unless that removed it.
func (h *History) attributes(now int64) map[string]event.Value {
	values := map[string]event.Value{}
	for _, e := range h.until(now) {
		if e.Type.Name != rule.VarProfile {
			continue
		}
		for i, v := range e.Props {
			switch v.Kind {
			case event.Missing:
			case event.Null:
				delete(values, e.Type.Properties[i].Name)
			default:
				values[e.Type.Properties[i].Name] = v
			}
		}
	}
	return values
}

// zone is the zone in force at now: the attribute time_zone where it names a zone, else the one given.
func (h *History) zone(now int64, configured string) string {
	if name := h.attributes(now)["time_zone"].Str; iana.IsZone(name) {
		return name
	}
	return configured
}

// variables are the lists of events, and the profile, at now. They are not to be changed.
func (h *History) variables(schema *event.Schema, now int64) map[string]any {
	if n := len(h.until(now)); h.vars == nil || h.bound != n {
		h.vars, h.bound = h.build(schema, now), n
	}
	return h.vars
}

func (h *History) build(schema *event.Schema, now int64) map[string]any {
	lists := map[string][]ref.Val{}
	for _, t := range schema.Types {
		lists[t.Name] = nil
	}
	var all []ref.Val
	for _, e := range h.until(now) {
		head := map[string]ref.Val{
			rule.FieldID: types.String(e.ID), rule.FieldType: types.String(e.Type.Name), rule.FieldTime: timestamp(e.Time),
		}
		all = append(all, &object{typ: types.NewObjectType("ruas.events"), fields: head})
		own := map[string]ref.Val{}
		for name, v := range head {
			own[name] = v
		}
		for i, p := range e.Props {
			if v, ok := valueOf(p); ok {
				own[e.Type.Properties[i].Name] = v
			}
		}
		lists[e.Type.Name] = append(lists[e.Type.Name], &object{typ: types.NewObjectType("ruas." + e.Type.Name), fields: own})
	}
	vars := map[string]any{rule.VarEvents: list(all)}
	for name, l := range lists {
		vars[name] = list(l)
	}
	profile := map[string]ref.Val{}
	for name, a := range h.attributes(now) {
		if v, ok := valueOf(a); ok {
			profile[name] = v
		}
	}
	vars[rule.VarProfile] = &object{typ: types.NewObjectType("ruas.profile"), fields: profile}
	return vars
}
