package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/view"
)

func TestShard(t *testing.T) {
	mini := miniredis.RunT(t)
	shards(t, Options{Addresses: []string{mini.Addr()}, Prefix: "ruas:", Group: "shards"})
}

// shards holds a server to what a shard promises.
func shards(t *testing.T, opt Options) {
	ctx := t.Context()
	opt.Timeout = 2 * time.Second
	r, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	if err := r.Prepare(ctx); err != nil {
		t.Fatal(err)
	}
	number := int32(0)
	// fresh is an empty shard with its fence.
	fresh := func(t *testing.T) (*shard, pipeline.ShardMeta) {
		t.Helper()
		number++
		s := r.Shard(number).(*shard)
		meta := pipeline.ShardMeta{Fence: pipeline.Fence{Epoch: 3, Applied: 10}, StateID: "id", Rules: "h", Written: 99, Changes: 7, Task: []byte(`{"version":1}`)}
		if err := s.Reset(ctx, meta); err != nil {
			t.Fatalf("emptying: %v", err)
		}
		return s, meta
	}
	// next is an update from one fence to a later one.
	next := func(meta pipeline.ShardMeta, states ...string) *pipeline.Update {
		u := &pipeline.Update{From: meta.Fence, To: meta}
		u.To.Applied += 5
		for _, id := range states {
			u.States = append(u.States, pipeline.StateRecord{Key: []byte(id), Value: []byte("\x00" + id)})
		}
		return u
	}
	stale := func(t *testing.T, what string, err error) {
		t.Helper()
		if !errors.Is(err, pipeline.ErrStale) {
			t.Errorf("%s: got %v, want ErrStale", what, err)
		}
	}

	t.Run("what was never made is stale", func(t *testing.T) {
		s := r.Shard(9_999)
		_, err := s.Meta(ctx)
		stale(t, "meta", err)
		_, err = s.Load(ctx, pipeline.Fence{}, []string{"c1"})
		stale(t, "load", err)
		stale(t, "write", s.Write(ctx, next(pipeline.ShardMeta{}, "c1")))
		stale(t, "intact", s.Intact(ctx, pipeline.Fence{}))
	})
	t.Run("what is written is read", func(t *testing.T) {
		s, meta := fresh(t)
		u := next(meta, "c1", "c2")
		if err := s.Write(ctx, u); err != nil {
			t.Fatal(err)
		}
		got, err := s.Load(ctx, u.To.Fence, []string{"c2", "c3", "c1"})
		if err != nil {
			t.Fatal(err)
		}
		if string(got[0]) != "\x00c2" || got[1] != nil || string(got[2]) != "\x00c1" {
			t.Errorf("got %q", got)
		}
		back, err := s.Meta(ctx)
		if err != nil || back.Fence != u.To.Fence || back.StateID != "id" || back.Rules != "h" || back.Written != 99 || string(back.Task) != `{"version":1}` {
			t.Errorf("meta %+v, error %v", back, err)
		}
		gone := &pipeline.Update{From: u.To.Fence, To: u.To, States: []pipeline.StateRecord{{Key: []byte("c1")}}}
		gone.To.Applied++
		if err := s.Write(ctx, gone); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(ctx, gone.To.Fence, []string{"c1"}); err != nil || got[0] != nil {
			t.Errorf("a removed customer: %q, %v", got, err)
		}
	})
	t.Run("a write counts once, and only from its fence", func(t *testing.T) {
		s, meta := fresh(t)
		u := next(meta, "c1")
		for range 2 { // the answer to the first may have been lost
			if err := s.Write(ctx, u); err != nil {
				t.Fatal(err)
			}
		}
		other := next(meta, "c2")
		other.To.Applied++
		stale(t, "a write from an older fence", s.Write(ctx, other))
		zombie := next(u.To, "c2")
		zombie.From.Epoch--
		stale(t, "a write under another epoch", s.Write(ctx, zombie))
		if got, _ := s.Load(ctx, u.To.Fence, []string{"c2"}); got[0] != nil {
			t.Error("a refused write left something")
		}
	})
	t.Run("a claim shuts the last owner out", func(t *testing.T) {
		s, meta := fresh(t)
		claimed := meta
		claimed.Epoch++
		if err := s.Claim(ctx, meta.Fence, claimed); err != nil {
			t.Fatal(err)
		}
		stale(t, "the last owner's write", s.Write(ctx, next(meta, "c1")))
		_, err := s.Load(ctx, meta.Fence, []string{"c1"})
		stale(t, "the last owner's read", err)
		stale(t, "a second claim", s.Claim(ctx, meta.Fence, meta))
	})
	t.Run("a rolled back shard is stale", func(t *testing.T) {
		s, meta := fresh(t)
		u := next(meta, "c1")
		if err := s.Write(ctx, u); err != nil {
			t.Fatal(err)
		}
		back := next(u.To, "c1")
		// An older copy holds what was there before the last write, the fence too.
		if err := r.cl.HSet(ctx, s.keys.meta, metaFields(&meta)...).Err(); err != nil {
			t.Fatal(err)
		}
		least := u.To.Fence
		_, err := s.Load(ctx, least, []string{"c1"})
		stale(t, "load", err)
		_, err = s.Deadlines(ctx, least, -1<<63, 10)
		stale(t, "deadlines", err)
		stale(t, "scan", s.Scan(ctx, func() pipeline.Fence { return least }, func([]pipeline.StateRecord) error { return nil }))
		stale(t, "intact", s.Intact(ctx, least))
		stale(t, "write", s.Write(ctx, back))
	})
	t.Run("one field is not missed", func(t *testing.T) { // Redis loses no field alone: see docs/operations.md
		s, meta := fresh(t)
		u := next(meta, "c1")
		if err := s.Write(ctx, u); err != nil {
			t.Fatal(err)
		}
		if err := r.cl.HDel(ctx, s.keys.states[stateKey("c1")], "c1").Err(); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Load(ctx, u.To.Fence, []string{"c1"}); err != nil || got[0] != nil {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("the loss of any key is noticed, even when it was written anew", func(t *testing.T) {
		s, meta := fresh(t)
		u := next(meta, "c1")
		u.Sooner = []pipeline.Deadline{{Customer: "c1", At: 5}}
		u.Joined = []pipeline.Membership{{Customer: "c1", Segment: "s"}}
		if err := s.Write(ctx, u); err != nil {
			t.Fatal(err)
		}
		for _, key := range s.keys.all() {
			if err := r.cl.Del(ctx, key).Err(); err != nil {
				t.Fatal(err)
			}
			stale(t, key+": intact", s.Intact(ctx, meta.Fence))
			_, err := s.Meta(ctx)
			stale(t, key+": meta", err)
			switch key {
			case s.keys.meta, s.keys.deadlines, s.keys.states[stateKey("c1")]:
				_, err := s.Load(ctx, u.To.Fence, []string{"c1"})
				stale(t, key+": load", err)
				if key != s.keys.states[stateKey("c1")] {
					_, err = s.Deadlines(ctx, u.To.Fence, -1<<63, 10)
					stale(t, key+": deadlines", err)
				}
				if key != s.keys.deadlines {
					stale(t, key+": scan", s.Scan(ctx, func() pipeline.Fence { return u.To.Fence }, func([]pipeline.StateRecord) error { return nil }))
				}
				fallthrough
			case s.keys.members[memberKey("s")]:
				after := next(u.To, "c1")
				after.Joined = u.Joined
				stale(t, key+": write", s.Write(ctx, after))
			}
			if err := s.Reset(ctx, meta); err != nil {
				t.Fatal(err)
			}
			if err := s.Write(ctx, u); err != nil {
				t.Fatal(err)
			}
		}
		_ = r.cl.Del(ctx, s.keys.states[stateKey("c1")]).Err()
		_ = r.cl.HSet(ctx, s.keys.states[stateKey("c1")], "c1", "x").Err()
		_, err := s.Load(ctx, u.To.Fence, []string{"c1"})
		stale(t, "a key that came back without its mark", err)
	})
	t.Run("deadlines", func(t *testing.T) {
		s, meta := fresh(t)
		u := next(meta)
		u.Sooner = []pipeline.Deadline{{Customer: "a", At: 30}, {Customer: "b", At: 10}, {Customer: "c", At: 20}}
		if err := s.Write(ctx, u); err != nil {
			t.Fatal(err)
		}
		v := next(u.To)
		v.Sooner = []pipeline.Deadline{{Customer: "a", At: 5}, {Customer: "c", At: 25}}
		v.Exact = []pipeline.Deadline{{Customer: "b", At: pipeline.Never}, {Customer: "d", At: 40}}
		if err := s.Write(ctx, v); err != nil {
			t.Fatal(err)
		}
		want := []pipeline.Deadline{{Customer: "a", At: 5}, {Customer: "c", At: 20}, {Customer: "d", At: 40}}
		if got, err := s.Deadlines(ctx, v.To.Fence, -1<<63, 10); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %v, %v, want %v", got, err, want)
		}
		if got, err := s.Deadlines(ctx, v.To.Fence, 5, 1); err != nil || !slices.Equal(got, want[1:2]) {
			t.Errorf("one after 5: got %v, %v, want %v", got, err, want[1:2])
		}
	})
	t.Run("a scan sees every customer, and no archive", func(t *testing.T) {
		s, meta := fresh(t)
		var ids []string
		for i := range 3_000 {
			ids = append(ids, fmt.Sprintf("c%d", i))
		}
		u := next(meta, append([]string{"\xffc1"}, ids...)...)
		if err := s.Write(ctx, u); err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		err := s.Scan(ctx, func() pipeline.Fence { return u.To.Fence }, func(found []pipeline.StateRecord) error {
			for _, rec := range found {
				seen[string(rec.Key)] = true
			}
			return nil
		})
		if err != nil || len(seen) != len(ids) {
			t.Errorf("%d customers, error %v; want %d", len(seen), err, len(ids))
		}
	})
	t.Run("reader", func(t *testing.T) { readers(t, r) })
}

func readers(t *testing.T, r *Redis) {
	ctx := context.WithoutCancel(t.Context())
	own := *r
	own.opt.Group += "-reader"
	reader := own.Reader(2, func(key []byte, n int32) int32 { return int32(key[len(key)-1]) % n })
	if _, err := reader.Segments(ctx, []string{"s"}); !errors.Is(err, ErrNotReady) {
		t.Errorf("nothing there: %v, want ErrNotReady", err)
	}
	s := own.Shard(0)
	if err := s.Reset(ctx, pipeline.ShardMeta{Building: true}); err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Customers(ctx, []string{"c4"}); !errors.Is(err, ErrNotReady) {
		t.Errorf("while the shard is built: %v, want ErrNotReady", err)
	}
	for p := range int32(2) {
		s := own.Shard(p)
		meta := pipeline.ShardMeta{Fence: pipeline.Fence{Epoch: 1}, Task: []byte(`{"version":1,"clock":7,"rules":"r"}`)}
		if err := s.Reset(ctx, meta); err != nil {
			t.Fatal(err)
		}
		u := &pipeline.Update{From: meta.Fence, To: meta}
		u.To.Applied, u.To.Changes, u.To.Written = 1, 12, 99
		for i := p; i < 10; i += 2 {
			id := fmt.Sprintf("c%d", i)
			u.States = append(u.States, pipeline.StateRecord{Key: []byte(id), Value: []byte("\x00state of " + id)})
			u.Joined = append(u.Joined, pipeline.Membership{Customer: id, Segment: "s"}, pipeline.Membership{Customer: id, Segment: "s2"})
		}
		u.Left = []pipeline.Membership{{Customer: "c99", Segment: "s"}}
		if err := s.Write(ctx, u); err != nil {
			t.Fatal(err)
		}
	}
	got, err := reader.Customers(ctx, []string{"c4", "c44", "c7"})
	if err != nil || len(got) != 3 || string(got[0].State) != "state of c4" || got[1].State != nil || string(got[2].State) != "state of c7" {
		t.Errorf("customers: %+v, %v", got, err)
	}
	if want := (view.Standing{Partition: 1, Clock: 7, Changes: 12, Written: 99}); got[2].Standing != want || got[0].Partition != 0 || got[0].Rules != "r" {
		t.Errorf("customers stand at %+v", got)
	}
	for _, test := range []struct {
		after   string
		atLeast int
		want    string
		more    bool
	}{
		{"", 2, "[c0 c1 c2]", true}, // c3 is not the last that c0, c2 tell of
		{"c7", 5, "[c8 c9]", false},
		{"c2", 1, "[c3]", true},
		{"", 10, "[c0 c1 c2 c3 c4 c5 c6 c7 c8 c9]", false},
	} {
		if got, err := reader.Members(ctx, "s", test.after, test.atLeast); err != nil || fmt.Sprint(got.IDs) != test.want || got.More != test.more {
			t.Errorf("%d members after %q: %+v, %v; want %s", test.atLeast, test.after, got, err, test.want)
		}
	}
	if got, err := reader.Segments(ctx, []string{"s", "none", "s2"}); err != nil || !slices.Equal(got.Counts, []int64{10, 0, 10}) || len(got.Standings) != 2 {
		t.Errorf("segments: %+v, %v", got, err)
	}
	if got, err := reader.Partitions(ctx); err != nil || len(got) != 2 || !got[1].Ready || got[1].Clock != 7 || got[0].Changes != 12 {
		t.Errorf("partitions: %+v, %v", got, err)
	}
}
