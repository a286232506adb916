package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// answers are what the ruas of the test says, by path.
var answers = map[string]string{
	"/v1/customers/c42": `{"customer_id":"c42","as_of":"2026-11-21T10:00:00.123Z","memberships":[{"segment":"big_spender","since":"2026-11-20T09:30:00.000Z","seq":3},` +
		`{"segment":"loyal","since":"2026-01-02T03:04:05.678Z","seq":1}],"features":{"spend_90d":512.5,"orders":3},"profile":{"city":"Bandung","interests":["batik"]}}`,
	"/v1/customers/c7": `{"customer_id":"c7","forgotten_at":"2026-11-21T10:00:00.123Z","changes":2,"request":{"topic":"ruas-forget","partition":1,"offset":7},` +
		`"changelog":{"topic":"segment-state","partition":1,"offset":99}}`,
	"/v1/segments/loyal/members": "{\"customer_id\":\"a b\"}\n{\"customer_id\":\"c42\"}\n",
	"/v1/customers/c42/segments/cart_abandoner/explain": `{"as_of":"2026-11-21T10:00:00.123Z","customer_id":"c42","segment":"cart_abandoner","at":"2026-11-21T10:00:00.123Z",` +
		`"member":true,"known":true,"since":"2026-11-21T09:30:00.000Z","seq":1,"next":"2026-11-22T09:00:00.000Z","next_member":false,"when":[` +
		`{"text":"a\n  > 0 || b","op":"or","holds":true,"known":true,"of":[{"text":"a > 0","op":"compare","holds":true,"known":true,"value":2,"at_least":true,"threshold":0,` +
		`"next":"2026-11-22T09:00:00.000Z","events":[{"list":"cart_add.last(\"24h\")","total":1,"events":[{"type":"cart_add","time":"2026-11-21T09:00:00.000Z","fields":{"price":5,"cart_id":"k"}}]}]},` +
		`{"text":"b","op":"value","holds":false,"known":false,"missing":true}]}]}`,
	"/v1/dead-letters": `{"letters":[{"partition":0,"offset":17,"time":"2026-11-21T10:00:00.123Z","reason":"unknown_type","detail":"no schema declares \"purchse\"","source":"purchases",` +
		`"topic":"shop-purchases","source_partition":0,"source_offset":4711,"key":"c42","value":"{\"type\":\"purchse\"}","size":18,"replay_of":{"partition":0,"offset":3}},` +
		`{"partition":1,"offset":5,"time":"2026-11-21T09:00:00.000Z","reason":"not_json","topic":"old","value":"\u001b[31m\n","size":1000000,"truncated":true,"not_replayable":"no_source"}]}`,
	"/v1/dead-letters:replay": `{"replayed":2,"skipped":{"cut":1,"repeated":4}}`,
	"/v1/studies":             `{"id":"s1","segment":"loyal","preview":true,"state":"waiting","progress":{"read":0,"total":0},"asked_at":"2026-11-21T10:00:00.123Z"}`,
	"/v1/studies/s1": `{"id":"s1","segment":"loyal","preview":true,"state":"done","progress":{"read":9,"total":9},"asked_at":"2026-11-21T10:00:00.123Z",` +
		`"result":{"as_of":"2026-11-21T10:00:00.123Z","sources_since":"2026-01-02T03:04:05.678Z","complete":false,"incomplete":["browsing"],"events":9,"rejected":1,` +
		`"customers":4,"members":2,"against":{"members":1,"joins":2,"leaves":1},"sample":[{"customer_id":"c1","member":true,"was":false},` +
		`{"customer_id":"c2","member":true,"was":false},{"customer_id":"c3","member":false,"was":true}],"attributes":[{"name":"birth_date","source":"profile",` +
		`"unit":"years","difference":0.5,"missing":{"values":0,"members":0,"customers":1},"values":[{"value":"18–24","from":18,"below":25,"members":2,"customers":3}]}],` +
		`"sales":{"currency":"IDR","left_out":[{"currency":"USD","orders":1}],"members":{"customers":2,"buyers":1,"orders":3,"total":10.5,"average_order":3.5},` +
		`"everybody":{"customers":4,"buyers":2,"orders":4,"total":1234567890.25,"average_order":308641972.5625},"by_age":[],"by_city":[` +
		`{"group":"Bandung","members":{"customers":2,"buyers":1,"orders":3,"total":10.5,"average_order":3.5},"everybody":{"customers":3,"buyers":1,"orders":3,"total":10.5,` +
		`"average_order":3.5}},{"unknown":true,"members":{"customers":0,"buyers":0,"orders":0,"total":0},"everybody":{"customers":1,"buyers":1,"orders":1,"total":1234567879.75,` +
		`"average_order":1234567879.75}}]}}}`,
	"/v1/changes": "retry: 1000\n\nid: 0:18\nevent: change\ndata: " +
		`{"id":"x","customer_id":"c42","segment":"loyal","change":"leave","time":"2026-11-21T10:00:00.123Z","cause":"time","seq":4,"rules":"r"}` + "\n\n",
}

