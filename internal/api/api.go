// Package api owns what ruas answers over HTTP: segments, their members, customers, and changes as they happen. It reads through
// the small interfaces that it declares, and knows neither Kafka nor Redis, nor how a membership comes about.
package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/suggest"
)

// View is the current state of all customers. What it says is committed, and may be a moment behind.
type View interface {
	// Counts returns the number of members of each segment.
	Counts(ctx context.Context, segments []string) ([]int64, error)
	// Warming returns the segments that cannot be decided of every customer yet, because the rules changed, with the moment at which that
	// ends at the latest, in milliseconds since the epoch; engine.Never: time alone does not end it.
	Warming(ctx context.Context) (map[string]int64, error)
	// Members returns at most limit ids of members, in order, from the first one after after.
	Members(ctx context.Context, segment, after string, limit int) ([]string, error)
	// Customer returns a customer's state as the engine encoded it; nil: there is no such customer.
	Customer(ctx context.Context, id string) ([]byte, error)
}

// Options says what the API serves.
type Options struct {
	// Engine returns the rules in force.
	Engine func() *engine.Engine
	View   View
	// Feed is where changes come from.
	Feed *Feed
	// Console answers what the API does not; nil: nothing does.
	Console http.Handler
}

// New returns the handler of the API.
func New(opt Options) http.Handler {
	s := &server{opt}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/segments", s.segments)
	mux.HandleFunc("GET /v1/segments/{name}", s.segment)
	mux.HandleFunc("GET /v1/segments/{name}/members", s.members)
	mux.HandleFunc("GET /v1/customers/{id}", s.customer)
	mux.HandleFunc("GET /v1/changes", s.changes)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, "there is nothing at %s %s", r.Method, r.URL.Path)
	})
	if opt.Console != nil {
		mux.Handle("/", opt.Console)
	}
	return mux
}

type server struct{ opt Options }

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
	Joins  int `json:"joins_last_minute"`
	Leaves int `json:"leaves_last_minute"`
	// Warming says that the segment cannot be decided of every customer yet, because the rules changed: where it cannot, memberships stand
	// as they were. WarmingUntil is when that ends; it is missing where that is not before the state is built anew.
	Warming      bool   `json:"warming,omitempty"`
	WarmingUntil string `json:"warming_until,omitempty"`
}

func (s *server) describe(g *rule.Segment, members int64, warming map[string]int64) segmentJSON {
	out := segmentJSON{
		Name: g.Name, Title: g.Title, Description: g.Description, Tags: g.Tags, When: g.When.Source, Include: g.Include, Members: members,
	}
	if g.Until != nil {
		out.Until = g.Until.Source
	}
	out.Joins, out.Leaves = s.opt.Feed.LastMinute(g.Name)
	var until int64
	if until, out.Warming = warming[g.Name]; out.Warming && until != engine.Never {
		out.WarmingUntil = time.UnixMilli(until).UTC().Format(timeLayout)
	}
	return out
}

func (s *server) segments(w http.ResponseWriter, r *http.Request) {
	e := s.opt.Engine()
	rules := slices.Clone(e.Segments())
	slices.SortFunc(rules, func(a, b *rule.Segment) int { return strings.Compare(a.Name, b.Name) })
	names := make([]string, len(rules))
	for i, g := range rules {
		names[i] = g.Name
	}
	counts, warming, err := s.look(r.Context(), names)
	if err != nil {
		unavailable(w, err)
		return
	}
	out := struct {
		Rules    string        `json:"rules"`
		Segments []segmentJSON `json:"segments"`
	}{Rules: e.RulesHash(), Segments: make([]segmentJSON, len(rules))}
	for i, g := range rules {
		out.Segments[i] = s.describe(g, counts[i], warming)
	}
	reply(w, http.StatusOK, out)
}

