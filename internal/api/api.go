// Package api owns what ruas answers over HTTP: segments, their members, customers and why they are where they are, and changes as they
// happen; who may ask, how much, and how mistakes are told. openapi.yaml is what it promises. It reads through the small interfaces that
// it declares, and knows neither Kafka nor Redis, nor how a membership comes about.
package api

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rulefiles"
	"github.com/ruas/ruas/internal/view"
)

// View is the current state of all customers. What it says is committed, and may be a moment behind. view.ErrNotReady: it is being built.
type View interface {
	// Customers gives what is known of customers, in the order of the ids.
	Customers(ctx context.Context, ids []string) ([]view.Customer, error)
	// Segments counts members.
	Segments(ctx context.Context, names []string) (view.Segments, error)
	// Members gives members in order, from the first one after after: at least so many, unless it gives all.
	Members(ctx context.Context, segment, after string, atLeast int) (view.Members, error)
	// Forgotten tells what became of a request to forget.
	Forgotten(ctx context.Context, topic string, partition int32, offset int64) (view.Forgotten, error)
	// Partitions describes every partition's part.
	Partitions(ctx context.Context) ([]view.Partition, error)
}

// Log is the changes topic, for what the feed does not remember.
type Log interface {
	// Changes hands over every committed change between two places, in the order of each partition. What is no longer kept is left out.
	Changes(ctx context.Context, from, to Offsets, each func(Record) error) error
}

// Options says what the API serves.
type Options struct {
	// Engine returns the rules in force.
	Engine func() *engine.Engine
	// Schema is what rules are compiled with.
	Schema *event.Schema
	View   View
	// Feed is where changes come from.
	Feed *Feed
	// Log is asked for changes that the feed has forgotten; nil: nobody is, and streams begin where the feed does.
	Log Log
	// Rules are the files that rules are in; nil: they are not told.
	Rules *rulefiles.Store
	// Requests takes requests to forget; nil: nobody can be forgotten.
	Requests Requests
	// Studies runs studies; nil: there are none.
	Studies Studies
	// DeadLetters are served and sent again; nil: they are not.
	DeadLetters DeadLetters
	// Console answers what the API does not; nil: nothing does.
	Console http.Handler
	// Access says who may ask for what, and how often.
	Access Access
	// Observers are told of requests.
	Observers []Observer
	// Logger is told of faults and of writes; nil: nobody is.
	Logger *zap.Logger
	// Present is what moves the clock of a partition that has nothing to do; nil: events alone move it.
	Present func() time.Time
	// Wait is for how long at_least waits for the view; 0: 5 seconds.
	Wait time.Duration
}

// New returns the handler of the API.
func New(opt Options) http.Handler {
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	if opt.Wait == 0 {
		opt.Wait = 5 * time.Second
	}
	s := &server{
		Options: opt, guard: newGuard(opt.Access, opt.Logger),
		walks: make(chan struct{}, maxWalks), rereads: make(chan struct{}, maxRereads), streams: make(chan struct{}, maxStreams),
		saves: make(chan struct{}, maxSaves), replays: make(chan struct{}, maxReplays),
	}
	mux := http.NewServeMux()
	for _, route := range s.routes() {
		mux.Handle(route.pattern, s.guard.require(route.scope, limitBody(route.handle)))
	}
	mux.HandleFunc("GET /openapi.json", document)
	mux.HandleFunc("GET /docs/{$}", page)
	mux.HandleFunc("GET /docs", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/docs/", http.StatusMovedPermanently)
	})
	mux.HandleFunc("GET /problems/{type}", explainProblem)
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) { s.astray(mux, w, r) })
	if opt.Console != nil {
		mux.Handle("/", opt.Console)
	} else {
		mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
			fail(w, r, notFound, "there is nothing at %s", r.URL.Path)
		})
	}
	return identify(s.recovering(secure(s.guard.crossOrigin(s.observed(mux)))))
}

// server answers requests.
type server struct {
	Options
	guard *guard
	// What takes long is bounded: walks over whole lists, reads of topics, streams, changes of rules, and sending dead letters again.
	walks, rereads, streams, saves, replays chan struct{}
}

const (
	maxWalks   = 4
	maxRereads = 4
	maxStreams = 1000
	maxSaves   = 4
	maxReplays = 1
)

// route is one operation.
type route struct {
	pattern string
	scope   Scope
	handle  http.HandlerFunc
}

func (s *server) routes() []route {
	return []route{
		{"GET /v1/customers/{id}", ScopeRead, s.customer},
		{"DELETE /v1/customers/{id}", ScopeForget, s.forget},
		{"POST /v1/customers:batch", ScopeRead, s.customers},
		{"GET /v1/customers/{id}/segments/{name}/explain", ScopeRead, s.explain},
		{"GET /v1/segments", ScopeRead, s.segments},
		{"GET /v1/segments/{name}", ScopeRead, s.segment},
		{"GET /v1/segments/{name}/members", ScopeRead, s.members},
		{"GET /v1/overlap", ScopeRead, s.overlap},
		{"GET /v1/changes", ScopeRead, s.changes},
		{"GET /v1/partitions", ScopeRead, s.partitions},
		{"POST /v1/studies", ScopeRead, s.startStudy},
		{"GET /v1/studies/{id}", ScopeRead, s.study},
		{"DELETE /v1/studies/{id}", ScopeRead, s.endStudy},
		{"GET /v1/rules", ScopeRead, s.rules},
		{"GET /v1/rules/{file}", ScopeRead, s.ruleFile},
		{"PUT /v1/rules/{file}", ScopeWrite, s.saveRules},
		{"DELETE /v1/rules/{file}", ScopeWrite, s.removeRules},
		{"POST /v1/rules:check", ScopeRead, s.check},
		{"GET /v1/schema", ScopeRead, s.schema},
		{"GET /v1/dead-letters", ScopeRead, s.deadLetters},
		{"POST /v1/dead-letters:replay", ScopeWrite, s.replay},
	}
}

// methods are those that some route has.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete}

// astray answers what no route does: 405 where another method would have been right.
func (s *server) astray(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) {
	var allowed []string
	for _, method := range methods {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "" && pattern != "/v1/" {
			allowed = append(allowed, method)
		}
	}
	if len(allowed) > 0 {
		w.Header()["Allow"] = allowed
		fail(w, r, methodNotAllowed, "%s is not among the methods of %s", r.Method, r.URL.Path)
		return
	}
	fail(w, r, notFound, "there is nothing at %s", r.URL.Path)
}
