// Package engine steps one customer: an event or a moment goes in, the changes of memberships come out. It owns what a
// customer's state is, how it is stored, and what a change is. It is pure: it reads no clock, does no IO, logs nothing, and
// knows neither Kafka nor Redis.
package engine

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/iana"
	"github.com/ruas/ruas/internal/plan"
	"github.com/ruas/ruas/internal/rule"
)

// Options are what segments depend on beside their rules. The zero value has the defaults of the configuration.
type Options struct {
	// Zone names the time zone of customers whose profile names none. "": UTC.
	Zone string
	// DedupWindow is how long an event's id is remembered. 0: 24 hours.
	DedupWindow time.Duration
	// MaxLateness is how far behind the clock an event still counts for sequences over lists without a window. 0: 30 days.
	MaxLateness time.Duration
	// SeriesBound is the number of entries that a series keeps. 0: DefaultSeriesBound.
	SeriesBound int
	// ArchiveFrom is the least number of ids of events for which an archive is written. 0: 32.
	ArchiveFrom int
}

// DefaultSeriesBound is the number of entries that a series keeps where nothing else is said.
const DefaultSeriesBound = plan.DefaultBound

const (
	defaultDedup    = 24 * time.Hour
	defaultLateness = 30 * 24 * time.Hour
	// maxSeen is the number of ids remembered a customer.
	maxSeen = 4096
)

// Never is the deadline of a customer whom time alone does not move.
const Never = math.MaxInt64

// Engine evaluates one set of rules. It does not change and serves any number of goroutines.
type Engine struct {
	plan  *plan.Plan
	rules string
	dedup int64
	// archiveFrom is Options.ArchiveFrom.
	archiveFrom int
	// identities is what the identities of events begin with, by the places of their types.
	identities []uint64
	// steppers are scratch space, one for each goroutine at work.
	steppers sync.Pool
}

// New compiles a set. The error names the rule that cannot be kept, or the zone that is none.
func New(set *rule.Set, opt Options) (*Engine, error) {
	zone := time.UTC
	if opt.Zone != "" {
		if zone = iana.Zone(opt.Zone); zone == nil {
			return nil, fmt.Errorf("time_zone %q names no zone: write one of the IANA database, like Asia/Jakarta", opt.Zone)
		}
	}
	if opt.DedupWindow == 0 {
		opt.DedupWindow = defaultDedup
	}
	if opt.MaxLateness == 0 {
		opt.MaxLateness = defaultLateness
	}
	if opt.ArchiveFrom == 0 {
		opt.ArchiveFrom = defaultArchiveFrom
	}
	p, err := plan.New(set, plan.Options{Zone: zone, MaxLateness: opt.MaxLateness.Milliseconds(), Bound: opt.SeriesBound})
	if err != nil {
		return nil, err
	}
	return &Engine{
		plan: p, rules: set.Hash, dedup: opt.DedupWindow.Milliseconds(), archiveFrom: opt.ArchiveFrom, identities: identitiesOf(set.Schema.Types),
	}, nil
}

// Plan returns what the rules were compiled to.
func (e *Engine) Plan() *plan.Plan { return e.plan }

// Needs returns the properties that the rules read.
func (e *Engine) Needs() event.Needs { return e.plan.Needs() }

// RulesHash identifies the rules in force.
func (e *Engine) RulesHash() string { return e.rules }

// Segments returns the segments in the order in which they are decided.
func (e *Engine) Segments() []*rule.Segment { return e.plan.Set.Segments }