// asks runs a command against the ruas of the test.
func asks(t *testing.T, args ...string) (code int, out, message string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer s3cret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"status":404,"detail":"there is no such thing","request_id":"r1"}`
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(s.Close)
	return ruas(t, nil, []string{"RUAS_CLIENT_URL=" + s.URL, "RUAS_CLIENT_TOKEN=s3cret"}, args...)
}

func TestAsking(t *testing.T) {
	folder, err := filepath.Abs(filepath.Join("testdata", "asking"))
	if err != nil {
		t.Fatal(err)
	}
	for name, args := range map[string][]string{
		"customer": {"customer", "c42"},
		"forget":   {"forget", "c7"},
		"members":  {"members", "loyal"},
		"explain":  {"explain", "c42", "cart_abandoner", "--events"},
		"watch":    {"watch", "loyal", "--count", "1"},
		"letters":  {"dead-letters", "list", "--reason", "unknown_type"},
		"again":    {"dead-letters", "replay", "0:17", "1:5"},
		"study":    {"study", "loyal", "--rules", filepath.Join(folder, "draft.yaml")},
	} {
		code, out, message := asks(t, args...)
		if code != exitFine {
			t.Errorf("%s: %d %s", name, code, message)
		}
		golden := filepath.Join(folder, name+".txt")
		if *update {
			if err := os.WriteFile(golden, []byte(out), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if out != string(want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, out, want)
		}
	}
}

func TestAskingInVain(t *testing.T) {
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"customer", "c1"}, exitInput, "there is no such thing (404, request r1)"},
		{[]string{"members", "none"}, exitInput, "there is no such thing"},
		{[]string{"dead-letters"}, exitUsage, "wants list or replay"},
		{[]string{"dead-letters", "replay"}, exitUsage, "name letters as PARTITION:OFFSET"},
		{[]string{"dead-letters", "replay", "17"}, exitUsage, `"17" is no place of a letter`},
		{[]string{"dead-letters", "replay", "0:17", "--reason", "not_json"}, exitUsage, "name letters as PARTITION:OFFSET"},
		{[]string{"dead-letters", "replay", "--until", "today"}, exitUsage, `"today" is no time with a zone`},
		{[]string{"customer"}, exitUsage, "customer wants ID, and was given 0 arguments"},
		{[]string{"explain", "c1"}, exitUsage, "explain wants CUSTOMER and SEGMENT"},
		{[]string{"customer", "c1", "--url", "shop"}, exitUsage, "is no address"},
		{[]string{"customer", "c1", "--ca", "none.pem"}, exitUsage, "none.pem"},
		{[]string{"customer", "c1", "--url", "http://127.0.0.1:1"}, exitUnreachable, "asking ruas"},
		{[]string{"watch", "--url", "http://127.0.0.1:1"}, exitUnreachable, "asking ruas"},
		{[]string{"watch", "--count", "-1"}, exitUsage, "--count is -1"},
		{[]string{"customer", ""}, exitUsage, "ID is empty"},
		{[]string{"explain", "c1", ""}, exitUsage, "SEGMENT is empty"},
	} {
		code, _, message := asks(t, test.args...)
		if code != test.code || !strings.Contains(message, test.want) {
			t.Errorf("%v: %d %s, want %d %s", test.args, code, message, test.code, test.want)
		}
	}
}

// TestOthersAreNotAnsweredUnasked listens where others can ask, without tokens.
func TestOthersAreNotAnsweredUnasked(t *testing.T) {
	for _, command := range []string{"run", "api"} {
		code, _, message := ruas(t, nil, []string{"RUAS_HTTP_LISTEN=0.0.0.0:0"}, command)
		if code != exitInput || !strings.Contains(message, "http.tokens") || !strings.Contains(message, "http.unauthenticated") {
			t.Errorf("%s: %d %s", command, code, message)
		}
	}
}

func TestTokensAreNew(t *testing.T) {
	_, one, _ := ruas(t, nil, nil, "token")
	_, two, _ := ruas(t, nil, nil, "token")
	if one == two || !strings.HasPrefix(one, "token:  ruas_") || len(strings.Fields(one)[3]) != 64 {
		t.Errorf("%s%s", one, two)
	}
}
