package subscribe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
)

// Record is a record of a transaction that was committed, or of none. Its slices are its own.
type Record struct {
	Partition  int32
	Offset     int64
	Time       time.Time
	Key, Value []byte // nil: none
	Headers    []kafka.Header
}

// Header gives the value of the record's header of that name, of the last one if there are several; "": there is none.
func (r *Record) Header(name string) string {
	for _, h := range slices.Backward(r.Headers) {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// Reader reads one partition, in the order of its offsets. It is not for concurrent use; as many as one likes may share a Transport.
type Reader struct {
	Brokers   net.Addr           // some of them, as kafka.TCP gives
	Transport kafka.RoundTripper // nil: kafka.DefaultTransport
	Topic     string
	Partition int32

	// Next is the offset from which on records are read, and afterwards that of the next one: what to store for going on later. First
	// stands for the oldest record that there is.
	Next int64
	// End is the offset behind the last record there is, of open transactions too, by the last answer. What is between Next and End is
	// still to come, unless it is aborted.
	End int64
	// Aborted counts the records that were left out.
	Aborted int64
}

// First is the offset of the oldest record that a partition still has.
const First int64 = kafka.FirstOffset

// What is asked for at a time.
const (
	maxBytes = 16 << 20
	pollWait = 500 * time.Millisecond
)

// Poll asks once for what comes next, and hands each record on. Where there is nothing yet, it waits for half a second. An error of each
// ends it, and its record is the next one still. A broker's refusal is a kafka.Error: where that is Temporary, it may be asked again.
func (r *Reader) Poll(ctx context.Context, each func(*Record) error) error {
	if r.Next == First {
		oldest, err := r.oldest(ctx)
		if err != nil {
			return fmt.Errorf("asking where %s, partition %d begins: %w", r.Topic, r.Partition, err)
		}
		r.Next = oldest
	}
	part, err := r.fetch(ctx)
	if err != nil {
		return fmt.Errorf("reading %s, partition %d from %d: %w", r.Topic, r.Partition, r.Next, err)
	}
	r.End = part.HighWatermark
	return r.handOn(part, each)
}

// ToEnd reads until there is no more, and waits for the end of transactions that are open.
func (r *Reader) ToEnd(ctx context.Context, each func(*Record) error) error {
	for {
		if err := r.Poll(ctx, each); err != nil {
			return err
		}
		if r.Next >= r.End {
			return nil
		}
	}
}

func (r *Reader) oldest(ctx context.Context) (int64, error) {
	client := kafka.Client{Addr: r.Brokers, Transport: r.Transport}
	answer, err := client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
		Topics: map[string][]kafka.OffsetRequest{r.Topic: {kafka.FirstOffsetOf(int(r.Partition))}},
	})
	if err != nil {
		return 0, err
	}
	of := answer.Topics[r.Topic]
	if len(of) != 1 {
		return 0, errors.New("the answer is not for the partition that was asked for")
	}
	return of[0].FirstOffset, of[0].Error
}

func (r *Reader) fetch(ctx context.Context) (*fetch.ResponsePartition, error) {
	transport := r.Transport
	if transport == nil {
		transport = kafka.DefaultTransport
	}
	answer, err := transport.RoundTrip(ctx, r.Brokers, &fetch.Request{
		ReplicaID: -1, MaxWaitTime: int32(pollWait.Milliseconds()), MinBytes: 1, MaxBytes: maxBytes, SessionEpoch: -1,
		IsolationLevel: int8(kafka.ReadCommitted),
		Topics: []fetch.RequestTopic{{Topic: r.Topic, Partitions: []fetch.RequestPartition{{
			Partition: r.Partition, CurrentLeaderEpoch: -1, FetchOffset: r.Next, LogStartOffset: -1, PartitionMaxBytes: maxBytes,
		}}}},
	})
	if err != nil {
		return nil, err
	}
	response, ok := answer.(*fetch.Response)
	if !ok {
		return nil, fmt.Errorf("the answer is a %T", answer)
	}
	if response.ErrorCode != 0 {
		return nil, kafka.Error(response.ErrorCode)
	}
	if len(response.Topics) != 1 || len(response.Topics[0].Partitions) != 1 {
		return nil, errors.New("the answer is not for the partition that was asked for")
	}
	part := &response.Topics[0].Partitions[0]
	if part.ErrorCode != 0 {
		return nil, kafka.Error(part.ErrorCode)
	}
	return part, nil
}

