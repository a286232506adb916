package api

import (
	"crypto/sha256"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestTokens(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	b := newBench(t, func(o *Options) {
		o.Logger = zap.New(core)
		o.Access.Tokens = []Token{
			{Name: "shop", SHA256: sha256.Sum256([]byte("s3cret")), Scopes: []Scope{ScopeRead}},
			{Name: "privacy", SHA256: sha256.Sum256([]byte("other")), Scopes: []Scope{ScopeForget}},
		}
	})
	for header, status := range map[string]int{
		"": 401, "Bearer": 401, "Bearer wrong": 401, "Basic s3cret": 401, "s3cret": 401, "Bearer other": 403, "Bearer s3cret": 200, "bearer s3cret": 200,
	} {
		answer := b.ask(t, "GET", "/v1/segments", "", "Authorization", header)
		if answer.StatusCode != status {
			t.Errorf("%q: %d, want %d: %s", header, answer.StatusCode, status, answer.body)
		}
		if status != http.StatusOK && !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), `Bearer realm="ruas"`) {
			t.Errorf("%q: %v", header, answer.Header)
		}
	}
	// What names no customer is for everybody.
	for _, path := range []string{"/openapi.json", "/docs/"} {
		if answer := b.ask(t, "GET", path, ""); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	for _, entry := range logs.All() {
		for _, field := range entry.Context {
			if strings.Contains(field.String, "s3cret") {
				t.Errorf("a token is in the log: %v", entry)
			}
		}
	}
}

func TestRate(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	b := newBench(t, func(o *Options) {
		o.Access.Rate, o.Access.Now = 3, func() time.Time { return now }
		o.Access.Tokens = []Token{{Name: "a", SHA256: sha256.Sum256([]byte("a")), Scopes: []Scope{ScopeRead}}, {Name: "b", SHA256: sha256.Sum256([]byte("b")), Scopes: []Scope{ScopeRead}}}
	})
	asks := func(token string) int {
		answer := b.ask(t, "GET", "/v1/segments", "", "Authorization", "Bearer "+token)
		if answer.StatusCode == http.StatusTooManyRequests {
			refusal(t, "too often", answer, 429, "at most 3 requests a second")
		}
		return answer.StatusCode
	}
	for i, want := range []int{200, 200, 200, 429} {
		if got := asks("a"); got != want {
			t.Errorf("request %d: %d, want %d", i+1, got, want)
		}
	}
	if got := asks("b"); got != 200 {
		t.Errorf("another token: %d", got)
	}
	now = now.Add(400 * time.Millisecond)
	for i, want := range []int{200, 429} {
		if got := asks("a"); got != want {
			t.Errorf("request %d after 400 ms: %d, want %d", i+1, got, want)
		}
	}
	// Who guesses is held up too.
	for _, want := range []int{401, 401, 401, 429} {
		if got := asks("guess"); got != want {
			t.Errorf("a guess: %d, want %d", got, want)
		}
	}
}

func TestCrossOrigin(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Access.Origins = []string{"https://shop.example"} })
	for origin, allowed := range map[string]string{"https://shop.example": "https://shop.example", "https://evil.example": "", "null": ""} {
		answer := b.ask(t, "GET", "/v1/segments", "", "Origin", origin)
		if got := answer.Header.Get("Access-Control-Allow-Origin"); got != allowed || answer.Header.Get("Vary") != "Origin" {
			t.Errorf("%s: allowed %q, vary %q", origin, got, answer.Header.Get("Vary"))
		}
		answer = b.ask(t, "OPTIONS", "/v1/customers:batch", "", "Origin", origin, "Access-Control-Request-Method", "POST")
		if got := answer.Header.Get("Access-Control-Allow-Methods"); (got != "") != (allowed != "") {
			t.Errorf("%s asks before: %d %q", origin, answer.StatusCode, got)
		}
	}
}

func TestLimiterForgets(t *testing.T) {
	now := time.Unix(0, 0)
	l := newLimiter(1, func() time.Time { return now })
	for range 100 {
		now = now.Add(time.Second)
		l.allow(now.String())
	}
	if len(l.buckets) > 2 {
		t.Errorf("%d callers are remembered", len(l.buckets))
	}
}
