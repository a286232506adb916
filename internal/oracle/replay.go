package oracle

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types/ref"

	"github.com/ruas/ruas/internal/event"
)

// Options of a replay.
type Options struct {
	// Zone is the configured time zone; "" is UTC.
	Zone string
	// DedupWindow is by how much the clock must have moved on until an id counts as new again; 0 is 24 hours.
	DedupWindow time.Duration
	// Until is the moment at which the replay ends, in milliseconds; nil is the greatest time of any event.
	Until *int64
}

// Cause of a change.
const (
	CauseEvent = "event"
	CauseTime  = "time"
)

// Change is one join or leave.
type Change struct {
	Customer string
	Segment  string
	Join     bool
	Time     int64
	Cause    string
	EventID  string // of the cause event; "" for time
	Seq      uint64 // from 1 for each customer and segment
	// Features are those that the segment includes and that have a value; nil for none.
	Features map[string]ref.Val
}

// String is the change in one line.
func (c Change) String() string {
	word := "leaves"
	if c.Join {
		word = "joins"
	}
	out := fmt.Sprintf("%s %s %s %s seq %d, %s %s", time.UnixMilli(c.Time).UTC().Format("2006-01-02T15:04:05.000Z"), c.Customer, word,
		c.Segment, c.Seq, c.Cause, c.EventID)
	for _, name := range slices.Sorted(maps.Keys(c.Features)) {
		out += fmt.Sprintf(" %s=%v", name, c.Features[name].Value())
	}
	return strings.TrimSpace(out)
}

// customer is everything that is known of one.
type customer struct {
	id       string
	history  History
	members  map[string]bool
	seq      map[string]uint64
	accepted []accepted
}

// accepted is an id that counts as taken while the clock has moved on by less than the window.
type accepted struct {
	typ, id string
	clock   int64
}

// rememberedIDs is how many of a customer's newest ids are remembered.
const rememberedIDs = 4096

type replay struct {
	oracle *Oracle
	// candidates are the moments from from to to at which time alone may decide a customer anew.
	candidates func(h *History, from, to int64) []int64
	zone       string
	window     int64
	customers  map[string]*customer
	clock      int64
	changes    []Change
}

// Replay runs events, in order of arrival, through the rules, and returns the changes in the order in which replay prints them. An error
// is a fault of the oracle or of an expression that should not have been accepted, never of the events.
func (o *Oracle) Replay(inputs []*event.Event, opt Options) ([]Change, error) {
	if opt.Zone == "" {
		opt.Zone = "UTC"
	}
	work := newClockwork(o.set)
	return o.replay(inputs, opt, func(h *History, from, to int64) []int64 { return work.moments(h, opt.Zone, from, to) })
}

func (o *Oracle) replay(inputs []*event.Event, opt Options, candidates func(h *History, from, to int64) []int64) ([]Change, error) {
	r := &replay{
		oracle: o, candidates: candidates, zone: opt.Zone, window: opt.DedupWindow.Milliseconds(), customers: map[string]*customer{},
		clock: math.MinInt64,
	}
	if r.window == 0 {
		r.window = (24 * time.Hour).Milliseconds()
	}
	end := int64(math.MinInt64)
	for _, e := range inputs {
		end = max(end, e.Time)
	}
	if opt.Until != nil {
		end = *opt.Until
	}
	for _, e := range inputs {
		if e.Time > end {
			continue
		}
		if err := r.apply(e); err != nil {
			return r.changes, err
		}
	}
	return r.changes, r.fire(end)
}

// apply moves the clock to the event and decides its customer.
func (r *replay) apply(e *event.Event) error {
	if e.Time > r.clock {
		if err := r.fire(e.Time - 1); err != nil {
			return err
		}
		r.clock = e.Time
	}
	c := r.customers[e.Customer]
	if c == nil {
		c = &customer{id: e.Customer, members: map[string]bool{}, seq: map[string]uint64{}}
		r.customers[e.Customer] = c
	}
	for _, a := range c.accepted {
		if a.typ == e.Type.Name && a.id == e.ID && r.clock-a.clock < r.window {
			return nil
		}
	}
	c.accepted = append(c.accepted, accepted{e.Type.Name, e.ID, r.clock})
	c.accepted = c.accepted[max(0, len(c.accepted)-rememberedIDs):]
	c.history.Add(e)
	return r.decide(c, r.clock, CauseEvent, e.ID)
}

// fire decides every customer at each of its candidate moments from the clock on, up to and including the moment to.
func (r *replay) fire(to int64) error {
	type due struct {
		at int64
		c  *customer
	}
	var all []due
	for _, c := range r.customers {
		for _, m := range r.candidates(&c.history, r.clock, to) {
			all = append(all, due{m, c})
		}
	}
	slices.SortFunc(all, func(a, b due) int {
		if a.at != b.at {
			return int(min(1, max(-1, a.at-b.at)))
		}
		return strings.Compare(a.c.id, b.c.id)
	})
	for _, d := range all {
		if err := r.decide(d.c, d.at, CauseTime, ""); err != nil {
			return err
		}
	}
	return nil
}

func (r *replay) decide(c *customer, now int64, cause, eventID string) error {
	flips, err := r.oracle.Evaluate(&c.history, now, r.zone, c.members)
	if err != nil {
		return fmt.Errorf("customer %s at %d: %w", c.id, now, err)
	}
	for _, f := range flips {
		c.seq[f.Segment.Name]++
		r.changes = append(r.changes, Change{
			Customer: c.id, Segment: f.Segment.Name, Join: f.Join, Time: now, Cause: cause, EventID: eventID, Seq: c.seq[f.Segment.Name],
			Features: f.Features,
		})
	}
	return nil
}
