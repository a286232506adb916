package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// Follower is told what Follow reads.
type Follower interface {
	// Begin says at which offset of each partition the following begins; it is called once, before anything else.
	Begin(at map[int32]int64)
	// Record takes one record. An error ends the following.
	Record(partition int32, offset int64, value []byte) error
}

// Follow hands over every committed record that is written to a topic from now on, in no group, until ctx is done, which is no error.
// The topic need not exist yet. Faults are retried for ever; an error is one of the follower.
func (k *Kafka) Follow(ctx context.Context, topic string, to Follower) error {
	client, err := k.client(
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	said := ""
	trouble := func(err error) {
		if err = k.explain("following "+topic, err, reading(topic)); err.Error() != said {
			said = err.Error()
			k.opt.Logger.Warn("changes are not followed", zap.Error(err))
		}
	}
	var from map[int32]int64
	for from == nil {
		from, err = ends(ctx, client, topic)
		if err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) && ctx.Err() == nil {
			trouble(err)
		}
		if from == nil && !sleep(ctx, 200*time.Millisecond) {
			return nil
		}
	}
	said = ""
	to.Begin(from)
	client.AddConsumePartitions(consume(topic, from))
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, record := range fetches.Records() {
			if err := to.Record(record.Partition, record.Offset, record.Value); err != nil {
				return fmt.Errorf("reading %s: %w", topic, err)
			}
		}
		for _, e := range fetches.Errors() {
			trouble(e.Err)
		}
		if len(fetches.Errors()) > 0 && !sleep(ctx, time.Second) {
			return nil
		}
		if fetches.NumRecords() > 0 {
			said = ""
		}
	}
}

// ends gives the offset of each partition before which everything is committed or aborted.
func ends(ctx context.Context, client *kgo.Client, topic string) (map[int32]int64, error) {
	listed, err := kadm.NewClient(client).ListCommittedOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("reading the ends of %s: %w", topic, err)
	}
	at := make(map[int32]int64)
	listed.Each(func(o kadm.ListedOffset) { at[o.Partition] = o.Offset })
	if len(at) == 0 {
		return nil, nil
	}
	return at, nil
}

func consume(topic string, from map[int32]int64) map[string]map[int32]kgo.Offset {
	at := make(map[int32]kgo.Offset, len(from))
	for p, offset := range from {
		at[p] = kgo.NewOffset().At(offset)
	}
	return map[string]map[int32]kgo.Offset{topic: at}
}

// Between hands over the committed records of a topic between two offsets of each partition, in the order of the partition. What is no
// longer kept is left out. An error of each ends it.
func (k *Kafka) Between(ctx context.Context, topic string, from, to map[int32]int64, each func(partition int32, offset int64, value []byte) error) error {
	return k.between(ctx, topic, from, to, func(r *kgo.Record) error { return each(r.Partition, r.Offset, r.Value) })
}

func (k *Kafka) between(ctx context.Context, topic string, from, to map[int32]int64, each func(*kgo.Record) error, more ...kgo.Opt) error {
	client, err := k.client(append([]kgo.Opt{
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(500 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.KeepControlRecords(), // which a partition may end with
	}, more...)...)
	if err != nil {
		return err
	}
	defer client.Close()
	first, err := kadm.NewClient(client).ListStartOffsets(ctx, topic)
	if err == nil {
		err = first.Error()
	}
	if err != nil {
		return k.explain("reading "+topic, err, reading(topic))
	}
	open := make(map[int32]int64)
	for p, offset := range from {
		if start, ok := first.Lookup(topic, p); ok {
			offset = max(offset, start.Offset)
		}
		if offset < to[p] {
			open[p] = offset
		}
	}
	client.AddConsumePartitions(consume(topic, open))
	for len(open) > 0 {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, record := range fetches.Records() {
			if record.Offset < to[record.Partition] && !record.Attrs.IsControl() {
				if err := each(record); err != nil {
					return err
				}
			}
			if record.Offset+1 >= to[record.Partition] {
				delete(open, record.Partition)
			}
		}
		for _, e := range fetches.Errors() {
			return k.explain("reading "+topic, e.Err, reading(topic))
		}
	}
	return nil
}
