package api

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/view"
)

// segmentJSON is a segment as it is served.
type segmentJSON struct {
	Name        string   `json:"name"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	Tags        []string `json:"tags,omitempty"`
	When        string   `json:"when"`
	Until       string   `json:"until,omitempty"`
	Include     []string `json:"include,omitempty"`
	Members     int64    `json:"members"`
	// Joins and leaves that were published within the last minute.
	Joins      int    `json:"joins_last_minute"`
	Leaves     int    `json:"leaves_last_minute"`
	LastChange string `json:"last_change,omitempty"`
	// Warming says that the segment cannot be decided of every customer yet, because the rules changed: where it cannot, memberships stand
	// as they were. WarmingUntil is when that ends; it is missing where that is not before the state is built anew.
	Warming      bool          `json:"warming,omitempty"`
	WarmingUntil string        `json:"warming_until,omitempty"`
	AsOf         string        `json:"as_of,omitempty"`
	Activity     *activityJSON `json:"activity,omitempty"`
}

// activityJSON is what happened in a segment by steps of time, the oldest first.
type activityJSON struct {
	From    string   `json:"from"`
	Step    int64    `json:"step_seconds"`
	Joins   []uint32 `json:"joins"`
	Leaves  []uint32 `json:"leaves"`
	Members []int64  `json:"members"`
}

func (s *server) describe(g *rule.Segment, members int64, warming map[string]int64, window string) segmentJSON {
	out := segmentJSON{
		Name: g.Name, Title: g.Title, Description: g.Description, Tags: g.Tags, When: g.When.Source, Include: g.Include, Members: members,
	}
	if g.Until != nil {
		out.Until = g.Until.Source
	}
	out.Joins, out.Leaves = s.Feed.LastMinute(g.Name)
	if at := s.Feed.LastChange(g.Name); !at.IsZero() {
		out.LastChange = moment(at.UnixMilli())
	}
	var until int64
	if until, out.Warming = warming[g.Name]; out.Warming && until != engine.Never {
		out.WarmingUntil = moment(until)
	}
	if window != noWindow {
		out.Activity = activityOf(s.Feed.Activity(g.Name, window), members)
	}
	return out
}

// activityOf tells the members at the end of each step, from the members now less what happened since.
func activityOf(a Activity, members int64) *activityJSON {
	out := &activityJSON{
		From: moment(a.From.UnixMilli()), Step: int64(a.Step / time.Second), Joins: a.Joins, Leaves: a.Leaves, Members: make([]int64, len(a.Joins)),
	}
	for i := len(a.Joins) - 1; i >= 0; i-- {
		out.Members[i] = max(members, 0)
		members += int64(a.Leaves[i]) - int64(a.Joins[i])
	}
	return out
}

func (s *server) segments(w http.ResponseWriter, r *http.Request) {
	args := query(r, "window")
	window := args.choice("window", noWindow, windowNames...)
	if args.bad(w, r) {
		return
	}
	e := s.Engine()
	rules := slices.Clone(e.Segments())
	slices.SortFunc(rules, func(a, b *rule.Segment) int { return strings.Compare(a.Name, b.Name) })
	names := make([]string, len(rules))
	for i, g := range rules {
		names[i] = g.Name
	}
	found, err := s.View.Segments(r.Context(), names)
	if err != nil {
		s.unread(w, r, err)
		return
	}
	out := struct {
		AsOf     string        `json:"as_of,omitempty"`
		Rules    string        `json:"rules"`
		Segments []segmentJSON `json:"segments"`
	}{AsOf: standAt(w, found.Standings), Rules: e.RulesHash(), Segments: make([]segmentJSON, len(rules))}
	for i, g := range rules {
		out.Segments[i] = s.describe(g, found.Counts[i], found.Warming, window)
	}
	reply(w, out)
}

func (s *server) segment(w http.ResponseWriter, r *http.Request) {
	args := query(r, "window")
	window := args.choice("window", usualWindow, windowNames...)
	if args.bad(w, r) {
		return
	}
	_, g := s.segmentOf(w, r, r.PathValue("name"))
	if g == nil {
		return
	}
	found, err := s.View.Segments(r.Context(), []string{g.Name})
	if err != nil {
		s.unread(w, r, err)
		return
	}
	asOf := standAt(w, found.Standings)
	out := s.describe(g, found.Counts[0], found.Warming, window)
	out.AsOf = asOf
	reply(w, out)
}

func (s *server) partitions(w http.ResponseWriter, r *http.Request) {
	args := query(r)
	if args.bad(w, r) {
		return
	}
	found, err := s.View.Partitions(r.Context())
	if err != nil {
		s.unread(w, r, err)
		return
	}
	out := struct {
		Partitions []partitionJSON `json:"partitions"`
	}{make([]partitionJSON, len(found))}
	for i := range found {
		out.Partitions[i] = describePartition(&found[i])
	}
	reply(w, out)
}

type partitionJSON struct {
	Partition int32          `json:"partition"`
	Ready     bool           `json:"ready"`
	Clock     string         `json:"clock,omitempty"`
	Written   string         `json:"written,omitempty"`
	Epoch     int64          `json:"epoch,omitempty"`
	Applied   *int64         `json:"applied,omitempty"`
	Changes   *int64         `json:"changes,omitempty"`
	Rules     string         `json:"rules,omitempty"`
	Sources   []progressJSON `json:"sources,omitempty"`
}

type progressJSON struct {
	Topic string `json:"topic"`
	Next  int64  `json:"next"`
}

func describePartition(p *view.Partition) partitionJSON {
	out := partitionJSON{Partition: p.Partition, Ready: p.Ready}
	if !p.Ready {
		return out
	}
	out.Clock, out.Written, out.Epoch, out.Applied, out.Rules = moment(p.Clock), moment(p.Written), p.Epoch, &p.Applied, p.Rules
	if p.Changes != view.Unknown {
		out.Changes = &p.Changes
	}
	for _, source := range p.Sources {
		out.Sources = append(out.Sources, progressJSON(source))
	}
	return out
}
