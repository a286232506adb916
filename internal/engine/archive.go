package engine

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/ruas/ruas/internal/feature"
)

// An event adds an id to a customer's state, and with every event the state is written: of who has many events, most bytes are ids that were
// written before. So they are divided. The archive is a record beside the state; the state holds the ids that are fresh, which came since the
// archive was written, and says how many of the archived ones are remembered still. Both are written in one transaction, or the state alone.

// defaultArchiveFrom is the least number of fresh ids for which an archive is written.
const defaultArchiveFrom = 32

// ArchiveDue gives about how many bytes the archive takes that is to be written now; 0: what was archived before, or nothing, still does. A
// write of n ids each f events costs n/f an event, and the fresh ones f/2 with every event: together least where f² = 2n (Harris, How Many
// Parts to Make at Once, 1913).
func (e *Engine) ArchiveDue(c *Customer) int {
	if int(c.fresh) < e.archiveFrom { // as for most: their ids need not be looked at
		return 0
	}
	var s feature.Series
	from, fresh := e.remembered(c, &s)
	n, f := s.Len()-from, s.Len()-fresh
	if f < e.archiveFrom || f*f < 2*n {
		return 0
	}
	return n * archivedID
}

// archivedID is about what an id takes of an archive, in bytes.
const archivedID = 8 + 3

// Archive appends the ids of c's events to dst, as a record of their own: there is one at least. Encode leaves them out from now on.
func (e *Engine) Archive(c *Customer, dst []byte) []byte {
	var s feature.Series
	from, _ := e.remembered(c, &s)
	n := s.Len() - from
	dst = append(dst, archiveVersion)
	dst = binary.AppendVarint(dst, s.Time(from))
	dst = binary.AppendUvarint(dst, uint64(n))
	last := s.Time(from)
	for i := from; i < s.Len(); i++ {
		dst = binary.LittleEndian.AppendUint64(dst, s.Value(i, 0).N)
		dst = binary.AppendUvarint(dst, uint64(s.Time(i)-last))
		last = s.Time(i)
	}
	c.fresh = 0
	return dst
}

const archiveVersion = 1

// Archived tells whether some of c's ids stand in an archive. Where that is no longer so, the archive is of no more use.
func (e *Engine) Archived(c *Customer) bool {
	var s feature.Series
	from, fresh := e.remembered(c, &s)
	return fresh > from
}

// Divided tells whether an encoded customer has an archive beside it.
func Divided(state []byte) bool { return len(state) > 0 && state[0] == versionDivided }

// remembered opens the ids of c. Whatever comes next finds the clock at c.at or later: those before place from are as good as forgotten.
// Those from place fresh on are not archived.
func (e *Engine) remembered(c *Customer, s *feature.Series) (from, fresh int) {
	e.openSeen(c, s)
	from = s.After(c.at - e.dedup)
	return from, max(from, s.Len()-int(c.fresh))
}

var errNoArchive = errors.New("the ids of a customer's events are missing")

// complete refuses a state that is divided, without its archive.
func complete(state, archive []byte) error {
	if Divided(state) && archive == nil {
		return errNoArchive
	}
	return nil
}

// readArchive reads the newest n ids of an archive.
func (e *Engine) readArchive(c *Customer, archive []byte, n int64) error {
	var s feature.Series
	e.openSeen(c, &s)
	r := feature.NewReader(archive)
	switch v := r.Byte(); {
	case v > archiveVersion:
		return ErrVersion
	case v == 0:
		r.Fail()
	}
	at, has := r.Int(), r.Count()
	for skip := int64(has) - n; has > 0 && r.Err() == nil; has-- {
		id, last := r.Uint64(), at
		switch at += r.Natural(); {
		case at < last:
			r.Fail()
		case skip > 0:
			skip--
		default:
			n--
			e.remember(c, &s, id, at)
		}
	}
	if r.Err() != nil || r.Rest() > 0 || n != 0 {
		return fmt.Errorf("reading the ids of a customer's events: %w", feature.ErrTruncated)
	}
	return nil
}