// find returns the segment that the path names, or answers that there is none.
func (s *server) find(w http.ResponseWriter, r *http.Request) *rule.Segment {
	name := r.PathValue("name")
	var names []string
	for _, g := range s.opt.Engine().Segments() {
		if g.Name == name {
			return g
		}
		names = append(names, g.Name)
	}
	hint := ""
	if near := suggest.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	fail(w, http.StatusNotFound, "there is no segment %q%s", name, hint)
	return nil
}

func (s *server) segment(w http.ResponseWriter, r *http.Request) {
	g := s.find(w, r)
	if g == nil {
		return
	}
	counts, warming, err := s.look(r.Context(), []string{g.Name})
	if err != nil {
		unavailable(w, err)
		return
	}
	reply(w, http.StatusOK, s.describe(g, counts[0], warming))
}

// look reads what changes of segments.
func (s *server) look(ctx context.Context, names []string) (counts []int64, warming map[string]int64, err error) {
	if counts, err = s.opt.View.Counts(ctx, names); err != nil {
		return nil, nil, err
	}
	warming, err = s.opt.View.Warming(ctx)
	return counts, warming, err
}

const (
	defaultLimit = 100
	maxLimit     = 1000
)

func (s *server) members(w http.ResponseWriter, r *http.Request) {
	g := s.find(w, r)
	if g == nil {
		return
	}
	limit := defaultLimit
	if text := r.URL.Query().Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxLimit {
			fail(w, http.StatusBadRequest, "limit is a number from 1 to %d, not %q", maxLimit, text)
			return
		}
		limit = n
	}
	ids, err := s.opt.View.Members(r.Context(), g.Name, r.URL.Query().Get("after"), limit)
	if err != nil {
		unavailable(w, err)
		return
	}
	out := struct {
		Segment string   `json:"segment"`
		Members []string `json:"members"`
		// Next is what after is for the page that follows; there is none where it is missing.
		Next string `json:"next,omitempty"`
	}{Segment: g.Name, Members: append([]string{}, ids...)}
	if len(ids) == limit {
		out.Next = ids[limit-1]
	}
	reply(w, http.StatusOK, out)
}

type customerJSON struct {
	ID          string           `json:"customer_id"`
	Memberships []membershipJSON `json:"memberships"`
}

type membershipJSON struct {
	Segment string `json:"segment"`
	// Since is the time of the join, Seq its number among the customer's changes in the segment.
	Since string `json:"since"`
	Seq   uint64 `json:"seq"`
}

const timeLayout = "2006-01-02T15:04:05.000Z"

func (s *server) customer(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	state, err := s.opt.View.Customer(r.Context(), id)
	if err != nil {
		unavailable(w, err)
		return
	}
	if state == nil {
		fail(w, http.StatusNotFound, "there was no event of a customer %q", id)
		return
	}
	e := s.opt.Engine()
	c, err := e.Decode(id, state)
	if err != nil {
		unavailable(w, fmt.Errorf("reading the state of customer %q: %w", id, err))
		return
	}
	out := customerJSON{ID: id, Memberships: []membershipJSON{}}
	c.Memberships(func(segment int, in bool, since int64, seq uint64) bool {
		if in {
			out.Memberships = append(out.Memberships, membershipJSON{
				Segment: e.Segments()[segment].Name, Since: time.UnixMilli(since).UTC().Format(timeLayout), Seq: seq,
			})
		}
		return true
	})
	slices.SortFunc(out.Memberships, func(a, b membershipJSON) int { return strings.Compare(a.Segment, b.Segment) })
	reply(w, http.StatusOK, out)
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // expressions are full of > and &
	// Whoever asked may be gone.
	_ = encoder.Encode(body)
}

func fail(w http.ResponseWriter, status int, format string, args ...any) {
	reply(w, status, map[string]string{"error": fmt.Sprintf(format, args...)})
}

// unavailable answers that the view could not be read; a later attempt may succeed.
func unavailable(w http.ResponseWriter, err error) {
	w.Header().Set("Retry-After", "1")
	fail(w, http.StatusServiceUnavailable, "%v", err)
}
