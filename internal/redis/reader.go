package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/ruas/ruas/internal/pipeline"
)

// ErrNotReady says that the view does not hold what was asked for yet: it is being built.
var ErrNotReady = errors.New("the view in Redis is being built")

// Reader answers questions about customers and segments from the view, each in one round trip. What it says is committed, and may be
// a moment behind.
type Reader struct {
	cl        goredis.UniversalClient
	keys      []*keys
	partition func(key []byte, n int32) int32
}

// Reader makes a reader of a pipeline with so many partitions, whose producers partition in that way.
func (r *Redis) Reader(partitions int32, partition func(key []byte, n int32) int32) *Reader {
	reader := &Reader{cl: r.cl, partition: partition}
	for p := range partitions {
		reader.keys = append(reader.keys, newKeys(r.opt.Prefix, r.opt.Group, p))
	}
	return reader
}

// Customer gives a customer's state as the engine encoded it; nil: there is no such customer.
func (r *Reader) Customer(ctx context.Context, id string) ([]byte, error) {
	k := r.keys[r.partition([]byte(id), int32(len(r.keys)))]
	var building, got *goredis.SliceCmd
	cmds, err := r.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		building = p.HMGet(ctx, k.meta, fieldBuild)
		got = p.HMGet(ctx, k.states[stateKey(id)], mark, id)
		return nil
	})
	if err = served("reading a customer", cmds, err); err != nil {
		return nil, err
	}
	if got.Val()[0] == nil || notReady(building) {
		return nil, ErrNotReady
	}
	value, ok := got.Val()[1].(string)
	if !ok {
		return nil, nil
	}
	_, state, err := pipeline.SplitState([]byte(value))
	if err != nil {
		return nil, fmt.Errorf("reading customer %q: %w", id, err)
	}
	return state, nil
}

// Members gives at most limit members of a segment, in the order of their ids, from the first one after after.
func (r *Reader) Members(ctx context.Context, segment, after string, limit int) ([]string, error) {
	reads := make([]*goredis.StringSliceCmd, len(r.keys))
	var (
		look     lookout
		building = make([]*goredis.SliceCmd, len(r.keys))
	)
	from := "[" + member(segment, "")
	if after != "" {
		from = "(" + member(segment, after)
	}
	cmds, err := r.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for i, k := range r.keys {
			key := k.members[memberKey(segment)]
			look.sorted(ctx, p, key)
			building[i] = p.HMGet(ctx, k.meta, fieldBuild)
			reads[i] = p.ZRangeByLex(ctx, key, &goredis.ZRangeBy{Min: from, Max: "(" + segment + "\x01", Count: int64(limit)})
		}
		return nil
	})
	if err = served("reading members", cmds, err); err != nil {
		return nil, err
	}
	if look.missing() != nil || slices.ContainsFunc(building, notReady) {
		return nil, ErrNotReady
	}
	var ids []string
	for _, read := range reads {
		for _, m := range read.Val() {
			ids = append(ids, strings.TrimPrefix(m, member(segment, "")))
		}
	}
	slices.Sort(ids)
	return ids[:min(len(ids), limit)], nil
}

// Counts gives the number of members of each segment.
func (r *Reader) Counts(ctx context.Context, segments []string) ([]int64, error) {
	reads := make([]*goredis.IntCmd, 0, len(segments)*len(r.keys))
	var (
		look     lookout
		building []*goredis.SliceCmd
	)
	cmds, err := r.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for _, k := range r.keys {
			building = append(building, p.HMGet(ctx, k.meta, fieldBuild))
			for _, key := range k.members {
				look.sorted(ctx, p, key)
			}
			for _, s := range segments {
				reads = append(reads, p.ZLexCount(ctx, k.members[memberKey(s)], "["+member(s, ""), "("+s+"\x01"))
			}
		}
		return nil
	})
	if err = served("counting members", cmds, err); err != nil {
		return nil, err
	}
	if look.missing() != nil || slices.ContainsFunc(building, notReady) {
		return nil, ErrNotReady
	}
	counts := make([]int64, len(segments))
	for i, read := range reads {
		counts[i%len(segments)] += read.Val()
	}
	return counts, nil
}

// notReady tells from the field of a description whether its shard is there and whole.
func notReady(building *goredis.SliceCmd) bool { return building.Val()[0] != "0" }

// Task describes one partition's shard.
type Task struct {
	Partition int32
	Meta      pipeline.ShardMeta
	Record    pipeline.TaskRecord
	Ready     bool // false: there is no shard, or it is not whole
}

// Tasks describes all shards.
func (r *Reader) Tasks(ctx context.Context) ([]Task, error) {
	tasks := make([]Task, len(r.keys))
	for i := range r.keys {
		tasks[i].Partition = int32(i)
	}
	reads := make([]*goredis.MapStringStringCmd, len(r.keys))
	cmds, err := r.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for i, k := range r.keys {
			reads[i] = p.HGetAll(ctx, k.meta)
		}
		return nil
	})
	if err = served("reading the shards' descriptions", cmds, err); err != nil {
		return nil, err
	}
	for i, read := range reads {
		meta, err := parseMeta(read.Val())
		if err != nil {
			continue // not ready
		}
		tasks[i].Meta = meta
		tasks[i].Record, err = pipeline.ParseTaskRecord(meta.Task)
		tasks[i].Ready = err == nil && !meta.Building
	}
	return tasks, nil
}

// Warming gives the segments that cannot be decided of every customer yet, because the rules changed, with the moment at which that ends at
// the latest, in milliseconds since the epoch; engine.Never: time alone does not end it.
func (r *Reader) Warming(ctx context.Context) (map[string]int64, error) {
	tasks, err := r.Tasks(ctx)
	if err != nil {
		return nil, err
	}
	warming := make(map[string]int64)
	for i := range tasks {
		for _, w := range tasks[i].Record.Warming {
			warming[w.Segment] = max(warming[w.Segment], w.Until)
		}
	}
	return warming, nil
}
