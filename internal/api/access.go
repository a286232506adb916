package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

// Scope is what a token allows.
type Scope string

// The scopes.
const (
	ScopeRead   Scope = "read"
	ScopeWrite  Scope = "write"
	ScopeForget Scope = "forget"
)

// Token is a bearer token, known by its hash.
type Token struct {
	Name   string
	SHA256 [sha256.Size]byte
	Scopes []Scope
}

// Access says who may ask for what, and how often.
type Access struct {
	// Tokens: one of them is asked for. None: everybody who can reach the address may do everything.
	Tokens []Token
	// Origins are those of pages elsewhere whose scripts may ask, as "https://shop.example".
	Origins []string
	// Rate is how many requests a second one token, or without tokens one address, may make; 0: as many as it likes.
	Rate int
	// Local takes writes only where they name this machine as localhost or by an IP address, as pages elsewhere cannot: one whose name was
	// led to this machine's address names itself.
	Local bool
	// Now is the clock of the rate; nil: time.Now.
	Now func() time.Time
}

// guard lets requests pass, or not.
type guard struct {
	Access
	limit *limiter
	log   *zap.Logger
}

func newGuard(access Access, log *zap.Logger) *guard {
	if access.Now == nil {
		access.Now = time.Now
	}
	return &guard{Access: access, limit: newLimiter(access.Rate, access.Now), log: log}
}

// caller is who asks: the token's name; empty where there are no tokens.
func caller(r *http.Request) string {
	name, _ := r.Context().Value(keyCaller).(string)
	return name
}

// require lets a request pass whose token has the scope, and that comes within the rate.
func (g *guard) require(scope Scope, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := address(r)
		if len(g.Tokens) > 0 {
			token := g.token(r)
			if token == nil {
				// Who guesses tokens is slowed down as whoever asks too often.
				if !g.within(w, r, from) {
					return
				}
				w.Header().Set("WWW-Authenticate", `Bearer realm="ruas"`)
				g.refused(r, scope)
				fail(w, r, unauthorized, "send Authorization: Bearer with a token that ruas knows")
				return
			}
			r = r.WithContext(context.WithValue(r.Context(), keyCaller, token.Name))
			if !slices.Contains(token.Scopes, scope) {
				w.Header().Set("WWW-Authenticate", `Bearer realm="ruas", error="insufficient_scope", scope="`+string(scope)+`"`)
				g.refused(r, scope)
				fail(w, r, forbidden, "the token %q does not have the scope %s", token.Name, scope)
				return
			}
			from = "token " + token.Name
		}
		if g.Local && scope != ScopeRead && !local(r.Host) {
			g.refused(r, scope)
			fail(w, r, forbidden, "without tokens nothing is changed under the name %.128q: use localhost or an IP address", r.Host)
			return
		}
		if g.within(w, r, from) {
			next.ServeHTTP(w, r)
		}
	})
}

// local tells whether a request names a machine by its address, or as its own.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "localhost" || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// token gives the token that a request bears; nil: none that is known. All are compared, and each takes the same time.
func (g *guard) token(r *http.Request) (found *Token) {
	scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil
	}
	hash := sha256.Sum256([]byte(strings.TrimSpace(text)))
	for i := range g.Tokens {
		if subtle.ConstantTimeCompare(hash[:], g.Tokens[i].SHA256[:]) == 1 {
			found = &g.Tokens[i]
		}
	}
	return found
}

// within keeps to the rate, or answers that it is passed.
func (g *guard) within(w http.ResponseWriter, r *http.Request, from string) bool {
	if g.limit.allow(from) {
		return true
	}
	w.Header().Set("Retry-After", "1")
	fail(w, r, tooMany, "there are at most %d requests a second", g.Rate)
	return false
}

// refused notes writes that were not allowed in the audit log.
func (g *guard) refused(r *http.Request, scope Scope) {
	if scope != ScopeRead {
		audit(g.log, r, "refused", zap.String("scope", string(scope)))
	}
}

// audit notes a write, or one that was refused: who, when, from where and which request. It never names a customer.
func audit(log *zap.Logger, r *http.Request, what string, more ...zap.Field) {
	log.Named("audit").Info(what, append([]zap.Field{
		zap.String("request_id", requestID(r)), zap.String("route", r.Pattern), zap.String("address", address(r)), zap.String("token", caller(r)),
	}, more...)...)
}

// address is where a request comes from, without the port.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// crossOrigin lets scripts of the configured origins ask, and no others. Requests bear no cookies, so that no other page can use them.
func (g *guard) crossOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(g.Origins) == 0 {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if origin == "" || !slices.Contains(g.Origins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", strings.Join([]string{headerClock, headerOffset, headerRequestID, "ETag", "Retry-After"}, ", "))
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", strings.Join(methods, ", "))
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match, If-None-Match, Last-Event-ID, "+headerRequestID)
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
