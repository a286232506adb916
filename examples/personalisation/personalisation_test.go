package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/subscribe"
)

func TestChoose(t *testing.T) {
	t.Parallel()
	list, err := parseBanners(banners)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		segments []string
		want     string
	}{
		{nil, ""},
		{[]string{"jabodetabek", "sporty"}, ""},
		{[]string{"cart_abandoner", "jabodetabek", "vip"}, "cart_abandoner"},
		{[]string{"birthday_today", "cart_abandoner"}, "birthday_today"},
	} {
		if b := choose(list, c.segments); b.Segment != c.want || b.Text == "" {
			t.Errorf("%v are shown %+v", c.segments, b)
		}
	}
	for _, bad := range []string{`[]`, `{}`, `[{"segment":"vip","banner":"x"}]`} {
		if list, err := parseBanners([]byte(bad)); err == nil {
			t.Errorf("%s is read as %v", bad, list)
		}
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	s := NewStore()
	take := func(customer, value string) error {
		r := &subscribe.Record{Key: []byte(customer)}
		if value != "" {
			r.Value = []byte(value)
		}
		return s.Take(t.Context(), []*subscribe.Record{r})
	}
	for _, m := range [][2]string{
		{"c1", `{"customer_id":"c1","segments":["a"]}`}, {"c1", `{"customer_id":"c1","segments":["a","b"]}`},
		{"c2", `{"customer_id":"c2","segments":["a","b"]}`},
		{"c3", `{"customer_id":"c3","segments":["a"]}`}, {"c3", ``},
		{"c4", `{"customer_id":"c4","segments":["a"]}`}, {"c4", `{"customer_id":"c4","segments":[]}`},
	} {
		if err := take(m[0], m[1]); err != nil {
			t.Fatal(err)
		}
	}
	for customer, want := range map[string][]string{"c1": {"a", "b"}, "c2": {"a", "b"}, "c3": nil, "c4": nil, "c5": nil} {
		if got := s.Segments(customer); !slices.Equal(got, want) {
			t.Errorf("%s is in %v, want %v", customer, got, want)
		}
	}
	if s.Len() != 2 || len(s.lists) != 2 || &s.Segments("c1")[0] != &s.Segments("c2")[0] {
		t.Errorf("%d customers, %d lists", s.Len(), len(s.lists))
	}
	if err := take("c1", `{"customer_id":"c2"}`); err == nil {
		t.Error("a membership of somebody else is taken")
	}
}

// TestPages starts on a topic with a past, aborted records in it, and follows what comes.
func TestPages(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "memberships"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.TransactionalID("ruas-0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	write := func(end kgo.TransactionEndTry, customer, segments string) {
		t.Helper()
		if err := client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		r := &kgo.Record{Topic: "memberships", Key: []byte(customer), Value: []byte(`{"customer_id":"` + customer + `","segments":[` + segments + `],"time":"2026-11-21T10:00:00.123Z"}`)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if err := client.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
	write(kgo.TryCommit, "c1", `"vip"`)
	write(kgo.TryAbort, "c1", `"birthday_today"`)
	write(kgo.TryCommit, "c2", `"lapsed","vip"`)

	list, err := parseBanners(banners)
	if err != nil {
		t.Fatal(err)
	}
	transport := new(kafka.Transport)
	t.Cleanup(transport.CloseIdleConnections)
	pages := &Pages{Store: NewStore(), Banners: list}
	shown := func(customer string) (int, answer) {
		w := httptest.NewRecorder()
		pages.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/banner?customer="+customer, nil))
		var a answer
		if w.Code == http.StatusOK {
			if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
				t.Fatal(err)
			}
		}
		return w.Code, a
	}
	if code, _ := shown("c1"); code != http.StatusServiceUnavailable {
		t.Errorf("it answers %d before it has read", code)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = pages.follow(ctx, slog.New(slog.DiscardHandler), &subscribe.Topic{Brokers: kafka.TCP(cluster.ListenAddrs()...), Transport: transport, Name: "memberships"})
	}()
	await := func(what string, done func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !done(); time.Sleep(10 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("waited for " + what)
			}
		}
	}
	await("it to be ready", pages.Ready.Load)
	if code, a := shown("c1"); code != http.StatusOK || a.Segment != "vip" || len(a.Segments) != 1 {
		t.Errorf("c1: %d, %+v", code, a)
	}
	if code, a := shown("c3"); code != http.StatusOK || a.Segment != "" || a.Banner == "" || a.Segments == nil {
		t.Errorf("c3: %d, %+v", code, a)
	}
	if code, _ := shown(""); code != http.StatusBadRequest {
		t.Errorf("nobody: %d", code)
	}
	write(kgo.TryCommit, "c2", `"birthday_today","vip"`)
	await("what comes later", func() bool {
		_, a := shown("c2")
		return a.Segment == "birthday_today"
	})
	stop()
	<-ended
}
