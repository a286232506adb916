package pipeline

import (
	"context"
	"errors"
)

// View is Redis as the pipeline needs it: for every partition number a copy of what is committed, which may be lost at any moment.
type View interface {
	// Prepare refuses a server that would throw keys away when it is full.
	Prepare(ctx context.Context) error
	// Shard gives the part of one partition number.
	Shard(number int32) Shard
}

// Fence is what a shard must hold for a read or a write to count: who wrote it last, and how far.
type Fence struct {
	// Epoch is that of the worker's session.
	Epoch int64
	// Applied is the offset of the state partition before which everything is in the shard.
	Applied int64
}

// ShardMeta describes a shard.
type ShardMeta struct {
	Fence
	// StateID is the id of the state topic that the shard was built from.
	StateID string
	// Rules is the hash of the rules by which the membership index was built.
	Rules string
	// Written is when the shard was written last, in milliseconds since the epoch.
	Written int64
	// Task is the record of the task as of Applied.
	Task []byte
	// Changes is the offset of this partition number of the changes before which everything is in the shard; -1: not known, for the
	// changes are divided otherwise than the sources.
	Changes int64
	// Building says that the shard does not hold all that is committed yet: it is not to be served.
	Building bool
}

// Shard is one partition number's part of the view. Errors that are not ErrStale are of the server, and may pass.
type Shard interface {
	// Meta reads the description. ErrStale: there is none, or a part of the shard is missing.
	Meta(ctx context.Context) (ShardMeta, error)
	// Claim replaces the description, if the shard's fence is still old. ErrStale: it is not.
	Claim(ctx context.Context, old Fence, meta ShardMeta) error
	// Reset empties the shard, whatever it holds.
	Reset(ctx context.Context, meta ShardMeta) error
	// Load reads what stands under keys, customers' states or their archives, nil where that is nothing, in one round trip. ErrStale: the
	// shard's epoch is not that of least, less than least is applied, or a part of the shard is missing.
	Load(ctx context.Context, least Fence, keys []string) ([][]byte, error)
	// Write applies an update whole or not at all. ErrStale: the shard's fence is not u.From, or a part is missing. An update that is
	// already there is no error.
	Write(ctx context.Context, u *Update) error
	// Deadlines gives at most limit deadlines, earliest first, that are later than after. ErrStale: as for Load.
	Deadlines(ctx context.Context, least Fence, after int64, limit int) ([]Deadline, error)
	// Scan hands all states to each, some at a time, in no order; one may be seen more than once. What one call hands over was read when the
	// call before it had returned. ErrStale: as for Load, by what least gives then.
	Scan(ctx context.Context, least func() Fence, each func([]StateRecord) error) error
	// Intact looks for every part of the shard. ErrStale: as for Load.
	Intact(ctx context.Context, least Fence) error
}

// Update is what one transaction, or a piece of the changelog, changes in a shard.
type Update struct {
	From Fence
	To   ShardMeta
	// States holds customers' new states and archives; a nil Value removes one.
	States []StateRecord
	// Sooner are deadlines that are written where they are earlier than what is there.
	Sooner []Deadline
	// Exact are deadlines that replace what is there; a time of Never removes it.
	Exact []Deadline
	// Joined and Left change the index of members.
	Joined, Left []Membership

	room arena // of the states
}

// spareChunks, and spareEntries of each list, are the most that an update keeps for the next one: what a large batch took beyond that is
// let go of.
const (
	spareChunks  = 4 << 20 / arenaChunk
	spareEntries = 1 << 15
)

// empty makes an update that is written the room of the next one.
func (u *Update) empty() {
	u.room.reset()
	if len(u.room.chunks) > spareChunks {
		u.room = arena{}
	}
	*u = Update{
		States: spared(u.States), Sooner: spared(u.Sooner), Exact: spared(u.Exact), Joined: spared(u.Joined), Left: spared(u.Left), room: u.room,
	}
}

// spared is a list without what it held, where it is not too large to be kept.
func spared[T any](list []T) []T {
	if cap(list) > spareEntries {
		return nil
	}
	clear(list)
	return list[:0]
}

// Deadline is the moment at which a customer is looked at, whether or not an event comes.
type Deadline struct {
	Customer string
	At       int64 // milliseconds since the epoch
}

// Membership is a customer in a segment.
type Membership struct {
	Customer, Segment string
}

// ErrStale says that a shard is not what the worker left there: something was lost, rolled back, or written by another worker.
var ErrStale = errors.New("the view in Redis is not as it was left")
