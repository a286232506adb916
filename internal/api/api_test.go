package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/view"
)

const rules = `
features:
  spend: purchase.sum(p, p.amount)
  newest: purchase.newest().amount
  mean_refund: refund.avg(r, r.amount)
segments:
  buyer:
    title: Bought
    description: Bought something, ever
    tags: [value]
    when: purchase.size() >= 1 && (!has(profile.city) || profile.city != "nowhere")
  big_spender:
    when: feature.spend >= 500
    until: feature.spend < 400
`

// clock is where the partition of the test's customer stands.
const clock = 1795255260123 // 2026-11-21T10:01:00.123Z

// memory is a View of one customer, who bought for 20.
type memory struct {
	state   []byte
	rules   string
	warming map[string]int64
	members map[string][]string
	changes int64
	err     error
	asked   int

	forgotten view.Forgotten
}

func (m *memory) standings() []view.Standing {
	return []view.Standing{{Partition: 0, Clock: clock, Changes: m.changes, Written: clock}, {Partition: 1, Clock: clock + 1, Changes: 5}}
}

func (m *memory) Customers(_ context.Context, ids []string) ([]view.Customer, error) {
	m.asked++
	if m.asked > 3 {
		m.changes++
	}
	out := make([]view.Customer, len(ids))
	for i, id := range ids {
		out[i] = view.Customer{ID: id, Standing: m.standings()[0]}
		if id == "a/b c" {
			out[i].State, out[i].Rules = m.state, m.rules
		}
	}
	return out, m.err
}

func (m *memory) Segments(_ context.Context, names []string) (view.Segments, error) {
	counts := make([]int64, len(names))
	for i, s := range names {
		counts[i] = int64(len(m.members[s]))
	}
	return view.Segments{Counts: counts, Warming: m.warming, Standings: m.standings()}, m.err
}

func (m *memory) Members(_ context.Context, segment, after string, atLeast int) (view.Members, error) {
	out := view.Members{Standings: m.standings()}
	for _, id := range m.members[segment] {
		if id > after {
			if out.More = len(out.IDs) == atLeast; out.More {
				break
			}
			out.IDs = append(out.IDs, id)
		}
	}
	return out, m.err
}

func (m *memory) Forgotten(_ context.Context, topic string, partition int32, offset int64) (view.Forgotten, error) {
	if topic != "ruas-forget" || partition != 1 || offset != 7 {
		return view.Forgotten{}, errors.New("there is no such request")
	}
	return m.forgotten, m.err
}

func (m *memory) Partitions(context.Context) ([]view.Partition, error) {
	return []view.Partition{
		{Ready: true, Standing: m.standings()[0], Epoch: 2, Applied: 9, Rules: "r", Sources: []view.Progress{{Topic: "purchases", Next: 3}}},
		{Standing: m.standings()[1]},
	}, m.err
}

// bench is a server with what stands behind it.
type bench struct {
	*httptest.Server
	engine *engine.Engine
	view   *memory
	feed   *Feed
}

// newBench starts a server; change may alter its options.
func newBench(t testing.TB, change func(*Options)) *bench {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"rules.yaml": []byte(rules)})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(set, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := event.NewDecoder(schema, event.Source{}, e.Needs())
	if err != nil {
		t.Fatal(err)
	}
	c := e.NewCustomer("a/b c")
	for _, record := range []string{
		`{"id":"e1","type":"purchase","customer_id":"a/b c","time":"2026-11-21T10:00:00.123Z","amount":20}`,
		`{"id":"e2","type":"profile","customer_id":"a/b c","time":"2026-11-21T10:00:01Z","city":"Bandung","country":"ID"}`,
	} {
		var ev event.Event
		if err := decoder.Decode([]byte(record), &ev); err != nil {
			t.Fatal(err)
		}
		e.Apply(c, &ev, ev.Time, nil)
	}
	b := &bench{
		engine: e, feed: NewFeed(FeedOptions{Remember: 10, Now: time.Now}),
		view: &memory{state: e.Encode(c, nil), rules: e.RulesHash(), changes: 17, members: map[string][]string{"buyer": {"a", "b", "c"}}},
	}
	b.feed.Begin(Offsets{0: 0, 1: 0})
	opt := Options{Engine: func() *engine.Engine { return e }, Schema: schema, View: b.view, Feed: b.feed, Wait: 2 * time.Second}
	if change != nil {
		change(&opt)
	}
	b.Server = httptest.NewServer(New(opt))
	t.Cleanup(b.Close)
	return b
}

// answer is what a request was answered with.
type answer struct {
	StatusCode int
	Header     http.Header
	body       string
}

