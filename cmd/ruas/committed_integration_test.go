//go:build integration

package main

import (
	"context"
	"slices"
	"time"

	segmentio "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	fetching "github.com/segmentio/kafka-go/protocol/fetch"
)

// committedRecord is a record as a reader with isolation level read_committed sees it.
type committedRecord struct {
	partition  int32
	offset     int64
	key, value []byte
	headers    [2]string // name=value
}

// committed reads a topic from its beginning to its end, in the order of each partition, by segmentio/kafka-go: a client that shares no
// code with ours. All transactions must have ended. aborted counts the records of those that were aborted, which are left out.
func (d *deployment) committed(topic string) (records []committedRecord, aborted int) {
	d.t.Helper()
	transport := new(segmentio.Transport)
	d.t.Cleanup(transport.CloseIdleConnections)
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*time.Minute)
	defer cancel()
	for p := range int32(acceptancePartitions) {
		for next := int64(0); ; {
			answer := d.fetch(ctx, transport, topic, p, next)
			part := &answer.Topics[0].Partitions[0]
			var dropped int
			records, dropped = d.readCommitted(records, part, &next)
			aborted += dropped
			if next >= part.HighWatermark {
				break
			}
		}
	}
	return records, aborted
}

func (d *deployment) fetch(ctx context.Context, transport *segmentio.Transport, topic string, partition int32, offset int64) *fetching.Response {
	d.t.Helper()
	const most = 16 << 20
	response, err := transport.RoundTrip(ctx, segmentio.TCP(d.brokers), &fetching.Request{
		ReplicaID: -1, MaxWaitTime: 100, MinBytes: 1, MaxBytes: most, IsolationLevel: int8(segmentio.ReadCommitted), SessionEpoch: -1,
		Topics: []fetching.RequestTopic{{Topic: d.topic(topic), Partitions: []fetching.RequestPartition{{
			Partition: partition, CurrentLeaderEpoch: -1, FetchOffset: offset, LogStartOffset: -1, PartitionMaxBytes: most,
		}}}},
	})
	if err != nil {
		d.t.Fatalf("reading %s, partition %d from %d: %v", topic, partition, offset, err)
	}
	answer := response.(*fetching.Response)
	if code := answer.Topics[0].Partitions[0].ErrorCode; code != 0 {
		d.t.Fatalf("reading %s, partition %d from %d: %v", topic, partition, offset, segmentio.Error(code))
	}
	return answer
}

// readCommitted appends the committed records from next on, and moves next behind all that it saw. The library's own readers give out
// records of aborted transactions too: the broker names these transactions, and leaves it to clients to drop them (KIP-98).
func (d *deployment) readCommitted(records []committedRecord, part *fetching.ResponsePartition, next *int64) (_ []committedRecord, dropped int) {
	d.t.Helper()
	aborted := slices.Clone(part.AbortedTransactions)
	stream, ok := part.RecordSet.Records.(*protocol.RecordStream)
	if !ok {
		return records, 0 // nothing came
	}
	drop := make(map[int64]bool) // by producer
	for _, set := range stream.Records {
		var base, producer int64
		control := false
		switch b := set.(type) {
		case *protocol.RecordBatch:
			base, producer = b.BaseOffset, b.ProducerID
		case *protocol.ControlBatch:
			base, producer, control = b.BaseOffset, b.ProducerID, true
		default:
			d.t.Fatalf("a batch is a %T", set)
		}
		aborted = slices.DeleteFunc(aborted, func(tx fetching.ResponseTransaction) bool {
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
			key, value := d.content(rec.Key), d.content(rec.Value)
			if rec.Offset < *next {
				continue // a batch is given whole
			}
			*next = rec.Offset + 1
			if control {
				continue
			}
			if drop[producer] {
				dropped++
				continue
			}
			c := committedRecord{partition: part.Partition, offset: rec.Offset, key: key, value: value}
			for i, h := range rec.Headers {
				if i == len(c.headers) {
					d.t.Fatalf("%d headers", len(rec.Headers))
				}
				c.headers[i] = h.Key + "=" + string(h.Value)
			}
			records = append(records, c)
		}
		if control {
			delete(drop, producer) // the marker ends the transaction
		}
	}
	return records, dropped
}

func (d *deployment) content(b protocol.Bytes) []byte {
	d.t.Helper()
	content, err := protocol.ReadAll(b)
	if err != nil {
		d.t.Fatalf("reading a record: %v", err)
	}
	return content
}
