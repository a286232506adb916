package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Log is Kafka as the pipeline needs it: a group that shares out partition numbers, and a fenced session on one of them.
type Log interface {
	// Prepare creates the topics of ruas that are missing and says what there is. Its errors are of a *Refusal, or of a broker that
	// could not be reached.
	Prepare(ctx context.Context, topics Topics) (Layout, error)
	// Join takes part in the group until ctx is done, then leaves it. Every partition number is given whole: with that partition of
	// all sources.
	Join(ctx context.Context, layout Layout, claims Claims) error
	// Open takes a partition number over: whoever had it open before can no longer commit, and what they left open is aborted. It
	// returns when that is done.
	Open(ctx context.Context, layout Layout, number int32, member Member) (Partition, error)
}

// Topics names what is read and written.
type Topics struct {
	Sources                     []SourceTopic
	Changes, State, DeadLetters string
	// Memberships is where each customer's present list is written; "": nowhere.
	Memberships string
	// Follow says that the changes are read too, by who serves them.
	Follow bool
	// AcceptLoss says that a state topic that was lost may be begun anew.
	AcceptLoss bool
	// Look says that nothing is created: what is missing is a *TopicGone.
	Look bool
}

// SourceTopic is the topic of a source.
type SourceTopic struct {
	Topic    string
	Optional bool // it need not exist
	Made     bool // it is made where it is missing
}

// Layout is what there is on the broker.
type Layout struct {
	Topics Topics
	// Partitions is the number of partitions of every source.
	Partitions int32
	// SourceIDs tell a topic from another one made later under the same name; empty: the topic does not exist.
	SourceIDs []string
	StateID   string
	// These may differ from Partitions.
	ChangesPartitions, DeadLetterPartitions, MembershipsPartitions int32
}

// Present tells whether the topic of source i exists.
func (l *Layout) Present(i int) bool { return l.SourceIDs[i] != "" }

// Claims is told which partition numbers are this worker's. Its methods may be called at the same time.
type Claims interface {
	// Assigned adds partition numbers.
	Assigned(member Member, numbers []int32)
	// Revoked takes all partition numbers away. The group waits until it returns.
	Revoked()
	// Lost says that the member is out of the group: its partition numbers may be another worker's already.
	Lost()
	// Waiting says why the member is not in the group. It is tried again until partitions are assigned.
	Waiting(why error)
}

// Member is this worker in one generation of the group.
type Member struct {
	ID         string
	Generation int32
}

// Partition is a session on one partition number. Its methods may be called by several goroutines; Commit by one.
type Partition interface {
	// StateBounds gives the first offset of the state partition and its high watermark.
	StateBounds(ctx context.Context) (start, end int64, err error)
	// ReadState calls each for every committed record of the state partition from offset from to, not including, offset to.
	ReadState(ctx context.Context, from, to int64, each func(StateRecord) error) error
	// ChangesEnd gives the high watermark of this partition number of the changes; -1: they are divided otherwise.
	ChangesEnd(ctx context.Context) (int64, error)
	// SourceStarts gives the first offset of each source, SourceEnds the high watermarks; -1 for a source that is not there.
	SourceStarts(ctx context.Context) ([]int64, error)
	SourceEnds(ctx context.Context) ([]int64, error)
	// Consume starts reading each source at its offset. Little that comes is left to gather for so long: a request for each record would
	// cost more than the record.
	Consume(offsets []int64, gather time.Duration) error
	// Poll waits for records. A Fetch with none is possible. An *OffsetsGone error says that an offset is out of range.
	Poll(ctx context.Context) ([]Fetch, error)
	// Pause stops reading a source, Resume goes on.
	Pause(source int)
	Resume(source int)
	// Commit publishes a transaction and says how far it reached. After any error the session is of no more use: whether the transaction was committed, the next one finds in the
	// state partition. ErrFenced: another worker has the partition number.
	Commit(ctx context.Context, tx *Transaction) (Reached, error)
	// Skew gives by how much the broker's clock is ahead of this worker's, zero where both may agree; ok is false where the broker does
	// not tell.
	Skew(ctx context.Context) (skew time.Duration, ok bool, err error)
	Close()
}

// Fetch is what one poll gave of one source.
type Fetch struct {
	Source int
	// Records hold until the next Poll, and so do their keys and values; headers hold for good.
	Records []Record
	// Next is the offset after the last record that was read, control records included.
	Next int64
	// End is the high watermark that came with the records.
	End int64
}

// Record is one record of a source.
type Record struct {
	Key, Value []byte
	Headers    []Header
	Offset     int64
}

// Header is a header of a record.
type Header struct {
	Key   string
	Value []byte
}

// StateRecord is one record of the state partition. A nil Value is a tombstone.
type StateRecord struct {
	Key, Value []byte
	Offset     int64
}

// Transaction is what is committed as one.
type Transaction struct {
	Changes     []Message
	DeadLetters []Message
	// Memberships holds customers' present lists.
	Memberships []Message
	// State holds the states of customers; the record of the task, always there, is the last.
	State []Message
	// Offsets is the offset of the next event to apply of each source; -1 for a source that is not there.
	Offsets []int64
}

// Reached is how far a transaction reached: the offsets after its last records.
type Reached struct {
	State int64
	// Changes is that of this partition number of the changes; -1: there were none, or they are divided otherwise.
	Changes int64
}

// Message is a record to be written.
type Message struct {
	Key, Value []byte
	Headers    []Header
}

// ErrFenced says that this worker no longer has the partition number.
var ErrFenced = errors.New("the partition is another worker's")

// Taken says that another producer took the partition's transactional id. It is an ErrFenced.
type Taken struct {
	ID  string
	Err error // the broker's
}

func (e *Taken) Error() string {
	return fmt.Sprintf("another producer took the transactional id %s, or the broker ended its transaction: %v", e.ID, e.Err)
}

// Is makes it an ErrFenced.
func (e *Taken) Is(target error) bool { return target == ErrFenced }

// TopicGone says that a topic is not there any more, or is another one of the same name.
type TopicGone struct {
	Topic string
	State bool // it is that of the state
	Anew  bool // there is another one of its name
}

func (e *TopicGone) Error() string {
	switch {
	case e.State && e.Anew:
		return fmt.Sprintf("the topic %s was deleted and made anew: what ruas knew of its customers is gone with the old one", e.Topic)
	case e.State:
		return fmt.Sprintf("the topic %s was deleted, and with it what ruas knew of its customers", e.Topic)
	case e.Anew:
		return fmt.Sprintf("the topic %s was deleted and made anew", e.Topic)
	}
	return fmt.Sprintf("the topic %s was deleted: create it again", e.Topic)
}

// OffsetsGone says that a source no longer holds the offset that is to be read next.
type OffsetsGone struct {
	Topic       string
	Partition   int32
	Offset      int64
	First, Last int64 // what the partition holds: First <= offset < Last
	Anew        bool  // the topic was deleted and made anew
}

func (e *OffsetsGone) Error() string {
	if e.Anew {
		return fmt.Sprintf("topic %s was made anew: what is left of the old one, from offset %d of partition %d, is gone",
			e.Topic, e.Offset, e.Partition)
	}
	return fmt.Sprintf("offset %d of %s, partition %d, is gone: the partition holds %d to %d", e.Offset, e.Topic, e.Partition, e.First, e.Last)
}

// Refusal is a mistake in what was set up, which no retry mends.
type Refusal struct {
	Reason string
	// Unreachable says that something needed is not there, rather than wrong.
	Unreachable bool
}

func (e *Refusal) Error() string { return e.Reason }