// handOn hands on what an answer holds. An answer says all that is needed to read it: a transaction that began before it is named in it.
func (r *Reader) handOn(part *fetch.ResponsePartition, each func(*Record) error) error {
	stream, ok := part.RecordSet.Records.(*protocol.RecordStream)
	if !ok || len(stream.Records) == 0 {
		return nil
	}
	asked := r.Next
	aborted := newAborted(part.AbortedTransactions)
	for _, set := range stream.Records {
		switch batch := set.(type) {
		case *protocol.RecordBatch:
			if err := r.batch(batch, aborted.has(batch.ProducerID, batch.BaseOffset), each); err != nil {
				return err
			}
		case *protocol.ControlBatch:
			if err := r.batch(batch, false, nil); err != nil {
				return err
			}
			aborted.end(batch.ProducerID, batch.BaseOffset)
		default:
			return fmt.Errorf("reading %s, partition %d: a batch at %d is a %T", r.Topic, r.Partition, r.Next, set)
		}
	}
	if r.Next == asked {
		r.Next++ // compaction left a batch without records
	}
	return nil
}

// batch reads one batch from Next on: they are given whole. each is nil for a batch of control records.
func (r *Reader) batch(batch protocol.RecordReader, aborted bool, each func(*Record) error) error {
	for {
		rec, err := batch.ReadRecord()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s, partition %d from %d: %w", r.Topic, r.Partition, r.Next, err)
		}
		key, err := content(rec.Key)
		if err != nil {
			return err
		}
		value, err := content(rec.Value)
		if err != nil {
			return err
		}
		switch {
		case rec.Offset < r.Next:
			continue
		case each == nil:
		case aborted:
			r.Aborted++
		default:
			if err := each(&Record{Partition: r.Partition, Offset: rec.Offset, Time: rec.Time, Key: key, Value: value, Headers: headers(rec)}); err != nil {
				return err
			}
		}
		r.Next = rec.Offset + 1
	}
}

// content reads a key or a value, and gives back the memory that it came in.
func content(b protocol.Bytes) ([]byte, error) {
	if b == nil {
		return nil, nil
	}
	content, err := protocol.ReadAll(b)
	return content, errors.Join(err, b.Close())
}

func headers(rec *protocol.Record) []kafka.Header {
	own := slices.Clone(rec.Headers)
	for i := range own {
		own[i].Value = bytes.Clone(own[i].Value)
	}
	return own
}

// aborted knows the transactions of an answer that were aborted, by their producers: a producer has one open at a time.
type aborted struct {
	begin map[int64][]int64 // first offsets of those that have not ended, in order
}

func newAborted(list []fetch.ResponseTransaction) aborted {
	a := aborted{make(map[int64][]int64)}
	for _, tx := range list {
		a.begin[tx.ProducerID] = append(a.begin[tx.ProducerID], tx.FirstOffset)
	}
	for _, begin := range a.begin {
		slices.Sort(begin)
	}
	return a
}

// has tells whether a producer's batch is part of one.
func (a aborted) has(producer, offset int64) bool {
	begin := a.begin[producer]
	return len(begin) > 0 && begin[0] <= offset
}

// end takes note of a marker, which ends the producer's transaction.
func (a aborted) end(producer, offset int64) {
	if a.has(producer, offset) {
		a.begin[producer] = a.begin[producer][1:]
	}
}