// ask sends a request; headers come in pairs.
func (b *bench) ask(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	request, err := http.NewRequest(method, b.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	got, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = got.Body.Close() }()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, strings.TrimSpace(string(text))}
}

// refusal checks a problem.
func refusal(t *testing.T, what string, got answer, status int, detail string) {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(got.body), &p); err != nil {
		t.Fatalf("%s: %v: %s", what, err, got.body)
	}
	if got.StatusCode != status || p.Status != status || got.Header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: status %d, want %d: %s", what, got.StatusCode, status, got.body)
	}
	if !strings.Contains(p.Detail, detail) || p.Title == "" || !strings.HasPrefix(p.Type, "/problems/") || p.RequestID != got.Header.Get("X-Request-Id") {
		t.Errorf("%s: %s, want %q", what, got.body, detail)
	}
}

func TestAnswers(t *testing.T) {
	b := newBench(t, nil)
	publish(t, b.feed, change(1, "buyer", "join", time.Now()))
	const bigSpender = `{"name":"big_spender","when":"feature.spend >= 500","until":"feature.spend < 400",` +
		`"members":0,"joins_last_minute":0,"leaves_last_minute":0}`
	const customer = `{"customer_id":"a/b c","as_of":"2026-11-21T10:01:00.123Z","memberships":[{"segment":"buyer","since":"2026-11-21T10:00:00.123Z","seq":1}],` +
		`"features":{"newest":20,"spend":20},"profile":{"city":"Bandung"}}`
	for _, test := range []struct {
		path, want, offset string
	}{
		{"/v1/segments/big_spender?window=none", strings.TrimSuffix(bigSpender, "}") + `,"as_of":"2026-11-21T10:01:00.123Z"}`, "0:17,1:5"},
		{"/v1/segments/buyer/members", `{"segment":"buyer","as_of":"2026-11-21T10:01:00.123Z","members":["a","b","c"]}`, "0:17,1:5"},
		{"/v1/segments/buyer/members?limit=2", `{"segment":"buyer","as_of":"2026-11-21T10:01:00.123Z","members":["a","b"],"next":"b"}`, "0:17,1:5"},
		{"/v1/segments/buyer/members?limit=2&after=b", `{"segment":"buyer","as_of":"2026-11-21T10:01:00.123Z","members":["c"]}`, "0:17,1:5"},
		{"/v1/segments/big_spender/members", `{"segment":"big_spender","as_of":"2026-11-21T10:01:00.123Z","members":[]}`, "0:17,1:5"},
		{"/v1/customers/a%2Fb%20c", customer, "0:17"},
		{"/v1/overlap?a=buyer&b=big_spender", `{"as_of":"2026-11-21T10:01:00.123Z","a":{"segment":"buyer","members":3},"b":{"segment":"big_spender","members":0},"both":0,"either":3,"jaccard":0}`, "0:17,1:5"},
		{"/v1/partitions", `{"partitions":[{"partition":0,"ready":true,"clock":"2026-11-21T10:01:00.123Z","written":"2026-11-21T10:01:00.123Z","epoch":2,"applied":9,"changes":17,"rules":"r","sources":[{"topic":"purchases","next":3}]},{"partition":1,"ready":false}]}`, ""},
	} {
		answer := b.ask(t, "GET", test.path, "")
		if answer.StatusCode != http.StatusOK || answer.body != test.want {
			t.Errorf("%s: %d\n%s\nwant\n%s", test.path, answer.StatusCode, answer.body, test.want)
		}
		if got := answer.Header.Get("Ruas-Offset"); got != test.offset {
			t.Errorf("%s stands at %q, want %q", test.path, got, test.offset)
		}
	}
	all := b.ask(t, "GET", "/v1/segments", "").body
	if want := `"segments":[` + bigSpender + `,{"name":"buyer","title":"Bought",`; !strings.Contains(all, want) {
		t.Errorf("/v1/segments:\n%s\nwant in it\n%s", all, want)
	}
	got := b.ask(t, "POST", "/v1/customers:batch", `{"customers":["x","a/b c"]}`, "Content-Type", "application/json; charset=utf-8").body
	if want := `{"as_of":"2026-11-21T10:01:00.123Z","customers":[` + customer + `],"missing":["x"]}`; got != want {
		t.Errorf("batch:\n%s\nwant\n%s", got, want)
	}
	got = b.ask(t, "GET", "/v1/schema", "").body
	if !strings.Contains(got, `{"name":"spend","type":"double","expression":"purchase.sum(p, p.amount)"}`) || !strings.Contains(got, `"segments":["big_spender","buyer"]`) {
		t.Errorf("schema: %s", got)
	}
}

