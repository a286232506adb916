package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ruas/ruas/internal/view"
)

// requests notes who is to be forgotten.
type requests struct {
	customers []string
	err       error
}

func (q *requests) Forget(_ context.Context, id, customer string, _ time.Time) (Place, error) {
	if id == "" {
		return Place{}, errors.New("a request without an id")
	}
	q.customers = append(q.customers, customer)
	return Place{"ruas-forget", 1, 7}, q.err
}

func (q *requests) Changelog() string { return "segment-state" }

func TestForget(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	q := &requests{}
	b := newBench(t, func(o *Options) {
		o.Logger, o.Requests = zap.New(core), q
		o.Access.Tokens = []Token{
			{Name: "shop", SHA256: sha256.Sum256([]byte("shop")), Scopes: []Scope{ScopeRead, ScopeWrite}},
			{Name: "privacy", SHA256: sha256.Sum256([]byte("privacy")), Scopes: []Scope{ScopeForget}},
		}
	})
	forget := func(token string) answer {
		return b.ask(t, "DELETE", "/v1/customers/a%2Fb%20c", "", "Authorization", "Bearer "+token)
	}
	refusal(t, "without the scope", forget("shop"), http.StatusForbidden, "scope forget")
	if len(q.customers) > 0 {
		t.Fatal("it was asked for all the same")
	}
	if got, want := forget("privacy"), `{"customer_id":"a/b c","request":{"topic":"ruas-forget","partition":1,"offset":7}}`; got.StatusCode != http.StatusAccepted || got.body != want {
		t.Errorf("a request that waits: %d %s", got.StatusCode, got.body)
	}
	b.view.forgotten = view.Forgotten{Done: true, Told: true, Known: true, Changes: 2, Clock: clock, At: clock + 5, Applied: 99}
	want := `{"customer_id":"a/b c","forgotten_at":"2026-11-21T10:01:00.128Z","clock":"2026-11-21T10:01:00.123Z","changes":2,` +
		`"request":{"topic":"ruas-forget","partition":1,"offset":7},"changelog":{"topic":"segment-state","partition":1,"offset":99}}`
	if got := forget("privacy"); got.StatusCode != http.StatusOK || got.body != want {
		t.Errorf("a request that is done: %d %s", got.StatusCode, got.body)
	}
	q.err = errors.New("no broker")
	refusal(t, "no broker", forget("privacy"), http.StatusServiceUnavailable, "a server that is needed")
	b.view.err = view.ErrNotReady
	asked := len(q.customers)
	refusal(t, "no view", forget("privacy"), http.StatusServiceUnavailable, "is being built")
	if len(q.customers) != asked {
		t.Error("it was asked for without a view")
	}

	var audited []string
	for _, entry := range logs.All() {
		if entry.LoggerName != "audit" {
			continue
		}
		audited = append(audited, entry.Message)
		for name, value := range entry.ContextMap() {
			if value == "a/b c" {
				t.Errorf("the audit log names the customer in %s", name)
			}
			if name == "token" && value != "privacy" && value != "shop" {
				t.Errorf("it was %v", value)
			}
		}
	}
	if want := []string{"refused", "forget", "forget", "forget failed"}; !slices.Equal(audited, want) {
		t.Errorf("audited %q, want %q", audited, want)
	}
	off := newBench(t, nil)
	refusal(t, "turned off", off.ask(t, "DELETE", "/v1/customers/c", ""), http.StatusNotFound, "topics.forget")
}
