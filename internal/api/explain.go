package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/view"
)

// explanationJSON is the engine's explanation, with the clock as every answer has it.
type explanationJSON struct {
	AsOf string `json:"as_of"`
	engine.Explanation
}

// explain says why a customer is in a segment, or why not.
func (s *server) explain(w http.ResponseWriter, r *http.Request) {
	id, ok := customerOf(w, r)
	if !ok {
		return
	}
	segment, g := s.segmentOf(w, r, r.PathValue("name"))
	if g == nil {
		return
	}
	found, ok := s.look(w, r, id)
	if !ok {
		return
	}
	e := s.Engine()
	if found.Rules != e.RulesHash() {
		w.Header().Set("Retry-After", "1")
		fail(w, r, unavailable, "the customer was not decided by the rules in force yet")
		return
	}
	c, err := e.Decode(found.ID, found.State)
	if err != nil {
		s.unread(w, r, fmt.Errorf("reading a state of partition %d: %w", found.Partition, err))
		return
	}
	now := s.present(&found.Standing)
	standAt(w, []view.Standing{found.Standing})
	reply(w, explanationJSON{moment(now), e.Explain(c, segment, now)})
}

// present is the moment that a customer is looked at. A partition that has nothing to do commits nothing, and its clock goes on.
func (s *server) present(at *view.Standing) int64 {
	if s.Present == nil || at.Written == 0 {
		return at.Clock
	}
	return at.Clock + max(0, s.Present().Sub(time.UnixMilli(at.Written)).Milliseconds())
}
