package engine_test

import (
	"reflect"
	"slices"
	"testing"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/oracle"
)

// shrinkRules leaves out one thing after the other, and keeps what fails without it. It tells whether something was left out.
func shrinkRules(rules oracle.Rules, fails func(less oracle.Rules) bool) (some bool) {
	cut := func(edit func(*oracle.Rules)) {
		less := oracle.Rules{Features: slices.Clone(rules.Features), Segments: slices.Clone(rules.Segments)}
		edit(&less)
		if fails(less) {
			rules, some = less, true
		}
	}
	for i := len(rules.Segments) - 1; i >= 0 && len(rules.Segments) > 1; i-- {
		cut(func(r *oracle.Rules) { r.Segments = slices.Delete(r.Segments, i, i+1) })
	}
	for i := range rules.Segments {
		if len(rules.Segments[i].Include) > 0 {
			cut(func(r *oracle.Rules) { r.Segments[i].Include = nil })
		}
		if rules.Segments[i].Until != "" {
			cut(func(r *oracle.Rules) { r.Segments[i].Until = "" })
		}
	}
	for i := len(rules.Features) - 1; i >= 0; i-- {
		cut(func(r *oracle.Rules) { r.Features = slices.Delete(r.Features, i, i+1) })
	}
	return some
}

// shrinkProperties does the same with the properties that events need not have.
func shrinkProperties(events []*event.Event, fails func(less []*event.Event) bool) (some bool) {
	for i, e := range events {
		for j, v := range e.Props {
			if v.Kind == event.Missing || e.Type.Properties[j].Required {
				continue
			}
			less := slices.Clone(events)
			cut := e.Clone()
			cut.Props[j] = event.Value{}
			less[i] = cut
			if fails(less) {
				events, e, some = less, cut, true
			}
		}
	}
	return some
}

func TestShrink(t *testing.T) {
	t.Parallel()
	segment := func(name string) oracle.SegmentText {
		return oracle.SegmentText{Name: name, When: "true", Until: "false", Include: []string{"f"}}
	}
	rules := oracle.Rules{Segments: []oracle.SegmentText{segment("a"), segment("b"), segment("c")}}
	least := rules
	needs := func(less oracle.Rules) bool { // b and its until
		for _, s := range less.Segments {
			if s.Name == "b" && s.Until != "" {
				least = less
				return true
			}
		}
		return false
	}
	if !shrinkRules(rules, needs) {
		t.Error("nothing is left out of the rules")
	}
	want := []oracle.SegmentText{{Name: "b", When: "true", Until: "false"}}
	if !reflect.DeepEqual(least.Segments, want) || len(rules.Segments) != 3 || rules.Segments[0].Include == nil {
		t.Errorf("%+v is left of %+v, want %+v", least.Segments, rules.Segments, want)
	}
	if shrinkRules(least, needs) {
		t.Error("something more is left out of the rules")
	}

	kind := &event.Type{Properties: []event.Property{{Required: true}, {}, {}}}
	whole := event.Value{Kind: event.Int}
	events := []*event.Event{{Type: kind, Props: []event.Value{whole, whole, whole}}}
	left := events
	if !shrinkProperties(events, func(less []*event.Event) bool {
		if less[0].Props[2].Kind == event.Missing {
			return false
		}
		left = less
		return true
	}) {
		t.Error("nothing is left out of the events")
	}
	if got := left[0].Props; got[0].Kind != event.Int || got[1].Kind != event.Missing || got[2].Kind != event.Int || events[0].Props[1].Kind != event.Int {
		t.Errorf("%+v is left of %+v", got, events[0].Props)
	}
}
