package api

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/view"
)

// Place is a record of a topic.
type Place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// Requests takes requests to forget customers.
type Requests interface {
	// Forget records a request, with an id of its own, and tells where: from then on it is done whatever fails.
	Forget(ctx context.Context, id, customer string, at time.Time) (Place, error)
	// Changelog is the topic that holds customers' states.
	Changelog() string
}

// forgottenJSON is the proof that a customer is forgotten.
type forgottenJSON struct {
	ID        string `json:"customer_id"`
	At        string `json:"forgotten_at,omitempty"`
	Clock     string `json:"clock,omitempty"`
	Changes   *int   `json:"changes,omitempty"`
	Request   Place  `json:"request"`
	Changelog *Place `json:"changelog,omitempty"`
}

// forget has a customer forgotten, and waits for the proof.
func (s *server) forget(w http.ResponseWriter, r *http.Request) {
	id, ok := customerOf(w, r)
	if !ok {
		return
	}
	args := query(r)
	if args.bad(w, r) {
		return
	}
	if s.Requests == nil {
		fail(w, r, notFound, "nobody can be forgotten: topics.forget is empty")
		return
	}
	// A view that is being built would not tell when it is done.
	if _, err := s.View.Customers(r.Context(), []string{id}); err != nil {
		s.unread(w, r, err)
		return
	}
	// Who hangs up meanwhile has asked all the same.
	at, err := s.Requests.Forget(context.WithoutCancel(r.Context()), requestID(r), id, time.Now())
	if err != nil {
		audit(s.Logger, r, "forget failed")
		s.unread(w, r, err)
		return
	}
	audit(s.Logger, r, "forget", zap.String("topic", at.Topic), zap.Int32("partition", at.Partition), zap.Int64("offset", at.Offset))
	out := forgottenJSON{ID: id, Request: at}
	done, err := s.awaitForgotten(r.Context(), at)
	if err != nil || !done.Done {
		write(w, http.StatusAccepted, "application/json", out)
		return
	}
	if done.Told {
		out.At, out.Clock, out.Changes = moment(done.At), moment(done.Clock), &done.Changes
	}
	if done.Known {
		out.Changelog = &Place{s.Requests.Changelog(), at.Partition, done.Applied}
	}
	reply(w, out)
}

// awaitForgotten waits until a request was done, or for as long as at_least waits.
func (s *server) awaitForgotten(ctx context.Context, at Place) (done view.Forgotten, err error) {
	err = s.poll(ctx, func() (bool, error) {
		var failed error // is tried again: the request was recorded
		done, failed = s.View.Forgotten(ctx, at.Topic, at.Partition, at.Offset)
		return failed == nil && done.Done, nil
	})
	return done, err
}
