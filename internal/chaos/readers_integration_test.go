//go:build integration

package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	segmentio "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	fetching "github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/twmb/franz-go/pkg/kgo"
)

// committed is a record as a reader with isolation level read_committed sees it.
type committed struct {
	offset     int64
	key, value []byte
	headers    []string // name=value
}

// readTimeout is how long reading one partition may take.
const readTimeout = 10 * time.Minute

// reader reads a partition from its beginning to its end.
type reader func(topic string, partition int32, each func(*committed) error) error

// franz is a reader that uses franz-go.
func (s *site) franz(topic string, partition int32, each func(*committed) error) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), readTimeout)
	defer cancel()
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	end, ok := ends.Lookup(topic, partition)
	if !ok || end.Err != nil {
		return fmt.Errorf("reading the end of %s, partition %d: %w", topic, partition, end.Err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka.Addresses...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	for next := int64(0); next < end.Offset; {
		fetches := client.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), fetches.Err()); err != nil {
			return fmt.Errorf("reading %s, partition %d from %d: %w", topic, partition, next, err)
		}
		for _, r := range fetches.Records() {
			next = r.Offset + 1
			if r.Attrs.IsControl() {
				continue
			}
			c := committed{offset: r.Offset, key: r.Key, value: r.Value}
			for _, h := range r.Headers {
				c.headers = append(c.headers, h.Key+"="+string(h.Value))
			}
			if err := each(&c); err != nil {
				return err
			}
		}
	}
	return nil
}

// segmentioReader is a reader that uses segmentio/kafka-go, which shares no code with ruas's client. Its own readers give out the records
// of aborted transactions too: the broker names these transactions, and leaves it to clients to drop them (KIP-98). aborted counts them.
func (s *site) segmentioReader(aborted *int64) reader {
	return func(topic string, partition int32, each func(*committed) error) error {
		transport := new(segmentio.Transport)
		defer transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(s.t.Context(), readTimeout)
		defer cancel()
		for next := int64(0); ; {
			part, err := s.fetch(ctx, transport, topic, partition, next)
			if err != nil {
				return fmt.Errorf("reading %s, partition %d from %d: %w", topic, partition, next, err)
			}
			if err := dropAborted(part, &next, aborted, each); err != nil {
				return err
			}
			if next >= part.HighWatermark {
				return nil
			}
		}
	}
}

func (s *site) fetch(ctx context.Context, transport *segmentio.Transport, topic string, partition int32, offset int64) (*fetching.ResponsePartition, error) {
	const most = 16 << 20
	response, err := transport.RoundTrip(ctx, segmentio.TCP(s.kafka.Addresses...), &fetching.Request{
		ReplicaID: -1, MaxWaitTime: 100, MinBytes: 1, MaxBytes: most, IsolationLevel: int8(segmentio.ReadCommitted), SessionEpoch: -1,
		Topics: []fetching.RequestTopic{{Topic: topic, Partitions: []fetching.RequestPartition{{
			Partition: partition, CurrentLeaderEpoch: -1, FetchOffset: offset, LogStartOffset: -1, PartitionMaxBytes: most,
		}}}},
	})
	if err != nil {
		return nil, err
	}
	part := &response.(*fetching.Response).Topics[0].Partitions[0]
	if part.ErrorCode != 0 {
		return nil, segmentio.Error(part.ErrorCode)
	}
	return part, nil
}

// dropAborted hands on the committed records from next on, and moves next behind all that it saw.
func dropAborted(part *fetching.ResponsePartition, next, aborted *int64, each func(*committed) error) error {
	left := slices.Clone(part.AbortedTransactions)
	records, ok := part.RecordSet.Records.(*protocol.RecordStream)
	if !ok {
		return nil // nothing came
	}
	drop := make(map[int64]bool) // by producer
	for _, set := range records.Records {
		var base, producer int64
		control := false
		switch b := set.(type) {
		case *protocol.RecordBatch:
			base, producer = b.BaseOffset, b.ProducerID
		case *protocol.ControlBatch:
			base, producer, control = b.BaseOffset, b.ProducerID, true
		default:
			return fmt.Errorf("a batch is a %T", set)
		}
		left = slices.DeleteFunc(left, func(tx fetching.ResponseTransaction) bool {
			if tx.FirstOffset > base {
				return false
			}
			drop[tx.ProducerID] = true
			return true
		})
		for {
			rec, err := set.ReadRecord()
			if err != nil {
				break // io.EOF: a batch is decoded as a whole before
			}
			key, keyErr := protocol.ReadAll(rec.Key)
			value, valueErr := protocol.ReadAll(rec.Value)
			if err := errors.Join(keyErr, valueErr); err != nil {
				return err
			}
			if rec.Offset < *next {
				continue // a batch is given whole
			}
			*next = rec.Offset + 1
			switch {
			case control:
				continue
			case drop[producer]:
				*aborted++
				continue
			}
			c := committed{offset: rec.Offset, key: bytes.Clone(key), value: bytes.Clone(value)}
			for _, h := range rec.Headers {
				c.headers = append(c.headers, h.Key+"="+string(h.Value))
			}
			if err := each(&c); err != nil {
				return err
			}
		}
		if control {
			delete(drop, producer) // the marker ends the transaction
		}
	}
	return nil
}
