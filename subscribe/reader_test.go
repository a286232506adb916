package subscribe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/fetch"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

const topic = "changes"

// transaction writes records by franz-go in one transaction.
func transaction(t *testing.T, client *kgo.Client, commit kgo.TransactionEndTry, values ...string) {
	t.Helper()
	if err := client.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	write(t, client, values...)
	if err := client.EndTransaction(t.Context(), commit); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, client *kgo.Client, values ...string) {
	t.Helper()
	for _, v := range values {
		r := &kgo.Record{Topic: topic, Key: []byte("key of " + v), Value: []byte(v), Headers: []kgo.RecordHeader{{Key: "is", Value: []byte(v)}}}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestReader(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	clients := make([]*kgo.Client, 3)
	for i := range clients {
		opts := []kgo.Opt{kgo.SeedBrokers(cluster.ListenAddrs()...)}
		if i > 0 {
			opts = append(opts, kgo.TransactionalID(fmt.Sprint("writer-", i)))
		}
		client, err := kgo.NewClient(opts...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		clients[i] = client
	}
	plain, one, two := clients[0], clients[1], clients[2]
	transport := &kafka.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	reader := func() *Reader {
		return &Reader{Brokers: kafka.TCP(cluster.ListenAddrs()...), Transport: transport, Topic: topic}
	}

	write(t, plain, "a")
	transaction(t, one, kgo.TryCommit, "b", "c")
	transaction(t, one, kgo.TryAbort, "lost 1", "lost 2")
	// Two at a time: one is aborted, the other committed.
	if err := errors.Join(one.BeginTransaction(), two.BeginTransaction()); err != nil {
		t.Fatal(err)
	}
	write(t, one, "lost 3")
	write(t, two, "d")
	write(t, one, "lost 4")
	write(t, two, "e")
	if err := errors.Join(one.EndTransaction(t.Context(), kgo.TryAbort), two.EndTransaction(t.Context(), kgo.TryCommit)); err != nil {
		t.Fatal(err)
	}
	transaction(t, one, kgo.TryCommit, "f")
	want := "abcdef"

	all := reader()
	var got []Record
	if err := all.ToEnd(t.Context(), func(r *Record) error {
		got = append(got, *r)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	var values strings.Builder
	for _, r := range got {
		values.Write(r.Value)
		if string(r.Key) != "key of "+string(r.Value) || len(r.Headers) != 1 || r.Header("is") != string(r.Value) || r.Header("was") != "" {
			t.Errorf("offset %d: key %q, headers %q of %q", r.Offset, r.Key, r.Headers, r.Value)
		}
		if time.Since(r.Time).Abs() > time.Minute {
			t.Errorf("offset %d is of %v", r.Offset, r.Time)
		}
	}
	if values.String() != want || all.Aborted != 4 || all.Next != all.End {
		t.Errorf("%q are read, %d left out, up to %d of %d; want %q, 4", values.String(), all.Aborted, all.Next, all.End, want)
	}

	t.Run("from anywhere", func(t *testing.T) {
		t.Parallel()
		starts := []int64{First}
		for from := range all.End {
			starts = append(starts, from)
		}
		for _, from := range starts {
			r := reader()
			r.Next = from
			var offsets []int64
			if err := r.ToEnd(t.Context(), func(r *Record) error {
				offsets = append(offsets, r.Offset)
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			var want []int64
			for _, r := range got {
				if r.Offset >= from {
					want = append(want, r.Offset)
				}
			}
			if !slices.Equal(offsets, want) {
				t.Errorf("from %d: %v, want %v", from, offsets, want)
			}
		}
	})

	t.Run("an error keeps its record", func(t *testing.T) {
		t.Parallel()
		full := errors.New("full")
		r := reader()
		if err := r.ToEnd(t.Context(), func(r *Record) error {
			if string(r.Value) == "d" {
				return full
			}
			return nil
		}); !errors.Is(err, full) {
			t.Fatal(err)
		}
		first := ""
		if err := r.Poll(t.Context(), func(r *Record) error {
			if first == "" {
				first = string(r.Value)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if first != "d" {
			t.Errorf("goes on with %q, want d", first)
		}
	})

	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		r := reader()
		r.Next = 1 << 40
		if err := r.Poll(t.Context(), nil); !errors.Is(err, kafka.OffsetOutOfRange) {
			t.Errorf("%v, want %v", err, kafka.OffsetOutOfRange)
		}
	})
}

// broker answers one request after the other.
type broker []*fetch.Response

func (b *broker) RoundTrip(context.Context, net.Addr, kafka.Request) (kafka.Response, error) {
	if len(*b) == 0 {
		return nil, errors.New("one request too many")
	}
	first := (*b)[0]
	*b = (*b)[1:]
	return first, nil
}

func answer(part fetch.ResponsePartition, batches ...protocol.RecordReader) *fetch.Response {
	part.RecordSet.Records = &protocol.RecordStream{Records: batches}
	return &fetch.Response{Topics: []fetch.ResponseTopic{{Partitions: []fetch.ResponsePartition{part}}}}
}

// TestOpenTransaction: ToEnd waits for one, whose records are not given.
func TestOpenTransaction(t *testing.T) {
	t.Parallel()
	record := func(offset int64) protocol.RecordReader {
		return &protocol.RecordBatch{BaseOffset: offset, ProducerID: 7, Records: protocol.NewRecordReader(protocol.Record{Offset: offset})}
	}
	marker := &protocol.ControlBatch{BaseOffset: 2, ProducerID: 7, Records: protocol.NewRecordReader(protocol.Record{Offset: 2})}
	r := &Reader{Topic: topic, Transport: &broker{
		answer(fetch.ResponsePartition{HighWatermark: 2}, record(0)),
		answer(fetch.ResponsePartition{HighWatermark: 2}),
		answer(fetch.ResponsePartition{HighWatermark: 3, AbortedTransactions: []fetch.ResponseTransaction{{ProducerID: 7, FirstOffset: 1}}}, record(1), marker),
	}}
	var offsets []int64
	if err := r.ToEnd(t.Context(), func(r *Record) error {
		offsets = append(offsets, r.Offset)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(offsets, []int64{0}) || r.Aborted != 1 || r.Next != 3 {
		t.Errorf("%v are read, %d left out, the next is %d; want [0], 1, 3", offsets, r.Aborted, r.Next)
	}
}

// TestCompacted: a batch may have lost all of its records.
func TestCompacted(t *testing.T) {
	t.Parallel()
	empty := &protocol.RecordBatch{BaseOffset: 0, ProducerID: 7, Records: protocol.NewRecordReader()}
	r := &Reader{Topic: topic, Transport: &broker{
		answer(fetch.ResponsePartition{HighWatermark: 2}, empty),
		answer(fetch.ResponsePartition{HighWatermark: 2}, empty),
	}}
	if err := r.ToEnd(t.Context(), func(r *Record) error { return fmt.Errorf("a record at %d", r.Offset) }); err != nil {
		t.Fatal(err)
	}
}
