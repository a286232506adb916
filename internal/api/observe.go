package api

import (
	"context"
	"net/http"
)

// Observer is told of requests, for metrics and traces. Its methods are called by many goroutines and must return at once.
type Observer interface {
	// Began is called when a request begins, and gives the context that it goes on with.
	Began(r *http.Request) context.Context
	// Answered is called when it is over, with that context.
	Answered(ctx context.Context, a Answer)
	// Streams is called when a stream opens or ends, with how many there are then.
	Streams(open int)
}

// Answer is what became of a request.
type Answer struct {
	// Route is the operation with its parameters unfilled, as "GET /v1/customers/{id}": it names nobody.
	Route  string
	Status int
	// Stream says that it was answered for as long as both sides wished.
	Stream bool
	// RequestID is that of the answer.
	RequestID string
}

// observed tells the observers of requests. It is to be the last before the routes, which name the request's pattern.
func (s *server) observed(next http.Handler) http.Handler {
	if len(s.Observers) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		contexts := make([]context.Context, len(s.Observers))
		for i, o := range s.Observers {
			contexts[i] = o.Began(r) //nolint:fatcontext // one for each observer
			r = r.WithContext(contexts[i])
		}
		told, whole := &told{ResponseWriter: w}, false
		defer func() {
			a := Answer{Route: r.Pattern, Status: told.status, RequestID: requestID(r), Stream: told.Header().Get("Content-Type") == streamType}
			switch {
			case told.status != 0:
			case whole: // nothing was written, which is an empty answer
				a.Status = http.StatusOK
			default: // somebody above answers
				a.Status = http.StatusInternalServerError
			}
			for i, o := range s.Observers {
				o.Answered(contexts[i], a)
			}
		}()
		next.ServeHTTP(told, r)
		whole = true
	})
}

// told remembers the status of an answer.
type told struct {
	http.ResponseWriter
	status int
}

func (t *told) WriteHeader(status int) {
	if t.status == 0 && status >= http.StatusOK {
		t.status = status
	}
	t.ResponseWriter.WriteHeader(status)
}

func (t *told) Write(b []byte) (int, error) {
	if t.status == 0 {
		t.status = http.StatusOK
	}
	return t.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController find what is below.
func (t *told) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// streamed tells the observers how many streams there are.
func (s *server) streamed() {
	for _, o := range s.Observers {
		o.Streams(len(s.streams))
	}
}
