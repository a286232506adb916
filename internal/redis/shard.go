package redis

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	goredis "github.com/redis/go-redis/v9"

	"github.com/ruas/ruas/internal/pipeline"
)

// shard implements pipeline.Shard.
type shard struct {
	cl   goredis.UniversalClient
	keys *keys
}

// Shard implements pipeline.View.
func (r *Redis) Shard(number int32) pipeline.Shard {
	return &shard{cl: r.cl, keys: newKeys(r.opt.Prefix, r.opt.Group, number)}
}

// Fields of meta.
const (
	fieldLayout  = "layout"
	fieldEpoch   = "epoch"
	fieldApplied = "applied"
	fieldState   = "state"
	fieldRules   = "rules"
	fieldWritten = "written"
	fieldTask    = "task"
	fieldBuild   = "building"
	fieldChanges = "changes"
)

func metaFields(m *pipeline.ShardMeta) []any {
	return []any{
		fieldLayout, layoutVersion, fieldEpoch, m.Epoch, fieldApplied, m.Applied,
		fieldState, m.StateID, fieldRules, m.Rules, fieldWritten, m.Written, fieldTask, m.Task,
		fieldBuild, m.Building, fieldChanges, m.Changes,
	}
}

func stale(why string, args ...any) error {
	return fmt.Errorf("%w: %s", pipeline.ErrStale, fmt.Sprintf(why, args...))
}

// fence reads the two numbers that every read and write is checked by, in the order epoch, applied.
func fence(got []any) (pipeline.Fence, error) {
	var n [2]int64
	for i := range n {
		s, ok := got[i].(string)
		if !ok {
			return pipeline.Fence{}, stale("its description is missing")
		}
		v, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return pipeline.Fence{}, stale("its description says %q", s)
		}
		n[i] = v
	}
	return pipeline.Fence{Epoch: n[0], Applied: n[1]}, nil
}

// Meta implements pipeline.Shard.
func (s *shard) Meta(ctx context.Context) (pipeline.ShardMeta, error) {
	var (
		meta pipeline.ShardMeta
		all  *goredis.MapStringStringCmd
		look lookout
	)
	cmds, err := s.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		all = p.HGetAll(ctx, s.keys.meta)
		look.everything(ctx, p, s.keys)
		return nil
	})
	if err = served("reading the shard's description", cmds, err); err != nil {
		return meta, err
	}
	if meta, err = parseMeta(all.Val()); err != nil {
		return meta, err
	}
	return meta, look.missing()
}

// parseMeta reads the fields of meta.
func parseMeta(got map[string]string) (meta pipeline.ShardMeta, err error) {
	if len(got) == 0 {
		return meta, stale("nothing of it is there, as before a first start")
	}
	if got[fieldLayout] != layoutVersion {
		return meta, stale("it has layout %q, not %q", got[fieldLayout], layoutVersion)
	}
	if meta.Fence, err = fence([]any{got[fieldEpoch], got[fieldApplied]}); err != nil {
		return meta, err
	}
	if meta.Written, err = strconv.ParseInt(got[fieldWritten], 10, 64); err != nil {
		return meta, stale("its description says %q", got[fieldWritten])
	}
	meta.StateID, meta.Rules, meta.Task = got[fieldState], got[fieldRules], []byte(got[fieldTask])
	meta.Building = got[fieldBuild] == "1"
	if meta.Changes, err = strconv.ParseInt(got[fieldChanges], 10, 64); err != nil {
		meta.Changes = -1 // an older release wrote it
	}
	return meta, nil
}

// Intact implements pipeline.Shard.
func (s *shard) Intact(ctx context.Context, least pipeline.Fence) error {
	var (
		numbers *goredis.SliceCmd
		look    lookout
	)
	cmds, err := s.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		numbers = p.HMGet(ctx, s.keys.meta, fieldEpoch, fieldApplied)
		look.everything(ctx, p, s.keys)
		return nil
	})
	if err = served("looking for losses", cmds, err); err != nil {
		return err
	}
	if err := current(numbers.Val(), least); err != nil {
		return err
	}
	return look.missing()
}

