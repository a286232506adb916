//go:build integration

package chaos

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/subscribe"
)

// checkForgotten looks at each customer of a partition who was asked about. published holds their changes, l what is kept, lists the newest
// list of each; folder has the partition's events.
func (s *site) checkForgotten(r *Report, p int32, folder string, until int64, published map[string][]string, l *log, lists map[string][]string) {
	s.t.Helper()
	e := s.engine()
	accounts := s.histories(folder, e)
	for id, changes := range published {
		if accounts[id] == nil {
			s.differ(r, "partition %d: %q has no event, and the changes %q", p, id, changes)
		}
	}
	for id, a := range accounts {
		asked := s.forgotten.of(id)
		a.id, a.engine, a.until, a.published, a.most = id, e, until, published[id], asked.tries
		for _, line := range a.published {
			var of leave
			if err := json.Unmarshal([]byte(line), &of); err != nil {
				s.t.Fatalf("%v in %s", err, line)
			}
			a.parsed = append(a.parsed, of)
		}
		for _, proof := range asked.done {
			r.Forgotten++
			a.prove(s, r, p, &proof)
		}
		if value, ok := l.states[id]; ok {
			a.kept = true
			_, encoded, err := pipeline.SplitState([]byte(value))
			s.must(err)
			c, err := e.Decode(id, encoded)
			s.must(err)
			a.segments = segmentsOf(e, c)
		} else {
			r.Gone++
		}
		if !slices.Equal(lists[id], a.segments) {
			s.differ(r, "partition %d: %q is in %q, and the newest list says %q", p, id, a.segments, lists[id])
		}
		if !a.possible() {
			s.differ(r, "partition %d: no moments to forget %q, at most %d, at least %d, make of %d events what was published (kept: %v, in %q):\n%q",
				p, id, a.most, a.least, len(a.events), a.kept, a.segments, a.published)
		}
	}
}

// prove holds an answer to what was published.
func (a *account) prove(s *site, r *Report, p int32, of *proof) {
	if of.Changelog != nil {
		a.least++
	}
	if of.Changes == nil || *of.Changes == 0 {
		return
	}
	clock, err := time.Parse(time.RFC3339, of.Clock)
	s.must(err)
	leaves := 0
	for _, is := range a.parsed {
		if is.Cause == engine.CauseForget.String() && is.Time.Equal(clock) {
			leaves++
		}
	}
	if leaves != *of.Changes {
		s.differ(r, "partition %d: the answer about %q tells of %d leaves at %s, and %d are published", p, a.id, *of.Changes, of.Clock, leaves)
	}
}

// histories gives the events of a partition's customers who were asked about, in the order of contract section 4, which is that of a replay:
// next comes the source whose next event is earliest.
func (s *site) histories(folder string, e *engine.Engine) map[string]*account {
	s.t.Helper()
	schema, err := event.LoadSchema()
	s.must(err)
	type read struct {
		time  int64
		event *event.Event // nil: of somebody else
	}
	lanes := make([][]read, len(sources))
	for i, source := range sources {
		decoder, err := event.NewDecoder(schema, event.Source{Name: source.topic}, e.Needs())
		s.must(err)
		file, err := os.Open(filepath.Join(folder, source.topic+".jsonl"))
		s.must(err)
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 1<<20)
		var ev event.Event
		for lines.Scan() {
			s.must(decoder.Decode(lines.Bytes(), &ev))
			of := read{time: ev.Time}
			if s.forgotten.of(ev.Customer) != nil {
				of.event = ev.Clone()
			}
			lanes[i] = append(lanes[i], of)
		}
		s.must(lines.Err())
		s.must(file.Close())
	}
	accounts := make(map[string]*account)
	clock := int64(0)
	for {
		best := -1
		for i, lane := range lanes {
			if len(lane) > 0 && (best < 0 || lane[0].time < lanes[best][0].time) {
				best = i
			}
		}
		if best < 0 {
			return accounts
		}
		next := lanes[best][0]
		lanes[best] = lanes[best][1:]
		clock = max(clock, next.time)
		if next.event == nil {
			continue
		}
		a := accounts[next.event.Customer]
		if a == nil {
			a = &account{}
			accounts[next.event.Customer] = a
		}
		a.events = append(a.events, timed{*next.event, clock})
	}
}

// newestLists gives the newest list of each customer of a partition.
func (s *site) newestLists(p int32) map[string][]string {
	s.t.Helper()
	lists := make(map[string][]string)
	err := s.franz(memberships, p, func(c *subscribe.Record) error {
		if c.Value == nil {
			delete(lists, string(c.Key))
			return nil
		}
		var list struct {
			Customer string `json:"customer_id"`
			Segments []string
		}
		if err := json.Unmarshal(c.Value, &list); err != nil || list.Customer != string(c.Key) {
			return fmt.Errorf("the list %s of %q: %w", c.Value, c.Key, err)
		}
		lists[list.Customer] = list.Segments
		return nil
	})
	if err != nil {
		s.t.Fatalf("reading lists of segments: %v", err)
	}
	return lists
}

// checkLists holds everybody's newest list to the changelog.
func (s *site) checkLists(r *Report, p int32, lists map[string][]string, l *log) {
	s.t.Helper()
	e := s.engine()
	for id := range lists {
		if _, ok := l.states[id]; !ok {
			s.differ(r, "partition %d: %q has the list %q, and no state", p, id, lists[id])
		}
	}
	for id, value := range l.states {
		_, encoded, err := pipeline.SplitState([]byte(value))
		s.must(err)
		c, err := e.Decode(id, encoded)
		s.must(err)
		if in := segmentsOf(e, c); !slices.Equal(in, lists[id]) {
			s.differ(r, "partition %d: %q is in %q, and has the list %q", p, id, in, lists[id])
		}
	}
}
