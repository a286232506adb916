package api

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Change is what the API reads of a published change.
type Change struct {
	ID       string    `json:"id"`
	Customer string    `json:"customer_id"`
	Segment  string    `json:"segment"`
	Change   string    `json:"change"` // join or leave
	Time     time.Time `json:"time"`
	Cause    string    `json:"cause"`
	// JSON is the whole change, as published.
	JSON []byte `json:"-"`
}

// Join tells a join from a leave.
func (c *Change) Join() bool { return c.Change == "join" }

// Feed hands changes on to whoever listens, and remembers the newest of them. It is safe for concurrent use.
type Feed struct {
	now       func() time.Time
	countFrom time.Time

	mu      sync.Mutex
	recent  []Change // a ring: the oldest is at next once it is full
	next    int
	all     listeners
	minutes map[string]*minute // by segment
}

type listeners map[*Listener]struct{}

// FeedOptions says how a feed remembers and counts.
type FeedOptions struct {
	// Remember is how many of the newest changes are kept for listeners that come later.
	Remember int
	// Now is the clock of LastMinute.
	Now func() time.Time
	// CountFrom leaves changes with an earlier time out of LastMinute: they are read up on, not news.
	CountFrom time.Time
}

// NewFeed returns an empty feed.
func NewFeed(opt FeedOptions) *Feed {
	return &Feed{
		now: opt.Now, countFrom: opt.CountFrom,
		recent: make([]Change, 0, opt.Remember), all: listeners{}, minutes: map[string]*minute{},
	}
}

// Publish hands on a change, a JSON object as it is published on Kafka, which it keeps, and returns what it read of it.
func (f *Feed) Publish(change []byte) (Change, error) {
	c := Change{JSON: change}
	if err := json.Unmarshal(change, &c); err != nil {
		return Change{}, fmt.Errorf("reading a published change: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.recent) < cap(f.recent) {
		f.recent = append(f.recent, c)
	} else if len(f.recent) > 0 {
		f.recent[f.next] = c
		f.next = (f.next + 1) % len(f.recent)
	}
	if !c.Time.Before(f.countFrom) {
		m := f.minutes[c.Segment]
		if m == nil {
			m = &minute{}
			f.minutes[c.Segment] = m
		}
		m.add(f.now().Unix(), c.Join())
	}
	for l := range f.all {
		select {
		case l.changes <- c:
		default:
			// It is too slow. It finds its channel closed, and may take up from the last change it has.
			delete(f.all, l)
			close(l.changes)
		}
	}
	return c, nil
}

// Listener receives changes from the moment it was made.
type Listener struct {
	feed    *Feed
	changes chan Change
	missed  []Change
}

// listenerBuffer is how many changes a listener may be behind.
const listenerBuffer = 4096

// Listen returns a listener. Where the change with the id after is still remembered, the listener gets what came later first;
// else the newest changes, recent of them.
func (f *Feed) Listen(after string, recent int) *Listener {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := &Listener{feed: f, changes: make(chan Change, listenerBuffer)}
	f.all[l] = struct{}{}
	past := append(append([]Change(nil), f.recent[f.next:]...), f.recent[:f.next]...)
	for i := len(past) - 1; i >= 0 && after != ""; i-- {
		if past[i].ID == after {
			l.missed = past[i+1:]
			return l
		}
	}
	l.missed = past[max(len(past)-recent, 0):]
	return l
}

// Missed returns the changes that were published before the listener was made.
func (l *Listener) Missed() []Change { return l.missed }

// Changes yields those published since. It is closed where the listener is too slow.
func (l *Listener) Changes() <-chan Change { return l.changes }

// Close ends the listening.
func (l *Listener) Close() {
	l.feed.mu.Lock()
	defer l.feed.mu.Unlock()
	delete(l.feed.all, l)
}

// LastMinute returns how many joins and leaves of a segment were published within the last 60 seconds.
func (f *Feed) LastMinute(segment string) (joins, leaves int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.minutes[segment]
	if m == nil {
		return 0, 0
	}
	return m.count(f.now().Unix())
}

// minute counts by second over the last 60.
type minute struct {
	seconds [60]struct {
		at            int64
		joins, leaves int
	}
}

func (m *minute) add(now int64, join bool) {
	s := &m.seconds[now%60]
	if s.at != now {
		s.at, s.joins, s.leaves = now, 0, 0
	}
	if join {
		s.joins++
	} else {
		s.leaves++
	}
}

func (m *minute) count(now int64) (joins, leaves int) {
	for i := range m.seconds {
		if s := &m.seconds[i]; now-s.at < 60 {
			joins += s.joins
			leaves += s.leaves
		}
	}
	return joins, leaves
}
