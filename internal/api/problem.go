package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/view"
)

// problemType is a kind of mistake or fault, as RFC 9457 has them: its name is the end of the type's URI.
type problemType struct {
	name   string
	status int
	title  string
}

var (
	badRequest       = problemType{"bad-request", http.StatusBadRequest, "The request is not as the API describes it"}
	unauthorized     = problemType{"unauthorized", http.StatusUnauthorized, "There is no token, or it is not known"}
	forbidden        = problemType{"forbidden", http.StatusForbidden, "The token does not allow this"}
	notFound         = problemType{"not-found", http.StatusNotFound, "There is no such thing"}
	methodNotAllowed = problemType{"method-not-allowed", http.StatusMethodNotAllowed, "There is no such method here"}
	notAcceptable    = problemType{"not-acceptable", http.StatusNotAcceptable, "There is no answer in a form that was asked for"}
	changedMeanwhile = problemType{"precondition-failed", http.StatusPreconditionFailed, "It is not as the request has it"}
	unseen           = problemType{"precondition-required", http.StatusPreconditionRequired, "The request does not say what it is to replace"}
	badRules         = problemType{"bad-rules", http.StatusUnprocessableEntity, "The rules do not compile"}
	tooLarge         = problemType{"too-large", http.StatusRequestEntityTooLarge, "The request is too large"}
	unsupported      = problemType{"unsupported-media-type", http.StatusUnsupportedMediaType, "The request is in a form that is not taken"}
	tooMany          = problemType{"too-many-requests", http.StatusTooManyRequests, "There are too many requests"}
	internalFault    = problemType{"internal", http.StatusInternalServerError, "Something went wrong"}
	unavailable      = problemType{"unavailable", http.StatusServiceUnavailable, "The answer is not there at the moment"}
	behind           = problemType{"behind", http.StatusGatewayTimeout, "The view did not get as far in time"}
)

// problemTypes are all of them.
var problemTypes = []problemType{
	badRequest, unauthorized, forbidden, notFound, methodNotAllowed, notAcceptable, changedMeanwhile, unseen, badRules, tooLarge, unsupported,
	tooMany, internalFault, unavailable, behind,
}

// problem is what is answered in the place of what was asked for.
type problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail,omitempty"`
	RequestID string `json:"request_id"`
	// Mistakes are those of rules that do not compile.
	Mistakes rule.Errors `json:"mistakes,omitempty"`
}

// fail answers with a problem.
func fail(w http.ResponseWriter, r *http.Request, kind problemType, format string, args ...any) {
	failWith(w, r, kind, nil, format, args...)
}

// failWith answers with a problem that mistakes in rules made.
func failWith(w http.ResponseWriter, r *http.Request, kind problemType, mistakes rule.Errors, format string, args ...any) {
	write(w, kind.status, "application/problem+json", problem{
		Type: "/problems/" + kind.name, Title: kind.title, Status: kind.status, Detail: fmt.Sprintf(format, args...), RequestID: requestID(r),
		Mistakes: mistakes,
	})
}

// busy answers that a bound is reached.
func busy(w http.ResponseWriter, r *http.Request, what string) {
	w.Header().Set("Retry-After", "1")
	fail(w, r, unavailable, "as many %s as are allowed are under way", what)
}

// unread answers that the view, or the changes topic, could not be read; a later attempt may succeed.
func (s *server) unread(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody waits for an answer any more
	}
	w.Header().Set("Retry-After", "1")
	if errors.Is(err, view.ErrNotReady) {
		fail(w, r, unavailable, "%v", view.ErrNotReady)
		return
	}
	s.fault(r, err)
	fail(w, r, unavailable, "a server that is needed for the answer does not give it")
}

// explainProblem is the page that a problem's type leads to.
func explainProblem(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("type")
	for _, kind := range problemTypes {
		if kind.name == name {
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			fmt.Fprintf(w, "%s (%d)\n", strings.TrimSuffix(kind.title, "."), kind.status)
			return
		}
	}
	fail(w, r, notFound, "there is no such problem")
}