func TestRefusals(t *testing.T) {
	b := newBench(t, nil)
	long := strings.Repeat("x", 1025)
	for _, test := range []struct {
		method, path, body string
		status             int
		detail             string
	}{
		{"GET", "/v1/segments/byuer", "", 404, `there is no segment "byuer"; did you mean "buyer"?`},
		{"GET", "/v1/segments/buyer/members?limit=0", "", 400, `limit is a number from 1 to 10000, not "0"`},
		{"GET", "/v1/segments/buyer/members?format=xml", "", 400, `format is one of json, csv, ndjson`},
		{"GET", "/v1/segments?windw=3h", "", 400, `did you mean "window"?`},
		{"GET", "/v1/segments/buyer?window=3h&window=7d", "", 400, "given 2 times"},
		{"GET", "/v1/customers/d", "", 404, "there was no event of this customer"},
		{"GET", "/v1/customers/" + long, "", 400, "at most 1024 bytes"},
		{"GET", "/v1/customers/%ff", "", 400, "UTF-8"},
		{"GET", "/v1/customers/d?at_least=-1", "", 400, "at_least"},
		{"GET", "/v1/changes?recent=x", "", 400, `recent is a number from 0 to 1000, not "x"`},
		{"GET", "/v1/changes?from=1", "", 400, `<partition>:<offset>`},
		{"GET", "/v1/changes?segment=none", "", 404, "there is no segment"},
		{"GET", "/v1/overlap?a=buyer", "", 400, "a and b"},
		{"GET", "/v1/nothing", "", 404, "there is nothing at /v1/nothing"},
		{"GET", "/nothing", "", 404, "there is nothing at /nothing"},
		{"PUT", "/v1/segments", "", 405, "PUT is not among the methods"},
		{"POST", "/v1/customers:batch", "{", 400, "reading the body"},
		{"POST", "/v1/customers:batch", `{"customers":[]}`, 400, "from 1 to 1000"},
		{"POST", "/v1/customers:batch", `{"customers":[""]}`, 400, "not empty"},
		{"POST", "/v1/customers:batch", `{"customers":["a"]}{}`, 400, "more behind"},
		{"POST", "/v1/customers:batch", `{"customers":["` + strings.Repeat("x", maxBody) + `"]}`, 413, "at most"},
		{"POST", "/v1/rules:check", `{"files":{}}`, 400, "from 1 to 100"},
		{"POST", "/v1/rules:check", `{"files":{"a":null}}`, 400, "null is no value"},
		{"POST", "/v1/customers:batch", `{"customers":["a",null]}`, 400, "null is no value"},
	} {
		answer := b.ask(t, test.method, test.path, test.body, "Content-Type", "application/json")
		refusal(t, fmt.Sprintf("%s %.60s", test.method, test.path), answer, test.status, test.detail)
	}
	answer := b.ask(t, "POST", "/v1/customers:batch", "customers=a", "Content-Type", "application/x-www-form-urlencoded")
	refusal(t, "a form", answer, 415, "application/json")
	answer = b.ask(t, "GET", "/v1/segments/buyer/members", "", "Accept", "image/png")
	refusal(t, "a picture", answer, 406, "text/csv")
	answer = b.ask(t, "DELETE", "/v1/segments", "")
	if got := answer.Header.Get("Allow"); got != "GET" {
		t.Errorf("DELETE /v1/segments allows %q", got)
	}

	b.view.err = view.ErrNotReady
	for _, path := range []string{"/v1/segments", "/v1/segments/buyer", "/v1/segments/buyer/members?format=csv", "/v1/customers/a", "/v1/overlap?a=buyer&b=buyer"} {
		answer := b.ask(t, "GET", path, "")
		refusal(t, path, answer, 503, "is being built")
		if answer.Header.Get("Retry-After") != "1" {
			t.Errorf("%s does not say when to ask again", path)
		}
	}
	b.view.err = errors.New("reading customer c42: connection refused")
	answer = b.ask(t, "GET", "/v1/customers/a", "")
	refusal(t, "a fault", answer, 503, "a server that is needed")
	if strings.Contains(answer.body, "c42") {
		t.Errorf("a fault tells more than it should: %s", answer.body)
	}
}

func TestRequestIDs(t *testing.T) {
	b := newBench(t, nil)
	for given, kept := range map[string]bool{"abc-1.2_3": true, "a b": false, strings.Repeat("x", 65): false, "a\"b": false} {
		answer := b.ask(t, "GET", "/v1/segments", "", "X-Request-Id", given)
		if got := answer.Header.Get("X-Request-Id"); (got == given) != kept || got == "" {
			t.Errorf("%q becomes %q", given, got)
		}
	}
}

