//go:build integration

package main

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/ruas/ruas/client"
)

// askRules saves a file of rules beside those in force, reads it again, and removes it: each by who has seen it.
func askRules(ctx context.Context, t *testing.T, ruas *client.Client) {
	t.Helper()
	const file, text = "extra.yaml", "segments:\n  huge: {when: \"purchase.exists(p, p.amount > 1000.0)\"}\n"
	saved, err := ruas.SaveRules(ctx, file, text, "")
	if err != nil || saved.File != file || saved.InForce() {
		t.Fatalf("saving: %+v, %v", saved, err)
	}
	all, err := ruas.Rules(ctx)
	if err != nil || !all.Writable || !all.Pending || len(all.Files) != 2 {
		t.Errorf("the files: %+v, %v", all, err)
	}
	one, err := ruas.RuleFile(ctx, file)
	if err != nil || one.Text != text || one.Hash != saved.Hash {
		t.Errorf("the file: %+v, %v", one, err)
	}
	if _, err := ruas.SaveRules(ctx, file, "segments:\n  huge: {when: nothing}\n", saved.Hash); !isStatus(err, http.StatusUnprocessableEntity) {
		t.Errorf("saving what does not compile: %v", err)
	}
	if _, err := ruas.RemoveRules(ctx, file, "0123456789abcdef"); !isStatus(err, http.StatusPreconditionFailed) {
		t.Errorf("removing what was not seen: %v", err)
	}
	if gone, err := ruas.RemoveRules(ctx, file, saved.Hash); err != nil || gone.Hash != "" {
		t.Errorf("removing: %+v, %v", gone, err)
	}
	if _, err := ruas.RuleFile(ctx, file); !client.IsNotFound(err) {
		t.Errorf("a removed file: %v", err)
	}
}

// askStudies studies a segment that everybody is in, as it runs and as nobody would be in it.
func askStudies(ctx context.Context, t *testing.T, ruas *client.Client, members int64) {
	t.Helper()
	for rules, want := range map[string]int64{"": members, "segments:\n  big: {when: purchase.size() >= 100}\n": 0} {
		study, err := ruas.StartStudy(ctx, client.StudyRequest{Segment: "big", Rules: rules})
		if err != nil {
			t.Fatalf("beginning a study: %v", err)
		}
		if study, err = ruas.AwaitStudy(ctx, study.ID, 50*time.Millisecond, func(*client.Study) {}); err != nil || study.Result == nil {
			t.Fatalf("a study: %+v, %v", study, err)
		}
		got := study.Result
		if !got.Complete || got.Customers != members || got.Members != want {
			t.Errorf("a study of %d members: %+v", members, got)
		}
		if rules != "" && (got.Against == nil || got.Against.Members != members || got.Against.Leaves != members || got.Against.Joins != 0) {
			t.Errorf("against the running rule: %+v", got.Against)
		}
		if err := ruas.EndStudy(ctx, study.ID); err != nil {
			t.Errorf("ending a study: %v", err)
		}
		if _, err := ruas.Study(ctx, study.ID); !client.IsNotFound(err) {
			t.Errorf("a study that was ended: %v", err)
		}
	}
}

// askLetters looks for a record that is no good among the dead letters, and sends it again: it comes back.
func (tr *trial) askLetters(ctx context.Context, ruas *client.Client) {
	tr.t.Helper()
	const text = `{"id":"bad","type":"purchase"}`
	tr.produce(text)
	await := func(n int) (letters []client.Letter) {
		for len(letters) < n {
			letters = nil
			for letter, err := range ruas.DeadLetters(ctx, client.LetterFilter{Source: "purchases"}) {
				if err != nil {
					tr.t.Fatalf("%d of %d dead letters: %v", len(letters), n, err)
				}
				letters = append(letters, letter)
			}
			time.Sleep(50 * time.Millisecond)
		}
		return letters
	}
	first := await(1)[0]
	if first.Value != text || first.Topic != tr.topic("purchases") || first.Reason == "" {
		tr.t.Errorf("a dead letter: %+v", first)
	}
	for _, want := range []int{1, 0} { // asked twice it is sent once
		if done, err := ruas.ReplayLetters(ctx, first.LetterPlace); err != nil || done.Replayed != want {
			tr.t.Errorf("sent again: %+v, %v", done, err)
		}
	}
	again := await(2)[0]
	if again.Value != text || again.ReplayOf == nil || *again.ReplayOf != first.LetterPlace {
		tr.t.Errorf("sent again, it is %+v", again)
	}
}

func isStatus(err error, status int) bool {
	p := new(client.Problem)
	return errors.As(err, &p) && p.Status == status
}
