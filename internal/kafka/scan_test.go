package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func TestScan(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	scanning(t, cluster.ListenAddrs())
}

// scanning reads topics of which one holds far more than is read ahead, one has lost its beginning and ends with transactions, and one is
// not there.
func scanning(t *testing.T, brokers []string) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	k, err := New(Options{Brokers: brokers, Group: "scan"})
	if err != nil {
		t.Fatal(err)
	}
	const many, few = "scan-many", "scan-few"
	producer, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	admin := kadm.NewClient(producer)
	if _, err := admin.CreateTopics(ctx, 2, 1, nil, many, few); err != nil {
		t.Fatal(err)
	}
	put := func(client *kgo.Client, topic string, partition int32, from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			r := &kgo.Record{Topic: topic, Partition: partition, Key: fmt.Append(nil, i), Value: fmt.Append(nil, topic, partition), Timestamp: time.UnixMilli(int64(1_700_000_000_000 + i))}
			client.Produce(ctx, r, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			})
		}
		if err := client.Flush(ctx); err != nil {
			t.Fatal(err)
		}
	}
	const lots = 3*scanAhead + 7
	put(producer, many, 1, 0, lots)
	put(producer, few, 1, 0, 10)
	gone := kadm.Offsets{}
	gone.AddOffset(few, 1, 4, -1)
	if _, err := admin.DeleteRecords(ctx, gone); err != nil {
		t.Fatal(err)
	}
	transacted, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID("scan"))
	if err != nil {
		t.Fatal(err)
	}
	defer transacted.Close()
	for i, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort} {
		if err := transacted.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		put(transacted, few, 1, 10+i, 11+i)
		if err := transacted.EndTransaction(ctx, end); err != nil {
			t.Fatal(err)
		}
	}
	if err := transacted.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	put(transacted, few, 1, 90, 91) // nobody knows yet what becomes of it

	var s *Scan
	for {
		// The broker tells of a transaction's end a moment later.
		if s, err = k.Scan(ctx, []string{many, few, "scan-none"}); err != nil {
			t.Fatal(err)
		}
		if _, to := s.Bounds(1, 1); to == 14 {
			break
		}
		if ctx.Err() != nil {
			t.Fatal("the transactions do not end")
		}
		time.Sleep(20 * time.Millisecond)
	}
	defer s.Close()
	put(producer, many, 1, lots, lots+3) // later than the scan
	if from, to := s.Bounds(1, 1); s.Partitions() != 2 || from != 4 || to != 14 {
		t.Errorf("%d partitions, from %d to %d", s.Partitions(), from, to)
	}
	if from, to := s.Bounds(2, 0); from != 0 || to != 0 {
		t.Errorf("a topic that is not there holds %d to %d", from, to)
	}
	next := func(topic int) (key, value string, at int64, ok bool) {
		t.Helper()
		k, v, at, _, err := s.Next(ctx, topic)
		if errors.Is(err, io.EOF) {
			return "", "", 0, false
		}
		if err != nil {
			t.Fatal(err)
		}
		return string(k), string(v), at, true
	}
	if err := s.Begin(0); err != nil {
		t.Fatal(err)
	}
	for topic := range 3 {
		if key, _, _, ok := next(topic); ok {
			t.Errorf("partition 0 of topic %d holds %s", topic, key)
		}
	}
	if err := s.Begin(1); err != nil {
		t.Fatal(err)
	}
	expect := func(topic, from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			if key, _, at, ok := next(topic); !ok || key != fmt.Sprint(i) || at != int64(1_700_000_000_000+i) {
				t.Fatalf("topic %d: %q of %d, want %d", topic, key, at, i)
			}
		}
	}
	// One topic alone, while the other one's records wait.
	expect(0, 0, scanAhead+1)
	expect(1, 4, 8)
	expect(0, scanAhead+1, lots)
	expect(1, 8, 11)
	for topic := range 3 {
		if key, _, _, ok := next(topic); ok || s.Ready(topic) {
			t.Errorf("topic %d goes on with %s", topic, key)
		}
	}
	if len(s.Cut()) > 0 {
		t.Errorf("cut: %v", s.Cut())
	}
	if err := transacted.EndTransaction(ctx, kgo.TryAbort); err != nil {
		t.Fatal(err)
	}
}