func TestAtLeastWaits(t *testing.T) {
	b := newBench(t, nil)
	// The view goes on with every look after the third.
	answer := b.ask(t, "GET", "/v1/customers/a%2Fb%20c?at_least=20", "")
	if got := answer.Header.Get("Ruas-Offset"); answer.StatusCode != http.StatusOK || got != "0:20" {
		t.Errorf("%d at %s: %s", answer.StatusCode, got, answer.body)
	}
	answer = b.ask(t, "GET", "/v1/customers/a%2Fb%20c?at_least=1000", "")
	refusal(t, "too far", answer, 504, "is not at offset 1000")
}

// TestExplanations asks why, and why not, at the clock and once time went on without a word from the partition.
func TestExplanations(t *testing.T) {
	now := time.UnixMilli(clock)
	b := newBench(t, func(o *Options) { o.Present = func() time.Time { return now } })
	ask := func(segment string) string {
		return b.ask(t, "GET", "/v1/customers/a%2Fb%20c/segments/"+segment+"/explain", "").body
	}
	if got := ask("buyer"); !strings.HasPrefix(got, `{"as_of":"2026-11-21T10:01:00.123Z","customer_id":"a/b c","segment":"buyer",`) || !strings.Contains(got, `"member":true`) {
		t.Errorf("why: %s", got)
	}
	now = now.Add(time.Hour)
	if got := ask("big_spender"); !strings.HasPrefix(got, `{"as_of":"2026-11-21T11:01:00.123Z"`) || !strings.Contains(got, `"member":false`) || !strings.Contains(got, `"threshold":500`) {
		t.Errorf("why not: %s", got)
	}
	refusal(t, "no segment", b.ask(t, "GET", "/v1/customers/a/segments/none/explain", ""), http.StatusNotFound, "there is no segment")
	refusal(t, "no customer", b.ask(t, "GET", "/v1/customers/a/segments/buyer/explain", ""), http.StatusNotFound, "no event of this customer")
	b.view.rules = ""
	refusal(t, "other rules", b.ask(t, "GET", "/v1/customers/a%2Fb%20c/segments/buyer/explain", ""), http.StatusServiceUnavailable, "rules in force")
}

func TestWarming(t *testing.T) {
	b := newBench(t, nil)
	moment := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	b.view.warming = map[string]int64{"buyer": engine.Never, "big_spender": moment}
	for name, want := range map[string]string{"buyer": `"warming":true,"as_of"`, "big_spender": `"warming":true,"warming_until":"2026-12-01T00:00:00.000Z"`} {
		if got := b.ask(t, "GET", "/v1/segments/"+name+"?window=none", "").body; !strings.Contains(got, want) {
			t.Errorf("%s while it is warming: %s, want %s in it", name, got, want)
		}
	}
	// A state that was made under other rules tells memberships, and no features.
	b.view.rules = ""
	got := b.ask(t, "GET", "/v1/customers/a%2Fb%20c", "").body
	if !strings.Contains(got, `"segment":"buyer"`) || !strings.Contains(got, `"features":{}`) || !strings.HasSuffix(got, `"warming":true}`) {
		t.Errorf("a customer of before: %s", got)
	}
}

func TestMembersAreStreamed(t *testing.T) {
	b := newBench(t, nil)
	all := []string{"=cmd()", `a"b,c`}
	for i := range 3 * walkPiece {
		all = append(all, fmt.Sprintf("c%05d", i))
	}
	b.view.members["big_spender"] = all
	answer := b.ask(t, "GET", "/v1/segments/big_spender/members", "", "Accept", "text/html;q=0.5, text/csv;q=0.9, application/json;q=0.1")
	rows := strings.Split(answer.body, "\r\n")
	if answer.Header.Get("Content-Type") != "text/csv; charset=utf-8" || len(rows) != len(all)+1 || rows[0] != "customer_id" {
		t.Errorf("%d rows for %d members, %v", len(rows), len(all), answer.Header)
	}
	if rows[1] != "'=cmd()" || rows[2] != `"a""b,c"` || rows[len(rows)-1] != all[len(all)-1] {
		t.Errorf("rows %q, %q, …, %q", rows[1], rows[2], rows[len(rows)-1])
	}
	answer = b.ask(t, "GET", "/v1/segments/big_spender/members?format=ndjson&limit=2500&after=c00000", "")
	rows = strings.Split(answer.body, "\n")
	if answer.Header.Get("Content-Type") != "application/x-ndjson" || len(rows) != 2500 || rows[0] != `{"customer_id":"c00001"}` || rows[2499] != `{"customer_id":"c02500"}` {
		t.Errorf("%d rows, %q to %q", len(rows), rows[0], rows[len(rows)-1])
	}
	if got := answer.Header.Get("Ruas-Offset"); got != "0:17,1:5" {
		t.Errorf("stands at %q", got)
	}
}

