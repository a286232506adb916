package api

import (
	"encoding/json"
	"errors"
	"io"
	"math"
	"mime"
	"net/http"
	"time"

	"github.com/ruas/ruas/internal/view"
)

// The headers that tell where an answer stands.
const (
	headerClock  = "Ruas-Clock"
	headerOffset = "Ruas-Offset"
)

// reply answers with a JSON body.
func reply(w http.ResponseWriter, body any) { write(w, http.StatusOK, "application/json", body) }

func write(w http.ResponseWriter, status int, kind string, body any) {
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false) // expressions are full of > and &
	// Whoever asked may be gone.
	_ = encoder.Encode(body)
}

// standAt tells where the answer stands, and returns its clock as bodies have it.
func standAt(w http.ResponseWriter, standings []view.Standing) (asOf string) {
	if clock := clockOf(standings); clock != math.MinInt64 {
		asOf = moment(clock)
		w.Header().Set(headerClock, asOf)
	}
	if offsets := offsetsOf(standings); len(offsets) > 0 {
		w.Header().Set(headerOffset, offsets.String())
	}
	return asOf
}

// maxBody is the most that is read of a request, bodyTimeout how long that may take.
const (
	maxBody     = 1 << 20
	bodyTimeout = 10 * time.Second
)

// limitBody cuts off what is longer, or takes longer.
func limitBody(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			// A connection that knows no deadlines is none of a server's.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		next(w, r)
	}
}

// body reads a JSON body into v, or answers what is wrong with it.
func body(w http.ResponseWriter, r *http.Request, v any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		fail(w, r, unsupported, "the Content-Type is to be application/json")
		return false
	}
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	err := decoder.Decode(v)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return true
		}
		err = errors.New("there is more behind the body")
	}
	if long := new(http.MaxBytesError); errors.As(err, &long) {
		fail(w, r, tooLarge, "a body has at most %d bytes", long.Limit)
		return false
	}
	fail(w, r, badRequest, "reading the body: %v", err)
	return false
}
