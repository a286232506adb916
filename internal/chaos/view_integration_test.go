//go:build integration

package chaos

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/subscribe"
)

// log is what a partition of the changelog comes to.
type log struct {
	records map[string]string // states and archives, by the keys under which Redis has them
	states  map[string]string // by customer
	task    pipeline.TaskRecord
	end     int64 // the offset behind the task record
}

// fold reads a partition of the changelog.
func (s *site) fold(p int32) *log {
	s.t.Helper()
	l := &log{records: make(map[string]string), states: make(map[string]string)}
	err := s.franz(state, p, func(c *subscribe.Record) (err error) {
		switch {
		case string(c.Key) == "t":
			l.end = c.Offset + 1
			l.task, err = pipeline.ParseTaskRecord(c.Value)
		case len(c.Key) < 2 || c.Key[0] != 'c': // no customer's
		default:
			key := string(c.Key[1:])
			if l.records[key] = string(c.Value); c.Value == nil {
				delete(l.records, key)
			}
		}
		return err
	})
	if err != nil {
		s.t.Fatalf("reading the changelog: %v", err)
	}
	for key, value := range l.records {
		if id, archive := pipeline.ArchiveOf(key); !archive {
			l.states[id] = value
		}
	}
	return l
}

// How many keys there are of a partition's states, and of its members.
const (
	stateKeys  = 64
	memberKeys = 16
)

func (s *site) key(p int32, name string) string {
	return fmt.Sprintf("%s%s:{%d}:%s", prefix, group, p, name)
}

// caughtUp tells whether Redis has all that is committed.
func (s *site) caughtUp(ends [partitions]int64) bool {
	for p, end := range ends {
		meta, err := s.view.HGetAll(s.t.Context(), s.key(int32(p), "meta")).Result()
		if err != nil || meta["building"] != "0" || meta["applied"] != strconv.FormatInt(end, 10) {
			return false
		}
	}
	return true
}

// checkView holds everything that Redis has of a partition to the changelog.
func (s *site) checkView(r *Report, p int32, l *log) {
	s.t.Helper()
	ctx := s.t.Context()
	meta, err := s.view.HGetAll(ctx, s.key(p, "meta")).Result()
	if err != nil {
		s.t.Fatalf("reading Redis: %v", err)
	}
	if meta["building"] != "0" || meta["applied"] != strconv.FormatInt(l.end, 10) || meta["epoch"] != strconv.FormatInt(l.task.Epoch, 10) {
		s.differ(r, "partition %d: Redis is described by %v, the changelog ends at %d in epoch %d", p, meta, l.end, l.task.Epoch)
	}
	s.checkStates(r, p, l)
	members := make(map[string]bool)
	e := s.engine()
	due, err := s.view.ZRangeWithScores(ctx, s.key(p, "deadlines"), 0, -1).Result()
	if err != nil {
		s.t.Fatalf("reading Redis: %v", err)
	}
	wakes := make(map[string]float64, len(due))
	for _, z := range due {
		wakes[z.Member.(string)] = z.Score
	}
	for id, value := range l.states {
		_, encoded, err := pipeline.SplitState([]byte(value))
		if err != nil {
			s.t.Fatalf("the state of %q: %v", id, err)
		}
		c, err := e.Decode(id, encoded)
		if err != nil {
			s.t.Fatalf("the state of %q: %v", id, err)
		}
		c.Memberships(func(segment int, in bool, _ int64, _ uint64) bool {
			if in {
				members[e.Segments()[segment].Name+"\x00"+id] = true
			}
			return true
		})
		if at, ok := wakes[id]; c.Deadline() != engine.Never && (!ok || at > float64(c.Deadline())) {
			s.differ(r, "partition %d: Redis wakes %q at %v (%v), it is due at %d", p, id, at, ok, c.Deadline())
		}
	}
	if at, ok := wakes[""]; !ok || !math.IsInf(at, 1) {
		s.differ(r, "partition %d: the deadlines have no mark", p)
	}
	s.checkMembers(r, p, members)
	r.States += int64(len(l.states))
	r.Members += int64(len(members))
}

func (s *site) checkStates(r *Report, p int32, l *log) {
	s.t.Helper()
	found := 0
	for n := range stateKeys {
		key := s.key(p, fmt.Sprintf("s:%d", n))
		held, err := s.view.HGetAll(s.t.Context(), key).Result()
		if err != nil {
			s.t.Fatalf("reading Redis: %v", err)
		}
		if _, ok := held[""]; !ok {
			s.differ(r, "%s has no mark", key)
		}
		for id, value := range held {
			if id == "" {
				continue
			}
			found++
			if want, ok := l.records[id]; !ok || value != want {
				s.differ(r, "partition %d: what stands under %q in Redis is not that of the changelog (where there is one: %v)", p, id, ok)
			}
		}
	}
	if found != len(l.records) {
		s.differ(r, "partition %d: Redis has %d states and archives, the changelog %d", p, found, len(l.records))
	}
}

func (s *site) checkMembers(r *Report, p int32, want map[string]bool) {
	s.t.Helper()
	found := 0
	for n := range memberKeys {
		key := s.key(p, fmt.Sprintf("m:%d", n))
		held, err := s.view.ZRange(s.t.Context(), key, 0, -1).Result()
		if err != nil {
			s.t.Fatalf("reading Redis: %v", err)
		}
		if !slices.Contains(held, "") {
			s.differ(r, "%s has no mark", key)
		}
		for _, m := range held {
			if m == "" {
				continue
			}
			found++
			if !want[m] {
				s.differ(r, "partition %d: Redis has the member %q, the changelog has not", p, strings.ReplaceAll(m, "\x00", "/"))
			}
		}
	}
	if found != len(want) {
		s.differ(r, "partition %d: Redis has %d memberships, the changelog %d", p, found, len(want))
	}
}

// engine is that of the site's rules.
func (s *site) engine() *engine.Engine {
	s.t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		s.t.Fatal(err)
	}
	set, err := rule.Load(schema, []string{s.file("s10.yaml"), s.file("spender.yaml")})
	if err != nil {
		s.t.Fatal(err)
	}
	e, err := engine.New(set, engine.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	return e
}

// awaitView waits until Redis is at rest with all that is committed.
func (s *site) awaitView() {
	s.t.Helper()
	var ends [partitions]int64
	s.await("Redis to have all that is committed", func() bool {
		for p := range ends {
			ends[p] = s.fold(int32(p)).end
		}
		for range 20 {
			if s.caughtUp(ends) {
				return true
			}
			time.Sleep(250 * time.Millisecond)
		}
		return false
	})
}
