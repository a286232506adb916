package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/ruas/ruas/internal/deadletter"
	"github.com/ruas/ruas/internal/event"
)

// letters notes what was asked for.
type letters struct {
	page     deadletter.Page
	query    deadletter.Query
	replayed deadletter.Replayed
	request  deadletter.Request
	err      error
}

func (l *letters) Sources() []string { return []string{"purchases", "browsing"} }

func (l *letters) List(_ context.Context, q deadletter.Query) (deadletter.Page, error) {
	l.query = q
	return l.page, l.err
}

func (l *letters) Replay(_ context.Context, r deadletter.Request) (deadletter.Replayed, error) {
	l.request = r
	return l.replayed, l.err
}

func TestDeadLetters(t *testing.T) {
	l := &letters{page: deadletter.Page{
		Letters: []deadletter.Letter{
			{
				Place: deadletter.Place{Partition: 1, Offset: 7}, Time: clock, Reason: "bad_time", Detail: "no time", Source: "purchases", Topic: "shop", SourcePartition: 1, SourceOffset: 0,
				Key: []byte("<k>"), Value: []byte("{}"), Size: 2, ReplayOf: &deadletter.Place{Offset: 3}, Replayed: clock + 1,
			},
			{Place: deadletter.Place{Offset: 9}, Time: clock, SourcePartition: -1, SourceOffset: -1, Key: []byte{0xff}, Value: []byte{}, ValueCut: true, Size: 5, Never: deadletter.Cut},
		},
		Next: map[int32]int64{0: 9, 1: 7},
	}}
	b := newBench(t, func(o *Options) { o.DeadLetters = l })
	got := b.ask(t, "GET", "/v1/dead-letters?reason=bad_time&source=purchases&limit=2&cursor=1:9,0:12", "")
	want := `{"letters":[{"partition":1,"offset":7,"time":"2026-11-21T10:01:00.123Z","reason":"bad_time","detail":"no time","source":"purchases","topic":"shop",` +
		`"source_partition":1,"source_offset":0,"key":"<k>","value":"{}","size":2,"replay_of":{"partition":0,"offset":3},"replayed":"2026-11-21T10:01:00.124Z"},` +
		`{"partition":0,"offset":9,"time":"2026-11-21T10:01:00.123Z","reason":"","key_base64":"/w==","value":"","size":5,"truncated":true,"not_replayable":"cut"}],"next":"0:9,1:7"}`
	if got.StatusCode != http.StatusOK || got.body != want {
		t.Errorf("%d\n%s\nwant\n%s", got.StatusCode, got.body, want)
	}
	if q := l.query; q.Reason != "bad_time" || q.Source != "purchases" || q.Limit != 2 || !maps.Equal(q.Before, map[int32]int64{0: 12, 1: 9}) {
		t.Errorf("asked for %+v", q)
	}
	l.page = deadletter.Page{}
	if got := b.ask(t, "GET", "/v1/dead-letters", ""); got.body != `{"letters":[]}` || l.query.Limit != defaultLetters || l.query.Before != nil {
		t.Errorf("%s, asked for %+v", got.body, l.query)
	}
	for path, detail := range map[string]string{
		"?reason=bad_tim": `did you mean "bad_time"?`, "?limit=201": "limit is a number from 1 to 200", "?cursor=7": "cursor", "?a=b": "there is no parameter",
	} {
		refusal(t, path, b.ask(t, "GET", "/v1/dead-letters"+path, ""), http.StatusBadRequest, detail)
	}
	refusal(t, "no source", b.ask(t, "GET", "/v1/dead-letters?source=sales", ""), http.StatusNotFound, "there is no source")
	l.err = errors.New("no broker")
	refusal(t, "no broker", b.ask(t, "GET", "/v1/dead-letters", ""), http.StatusServiceUnavailable, "a server that is needed")
	refusal(t, "none", newBench(t, nil).ask(t, "GET", "/v1/dead-letters", ""), http.StatusNotFound, "does not serve")
}

