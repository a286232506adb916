package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/study"
)

// desk is Studies of one study.
type desk struct {
	asked study.Request
	err   error
	ended bool
}

func (d *desk) Start(ask study.Request) (study.Study, error) {
	d.asked = ask
	s, _ := d.Get("s1")
	return s, d.err
}

func (d *desk) Get(id string) (study.Study, bool) {
	s := study.Study{
		ID: "s1", Segment: "buyer", State: study.Done, Progress: study.Progress{Read: 3, Total: 3}, AskedAt: clock, EndedAt: clock,
		Result: &study.Result{AsOf: clock, SourcesSince: engine.Never, Complete: true, Sample: []study.Sampled{}, Attributes: []study.Attribute{}},
	}
	return s, id == s.ID && !d.ended
}

func (d *desk) End(id string) bool {
	was := !d.ended
	d.ended = d.ended || id == "s1"
	return was && id == "s1"
}

func TestStudies(t *testing.T) {
	d := &desk{}
	b := newBench(t, func(o *Options) { o.Studies = d })
	ask := func(body string) answer {
		return b.ask(t, "POST", "/v1/studies", body, "Content-Type", "application/json")
	}

	got := ask(`{"segment":"buyer","rules":"segments: {}","since":"30d"}`)
	if got.StatusCode != http.StatusAccepted || got.Header.Get("Location") != "/v1/studies/s1" || d.asked != (study.Request{Segment: "buyer", Rules: "segments: {}", Since: "30d"}) {
		t.Errorf("%d %s %+v", got.StatusCode, got.Header, d.asked)
	}
	const want = `{"id":"s1","segment":"buyer","preview":false,"state":"done","progress":{"read":3,"total":3},` +
		`"asked_at":"2026-11-21T10:01:00.123Z","ended_at":"2026-11-21T10:01:00.123Z","result":{"as_of":"2026-11-21T10:01:00.123Z","complete":true,` +
		`"events":0,"rejected":0,"customers":0,"members":0,"sample":[],"attributes":[]}}`
	if got = b.ask(t, "GET", "/v1/studies/s1", ""); got.StatusCode != http.StatusOK || strings.TrimSpace(got.body) != want {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	if got = b.ask(t, "DELETE", "/v1/studies/s1", ""); got.StatusCode != http.StatusNoContent || got.body != "" {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	for _, method := range []string{"GET", "DELETE"} {
		refusal(t, method+" of a study that was ended", b.ask(t, method, "/v1/studies/s1", ""), 404, "there is no such study here")
	}

	for body, detail := range map[string]string{
		`{}`:                              "segment names what is to be studied",
		`{"segment":"buyer","rules":""}`:  "rules is a text",
		`{"segment":"buyer","since":""}`:  "since is a duration",
		`{"segment":"buyer","until":"x"}`: "unknown field",
	} {
		refusal(t, body, ask(body), 400, detail)
	}
	for _, c := range []struct {
		err    error
		status int
		detail string
	}{
		{study.ErrBusy, 429, "as many studies"},
		{study.ErrSince, 400, "since is a duration"},
		{&study.NoSegment{Name: "byer", Names: []string{"buyer"}}, 404, `there is no segment "byer"; did you mean "buyer"?`},
	} {
		d.err = c.err
		refusal(t, c.detail, ask(`{"segment":"buyer"}`), c.status, c.detail)
	}
	d.err = rule.Errors{{File: "rules.yaml", Line: 3, Column: 5, EndColumn: 9, Message: "no"}}
	got = ask(`{"segment":"buyer"}`)
	refusal(t, "mistakes", got, 422, "rules.yaml:3:5: no")
	var problem struct{ Mistakes rule.Errors }
	if err := json.Unmarshal([]byte(got.body), &problem); err != nil || len(problem.Mistakes) != 1 || problem.Mistakes[0].Line != 3 {
		t.Errorf("%v %s", err, got.body)
	}

	refusal(t, "a server without studies", newBench(t, nil).ask(t, "GET", "/v1/studies/s1", ""), 404, "this server runs no studies")
}