// TestStreamsAreCut loses the view half way: what was sent must not look whole.
func TestStreamsAreCut(t *testing.T) {
	b := newBench(t, func(o *Options) { o.View = &failing{View: o.View, after: 2} })
	b.view.members["buyer"] = make([]string, 0, 3*walkPiece)
	for i := range 3 * walkPiece {
		b.view.members["buyer"] = append(b.view.members["buyer"], fmt.Sprintf("c%05d", i))
	}
	answer, err := http.Get(b.URL + "/v1/segments/buyer/members?format=csv")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.ReadAll(answer.Body); answer.StatusCode != http.StatusOK || err == nil {
		t.Errorf("status %d, and the body ends without an error", answer.StatusCode)
	}
}

// failing is a view that is lost after so many pieces of a list.
type failing struct {
	View
	after int
}

func (f *failing) Members(ctx context.Context, segment, after string, atLeast int) (view.Members, error) {
	if f.after--; f.after < 0 {
		return view.Members{}, view.ErrNotReady
	}
	return f.View.Members(ctx, segment, after, atLeast)
}

func TestOverlap(t *testing.T) {
	b := newBench(t, nil)
	var left, right []string
	both := 0
	for i := range 5000 {
		id := fmt.Sprintf("c%05d", i)
		if i%2 == 0 {
			left = append(left, id)
		}
		if i%3 == 0 || i > 4990 {
			right = append(right, id)
		}
		if i%2 == 0 && (i%3 == 0 || i > 4990) {
			both++
		}
	}
	b.view.members = map[string][]string{"buyer": left, "big_spender": right}
	got := b.ask(t, "GET", "/v1/overlap?a=buyer&b=big_spender", "").body
	if want := fmt.Sprintf(`"both":%d,"either":%d,`, both, len(left)+len(right)-both); !strings.Contains(got, want) {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestRulesAreChecked(t *testing.T) {
	b := newBench(t, nil)
	for text, want := range map[string]string{
		`segments: {a: {when: purchase.size() > 0}}`: `{"ok":true,"mistakes":[],"segments":[{"name":"a","state_bytes":`,
		`segments: {a: {when: purchse.size() > 0}}`:  `{"ok":false,"mistakes":[{"file":"a.yaml","line":1,"column":22,"end_column":29,`,
	} {
		ask, err := json.Marshal(map[string]any{"files": map[string]string{"a.yaml": text}})
		if err != nil {
			t.Fatal(err)
		}
		answer := b.ask(t, "POST", "/v1/rules:check", string(ask), "Content-Type", "application/json")
		if answer.StatusCode != http.StatusOK || !strings.HasPrefix(answer.body, want) {
			t.Errorf("%s: %s, want %s", text, answer.body, want)
		}
	}
}

// TestTheDocumentNamesEveryRoute compares openapi.yaml with what is served.
func TestTheDocumentNamesEveryRoute(t *testing.T) {
	b := newBench(t, nil)
	answer := b.ask(t, "GET", "/openapi.json", "")
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal([]byte(answer.body), &doc); err != nil || answer.Header.Get("Content-Type") != "application/json" {
		t.Fatal(err)
	}
	var documented, served []string
	for path, operations := range doc.Paths {
		for method := range operations {
			if method != "parameters" && strings.HasPrefix(path, "/v1/") {
				documented = append(documented, strings.ToUpper(method)+" "+path)
			}
		}
	}
	for _, route := range new(server).routes() {
		served = append(served, route.pattern)
	}
	slices.Sort(documented)
	slices.Sort(served)
	if !slices.Equal(documented, served) {
		t.Errorf("documented\n%s\nserved\n%s", strings.Join(documented, "\n"), strings.Join(served, "\n"))
	}
	html := b.ask(t, "GET", "/docs/", "").body
	for _, want := range []string{"/v1/customers/{id}", "<code>Ruas-Offset</code>", "at_least", "The customer"} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// A stream under way does not hold up the end.
func TestServeEnds(t *testing.T) {
	feed := NewFeed(FeedOptions{Now: time.Now})
	feed.Begin(Offsets{0: 0})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, listener, nil, New(Options{Feed: feed})) }()
	answer, err := http.Get("http://" + listener.Addr().String() + "/v1/changes")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	start := time.Now()
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > shutdownTimeout/2 {
		t.Errorf("ending took %v", took)
	}
}
