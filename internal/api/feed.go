package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"sync"
	"time"
)

// Record is a record of the changes topic.
type Record struct {
	Partition int32
	Offset    int64
	Value     []byte
}

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
	// Partition and Offset are its place in the topic.
	Partition int32 `json:"-"`
	Offset    int64 `json:"-"`
}

// Join tells a join from a leave.
func (c *Change) Join() bool { return c.Change == "join" }

// readChange reads a published change.
func readChange(r Record) (Change, error) {
	c := Change{JSON: r.Value, Partition: r.Partition, Offset: r.Offset}
	if err := json.Unmarshal(r.Value, &c); err != nil {
		return Change{}, fmt.Errorf("reading a published change: %w", err)
	}
	return c, nil
}

// Feed hands changes on to whoever listens, remembers the newest of them, and counts them. It is safe for concurrent use.
type Feed struct {
	now       func() time.Time
	countFrom time.Time
	began     time.Time

	mu      sync.Mutex
	recent  []Change // a ring: the oldest is at next once it is full
	next    int
	all     listeners
	tallies map[string]*tally // by segment
	// at is where following stands, nil before it began; held is from where on everything is in recent.
	at, held Offsets
}

type listeners map[*Listener]struct{}

// FeedOptions says how a feed remembers and counts.
type FeedOptions struct {
	// Remember is how many of the newest changes are kept for listeners that come later.
	Remember int
	// Now is the clock of the counts.
	Now func() time.Time
	// CountFrom leaves changes with an earlier time out of the counts: they are read up on, not news.
	CountFrom time.Time
}

// NewFeed returns an empty feed.
func NewFeed(opt FeedOptions) *Feed {
	return &Feed{
		now: opt.Now, countFrom: opt.CountFrom, began: opt.Now(),
		recent: make([]Change, 0, opt.Remember), all: listeners{}, tallies: map[string]*tally{},
	}
}

// Begin says from where on changes are published to the feed.
func (f *Feed) Begin(at Offsets) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at, f.held = maps.Clone(at), maps.Clone(at)
}

// At tells where following stands; nil: it has not begun.
func (f *Feed) At() Offsets {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.at)
}

// Publish hands on a change, a JSON object as it is published on Kafka, which it keeps, and returns what it read of it.
func (f *Feed) Publish(r Record) (Change, error) {
	c, err := readChange(r)
	if err != nil {
		return c, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.remember(&c)
	if !c.Time.Before(f.countFrom) {
		t := f.tallies[c.Segment]
		if t == nil {
			t = newTally()
			f.tallies[c.Segment] = t
		}
		t.add(f.now(), c.Join())
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

func (f *Feed) remember(c *Change) {
	if f.at != nil {
		f.at[c.Partition] = c.Offset + 1
	}
	switch {
	case len(f.recent) < cap(f.recent):
		f.recent = append(f.recent, *c)
		return
	case len(f.recent) > 0:
		if gone := &f.recent[f.next]; f.held != nil {
			f.held[gone.Partition] = gone.Offset + 1
		}
		f.recent[f.next] = *c
		f.next = (f.next + 1) % len(f.recent)
	case f.held != nil:
		f.held[c.Partition] = c.Offset + 1
	}
}

// Listener receives changes from the moment it was made.
type Listener struct {
	feed    *Feed
	changes chan Change
	missed  []Change
	at      Offsets
}

// listenerBuffer is how many changes a listener may be behind.
const listenerBuffer = 4096

// Listen returns a listener that gets the newest changes, so many of them, first.
func (f *Feed) Listen(recent int) *Listener {
	f.mu.Lock()
	defer f.mu.Unlock()
	past := f.past()
	l := f.listen(past[max(len(past)-recent, 0):], maps.Clone(f.at))
	for i := len(l.missed) - 1; i >= 0 && l.at != nil; i-- {
		l.at[l.missed[i].Partition] = l.missed[i].Offset
	}
	return l
}

// ListenFrom returns a listener that gets every change from a place on first. False: the feed does not remember them all, or did not
// begin. Of a partition that the place does not name it gets what comes from now on.
func (f *Feed) ListenFrom(from Offsets) (l *Listener, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.at == nil {
		return nil, false
	}
	at := maps.Clone(f.at)
	for p, offset := range from {
		if _, known := at[p]; known && offset < f.held[p] {
			return nil, false
		}
		at[p] = offset
	}
	var missed []Change
	for _, c := range f.past() {
		if c.Offset >= at[c.Partition] {
			missed = append(missed, c)
		}
	}
	return f.listen(missed, at), true
}

func (f *Feed) listen(missed []Change, at Offsets) *Listener {
	l := &Listener{feed: f, changes: make(chan Change, listenerBuffer), missed: missed, at: at}
	f.all[l] = struct{}{}
	return l
}

// past gives what is remembered, the oldest first.
func (f *Feed) past() []Change {
	return append(append([]Change(nil), f.recent[f.next:]...), f.recent[:f.next]...)
}

// Missed returns the changes that were published before the listener was made.
func (l *Listener) Missed() []Change { return l.missed }

// At is the place before the first change that the listener gets; nil: the feed has not begun.
func (l *Listener) At() Offsets { return l.at }

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
	t := f.tallies[segment]
	if t == nil {
		return 0, 0
	}
	now := f.now().Unix()
	for at := now - 59; at <= now; at++ {
		j, l := t.seconds.of(at)
		joins, leaves = joins+int(j), leaves+int(l)
	}
	return joins, leaves
}

// LastChange tells when a segment's newest change was published; zero: there was none that was counted.
func (f *Feed) LastChange(segment string) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if t := f.tallies[segment]; t != nil {
		return t.last
	}
	return time.Time{}
}

// Activity tells what happened in a segment within a window, by name, as far back as the feed goes.
func (f *Feed) Activity(segment, window string) Activity {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.tallies[segment].activity(window, f.began, f.now())
}
