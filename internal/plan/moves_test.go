package plan_test

import (
	"testing"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/plan"
	"github.com/ruas/ruas/internal/rule"
)

func TestReportTellsWhatTimeMoves(t *testing.T) {
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"r.yaml": []byte(`
features:
  z_days: days_since(purchase.newest().time)
  a_days: 'has(feature.z_days) && feature.z_days > 3'
  asks: in_segment("window")
segments:
  count: {when: purchase.size() > 3}
  attribute: {when: 'profile.city == "Bogor"'}
  sum: {when: 'purchase.sum(p, p.amount) > 3'}
  followed: {when: 'cart_add.followed_by(purchase, "30m").size() > 0'}
  not_yet: {when: 'cart_add.not_yet_followed_by(purchase, "30m").size() > 0'}
  day_of_event: {when: 'purchase.exists(p, day(p.time) == "2026-01-01")'}
  asks_still: {when: in_segment("count")}
  window: {when: purchase.last("1d").size() > 0}
  wait: {when: 'cart_add.not_followed_by(purchase, "30m").size() > 0'}
  other_window: {when: 'cart_add.followed_by(purchase.last("1d"), "30m").size() > 0'}
  present: {when: now.getHours() > 3}
  today: {when: 'purchase.exists(p, day(p.time) == day(now))'}
  ago: {when: 'purchase.exists(p, p.time < ago("1d"))'}
  age: {when: age(profile.birth_date) > 17}
  until: {when: purchase.size() > 3, until: purchase.last("1d").size() == 0}
  asks_moving: {when: '!in_segment("window")'}
  through_features: {when: feature.a_days}
  through_both: {when: feature.asks}
`)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := plan.New(set, plan.Options{MaxLateness: 30 * 24 * 60 * 60 * 1000})
	if err != nil {
		t.Fatal(err)
	}
	still := map[string]bool{"count": true, "attribute": true, "sum": true, "followed": true, "not_yet": true, "day_of_event": true, "asks_still": true}
	for _, s := range p.Report().Segments {
		if s.TimeMoves == still[s.Name] {
			t.Errorf("%s: time moves it: %t", s.Name, s.TimeMoves)
		}
	}
}
