//go:build integration

package chaos

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/workload"
)

const partitions = 6

// sources are in the configuration's order, which decides between events of one time. Each has a type of events that no rule looks at.
var sources = []struct{ topic, marker string }{
	{"purchases", `"refund","amount":1`},
	{"browsing", `"checkout"`},
	{"devices", `"login"`},
}

// load writes the benchmark's events, so many a second, into the sources. What ruas makes of them depends on nothing but their order in
// each partition, for which a source may never seem to be at its end while another one shows what is later. So events come in waves, each
// a transaction, and none is committed before the next one has a record in every partition of every source: behind what can be read there
// is always something that cannot.
type load struct {
	t       *testing.T
	brokers []string
	rate    atomic.Int64
	length  time.Duration      // of a wave
	keys    [partitions]string // a customer of each
	next    func() (workload.Record, bool)
	writes  func(customer string) bool // whether a customer's event is written; nil: all are

	clients [2]*kgo.Client // waves take turns
	begun   [2]bool        // their transactions
	wave    int
	time    int64 // of the newest event

	events atomic.Int64                 // that were written
	lag    atomic.Int64                 // as it was measured last
	ends   map[string][partitions]int64 // the offsets after the last records, by topic
}

// most is how far ruas may be behind before no more is written, in records.
const most = 300_000

func newLoad(t *testing.T, brokers []string, rate int, length time.Duration, events iter.Seq[workload.Record]) *load {
	t.Helper()
	l := &load{t: t, brokers: brokers, length: length, time: workload.Start.UnixMilli(), ends: make(map[string][partitions]int64)}
	l.rate.Store(int64(rate))
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		t.Fatal(err)
	}
	for p := range l.keys {
		for i := 0; l.keys[p] == ""; i++ {
			if key := fmt.Sprintf("end%d", i); partition([]byte(key), partitions) == int32(p) {
				l.keys[p] = key
			}
		}
	}
	next, stop := iter.Pull(events)
	t.Cleanup(stop)
	l.next = next
	t.Cleanup(func() {
		for _, c := range l.clients {
			if c != nil {
				c.Close()
			}
		}
	})
	return l
}

func (l *load) connect(i int) error {
	if l.clients[i] != nil {
		l.clients[i].Close()
	}
	l.begun[i] = false
	var err error
	l.clients[i], err = kgo.NewClient(kgo.SeedBrokers(l.brokers...), kgo.TransactionalID(fmt.Sprintf("load-%d", i)),
		kgo.TransactionTimeout(14*time.Minute), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerLinger(5*time.Millisecond), kgo.MaxBufferedRecords(50_000), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.RetryTimeout(3*time.Minute), kgo.UnknownTopicRetries(-1))
	return err
}

// record is one event on its way.
type record struct {
	topic, key string
	value      []byte
}

// open writes a first wave, which nobody can read before run goes on. It takes as long as an answer of the broker on where a source ends
// may be believed: no worker that is started now takes the sources to be empty.
func (l *load) open(ctx context.Context) error {
	for i := range l.clients {
		if err := l.connect(i); err != nil {
			return err
		}
	}
	if err := l.write(ctx, 0, l.markers()); err != nil {
		return fmt.Errorf("writing the first wave: %w", err)
	}
	return nil
}

// run writes wave after wave until stop is closed, then the last one, whose time every clock reaches.
func (l *load) run(ctx context.Context, stop <-chan struct{}) error {
	wave := l.markers() // that is written, and not committed
	began, due := time.Now(), 0
	for last := false; ; {
		l.wave++
		client := l.wave % 2
		if last {
			l.time++
		}
		next := l.markers()
		if err := l.begin(ctx, client, next); err != nil {
			return err
		}
		if err := l.commit(ctx, 1-client, wave); err != nil {
			return err
		}
		if last {
			return l.commit(ctx, client, next)
		}
		select {
		case <-stop:
			last = true
		default:
		}
		rate := int(l.rate.Load())
		due += int(time.Since(began).Seconds() * float64(rate))
		began = time.Now()
		more := l.take(min(due, 2*rate))
		due -= len(more)
		if due > rate { // what could not be written in time is not made up for
			due = 0
		}
		wave = append(next, more...) //nolint:gocritic // next is not used again
		if err := l.write(ctx, client, more); err != nil {
			l.t.Logf("writing the load: %v", err)
			if err := l.begin(ctx, client, wave); err != nil {
				return err
			}
		}
		l.events.Add(int64(len(more)))
		if rest := l.length - time.Since(began); rest > 0 && !last {
			time.Sleep(rest)
		}
	}
}

// take gives the next events, fewer where there are no more, none where ruas is far behind.
func (l *load) take(count int) []record {
	var list []record
	for len(list) < count && l.lag.Load() < most {
		e, ok := l.next()
		if !ok {
			break
		}
		l.time = e.Time
		if l.writes != nil && !l.writes(e.Key) {
			continue
		}
		list = append(list, record{e.Topic, e.Key, bytes.Clone(e.Value)})
	}
	return list
}

// markers are an event of each type that no rule looks at, for every partition, at the time of the newest event.
func (l *load) markers() []record {
	var list []record
	at := time.UnixMilli(l.time).UTC().Format("2006-01-02T15:04:05.000Z")
	for _, s := range sources {
		for _, key := range l.keys {
			list = append(list, record{s.topic, key, fmt.Appendf(nil, `{"id":"w%d","customer_id":%q,"time":%q,"type":%s}`, l.wave, key, at, s.marker)})
		}
	}
	return list
}

// begin writes a wave from its beginning. Where its transaction comes to nothing it is written once more: twice the same event counts once.
func (l *load) begin(ctx context.Context, client int, wave []record) error {
	for try := 0; ; try++ {
		err := l.write(ctx, client, wave)
		if err == nil {
			if try > 0 {
				time.Sleep(3 * time.Second) // the sources' ends were in sight: see open
			}
			return nil
		}
		if ctx.Err() != nil || try == 20 {
			return fmt.Errorf("writing events: %w", err)
		}
		l.t.Logf("a transaction of the load failed, and is written again: %v", err)
		time.Sleep(time.Second)
		if err := l.connect(client); err != nil {
			return err
		}
	}
}

// commit commits a wave, which is written again where its transaction is lost, or may be.
func (l *load) commit(ctx context.Context, client int, wave []record) error {
	for {
		err := l.clients[client].EndTransaction(ctx, kgo.TryCommit)
		l.begun[client] = false
		if err == nil || ctx.Err() != nil {
			return err
		}
		l.t.Logf("committing a transaction of the load: %v", err)
		if err := l.connect(client); err != nil {
			return err
		}
		if err := l.begin(ctx, client, wave); err != nil {
			return err
		}
	}
}

// write puts records into a client's transaction, and waits until they are on the brokers.
func (l *load) write(ctx context.Context, client int, wave []record) error {
	cl := l.clients[client]
	if !l.begun[client] {
		if err := cl.BeginTransaction(); err != nil {
			return err
		}
		l.begun[client] = true
	}
	var (
		mu   sync.Mutex
		fail error
	)
	for i := range wave {
		r := &kgo.Record{Topic: wave[i].topic, Key: []byte(wave[i].key), Value: wave[i].value}
		cl.Produce(ctx, r, func(r *kgo.Record, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				fail = err
				return
			}
			ends := l.ends[r.Topic]
			ends[r.Partition] = max(ends[r.Partition], r.Offset+1)
			l.ends[r.Topic] = ends
		})
	}
	if err := cl.Flush(ctx); err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	return fail
}
