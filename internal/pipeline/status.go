package pipeline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
)

// status is what a worker says of itself.
type status struct {
	mu      sync.Mutex
	member  bool
	trouble map[int32]string            // why a partition is not at work; "": it is
	stalled map[int32]map[string]string // what a partition at work waits for, by what it does
	general map[string]string           // what is wrong with the worker as a whole

	events, changes, deadLetters, shed, commits atomic.Int64
}

func newStatus() *status {
	return &status{trouble: make(map[int32]string), stalled: make(map[int32]map[string]string), general: make(map[string]string)}
}

func (s *status) joined(numbers []int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member = true
	delete(s.general, inGroup)
	for _, n := range numbers {
		s.trouble[n] = "is being taken over"
	}
}

func (s *status) left() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.member = false
	clear(s.trouble)
	clear(s.stalled)
}

func (s *status) set(number int32, trouble string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trouble[number] = trouble
	delete(s.stalled, number)
}

// stall notes what a partition waits for while it does something; "": nothing any more.
func (s *status) stall(number int32, doing, what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if what == "" {
		delete(s.stalled[number], doing)
		return
	}
	if s.stalled[number] == nil {
		s.stalled[number] = make(map[string]string)
	}
	s.stalled[number][doing] = what
}

// Matters of the worker as a whole.
const (
	inGroup  = "group"
	ofTopics = "topics"
	ofView   = "view"
)

// note notes what is wrong with a matter of the worker; nil: nothing any more. It tells whether that is new.
func (s *status) note(matter string, why error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.general[matter]
	if why == nil {
		delete(s.general, matter)
		return before != ""
	}
	s.general[matter] = why.Error()
	return before != why.Error()
}

func (s *status) recovering(number int32) { s.set(number, "is being taken over") }
func (s *status) running(number int32)    { s.set(number, "") }

func (s *status) broken(number int32, reason error) {
	text := reason.Error()
	if gone := new(OffsetsGone); errors.As(reason, &gone) {
		text += ". To go on without them set on_data_loss: continue"
	}
	s.set(number, text)
}

func (s *status) ready() (bool, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.member {
		if reason := s.general[inGroup]; reason != "" {
			return false, "not in the group: " + reason
		}
		return false, "not in the group"
	}
	var why []string
	for _, matter := range []string{ofTopics, ofView} {
		if s.general[matter] != "" {
			why = append(why, s.general[matter])
		}
	}
	for _, n := range slices.Sorted(maps.Keys(s.trouble)) {
		if t := s.trouble[n]; t != "" {
			why = append(why, fmt.Sprintf("partition %d: %s", n, t))
		}
		for _, doing := range slices.Sorted(maps.Keys(s.stalled[n])) {
			why = append(why, fmt.Sprintf("partition %d: %s", n, s.stalled[n][doing]))
		}
	}
	return len(why) == 0, strings.Join(why, "; ")
}

// served tells whether no partition waits for anything.
func (s *status) served() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n, trouble := range s.trouble {
		if trouble != "" || len(s.stalled[n]) > 0 {
			return false
		}
	}
	return true
}

// everyMinute logs what was done.
func (s *status) everyMinute(ctx context.Context, log *zap.Logger) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			ready, why := s.ready()
			s.mu.Lock()
			partitions := len(s.trouble)
			s.mu.Unlock()
			fields := []zap.Field{
				zap.Int64("events", s.events.Swap(0)), zap.Int64("changes", s.changes.Swap(0)),
				zap.Int64("dead_letters", s.deadLetters.Swap(0)), zap.Int64("transactions", s.commits.Swap(0)),
				zap.Int("partitions", partitions), zap.Bool("ready", ready), zap.String("trouble", why),
			}
			if shed := s.shed.Swap(0); shed > 0 { // answers about some customers are approximate
				fields = append(fields, zap.Int64("entries_shed", shed))
			}
			log.Info("last minute", fields...)
		}
	}
}

// tell notes a server that does not answer, and (with no error) that it does again.
func (t *task) tell(doing string, err error) {
	if err == nil {
		t.p.status.stall(t.number, doing, "")
		t.log.Info(doing + " works again")
		return
	}
	t.p.lookSoon()
	t.p.status.stall(t.number, doing, fmt.Sprintf("%s: %v", doing, err))
	t.log.Warn(doing+" fails, and is tried again", zap.Error(err))
}