func TestReplayedLetters(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	l := &letters{}
	b := newBench(t, func(o *Options) {
		o.Logger, o.DeadLetters = zap.New(core), l
		o.Access.Tokens = []Token{
			{Name: "reader", SHA256: sha256.Sum256([]byte("reader")), Scopes: []Scope{ScopeRead}},
			{Name: "writer", SHA256: sha256.Sum256([]byte("writer")), Scopes: []Scope{ScopeWrite}},
		}
	})
	ask := func(body string) answer {
		return b.ask(t, "POST", "/v1/dead-letters:replay", body, "Content-Type", "application/json", "Authorization", "Bearer writer")
	}
	refusal(t, "without the scope", b.ask(t, "POST", "/v1/dead-letters:replay", `{"reason":"bad_time"}`, "Authorization", "Bearer reader"), http.StatusForbidden, "scope write")
	l.replayed = deadletter.Replayed{Replayed: 2, Skipped: map[deadletter.Why]int{deadletter.Gone: 1}}
	if got := ask(`{"letters":[{"partition":1,"offset":7}]}`); got.StatusCode != http.StatusOK || got.body != `{"replayed":2,"skipped":{"gone":1}}` {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if !slices.Equal(l.request.Places, []deadletter.Place{{Partition: 1, Offset: 7}}) {
		t.Errorf("asked for %+v", l.request)
	}
	l.replayed = deadletter.Replayed{Replayed: 10, Skipped: map[deadletter.Why]int{}, From: map[int32]int64{0: 5}, To: map[int32]int64{0: 9}}
	if got := ask(`{"reason":"bad_time","source":"browsing","until":"2026-11-21T10:01:00.123Z","from":"0:1","to":"0:9"}`); got.body != `{"replayed":10,"skipped":{},"next":{"from":"0:5","to":"0:9"}}` {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if r := l.request; r.Reason != "bad_time" || r.Source != "browsing" || r.Until != clock || r.From[0] != 1 || r.To[0] != 9 {
		t.Errorf("asked for %+v", r)
	}
	for body, detail := range map[string]string{
		`{}`:             "name letters, or tell them",
		`{"letters":[]}`: "name letters, or tell them",
		`{"letters":[{"partition":0,"offset":1}],"reason":"bad_time"}`: "not both",
		`{"letters":[{"partition":-1,"offset":1}]}`:                    "from 0",
		`{"letters":[{"offset":1}]}`:                                   "from 0",
		`{"letters":[` + strings.Repeat(`{},`, maxReplayed) + `{}]}`:   "at most 500",
		`{"reason":"bad"}`:                  "there is no reason",
		`{"until":"today"}`:                 "until is a time",
		`{"reason":"bad_time","from":"x"}`:  "from:",
		`{"reason":"bad_time","letter":[]}`: "reading the body",
	} {
		refusal(t, fmt.Sprintf("%.60s", body), ask(body), http.StatusBadRequest, detail)
	}
	l.err = errors.New("no broker")
	refusal(t, "no broker", ask(`{"reason":"bad_time"}`), http.StatusServiceUnavailable, "a server that is needed")
	var audited []string
	for _, entry := range logs.FilterLoggerName("audit").All() {
		audited = append(audited, entry.Message)
	}
	if want := []string{"refused", "replay", "replay", "replay failed"}; !slices.Equal(audited, want) {
		t.Errorf("audited %q, want %q", audited, want)
	}
}

// TestTheDocumentKnowsEveryReason compares the reasons in openapi.yaml with those that there are.
func TestTheDocumentKnowsEveryReason(t *testing.T) {
	_, part, _ := strings.Cut(string(openAPI), "\n    Reason:\n")
	part, _, _ = strings.Cut(part, "\n    DeadLetters:\n")
	var got, want []string
	for _, m := range regexp.MustCompile(`(?m)^        - (\w+)$`).FindAllStringSubmatch(part, -1) {
		got = append(got, m[1])
	}
	for _, d := range event.Reasons() {
		want = append(want, string(d.Reason))
	}
	if !slices.Equal(got, want) {
		t.Errorf("reasons %v, want %v", got, want)
	}
}