// current refuses a shard that another worker wrote, or that was rolled back.
func current(got []any, least pipeline.Fence) error {
	f, err := fence(got)
	switch {
	case err != nil:
		return err
	case f.Epoch != least.Epoch:
		return stale("its epoch is %d, not %d", f.Epoch, least.Epoch)
	case f.Applied < least.Applied:
		return stale("it was rolled back from offset %d to %d", least.Applied, f.Applied)
	}
	return nil
}

// Claim implements pipeline.Shard.
func (s *shard) Claim(ctx context.Context, old pipeline.Fence, meta pipeline.ShardMeta) error {
	return s.swap(ctx, "claiming the shard", old, meta.Fence, nil, func(p goredis.Pipeliner) {
		p.HSet(ctx, s.keys.meta, metaFields(&meta)...)
	})
}

// Reset implements pipeline.Shard.
func (s *shard) Reset(ctx context.Context, meta pipeline.ShardMeta) error {
	cmds, err := s.cl.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		p.Unlink(ctx, s.keys.all()...)
		for _, k := range s.keys.states {
			p.HSet(ctx, k, mark, "1")
		}
		p.ZAdd(ctx, s.keys.deadlines, goredis.Z{Score: math.Inf(1), Member: mark})
		for _, k := range s.keys.members {
			p.ZAdd(ctx, k, goredis.Z{Member: mark})
		}
		p.HSet(ctx, s.keys.meta, metaFields(&meta)...)
		return nil
	})
	return served("emptying the shard", cmds, err)
}

// Load implements pipeline.Shard. meta is read first: whatever is lost or replaced after that shows in the keys that follow.
func (s *shard) Load(ctx context.Context, least pipeline.Fence, keys []string) ([][]byte, error) {
	var (
		numbers *goredis.SliceCmd
		look    lookout
		reads   [stateKeys]*goredis.SliceCmd
		fields  [stateKeys][]string
		place   = make([]int, len(keys))
	)
	for i, key := range keys {
		n := stateKey(key)
		if len(fields[n]) == 0 {
			fields[n] = append(fields[n], mark)
		}
		place[i] = len(fields[n])
		fields[n] = append(fields[n], key)
	}
	cmds, err := s.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		numbers = p.HMGet(ctx, s.keys.meta, fieldEpoch, fieldApplied)
		look.sorted(ctx, p, s.keys.deadlines)
		for n := range fields {
			if len(fields[n]) > 0 {
				reads[n] = p.HMGet(ctx, s.keys.states[n], fields[n]...)
			}
		}
		return nil
	})
	if err = served("reading states", cmds, err); err != nil {
		return nil, err
	}
	if err := current(numbers.Val(), least); err != nil {
		return nil, err
	}
	if err := look.missing(); err != nil {
		return nil, err
	}
	for n, read := range reads {
		if read != nil && read.Val()[0] == nil {
			return nil, stale("%s is missing", s.keys.states[n])
		}
	}
	states := make([][]byte, len(keys))
	for i, key := range keys {
		if v, ok := reads[stateKey(key)].Val()[place[i]].(string); ok {
			states[i] = []byte(v)
		}
	}
	return states, nil
}

// Deadlines implements pipeline.Shard.
func (s *shard) Deadlines(ctx context.Context, least pipeline.Fence, after int64, limit int) ([]pipeline.Deadline, error) {
	var (
		numbers *goredis.SliceCmd
		look    lookout
		found   *goredis.ZSliceCmd
	)
	from := "-inf"
	if after > math.MinInt64 {
		from = "(" + strconv.FormatInt(after, 10)
	}
	cmds, err := s.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
		numbers = p.HMGet(ctx, s.keys.meta, fieldEpoch, fieldApplied)
		look.sorted(ctx, p, s.keys.deadlines)
		found = p.ZRangeByScoreWithScores(ctx, s.keys.deadlines, &goredis.ZRangeBy{Min: from, Max: "(+inf", Count: int64(limit)})
		return nil
	})
	if err = served("reading deadlines", cmds, err); err != nil {
		return nil, err
	}
	if err := errors.Join(current(numbers.Val(), least), look.missing()); err != nil {
		return nil, err
	}
	list := make([]pipeline.Deadline, 0, len(found.Val()))
	for _, z := range found.Val() {
		id, _ := z.Member.(string)
		if id == mark { // at infinity, which not every server leaves out
			continue
		}
		list = append(list, pipeline.Deadline{Customer: id, At: int64(z.Score)})
	}
	return list, nil
}

