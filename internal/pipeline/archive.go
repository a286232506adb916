package pipeline

import (
	"context"
	"strings"

	"github.com/ruas/ruas/internal/engine"
)

// archiveMark begins the key of a customer's archive, in the view and, behind customerKey, on the state topic; the id follows. No id begins
// with it: ids are UTF-8.
const archiveMark = "\xff"

// ArchiveOf tells whose archive stands under the key of a state; false: it is that of a customer's state.
func ArchiveOf(key string) (id string, archive bool) { return strings.CutPrefix(key, archiveMark) }

// loadArchives gives what stands in archives beside states, nil where that is nothing, in one round trip for all that have one.
func (s *session) loadArchives(ctx context.Context, ids []string, states [][]byte) ([][]byte, error) {
	var (
		all   = make([][]byte, len(ids))
		keys  []string
		place []int
	)
	for i, value := range states {
		if value == nil {
			continue
		}
		if _, state, err := SplitState(value); err == nil && engine.Divided(state) { // what cannot be read, adopt refuses
			keys, place = append(keys, archiveMark+ids[i]), append(place, i)
		}
	}
	if len(keys) == 0 {
		return all, nil
	}
	found, err := s.states(ctx, s.writer.fence(), keys)
	if err != nil {
		return nil, err
	}
	for i, archive := range found {
		all[place[i]] = archive
	}
	return all, nil
}

// states reads what stands under keys from the view, as of least or later.
func (s *session) states(ctx context.Context, least Fence, keys []string) (found [][]byte, err error) {
	err = persist(ctx, s.tell, "reading from Redis", func() (err error) {
		found, err = s.shard.Load(ctx, least, keys)
		return err
	})
	return found, err
}

// archive writes the ids of a customer's events to a record of their own, where that is worth it, and removes it where it is of no more use.
func (s *session) archive(tx *Transaction, u *Update, c *customer) {
	var value []byte
	switch due := s.opt.Engine.ArchiveDue(&c.state); {
	case due > 0:
		value, c.divided = u.room.keep(s.opt.Engine.Archive(&c.state, u.room.open(due))), true
	case !c.divided || s.opt.Engine.Archived(&c.state):
		return
	default:
		c.divided = false
	}
	s.put(tx, u, archiveMark, c.id(), value)
}
