package client

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
)

func TestDeadLetters(t *testing.T) {
	var asked []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+"?"+r.URL.RawQuery)
		if r.URL.Query().Get("cursor") == "" {
			fmt.Fprint(w, `{"letters":[{"partition":1,"offset":7,"time":"2026-11-21T10:00:00.123Z","reason":"bad_time","source":"app","source_partition":1,"source_offset":0,`+
				`"key":"c1","value_base64":"/w==","size":1,"replay_of":{"partition":0,"offset":3}}],"next":"0:1,1:7"}`)
			return
		}
		fmt.Fprint(w, `{"letters":[{"partition":0,"offset":0,"reason":"bad_time","size":9,"truncated":true,"not_replayable":"cut"}]}`)
	})
	var got []Letter
	for l, err := range c.DeadLetters(t.Context(), LetterFilter{Reason: "bad_time"}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	if want := []string{"/v1/dead-letters?limit=200&reason=bad_time", "/v1/dead-letters?cursor=0%3A1%2C1%3A7&limit=200&reason=bad_time"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	if len(got) != 2 || got[0].Offset != 7 || *got[0].SourceOffset != 0 || got[0].ValueBytes[0] != 0xff || got[0].ReplayOf.Offset != 3 || got[1].SourceOffset != nil || !got[1].Truncated {
		t.Errorf("%+v", got)
	}
}

func TestLettersAreReplayed(t *testing.T) {
	var bodies []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.URL.Path != "/v1/dead-letters:replay" {
			t.Errorf("%s: %v", r.URL, err)
		}
		if list, ok := body["letters"].([]any); ok {
			body["letters"] = len(list)
		}
		bodies = append(bodies, fmt.Sprint(body))
		next := ""
		if len(bodies) == 1 {
			next = `,"next":{"from":"0:5","to":"0:9"}`
		}
		fmt.Fprint(w, `{"replayed":3,"skipped":{"cut":1}`+next+`}`)
	})
	check := func(done Replayed, err error, want ...string) {
		t.Helper()
		if err != nil || done.Replayed != 3*len(want) || !maps.Equal(done.Skipped, map[string]int{"cut": len(want)}) {
			t.Errorf("%+v, %v", done, err)
		}
		if got := bodies[len(bodies)-len(want):]; !slices.Equal(got, want) {
			t.Errorf("asked %q, want %q", got, want)
		}
	}
	done, err := c.ReplayDeadLetters(t.Context(), LetterFilter{Source: "app"}, time.UnixMilli(123))
	check(done, err, "map[source:app until:1970-01-01T00:00:00.123Z]", "map[from:0:5 source:app to:0:9 until:1970-01-01T00:00:00.123Z]")
	done, err = c.ReplayLetters(t.Context(), make([]LetterPlace, 501)...)
	check(done, err, "map[letters:500]", "map[letters:1]")
}
