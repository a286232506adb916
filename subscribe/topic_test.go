package subscribe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// seen collects what is read, by partition.
type seen struct {
	mu sync.Mutex
	by map[int32][]string
	n  int
}

func (s *seen) handle(_ context.Context, batch []*Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[int32][]string{}
	}
	for _, r := range batch {
		s.by[r.Partition] = append(s.by[r.Partition], string(r.Value))
		s.n++
	}
	return nil
}

func (s *seen) await(t *testing.T, n int) map[int32][]string {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		s.mu.Lock()
		if s.n >= n {
			defer s.mu.Unlock()
			return maps.Clone(s.by)
		}
		s.mu.Unlock()
	}
	t.Fatalf("waited for %d records", n)
	return nil
}

func TestTopic(t *testing.T) {
	t.Parallel()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(10*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	transport := &kafka.Transport{MetadataTTL: 100 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	var (
		missing = make(chan error, 1)
		changes = &Topic{Brokers: kafka.TCP(cluster.ListenAddrs()...), Transport: transport, Name: "changes", Retrying: func(err error) {
			select {
			case missing <- err:
			default:
			}
		}}
		all seen
	)
	write := func(from, to int) {
		t.Helper()
		for i := from; i < to; i++ {
			r := &kgo.Record{Topic: "changes", Partition: int32(i % 3), Value: fmt.Append(nil, i)}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
	}

	// It waits for a topic that is not there, makes none, and follows it once it is.
	ctx, stop := context.WithCancel(t.Context())
	followed := make(chan error, 1)
	go func() { followed <- changes.Follow(ctx, nil, all.handle) }()
	if err := <-missing; !errors.Is(err, kafka.UnknownTopicOrPartition) {
		t.Errorf("it retries because of %v", err)
	}
	if topics, err := kadm.NewClient(client).ListTopics(t.Context()); err != nil || topics.Has("changes") {
		t.Fatalf("topics %v, %v", topics, err)
	}
	if _, err := kadm.NewClient(client).CreateTopic(t.Context(), 3, 1, nil, "changes"); err != nil {
		t.Fatal(err)
	}
	write(0, 9)
	want := map[int32][]string{0: {"0", "3", "6"}, 1: {"1", "4", "7"}, 2: {"2", "5", "8"}}
	if got := all.await(t, 9); !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("%v are read, want %v", got, want)
	}
	stop()
	if err := <-followed; !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}

	// From positions to the end, and on from there.
	var some seen
	next, err := changes.ReadToEnd(t.Context(), Positions{0: 1, 1: First}, some.handle)
	if err != nil {
		t.Fatal(err)
	}
	want[0] = []string{"3", "6"}
	if got := some.await(t, 8); !maps.EqualFunc(got, want, slices.Equal) || !maps.Equal(next, Positions{0: 3, 1: 3, 2: 3}) {
		t.Errorf("%v are read up to %v, want %v", got, next, want)
	}
	write(9, 11)
	var more seen
	if next, err = changes.ReadToEnd(t.Context(), next, more.handle); err != nil {
		t.Fatal(err)
	}
	if got := more.await(t, 2); len(got[0]) != 1 || len(got[1]) != 1 || !maps.Equal(next, Positions{0: 4, 1: 4, 2: 3}) {
		t.Errorf("%v are read up to %v", got, next)
	}

	// The handler's error ends it, and so does what is gone.
	full := errors.New("full")
	if err := changes.Follow(t.Context(), nil, func(context.Context, []*Record) error { return full }); !errors.Is(err, full) {
		t.Errorf("it ends with %v", err)
	}
	if err := changes.Follow(t.Context(), Positions{1: 1000}, more.handle); !errors.Is(err, kafka.OffsetOutOfRange) {
		t.Errorf("it ends with %v", err)
	}
}
