package redis

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	goredis "github.com/redis/go-redis/v9"

	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/view"
)

// ErrNotReady says that the view does not hold what was asked for yet: it is being built.
var ErrNotReady = view.ErrNotReady

// Reader answers questions about customers and segments from the view, each in one round trip. What it says is committed, and may be
// a moment behind.
type Reader struct {
	cl        goredis.UniversalClient
	keys      []*keys
	records   []atomic.Pointer[readRecord] // of the tasks, as they were read last
	partition func(key []byte, n int32) int32
}

// readRecord is a task's record with the text that it was read from: between two batches it is the same.
type readRecord struct {
	text string
	pipeline.TaskRecord
}

// Reader makes a reader of a pipeline with so many partitions, whose producers partition in that way.
func (r *Redis) Reader(partitions int32, partition func(key []byte, n int32) int32) *Reader {
	reader := &Reader{cl: r.cl, partition: partition, records: make([]atomic.Pointer[readRecord], partitions)}
	for p := range partitions {
		reader.keys = append(reader.keys, newKeys(r.opt.Prefix, r.opt.Group, p))
	}
	return reader
}

// of gives the partition of a customer.
func (r *Reader) of(id string) int32 { return r.partition([]byte(id), int32(len(r.keys))) }

// asked is a customer who is asked for: where their state is, and what reads it.
type asked struct {
	number     int // among those who are asked for
	shard, key int
	field      int // of read
	meta, read *goredis.SliceCmd
}

// Customers gives what the view holds of customers, in the order of their ids.
func (r *Reader) Customers(ctx context.Context, ids []string) ([]view.Customer, error) {
	list := make([]asked, len(ids))
	for i, id := range ids {
		list[i] = asked{number: i, shard: int(r.of(id)), key: stateKey(id)}
	}
	slices.SortFunc(list, func(a, b asked) int {
		return cmp.Or(a.shard-b.shard, a.key-b.key, a.number-b.number)
	})
	cmds, err := r.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for from := 0; from < len(list); { // those whose states are in one key are read together
			at := list[from]
			if from > 0 && list[from-1].shard == at.shard {
				at.meta = list[from-1].meta
			} else {
				at.meta = standing(ctx, p, r.keys[at.shard])
			}
			fields := []string{mark}
			to := from
			for ; to < len(list) && list[to].shard == at.shard && list[to].key == at.key; to++ {
				list[to].field = len(fields)
				fields = append(fields, ids[list[to].number])
			}
			at.read = p.HMGet(ctx, r.keys[at.shard].states[at.key], fields...)
			for ; from < to; from++ {
				list[from].meta, list[from].read = at.meta, at.read
			}
		}
		return nil
	})
	if err = served("reading customers", cmds, err); err != nil {
		return nil, err
	}
	customers := make([]view.Customer, len(ids))
	for i := range list {
		at := &list[i]
		record, stands, err := r.stands(at.shard, at.meta)
		if err != nil {
			return nil, err
		}
		got := at.read.Val()
		if got[0] == nil {
			return nil, ErrNotReady
		}
		c := &customers[at.number]
		*c = view.Customer{ID: ids[at.number], Standing: stands}
		value, ok := got[at.field].(string)
		if !ok {
			continue
		}
		generation, state, err := pipeline.SplitState([]byte(value))
		if err != nil {
			return nil, fmt.Errorf("reading a customer of partition %d: %w", at.shard, err)
		}
		c.State = state
		if record.Decided(generation) {
			c.Rules = record.Rules
		}
	}
	return customers, nil
}

// Members gives members of a segment, in the order of their ids, from the first one after after: at least so many, unless it gives all.
func (r *Reader) Members(ctx context.Context, segment, after string, atLeast int) (view.Members, error) {
	var (
		out   view.Members
		look  lookout
		metas = make([]*goredis.SliceCmd, len(r.keys))
		reads = make([]*goredis.StringSliceCmd, len(r.keys))
	)
	from := "[" + member(segment, "")
	if after != "" {
		from = "(" + member(segment, after)
	}
	cmds, err := r.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for i, k := range r.keys {
			key := k.members[memberKey(segment)]
			metas[i] = standing(ctx, p, k)
			look.sorted(ctx, p, key)
			reads[i] = p.ZRangeByLex(ctx, key, &goredis.ZRangeBy{Min: from, Max: "(" + segment + "\x01", Count: int64(atLeast)})
		}
		return nil
	})
	if err = served("reading members", cmds, err); err != nil {
		return out, err
	}
	if look.missing() != nil {
		return out, ErrNotReady
	}
	if out.Standings, _, err = r.allStand(metas); err != nil {
		return out, err
	}
	// A partition that has more tells nothing of what is behind its last.
	last := ""
	for _, read := range reads {
		ids := read.Val()
		if len(ids) == atLeast && (!out.More || ids[atLeast-1] < last) {
			out.More, last = true, ids[atLeast-1]
		}
	}
	for _, read := range reads {
		for _, m := range read.Val() {
			if out.More && m > last {
				break
			}
			out.IDs = append(out.IDs, strings.TrimPrefix(m, member(segment, "")))
		}
	}
	slices.Sort(out.IDs)
	return out, nil
}

