// Package deadletter looks through the records that were no good, newest first, and sends them to their sources again. It owns how a dead
// letter is read; it declares the little that it needs of a log, and must not know what makes a record an event.
package deadletter

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/ruas/ruas/internal/pipeline"
)

// HeaderReplayOf is a header of records that were sent again: the place of the letter that they were, as "<partition>:<offset>". Where such a
// record is no good again, its new letter has it too.
const HeaderReplayOf = "ruas-replay-of"

// Place is where a letter is in its topic.
type Place struct {
	Partition int32
	Offset    int64
}

// String gives the place as HeaderReplayOf has it.
func (p Place) String() string {
	return strconv.FormatInt(int64(p.Partition), 10) + ":" + strconv.FormatInt(p.Offset, 10)
}

// Record is a record of a topic.
type Record struct {
	Place
	// Time is when it was written, in milliseconds since the epoch.
	Time       int64
	Key, Value []byte
	Headers    []pipeline.Header
}

// Outgoing is a record that is to be written.
type Outgoing struct {
	Topic      string
	Partition  int32
	Key, Value []byte
	Headers    []pipeline.Header
}

// ErrTooLarge says that a topic does not take a record, because of its size.
var ErrTooLarge = errors.New("the record is larger than its topic takes")

// Log is Kafka as the letters need it.
type Log interface {
	// Bounds gives the first offset of each partition of a topic, and the offset before which everything is committed or aborted. Both are
	// empty for a topic that is not there.
	Bounds(ctx context.Context, topic string) (first, end map[int32]int64, err error)
	// Records hands over the committed records between two offsets of each partition, in the order of the partition; to must not be beyond
	// the end. What is no longer kept is left out. An error of each ends it, and is returned as it is.
	Records(ctx context.Context, topic string, from, to map[int32]int64, each func(*Record) error) error
	// Write appends records, those of one partition in their order, and returns when all replicas in sync have them, or never will. The
	// errors are those of each record; nil: it is there.
	Write(ctx context.Context, records []Outgoing) []error
}

// Source is where events come from.
type Source struct{ Name, Topic string }

// Options says which letters there are.
type Options struct {
	Log   Log
	Topic string
	// Sources are those whose records may be sent again, and no others; Partitions is how many partitions each has.
	Sources    []Source
	Partitions int32
	// Now is the present; nil: time.Now.
	Now func() time.Time
}

// Letters are the dead letters of one ruas. It is safe for concurrent use.
type Letters struct {
	opt     Options
	sources map[string]string // names by topic

	mu   sync.Mutex
	sent map[Place]int64 // when letters were sent again, in milliseconds since the epoch
	// order has the keys of sent, oldest first, from oldest on around.
	order  []Place
	oldest int
}

// remembered is how many letters that were sent again are known at a time.
const remembered = 100_000

// New returns the letters; it does not connect.
func New(opt Options) *Letters {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	l := &Letters{opt: opt, sources: make(map[string]string, len(opt.Sources)), sent: make(map[Place]int64)}
	for _, s := range opt.Sources {
		l.sources[s.Topic] = s.Name
	}
	return l
}

// Sources gives the names of the sources whose letters may be asked for.
func (l *Letters) Sources() []string {
	names := make([]string, len(l.opt.Sources))
	for i, s := range l.opt.Sources {
		names[i] = s.Name
	}
	return names
}

// sentAt tells when a letter was sent again; 0: it was not, as far as is remembered.
func (l *Letters) sentAt(p Place) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent[p]
}

// remember notes a letter that was sent again, and forgets the one that was noted first where they are too many.
func (l *Letters) remember(p Place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.sent[p]; !ok {
		if len(l.order) < remembered {
			l.order = append(l.order, p)
		} else {
			delete(l.sent, l.order[l.oldest])
			l.order[l.oldest] = p
			l.oldest = (l.oldest + 1) % remembered
		}
	}
	l.sent[p] = l.opt.Now().UnixMilli()
}
