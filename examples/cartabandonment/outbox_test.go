package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/produce"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/subscribe"
)

// flaky loses some of the requests that write, and some of their answers, as a crash does between any two steps; and some requests reach
// the broker long after their sender was given up.
type flaky struct {
	kafka.RoundTripper
	mu     sync.Mutex
	random *rand.Rand
	under  sync.WaitGroup // requests under way
	lost   int
}

func (f *flaky) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	if _, ok := req.(*produce.Request); !ok {
		return f.RoundTripper.RoundTrip(ctx, addr, req)
	}
	f.mu.Lock()
	fate, wait := f.random.IntN(6), time.Duration(f.random.IntN(50))*time.Millisecond
	if f.lost < 3 {
		fate = f.lost // each of them at least once
	}
	if fate < 3 {
		f.lost++
	}
	f.mu.Unlock()
	switch fate {
	case 0:
		return nil, errors.New("the request is lost")
	case 2:
		f.under.Go(func() {
			time.Sleep(wait)
			_, _ = f.RoundTripper.RoundTrip(context.WithoutCancel(ctx), addr, req) // nobody waits for it any more
		})
		return nil, errors.New("the request is late")
	}
	answer, err := f.RoundTripper.RoundTrip(ctx, addr, req)
	if fate == 1 {
		return nil, errors.New("the answer is lost")
	}
	return answer, err
}

// TestCrashes: whatever is lost between program and broker, each change is answered once.
func TestCrashes(t *testing.T) {
	t.Parallel()
	const partitions, customers, rounds = 2, 20, 6
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, "changes"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	transport := &kafka.Transport{MetadataTTL: 50 * time.Millisecond}
	t.Cleanup(transport.CloseIdleConnections)
	network := &flaky{RoundTripper: transport, random: rand.New(rand.NewPCG(seed, 1))}
	p := Program{
		Client:  kafka.Client{Addr: kafka.TCP(cluster.ListenAddrs()...), Transport: network},
		Changes: "changes", Segment: "cart_reminder", Outbox: "messages", Replication: 1, Log: slog.New(slog.DiscardHandler),
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			_ = p.session(ctx) // what Run does, without its wait
		}
	}()

	var want [partitions][]string
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range rounds * customers {
		customer, seq := i%customers, i/customers+1
		kind, status, id := "join", "send", fmt.Sprintf("c%d-%d", customer, seq)
		if seq%2 == 0 {
			kind, status = "leave", "cancelled"
		}
		for _, segment := range []string{"cart_reminder", "loyal"} {
			value := fmt.Sprintf(`{"id":%q,"customer_id":"c%d","segment":%q,"change":%q,"time":%q,"cause":"time","seq":%d,"rules":"r","features":{"may_email":true}}`,
				id, customer, segment, kind, begin.Add(time.Duration(i)*time.Second).Format(time.RFC3339), seq)
			r := &kgo.Record{Topic: "changes", Partition: int32(customer % partitions), Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "segment", Value: []byte(segment)}}}
			if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(3 * time.Millisecond) // so that there are many batches
		if status == "cancelled" {
			id = fmt.Sprintf("c%d-%d", customer, seq-1)
		}
		want[customer%partitions] = append(want[customer%partitions], id+" "+status)
	}

	// Read as a sender does: a record whose source does not grow is none.
	sent := func() (got [partitions][]string) {
		source := [partitions]int64{-1, -1}
		topic := &subscribe.Topic{Brokers: p.Client.Addr, Transport: transport, Name: "messages"}
		_, err := topic.ReadToEnd(t.Context(), nil, func(_ context.Context, batch []*subscribe.Record) error {
			for _, r := range batch {
				s, err := strconv.ParseInt(r.Header(sourceHeader), 10, 64)
				if err != nil {
					return err
				}
				if s <= source[r.Partition] {
					continue
				}
				source[r.Partition] = s
				var m Message
				if err := json.Unmarshal(r.Value, &m); err != nil {
					return err
				}
				got[r.Partition] = append(got[r.Partition], m.ID+" "+string(m.Status))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	complete := func(got [partitions][]string) bool {
		for p := range want {
			if len(got[p]) < len(want[p]) {
				return false
			}
		}
		return true
	}
	for end := time.Now().Add(time.Minute); !complete(sent()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited for messages: %v", sent())
		}
	}
	stop()
	<-ended
	network.under.Wait()
	got := sent()
	for p := range want {
		if fmt.Sprint(got[p]) != fmt.Sprint(want[p]) {
			t.Errorf("partition %d:\n got %v\nwant %v", p, got[p], want[p])
		}
	}
	if network.lost < 3 {
		t.Error("little was lost: the test proves nothing")
	}
	t.Logf("%d requests or answers were lost", network.lost)

	config, err := kadm.NewClient(client).DescribeTopicConfigs(t.Context(), "messages")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range config[0].Configs {
		if c.Key == "cleanup.policy" && c.MaybeValue() != "compact" {
			t.Errorf("the outbox has cleanup.policy %s", c.MaybeValue())
		}
	}
}

// TestLate: what a predecessor wrote too late counts for nothing.
func TestLate(t *testing.T) {
	t.Parallel()
	p := outboxPartition{-1, map[string]*Message{}}
	record := func(source, value string) *subscribe.Record {
		return &subscribe.Record{Value: []byte(value), Headers: []kafka.Header{{Key: sourceHeader, Value: []byte(source)}}}
	}
	for _, r := range []*subscribe.Record{
		record("5", `{"id":"a","status":"send","customer_id":"c1"}`),
		record("9", `{"id":"a","status":"cancelled","customer_id":"c1"}`),
		record("5", `{"id":"a","status":"send","customer_id":"c1"}`),
		record("20", `{"status":"position"}`),
	} {
		if err := p.take(r); err != nil {
			t.Fatal(err)
		}
	}
	if p.source != 20 || len(p.last) != 1 || p.last["c1"].Status != Cancelled {
		t.Errorf("source %d, %+v", p.source, p.last)
	}
	if err := p.take(record("", `{}`)); err == nil {
		t.Error("a record without a source is taken")
	}
	o := Outbox{parts: []outboxPartition{p, {source: -1}}}
	if next := o.Next(); len(next) != 1 || next[0] != 21 {
		t.Errorf("goes on from %v", next)
	}
}
