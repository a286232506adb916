//go:build integration

package main

import (
	"context"
	"testing"
	"time"

	"github.com/ruas/ruas/client"
)

func init() { moreOfAPI = append(moreOfAPI, lettersOfAPI) }

// lettersOfAPI sends a record that is no good to the pipeline, and once more: both come back, and the second says what it was.
func lettersOfAPI(t *testing.T, site *apiSite) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	site.produce("nonsense")
	list := func(want int) []client.Letter {
		t.Helper()
		for {
			var all []client.Letter
			for l, err := range site.ruas.DeadLetters(ctx, client.LetterFilter{Reason: "not_json", Source: "purchases"}) {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, l)
			}
			if len(all) >= want {
				return all
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	letter := list(1)[0]
	if letter.Value != "nonsense" || letter.Key != site.customer || letter.Topic != site.topic("purchases") || letter.SourceOffset == nil || letter.NotReplayable != "" {
		t.Errorf("%+v", letter)
	}
	for _, want := range []client.Replayed{{Replayed: 1}, {Skipped: map[string]int{"repeated": 1}}} {
		done, err := site.ruas.ReplayLetters(ctx, letter.LetterPlace)
		if err != nil || done.Replayed != want.Replayed || done.Skipped["repeated"] != want.Skipped["repeated"] {
			t.Errorf("sent again: %+v, %v, want %+v", done, err, want)
		}
	}
	back := list(2)
	if back[0].ReplayOf == nil || *back[0].ReplayOf != letter.LetterPlace || back[0].Value != "nonsense" || *back[0].SourcePartition != *letter.SourcePartition || back[1].Replayed.IsZero() {
		t.Errorf("come back: %+v", back)
	}
}
