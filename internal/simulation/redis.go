package simulation

import (
	"context"
	"fmt"
	"slices"

	"github.com/alicebob/miniredis/v2/server"
	goredis "github.com/redis/go-redis/v9"
)

// snapshot is what Redis held at a moment.
type snapshot struct {
	of     *Fault // that needs it
	hashes map[string]map[string]string
	sets   map[string][]goredis.Z
}

// ownRedis is a connection to Redis over a network that knows no faults.
func (w *world) ownRedis() *goredis.Client {
	return goredis.NewClient(&goredis.Options{
		Addr: "127.0.0.1:6379", MaxRetries: -1,
		Dialer: w.link(&worker{slot: -1}, toRedis).dial,
	})
}

// look reads all of Redis at one moment.
func (w *world) look() (snapshot, error) {
	cl := w.ownRedis()
	defer func() { _ = cl.Close() }()
	ctx := context.Background()
	s := snapshot{hashes: make(map[string]map[string]string), sets: make(map[string][]goredis.Z)}
	keys := w.redis.Keys()
	hashes, sets := make(map[string]*goredis.MapStringStringCmd), make(map[string]*goredis.ZSliceCmd)
	_, err := cl.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		for _, k := range keys {
			switch w.redis.Type(k) {
			case "hash":
				hashes[k] = p.HGetAll(ctx, k)
			case "zset":
				sets[k] = p.ZRangeWithScores(ctx, k, 0, -1)
			}
		}
		return nil
	})
	if err != nil && len(keys) > 0 {
		return s, fmt.Errorf("reading Redis: %w", err)
	}
	for k, c := range hashes {
		s.hashes[k] = c.Val()
	}
	for k, c := range sets {
		s.sets[k] = c.Val()
	}
	return s, nil
}

// remember takes the snapshot to which a fault goes back.
func (w *world) remember(f *Fault) {
	s, err := w.look()
	if err != nil {
		w.fail(err.Error())
		return
	}
	s.of = f
	w.snaps = append(w.snaps, s)
}

// restore puts a snapshot in the place of all that Redis holds.
func (w *world) restore(s snapshot) {
	cl := w.ownRedis()
	defer func() { _ = cl.Close() }()
	ctx := context.Background()
	w.mu.Lock()
	full := w.full
	w.mu.Unlock()
	w.setFull(false)
	defer w.setFull(full)
	_, err := cl.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		p.FlushAll(ctx)
		for k, fields := range s.hashes {
			for f, v := range fields {
				p.HSet(ctx, k, f, v)
			}
		}
		for k, members := range s.sets {
			p.ZAdd(ctx, k, members...)
		}
		return nil
	})
	if err != nil {
		w.fail(fmt.Sprintf("rolling Redis back: %v", err))
	}
}

// bare tells whether a key holds one field, or member, at most.
func (w *world) bare(key string) bool {
	fields, _ := w.redis.HKeys(key)
	members, _ := w.redis.SortedSet(key)
	return len(fields)+len(members) <= 1
}

func (w *world) injectRedis(f *Fault) {
	switch f.Kind {
	case flushAll:
		w.redis.FlushAll()
	case loseKey:
		keys := w.redis.Keys()
		if some := slices.DeleteFunc(slices.Clone(keys), w.bare); f.Pick%4 > 0 && len(some) > 0 {
			keys = some
		}
		if len(keys) > 0 {
			key := keys[int(f.Pick/4)%len(keys)]
			w.say("the key %s is lost", key)
			w.redis.Del(key)
		}
	case rollBack:
		for _, s := range w.snaps {
			if s.of == f {
				w.restore(s)
			}
		}
	case full:
		w.setFull(true)
		w.later(f.For, func() { w.setFull(false) })
	default:
	}
}

// refuseWrites is a Redis that has no room, as far as this pipeline sees it: it refuses a command that writes within a transaction, and then
// the transaction. The embedded one does not know how to drop a transaction for that: the connection is closed instead.
func (w *world) refuseWrites(peer *server.Peer, command string, _ ...string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.full && (command == "HSET" || command == "ZADD"):
		w.refused[peer] = true
		peer.WriteError("OOM command not allowed when used memory > 'maxmemory'.")
		return true
	case command == "EXEC" && w.refused[peer]:
		delete(w.refused, peer)
		peer.WriteError("EXECABORT Transaction discarded because of previous errors.")
		peer.Close()
		return true
	}
	return false
}

func (w *world) setFull(full bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.full = full
}
