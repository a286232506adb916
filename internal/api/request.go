package api

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/suggest"
)

type contextKey int

const (
	keyRequestID contextKey = iota
	keyCaller
)

const headerRequestID = "X-Request-Id"

// fitting is what a caller's own request id may look like: nothing that could forge a line of a log.
var fitting = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify gives each request an id: the caller's where it fits, else a new one.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(headerRequestID)
		if !fitting.MatchString(id) {
			id = rand.Text()
		}
		w.Header().Set(headerRequestID, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), keyRequestID, id)))
	})
}

func requestID(r *http.Request) string {
	id, _ := r.Context().Value(keyRequestID).(string)
	return id
}

// What every answer has; shared by all of them, and never changed.
var (
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	loadNothing = []string{"default-src 'none'; frame-ancestors 'none'"}
	noRefer     = []string{"no-referrer"}
	onlyTLS     = []string{"max-age=31536000"}
)

// secure sets what browsers are to keep to in every answer.
func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Cache-Control"], h["X-Content-Type-Options"], h["Content-Security-Policy"], h["Referrer-Policy"] = noStore, noSniff, loadNothing, noRefer
		if r.TLS != nil {
			h["Strict-Transport-Security"] = onlyTLS
		}
		next.ServeHTTP(w, r)
	})
}

// recovering answers 500 where an answer could not be made, and says so in the log.
func (s *server) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch why := recover(); why {
			case nil:
			case http.ErrAbortHandler: // a stream that is cut off on purpose
				panic(why)
			default:
				s.Logger.Error("a request failed", zap.String("request_id", requestID(r)), zap.Any("panic", why), zap.Stack("stack"))
				fail(w, r, internalFault, "this is a mistake in ruas; its log says more under the request's id")
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// fault logs what went wrong with a request, without its path: that may name a customer.
func (s *server) fault(r *http.Request, err error) {
	s.Logger.Warn("a request could not be answered", zap.String("request_id", requestID(r)), zap.String("route", r.Pattern), zap.Error(err))
}

// arguments reads the parameters of a query, and keeps the first thing that is wrong with them.
type arguments struct {
	values url.Values
	err    error
}

// query reads a query that holds nothing but these parameters. Where the text itself is no query, that is the mistake.
func query(r *http.Request, known ...string) *arguments {
	if r.URL.RawQuery == "" {
		return &arguments{}
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	a := &arguments{values: values}
	if err != nil {
		a.fail("the query cannot be read")
		return a
	}
	for name, list := range values {
		if !slices.Contains(known, name) {
			a.fail("there is no parameter %.40q%s", name, suggest.Hint(name, known))
		}
		for _, text := range list {
			if !utf8.ValidString(text) {
				a.fail("%s is not UTF-8", name)
			}
		}
	}
	return a
}

func (a *arguments) fail(format string, args ...any) {
	if a.err == nil {
		a.err = fmt.Errorf(format, args...)
	}
}

// text gives a parameter that may be given once; empty: it is not.
func (a *arguments) text(name string) string {
	list := a.values[name]
	if len(list) > 1 {
		a.fail("%s is given %d times", name, len(list))
	}
	if len(list) == 0 {
		return ""
	}
	if list[0] == "" {
		a.fail("%s is empty", name)
	}
	return list[0]
}

// number gives a parameter between two bounds, or what holds where it is not given.
func (a *arguments) number(name string, least, most, otherwise int64) int64 {
	text := a.text(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most || strings.HasPrefix(text, "+") {
		a.fail("%s is a number from %d to %d, not %.40q", name, least, most, text)
		return otherwise
	}
	return n
}

// choice gives a parameter that is one of some words.
func (a *arguments) choice(name, otherwise string, words ...string) string {
	text := a.text(name)
	if text == "" {
		return otherwise
	}
	if !slices.Contains(words, text) {
		a.fail("%s is one of %s, not %.40q", name, strings.Join(words, ", "), text)
		return otherwise
	}
	return text
}

// customerID gives a parameter that is a customer's id.
func (a *arguments) customerID(name string) string {
	text := a.text(name)
	if why := wrongID(text); text != "" && why != "" {
		a.fail("%s: %s", name, why)
	}
	return text
}

// bad answers with what is wrong, if something is.
func (a *arguments) bad(w http.ResponseWriter, r *http.Request) bool {
	if a.err == nil {
		return false
	}
	fail(w, r, badRequest, "%v", a.err)
	return true
}

// maxID is the most bytes of a customer's id that is asked for.
const maxID = 1024

// wrongID tells why a text is no customer's id; empty: it may be one.
func wrongID(id string) string {
	switch {
	case id == "":
		return "a customer's id is not empty"
	case len(id) > maxID:
		return fmt.Sprintf("a customer's id has at most %d bytes", maxID)
	case !utf8.ValidString(id):
		return "a customer's id is UTF-8"
	}
	return ""
}

// customerOf gives the customer that the path names, or answers that it names none.
func customerOf(w http.ResponseWriter, r *http.Request) (id string, ok bool) {
	id = r.PathValue("id")
	if why := wrongID(id); why != "" {
		fail(w, r, badRequest, "%s", why)
		return "", false
	}
	return id, true
}

// segmentOf gives the segment that the path names with its place, or answers that there is none.
func (s *server) segmentOf(w http.ResponseWriter, r *http.Request, name string) (place int, g *rule.Segment) {
	var names []string
	for i, g := range s.Engine().Segments() {
		if g.Name == name {
			return i, g
		}
		names = append(names, g.Name)
	}
	hint := ""
	if near := suggest.Nearest(name, names); near != "" {
		hint = fmt.Sprintf("; did you mean %q?", near)
	}
	fail(w, r, notFound, "there is no segment %.128q%s", name, hint)
	return 0, nil
}
