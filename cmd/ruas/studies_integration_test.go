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

func init() { moreOfAPI = append(moreOfAPI, studies) }

// studies compares what a study finds in the sources with what the pipeline made of them.
func studies(t *testing.T, site *apiSite) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	study := func(ask client.StudyRequest) *client.Study {
		t.Helper()
		s, err := site.ruas.StartStudy(ctx, ask)
		if err == nil {
			s, err = site.ruas.AwaitStudy(ctx, s.ID, 20*time.Millisecond, nil)
		}
		if err != nil || s.State != "done" || s.Progress.Read != s.Progress.Total {
			t.Fatalf("a study: %+v, %v", s, err)
		}
		return s
	}
	running, err := site.ruas.Segment(ctx, "big")
	if err != nil {
		t.Fatal(err)
	}
	s := study(client.StudyRequest{Segment: "big"})
	r := s.Result
	if r.Members != running.Members || r.Customers != int64(site.bought) || !r.Complete || r.Against != nil || r.Sales.Members.Orders != int64(site.bought) ||
		len(r.Sample) != min(site.bought, 100) {
		t.Errorf("study of %d purchases: %+v, sales %+v", site.bought, r, r.Sales)
	}
	s = study(client.StudyRequest{Segment: "big", Since: "1h", Rules: "segments:\n  big:\n    when: purchase.size() >= 2\n"})
	if r = s.Result; r.Members != 0 || r.Against == nil || r.Against.Leaves != running.Members || r.Against.Members != running.Members || r.Against.Joins != 0 {
		t.Errorf("a preview: %+v, against %+v", r, r.Against)
	}
	p := new(client.Problem)
	_, err = site.ruas.StartStudy(ctx, client.StudyRequest{Segment: "big", Rules: "segments:\n  big:\n    when: purchase.sise() >= 2\n"})
	if !errors.As(err, &p) || p.Status != http.StatusUnprocessableEntity || len(p.Mistakes) != 1 || p.Mistakes[0].Line != 3 {
		t.Errorf("a preview with a mistake: %v", err)
	}
	if err := site.ruas.EndStudy(ctx, s.ID); err != nil {
		t.Errorf("ending a study: %v", err)
	}
	if _, err := site.ruas.Study(ctx, s.ID); !client.IsNotFound(err) {
		t.Errorf("a study that was ended: %v", err)
	}
}