// scanBatch is how many states one step of a scan asks for.
const scanBatch = 1000

// Scan implements pipeline.Shard.
func (s *shard) Scan(ctx context.Context, least func() pipeline.Fence, each func([]pipeline.StateRecord) error) error {
	for _, key := range s.keys.states {
		whole := false
		for cursor := uint64(0); ; {
			var (
				numbers *goredis.SliceCmd
				step    *goredis.ScanCmd
			)
			cmds, err := s.cl.Pipelined(ctx, func(p goredis.Pipeliner) error {
				numbers = p.HMGet(ctx, s.keys.meta, fieldEpoch, fieldApplied)
				step = p.HScan(ctx, key, cursor, "", scanBatch)
				return nil
			})
			if err = served("scanning states", cmds, err); err != nil {
				return err
			}
			if err := current(numbers.Val(), least()); err != nil {
				return err
			}
			found, next := step.Val()
			states := make([]pipeline.StateRecord, 0, len(found)/2)
			for i := 0; i+1 < len(found); i += 2 {
				if found[i] == mark {
					whole = true
					continue
				}
				if _, archive := pipeline.ArchiveOf(found[i]); archive {
					continue
				}
				states = append(states, pipeline.StateRecord{Key: []byte(found[i]), Value: []byte(found[i+1])})
			}
			if err := each(states); err != nil {
				return err
			}
			if cursor = next; cursor == 0 {
				break
			}
		}
		if !whole {
			return stale("%s is missing", key)
		}
	}
	return nil
}

// lookout reads the marks of keys within a pipeline.
type lookout struct {
	sets   []*goredis.FloatCmd
	hashes []*goredis.BoolCmd
}

func (l *lookout) sorted(ctx context.Context, p goredis.Pipeliner, key string) {
	l.sets = append(l.sets, p.ZScore(ctx, key, mark))
}

func (l *lookout) hash(ctx context.Context, p goredis.Pipeliner, key string) {
	l.hashes = append(l.hashes, p.HExists(ctx, key, mark))
}

func (l *lookout) everything(ctx context.Context, p goredis.Pipeliner, k *keys) {
	l.sorted(ctx, p, k.deadlines)
	for _, key := range k.states {
		l.hash(ctx, p, key)
	}
	for _, key := range k.members {
		l.sorted(ctx, p, key)
	}
}

// missing tells, after the pipeline ran, whether one of the keys was lost.
func (l *lookout) missing() error {
	for _, c := range l.sets {
		if errors.Is(c.Err(), goredis.Nil) {
			return stale("%v is missing", c.Args()[1])
		}
	}
	for _, c := range l.hashes {
		if !c.Val() {
			return stale("%v is missing", c.Args()[1])
		}
	}
	return nil
}

// served gives the error of a pipeline, if the server answered one of its commands with an error. A missing member is an answer.
func served(doing string, cmds []goredis.Cmder, err error) error {
	if err == nil {
		return nil
	}
	if len(cmds) == 0 {
		return explain(doing, err)
	}
	var first error
	for _, c := range cmds {
		err := c.Err()
		switch {
		case err == nil || errors.Is(err, goredis.Nil):
		case !strings.HasPrefix(err.Error(), "EXECABORT"): // which says that another one tells why
			return explain(doing, err)
		case first == nil:
			first = explain(doing, err)
		}
	}
	return first
}
