//go:build integration

package main

import (
	"context"
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
	t.Parallel()
	k := servers.Kafka(t)
	binary, client := build(t), plain(t, k)
	for i, c := range []struct {
		name  string
		lose  func(context.Context, *shard) error
		words string // in the log
	}{
		{"a key of states", shardKeys("s:0"), "s:0 is missing"},
		{"the deadlines", shardKeys("deadlines"), "deadlines is missing"},
		{"a key of members", shardKeys("m:0"), "m:0 is missing"},
		{"the description", shardKeys("meta"), "its description is missing"},
		{"all but the description", func(ctx context.Context, s *shard) error {
			for key := range s.copied {
				if key != s.prefix+"meta" {
					if err := s.remove(ctx, key); err != nil {
						return err
					}
				}
			}
			return nil
		}, "is missing"},
		{"everything", func(ctx context.Context, s *shard) error { return s.view.FlushAll(ctx).Err() }, "its description is missing"},
		{"what was written since a copy", func(ctx context.Context, s *shard) error { return s.rollBack(ctx) }, "it was rolled back"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := servers.Redis(t)
			tr := newTrial(t, binary, client, fmt.Sprintf("-%d", i), "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
			tr.segments(runSegments + "  repeat: {when: \"purchase.size() >= 3\"}\n")
			tr.create("purchases", "browsing")
			p := tr.start()
			p.working()
			tr.buyMany(50)
			tr.awaitJoins(tr.bought)
			s := &shard{view: viewOf(t, r), prefix: "ruas:" + tr.group() + ":{0}:"}
			for _, busy := range []bool{false, true} {
				t.Run(fmt.Sprintf("busy %v", busy), func(t *testing.T) {
					p.t, tr.t = t, t
					tr.lose(p, s, busy, c.lose, c.words)
				})
			}
			p.t, tr.t = t, t
			p.end()
		})
	}
}

// lose has the shard lose something under a worker.
func (tr *trial) lose(p *process, s *shard, busy bool, lose func(context.Context, *shard) error, words string) {
	t := tr.t
	again := func() { // by all customers
		n := tr.bought
		for tr.bought = 0; tr.bought < n; {
			tr.buyOneMore(fmt.Sprintf("again-%v", busy))
		}
	}
	if err := s.keep(t.Context()); err != nil {
		t.Fatalf("copying Redis: %v", err)
	}
	tr.buyMany(50) // later than the copy
	tr.awaitJoins(tr.bought)
	const anew = `partition at work	{"partition": 0`
	sessions := strings.Count(p.log.String(), anew)
	time.Sleep(3500 * time.Millisecond) // what is lost by a session that has just begun may be said already
	began := time.Now()
	lost := make(chan error, 1)
	if busy {
		go func() {
			time.Sleep(50 * time.Millisecond)
			lost <- lose(t.Context(), s)
		}()
		again()
	} else {
		lost <- lose(t.Context(), s)
	}
	if err := <-lost; err != nil {
		t.Fatalf("having Redis lose it: %v", err)
	}
	for strings.Count(p.log.String(), anew) == sessions {
		if time.Since(began) > time.Minute {
			t.Fatalf("nothing is noticed; %s", p.readyz())
		}
		time.Sleep(10 * time.Millisecond)
	}
	noticed := time.Since(began)
	if !busy && !strings.Contains(p.log.String(), words) { // a write under way has other words for it
		t.Errorf("the log does not say %q", words)
	}
	p.working()
	if !busy {
		again()
	}
	tr.buyMany(20)
	tr.awaitJoins(tr.bought) // each once, whatever was bought again
	t.Logf("noticed, and at work again, after %v", noticed.Round(time.Millisecond))
}

// shard is what Redis holds of partition 0.
type shard struct {
	view   *goredis.Client
	prefix string
	copied map[string]string // by key
}

// keep copies what there is, at one moment: the view follows the changes, so the worker may be writing.
func (s *shard) keep(ctx context.Context) error {
	keys, err := s.view.Keys(ctx, s.prefix+"*").Result()
	if err != nil {
		return err
	}
	dumps, err := s.view.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		for _, key := range keys {
			p.Dump(ctx, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.copied = make(map[string]string, len(keys))
	for i, key := range keys {
		s.copied[key] = dumps[i].(*goredis.StringCmd).Val()
	}
	return nil
}

// rollBack brings back what there was.
func (s *shard) rollBack(ctx context.Context) error {
	_, err := s.view.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		for key, text := range s.copied {
			p.RestoreReplace(ctx, key, 0, text)
		}
		return nil
	})
	return err
}

func (s *shard) remove(ctx context.Context, key string) error {
	n, err := s.view.Del(ctx, key).Result()
	if err == nil && n != 1 {
		err = fmt.Errorf("there is no %s", key)
	}
	return err
}

// shardKeys removes a key of the shard.
func shardKeys(name string) func(context.Context, *shard) error {
	return func(ctx context.Context, s *shard) error { return s.remove(ctx, s.prefix+name) }
}