// Segments gives what the view says of each segment.
func (r *Reader) Segments(ctx context.Context, segments []string) (view.Segments, error) {
	var (
		out   view.Segments
		look  lookout
		metas = make([]*goredis.SliceCmd, len(r.keys))
		reads = make([]*goredis.IntCmd, 0, len(segments)*len(r.keys))
	)
	cmds, err := r.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		for i, k := range r.keys {
			metas[i] = standing(ctx, p, k)
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
		return out, err
	}
	if look.missing() != nil {
		return out, ErrNotReady
	}
	var records []*readRecord
	if out.Standings, records, err = r.allStand(metas); err != nil {
		return out, err
	}
	out.Warming = make(map[string]int64)
	for _, record := range records {
		for _, w := range record.Warming {
			out.Warming[w.Segment] = max(out.Warming[w.Segment], w.Until)
		}
	}
	out.Counts = make([]int64, len(segments))
	for i, read := range reads {
		out.Counts[i%len(segments)] += read.Val()
	}
	return out, nil
}

// Partitions describes all shards.
func (r *Reader) Partitions(ctx context.Context) ([]view.Partition, error) {
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
	partitions := make([]view.Partition, len(r.keys))
	for i, read := range reads {
		out := &partitions[i]
		out.Standing = view.Standing{Partition: int32(i), Clock: math.MinInt64, Changes: view.Unknown}
		meta, err := parseMeta(read.Val())
		if err != nil || meta.Building {
			continue
		}
		record, err := pipeline.ParseTaskRecord(meta.Task)
		if err != nil {
			continue
		}
		out.Ready, out.Clock, out.Changes = true, record.Clock, meta.Changes
		out.Epoch, out.Applied, out.Written, out.Rules = meta.Epoch, meta.Applied, meta.Written, record.Rules
		for _, s := range record.Sources {
			out.Sources = append(out.Sources, view.Progress{Topic: s.Topic, Next: s.Next})
		}
	}
	return partitions, nil
}

// Forgotten tells what became of the request to forget at an offset of a partition.
func (r *Reader) Forgotten(ctx context.Context, topic string, partition int32, offset int64) (view.Forgotten, error) {
	var meta, applied *goredis.SliceCmd
	cmds, err := r.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		meta = standing(ctx, p, r.keys[partition])
		applied = p.HMGet(ctx, r.keys[partition].meta, fieldApplied)
		return nil
	})
	if err = served("reading the shard's description", cmds, err); err != nil {
		return view.Forgotten{}, err
	}
	record, _, err := r.stands(int(partition), meta)
	if err != nil {
		return view.Forgotten{}, err
	}
	text, _ := applied.Val()[0].(string)
	out := view.Forgotten{Applied: parseOffset(text)}
	for _, s := range record.Sources {
		out.Done = out.Done || s.Topic == topic && s.Next > offset
	}
	for _, f := range record.Forgotten {
		if f.Offset == offset {
			out.Told, out.Known, out.Changes, out.Clock, out.At = true, f.Known, f.Changes, f.Clock, f.At
		}
	}
	return out, nil
}

// standing asks for what stands reads.
func standing(ctx context.Context, p goredis.Pipeliner, k *keys) *goredis.SliceCmd {
	return p.HMGet(ctx, k.meta, fieldBuild, fieldTask, fieldChanges, fieldWritten)
}

// stands tells how far a shard is. ErrNotReady: it is not there, or not whole.
func (r *Reader) stands(shard int, meta *goredis.SliceCmd) (*readRecord, view.Standing, error) {
	got := meta.Val()
	at := view.Standing{Partition: int32(shard), Clock: math.MinInt64, Changes: view.Unknown}
	if got[0] != "0" {
		return nil, at, ErrNotReady
	}
	text, _ := got[1].(string)
	record := r.records[shard].Load()
	if record == nil || record.text != text {
		parsed, err := pipeline.ParseTaskRecord([]byte(text))
		if err != nil {
			return nil, at, fmt.Errorf("reading the description of partition %d: %w", shard, err)
		}
		record = &readRecord{text, parsed}
		r.records[shard].Store(record)
	}
	changes, _ := got[2].(string)
	written, _ := got[3].(string)
	at.Clock, at.Changes, at.Written = record.Clock, parseOffset(changes), max(0, parseOffset(written))
	return record, at, nil
}

func (r *Reader) allStand(metas []*goredis.SliceCmd) ([]view.Standing, []*readRecord, error) {
	standings, records := make([]view.Standing, len(metas)), make([]*readRecord, len(metas))
	for i, meta := range metas {
		var err error
		if records[i], standings[i], err = r.stands(i, meta); err != nil {
			return nil, nil, err
		}
	}
	return standings, records, nil
}

// parseOffset gives view.Unknown for what is no offset.
func parseOffset(text string) int64 {
	offset, err := strconv.ParseInt(text, 10, 64)
	if err != nil || offset < 0 {
		return view.Unknown
	}
	return offset
}
