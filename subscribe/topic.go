package subscribe

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"
)

// Topic reads all partitions of a topic, each in the order of its offsets.
type Topic struct {
	Brokers   net.Addr           // some of them, as kafka.TCP gives
	Transport kafka.RoundTripper // nil: kafka.DefaultTransport; one with TLS and SASL for servers that ask for it
	Name      string

	// Retrying is told of what failed and is tried again after a while: a broker that does not answer, a topic that is not there yet. It
	// is called from as many goroutines as there are partitions. nil: nobody is told.
	Retrying func(err error)
}

// Handle is given the records that one answer of the broker held for a partition, in order, at least one. It is called by one goroutine a
// partition, and for the next batch after it has returned. An error ends the reading.
type Handle func(ctx context.Context, batch []*Record) error

// Positions are the offsets of the next record to read, by partition. Where one is missing it is First.
type Positions map[int32]int64

func (p Positions) of(partition int32) int64 {
	if next, ok := p[partition]; ok {
		return next
	}
	return First
}

// Partitions asks how many partitions the topic has. It waits for a topic that is not there yet.
func (t *Topic) Partitions(ctx context.Context) (n int, err error) {
	client := kafka.Client{Addr: t.Brokers, Transport: t.Transport}
	err = t.persist(ctx, func() (err error) {
		if n, err = t.partitions(ctx, &client); err != nil {
			return fmt.Errorf("asking for the partitions of %s: %w", t.Name, err)
		}
		return nil
	})
	return n, err
}

func (t *Topic) partitions(ctx context.Context, client *kafka.Client) (int, error) {
	answer, err := client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{t.Name}})
	if err != nil {
		return 0, err
	}
	for _, topic := range answer.Topics {
		if topic.Name == t.Name && (topic.Error != nil || len(topic.Partitions) > 0) {
			return len(topic.Partitions), topic.Error
		}
	}
	return 0, kafka.UnknownTopicOrPartition
}

// Follow reads from the positions on until the context is cancelled, whose error it then returns. What may pass is tried again; what does
// not, it returns: no right to read, or a position whose record is gone (kafka.OffsetOutOfRange), because retention removed it or the
// topic was made anew.
func (t *Topic) Follow(ctx context.Context, from Positions, handle Handle) error {
	_, err := t.read(ctx, from, handle, func(*Reader) bool { return false })
	return err
}

// ReadToEnd reads from the positions to where every partition ends by now, and gives the positions for going on from there. It waits for
// the end of transactions that are open.
func (t *Topic) ReadToEnd(ctx context.Context, from Positions, handle Handle) (Positions, error) {
	return t.read(ctx, from, handle, func(r *Reader) bool { return r.Next >= r.End })
}

func (t *Topic) read(ctx context.Context, from Positions, handle Handle, done func(*Reader) bool) (Positions, error) {
	n, err := t.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	readers := make([]*Reader, n)
	group, ctx := errgroup.WithContext(ctx)
	for p := range readers {
		r := &Reader{Brokers: t.Brokers, Transport: t.Transport, Topic: t.Name, Partition: int32(p), Next: from.of(int32(p))}
		readers[p] = r
		group.Go(func() error {
			for {
				if err := t.poll(ctx, r, handle); err != nil {
					return err
				}
				if done(r) {
					return nil
				}
			}
		})
	}
	err = group.Wait()
	next := make(Positions, n)
	for _, r := range readers {
		next[r.Partition] = r.Next
	}
	return next, err
}

// poll hands on one batch, if there is one.
func (t *Topic) poll(ctx context.Context, r *Reader, handle Handle) error {
	var batch []*Record
	if err := t.persist(ctx, func() error {
		return r.Poll(ctx, func(rec *Record) error {
			batch = append(batch, rec)
			return nil
		})
	}); err != nil {
		return err
	}
	if len(batch) == 0 {
		return nil
	}
	return handle(ctx, batch)
}

// Waits between tries.
const (
	firstWait = 100 * time.Millisecond
	maxWait   = 5 * time.Second
)

// persist tries until it succeeds, fails for good, or the context ends.
func (t *Topic) persist(ctx context.Context, try func() error) error {
	for wait := firstWait; ; wait = min(2*wait, maxWait) {
		err := try()
		if err == nil || !passes(err) {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if t.Retrying != nil {
			t.Retrying(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
	}
}

// passes tells whether an error may be gone at the next try: whatever the network does, and what a broker says may be asked again.
func passes(err error) bool {
	if refused := kafka.Error(0); errors.As(err, &refused) {
		return refused.Temporary()
	}
	return true
}
