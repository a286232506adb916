package pipeline

import (
	"context"
	"fmt"

	"github.com/ruas/ruas/internal/engine"
)

// One write of a replay holds at most so many states, archives among them, and about so many bytes: the larger, the fewer versions of a
// customer are written for nothing; but Redis does nothing else meanwhile.
const (
	replayStates = 20_000
	replayBytes  = 8 << 20
)

// replayer brings a shard up to date from the state topic.
type replayer struct {
	s     *session
	chunk map[string][]byte // the newest value of each state, archives among them
	next  int64             // the offset after the last record in it
	bytes int
	count int
}

// replay applies the state topic from what the shard has to end, and returns how many records it read.
func (s *session) replay(ctx context.Context, end int64) (int, error) {
	r := &replayer{s: s, chunk: make(map[string][]byte)}
	err := s.part.ReadState(ctx, s.fence.Applied, end, func(rec StateRecord) error {
		r.count++
		r.next = rec.Offset + 1
		if len(rec.Key) < 2 || rec.Key[0] != customerKey {
			return nil
		}
		key := string(rec.Key[1:])
		r.bytes += len(rec.Value) - len(r.chunk[key])
		r.chunk[key] = rec.Value
		if len(r.chunk) < replayStates && r.bytes < replayBytes {
			return nil
		}
		return r.write(ctx, r.next, true)
	})
	if err == nil {
		err = r.write(ctx, end, false)
	}
	return r.count, err
}

// write brings the chunk to the shard. The index of members changes by the difference to what the shard holds, which is exactly what
// the state topic held at the shard's offset.
func (r *replayer) write(ctx context.Context, next int64, building bool) error {
	s := r.s
	ids := make([]string, 0, len(r.chunk))
	u := &Update{From: s.fence, States: make([]StateRecord, 0, len(r.chunk))}
	for key, value := range r.chunk {
		u.States = append(u.States, StateRecord{Key: []byte(key), Value: value})
		if id, archive := ArchiveOf(key); !archive {
			ids = append(ids, id)
		}
	}
	before, err := s.states(ctx, s.fence, ids)
	if err != nil {
		return err
	}
	for i, id := range ids {
		was, err := s.decode(id, before[i])
		if err != nil {
			return s.unreadable(id, err)
		}
		is, err := s.decode(id, r.chunk[id])
		if err != nil {
			return err
		}
		s.difference(u, id, was, is)
	}
	s.fence.Applied = next
	u.To = s.meta(s.record.encode())
	u.To.Building = building
	clear(r.chunk)
	r.bytes = 0
	return persist(ctx, s.tell, "writing to Redis", func() error { return s.shard.Write(ctx, u) })
}

// decode gives the engine's customer; nil where there is none.
func (s *session) decode(id string, value []byte) (*engine.Customer, error) {
	if len(value) == 0 {
		return nil, nil //nolint:nilnil // no customer is what a missing state means
	}
	_, state, err := SplitState(value)
	if err != nil {
		return nil, fmt.Errorf("reading the state of customer %q: %w", id, err)
	}
	c, err := s.opt.Engine.Decode(id, state)
	if err != nil {
		return nil, fmt.Errorf("reading the state of customer %q: %w", id, err)
	}
	return c, nil
}

// difference notes what a customer's new state changes in deadlines and members.
func (s *session) difference(u *Update, id string, was, is *engine.Customer) {
	at := int64(Never)
	if is != nil {
		at = dueOf(is)
	}
	u.Exact = append(u.Exact, Deadline{id, at})
	in := s.membership(was)
	for seg := range s.membership(is) {
		if in[seg] {
			delete(in, seg)
			continue
		}
		u.Joined = append(u.Joined, Membership{id, s.nameOf(seg)})
	}
	for seg := range in {
		u.Left = append(u.Left, Membership{id, s.nameOf(seg)})
	}
}

func (s *session) membership(c *engine.Customer) map[int]bool {
	in := make(map[int]bool)
	if c == nil {
		return in
	}
	c.Memberships(func(seg int, member bool, _ int64, _ uint64) bool {
		if member {
			in[seg] = true
		}
		return true
	})
	return in
}
