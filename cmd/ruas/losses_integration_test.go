//go:build integration

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/ruas/ruas/internal/servers"
)

// TestRedisLosses takes from Redis, under an idle worker and under one that works, each of what it may lose. The worker notices within
// seconds, and what it publishes then is what it would have published.
func TestRedisLosses(t *testing.T) {
	k, r := servers.Kafka(t), servers.Redis(t)
	view := goredis.NewClient(&goredis.Options{Addr: r.Addresses[0]})
	t.Cleanup(func() { _ = view.Close() })
	tr := newTrial(t, build(t), plain(t, k), "", "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
	tr.segments(runSegments + "  repeat: {when: \"purchase.size() >= 3\"}\n")
	tr.create("purchases", "browsing")
	p := tr.start()
	p.working()
	for tr.bought < 50 {
		tr.buyOne()
	}
	tr.awaitJoins(50)

	const shard = "ruas:ruas:{0}:"
	lose := func(keys ...string) func() {
		return func() {
			t.Helper()
			if n, err := view.Del(t.Context(), keys...).Result(); err != nil || n != int64(len(keys)) {
				t.Fatalf("deleting %q: %d, %v", keys, n, err)
			}
		}
	}
	var copied map[string]string
	keep := func() {
		t.Helper()
		copied = make(map[string]string)
		keys, err := view.Keys(t.Context(), shard+"*").Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range keys {
			if copied[key], err = view.Dump(t.Context(), key).Result(); err != nil {
				t.Fatal(err)
			}
		}
	}
	rollBack := func() {
		t.Helper()
		_, err := view.TxPipelined(t.Context(), func(p goredis.Pipeliner) error {
			for key, text := range copied {
				p.RestoreReplace(t.Context(), key, 0, text)
			}
			return nil
		})
		if err != nil {
			t.Fatalf("rolling Redis back: %v", err)
		}
	}
	everything := func() {
		t.Helper()
		if err := view.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	round := 0
	for _, c := range []struct {
		name  string
		lose  func()
		words string // in the log
	}{
		{"a key of states", lose(shard + "s:0"), "s:0 is missing"},
		{"the deadlines", lose(shard + "deadlines"), "deadlines is missing"},
		{"a key of members", lose(shard + "m:0"), "m:0 is missing"},
		{"the description", lose(shard + "meta"), "its description is missing"},
		{"all but the description", func() {
			for key := range copied {
				if key != shard+"meta" {
					lose(key)()
				}
			}
		}, "is missing"},
		{"everything", everything, "its description is missing"},
		{"what was written since a copy", rollBack, "it was rolled back"},
	} {
		for _, busy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, busy %v", c.name, busy), func(t *testing.T) {
				p.t, tr.t = t, t
				round++
				again := func() { // by all customers
					n := tr.bought
					for tr.bought = 0; tr.bought < n; {
						tr.buyOneMore(fmt.Sprintf("again%d", round))
					}
				}
				keep()
				tr.buyMany(50) // later than the copy
				tr.awaitJoins(tr.bought)
				const anew = `partition at work	{"partition": 0`
				sessions := strings.Count(p.log.String(), anew)
				time.Sleep(3500 * time.Millisecond) // what is lost by a session that has just begun may be said already
				began := time.Now()
				if busy {
					done := make(chan struct{})
					go func() {
						defer close(done)
						time.Sleep(50 * time.Millisecond)
						c.lose()
					}()
					again()
					<-done
				} else {
					c.lose()
				}
				for strings.Count(p.log.String(), anew) == sessions {
					if time.Since(began) > 30*time.Second {
						t.Fatalf("nothing is noticed; %s", p.readyz())
					}
					time.Sleep(10 * time.Millisecond)
				}
				noticed := time.Since(began)
				if !busy && !strings.Contains(p.log.String(), c.words) { // a write under way has other words for it
					t.Errorf("the log does not say %q", c.words)
				}
				p.working()
				if !busy {
					again()
				}
				tr.buyMany(20)
				tr.awaitJoins(tr.bought) // each once, whatever was bought again
				t.Logf("noticed, and at work again, after %v", noticed.Round(time.Millisecond))
			})
		}
	}
	p.t, tr.t = t, t
	p.end()
}
