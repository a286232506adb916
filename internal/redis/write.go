package redis

import (
	"context"
	"errors"

	goredis "github.com/redis/go-redis/v9"

	"github.com/ruas/ruas/internal/pipeline"
)

// Write implements pipeline.Shard.
func (s *shard) Write(ctx context.Context, u *pipeline.Update) error {
	touched := func(p goredis.Pipeliner) *lookout {
		var (
			look   lookout
			states [stateKeys]bool
			seen   [memberKeys]bool
		)
		look.sorted(ctx, p, s.keys.deadlines)
		for i := range u.States {
			if n := stateKey(u.States[i].Key); !states[n] {
				states[n] = true
				look.hash(ctx, p, s.keys.states[n])
			}
		}
		for _, list := range [][]pipeline.Membership{u.Joined, u.Left} {
			for _, m := range list {
				if n := memberKey(m.Segment); !seen[n] {
					seen[n] = true
					look.sorted(ctx, p, s.keys.members[n])
				}
			}
		}
		return &look
	}
	return s.swap(ctx, "writing states", u.From, u.To.Fence, touched, func(p goredis.Pipeliner) {
		s.writeStates(ctx, p, u.States)
		s.writeDeadlines(ctx, p, u)
		s.writeMembers(ctx, p, u)
		p.HSet(ctx, s.keys.meta, metaFields(&u.To)...)
	})
}

// stateBytes is a key or a value of a state as an argument of a command: the client asks for its bytes, where a slice of them would take an
// allocation for its place in an interface.
type stateBytes []byte

// MarshalBinary implements encoding.BinaryMarshaler.
func (b *stateBytes) MarshalBinary() ([]byte, error) { return *b, nil }

func (s *shard) writeStates(ctx context.Context, p goredis.Pipeliner, states []pipeline.StateRecord) {
	var (
		count [stateKeys]int
		set   [stateKeys][]any
		del   [stateKeys][]string
	)
	for i := range states {
		count[stateKey(states[i].Key)]++
	}
	for i := range states {
		r := &states[i]
		n := stateKey(r.Key)
		if r.Value == nil {
			del[n] = append(del[n], string(r.Key))
			continue
		}
		if set[n] == nil {
			set[n] = append(make([]any, 0, 2+2*count[n]), "hset", s.keys.states[n])
		}
		set[n] = append(set[n], (*stateBytes)(&r.Key), (*stateBytes)(&r.Value))
	}
	for n, key := range s.keys.states {
		if len(set[n]) > 0 {
			_ = p.Process(ctx, goredis.NewIntCmd(ctx, set[n]...)) // as HSet does, but for a copy of the arguments; a pipeline has no error yet
		}
		if len(del[n]) > 0 {
			p.HDel(ctx, key, del[n]...)
		}
	}
}

func (s *shard) writeDeadlines(ctx context.Context, p goredis.Pipeliner, u *pipeline.Update) {
	if len(u.Sooner) > 0 {
		list := make([]goredis.Z, len(u.Sooner))
		for i, d := range u.Sooner {
			list[i] = goredis.Z{Score: float64(d.At), Member: d.Customer}
		}
		p.ZAddLT(ctx, s.keys.deadlines, list...)
	}
	var (
		exact []goredis.Z
		gone  []any
	)
	for _, d := range u.Exact {
		if d.At == pipeline.Never {
			gone = append(gone, d.Customer)
			continue
		}
		exact = append(exact, goredis.Z{Score: float64(d.At), Member: d.Customer})
	}
	if len(exact) > 0 {
		p.ZAdd(ctx, s.keys.deadlines, exact...)
	}
	if len(gone) > 0 {
		p.ZRem(ctx, s.keys.deadlines, gone...)
	}
}

// writeMembers takes leaves first: a customer that left and joined again within the update is in both lists only if it is in.
func (s *shard) writeMembers(ctx context.Context, p goredis.Pipeliner, u *pipeline.Update) {
	rem, add := memberWords(u.Left), memberWords(u.Joined)
	for n, key := range s.keys.members {
		if args := rem[n].args(); len(args) > 0 {
			p.ZRem(ctx, key, args...)
		}
		if args := add[n].args(); len(args) > 0 {
			list := make([]goredis.Z, len(args))
			for i := range args {
				list[i].Member = args[i]
			}
			p.ZAdd(ctx, key, list...)
		}
	}
}

// memberWords are the members of each key.
func memberWords(list []pipeline.Membership) *[memberKeys]words {
	var w [memberKeys]words
	for i := range list {
		m := &list[i]
		w[memberKey(m.Segment)].count(len(m.Segment) + 1 + len(m.Customer))
	}
	for n := range w {
		w[n].grow()
	}
	for i := range list {
		m := &list[i]
		to := &w[memberKey(m.Segment)]
		to.text.WriteString(m.Segment)
		to.text.WriteByte(0)
		to.text.WriteString(m.Customer)
		to.end()
	}
	return &w
}

// swap writes, if the fence is from; it becomes to. Where it is to already, an earlier try arrived although its answer did not.
func (s *shard) swap(ctx context.Context, doing string, from, to pipeline.Fence, check func(goredis.Pipeliner) *lookout,
	write func(goredis.Pipeliner),
) error {
	var why error // of the last try, in words: the client looks into the errors that it is given
	err := s.cl.Watch(ctx, func(tx *goredis.Tx) error {
		var (
			numbers *goredis.SliceCmd
			look    = &lookout{}
		)
		cmds, err := tx.Pipelined(ctx, func(p goredis.Pipeliner) error {
			numbers = p.HMGet(ctx, s.keys.meta, fieldEpoch, fieldApplied)
			if check != nil {
				look = check(p)
			}
			return nil
		})
		if why = served(doing, cmds, err); why != nil {
			return err
		}
		is, err := fence(numbers.Val())
		if err != nil {
			return err
		}
		if err := look.missing(); err != nil {
			return err
		}
		if is == to {
			return nil
		}
		if is != from {
			return stale("its fence is %+v, not %+v", is, from)
		}
		cmds, err = tx.TxPipelined(ctx, func(p goredis.Pipeliner) error {
			write(p)
			return nil
		})
		why = served(doing, cmds, err)
		return err
	}, s.keys.meta)
	switch {
	case err == nil, errors.Is(err, pipeline.ErrStale):
		return err
	case errors.Is(err, goredis.TxFailedErr):
		return stale("it was written by another worker at the same moment")
	case why != nil:
		return why
	}
	return explain(doing, err)
}
