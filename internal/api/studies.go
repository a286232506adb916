package api

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/study"
	"github.com/ruas/ruas/internal/suggest"
)

// Studies runs studies.
type Studies interface {
	// Start takes a request. Errors are rule.Errors, *study.NoSegment, study.ErrSince and study.ErrBusy.
	Start(ask study.Request) (study.Study, error)
	// Get gives a study as it stands, End ends one; false: there is none.
	Get(id string) (study.Study, bool)
	End(id string) bool
}

// retryStudies is after how many seconds a study that found no place may be asked for again.
const retryStudies = "10"

// startStudy takes a request for a study.
func (s *server) startStudy(w http.ResponseWriter, r *http.Request) {
	args := query(r)
	if args.bad(w, r) {
		return
	}
	var ask struct {
		Segment string  `json:"segment"`
		Rules   *string `json:"rules"`
		Since   *string `json:"since"`
	}
	if !body(w, r, &ask) {
		return
	}
	request := study.Request{Segment: ask.Segment}
	switch {
	case ask.Segment == "":
		args.fail("segment names what is to be studied")
	case ask.Rules != nil && (*ask.Rules == "" || len(*ask.Rules) > maxFile):
		args.fail("rules is a text of 1 to %d bytes", maxFile)
	case ask.Since != nil && *ask.Since == "":
		args.fail("since is a duration, as \"30d\"")
	}
	if args.bad(w, r) {
		return
	}
	if ask.Rules != nil {
		request.Rules = *ask.Rules
	}
	if ask.Since != nil {
		request.Since = *ask.Since
	}
	if s.noStudies(w, r) {
		return
	}
	if !take(s.walks) { // it compiles, as checks do
		busy(w, r, "checks")
		return
	}
	defer give(s.walks)
	started, err := s.Studies.Start(request)
	if err != nil {
		s.refuseStudy(w, r, err)
		return
	}
	w.Header().Set("Location", "/v1/studies/"+started.ID)
	write(w, http.StatusAccepted, "application/json", started)
}

// refuseStudy answers why a study was not begun.
func (s *server) refuseStudy(w http.ResponseWriter, r *http.Request, err error) {
	var (
		mistakes rule.Errors
		missing  *study.NoSegment
	)
	switch {
	case errors.As(err, &mistakes):
		doNotCompile(w, r, mistakes)
	case errors.As(err, &missing):
		hint := ""
		if near := suggest.Nearest(missing.Name, missing.Names); near != "" {
			hint = fmt.Sprintf("; did you mean %q?", near)
		}
		fail(w, r, notFound, "there is no segment %.128q%s", missing.Name, hint)
	case errors.Is(err, study.ErrSince):
		fail(w, r, badRequest, "%v", err)
	case errors.Is(err, study.ErrBusy):
		w.Header().Set("Retry-After", retryStudies)
		fail(w, r, tooMany, "%v", err)
	default:
		s.fault(r, err)
		fail(w, r, internalFault, "the study could not be prepared; the log says more under the request's id")
	}
}

// study tells how far a study is.
func (s *server) study(w http.ResponseWriter, r *http.Request) {
	args := query(r)
	if args.bad(w, r) || s.noStudies(w, r) {
		return
	}
	found, ok := s.Studies.Get(r.PathValue("id"))
	if !ok {
		noStudy(w, r)
		return
	}
	reply(w, found)
}

// endStudy ends a study.
func (s *server) endStudy(w http.ResponseWriter, r *http.Request) {
	args := query(r)
	if args.bad(w, r) || s.noStudies(w, r) {
		return
	}
	if !s.Studies.End(r.PathValue("id")) {
		noStudy(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func noStudy(w http.ResponseWriter, r *http.Request) {
	fail(w, r, notFound, "there is no such study here: it was ended, is long over, or was begun by another server")
}

func (s *server) noStudies(w http.ResponseWriter, r *http.Request) bool {
	if s.Studies == nil {
		fail(w, r, notFound, "this server runs no studies")
		return true
	}
	return false
}
