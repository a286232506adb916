package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
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
	if offsets := offsetsText(standings); offsets != "" {
		w.Header().Set(headerOffset, offsets)
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
		if r.Method == http.MethodPost || r.Method == http.MethodPut {
			// A connection that knows no deadlines is none of a server's.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyTimeout))
		}
		if r.Body != http.NoBody {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		}
		next(w, r)
	}
}

// body reads a JSON body into v, or answers what is wrong with it.
func body(w http.ResponseWriter, r *http.Request, v any) bool {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		fail(w, r, unsupported, "the Content-Type is to be application/json")
		return false
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		unreadBody(w, r, err)
		return false
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(v); err == nil {
		switch _, err = decoder.Token(); {
		case !errors.Is(err, io.EOF):
			err = errors.New("there is more behind the body")
		case holdsNull(text):
			err = errors.New("null is no value here: leave out what is not meant")
		default:
			return true
		}
	}
	unreadBody(w, r, err)
	return false
}

// whole is a whole number in a body; JSON knows no other kind of number, and 3.0 is one too.
type whole int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *whole) UnmarshalJSON(text []byte) error {
	if number, err := strconv.ParseInt(string(text), 10, 64); err == nil {
		*n = whole(number)
		return nil
	}
	number, err := strconv.ParseFloat(string(text), 64)
	if err != nil || number != math.Trunc(number) || math.Abs(number) > 1<<53 {
		return fmt.Errorf("%.40q is no whole number", text)
	}
	*n = whole(number)
	return nil
}

// nonEmpty is a text in a body that is not empty where it is given.
type nonEmpty string

// UnmarshalJSON implements json.Unmarshaler.
func (s *nonEmpty) UnmarshalJSON(text []byte) error {
	if err := json.Unmarshal(text, (*string)(s)); err != nil {
		return err
	}
	if *s == "" {
		return errors.New("a text is empty: leave out what is not meant")
	}
	return nil
}

// holdsNull tells whether there is a null in a JSON text: decoding would take it for what is missing, or for a zero.
func holdsNull(text []byte) bool {
	decoder := json.NewDecoder(bytes.NewReader(text))
	for {
		token, err := decoder.Token()
		if err != nil {
			return false // the end: the text was decoded before
		}
		if token == nil {
			return true
		}
	}
}

// textBody reads a body of at most so many bytes that is of one of the kinds, the first of which is the usual one, or answers what is wrong.
func textBody(w http.ResponseWriter, r *http.Request, most int64, kinds ...string) (text []byte, ok bool) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || !slices.Contains(kinds, kind) {
		fail(w, r, unsupported, "the Content-Type is to be %s", kinds[0])
		return nil, false
	}
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, most))
	if err != nil {
		unreadBody(w, r, err)
		return nil, false
	}
	return text, true
}

// unreadBody answers why a body could not be read.
func unreadBody(w http.ResponseWriter, r *http.Request, err error) {
	if long := new(http.MaxBytesError); errors.As(err, &long) {
		fail(w, r, tooLarge, "a body has at most %d bytes", long.Limit)
		return
	}
	fail(w, r, badRequest, "reading the body: %v", err)
}
