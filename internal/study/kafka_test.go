package study

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/kafka"
)

// TestStudyOfKafka finds in topics what it finds in the same records in memory.
func TestStudyOfKafka(t *testing.T) {
	topics := []string{"purchases", "profiles", "forget"}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topics...))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	seed := rand.Uint64()
	facts, _, _ := shop(rand.New(rand.NewPCG(seed, 0)), 100, 6000)
	m := newMemory(len(topics))
	for _, f := range facts {
		m.put(f.source, row{f.customer, f.line, f.at})
	}
	m.put(2, row{"c3", "{}", present})
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i, topic := range topics {
		for p, rows := range m.topics[i] {
			for _, r := range rows {
				client.Produce(t.Context(), &kgo.Record{
					Topic: topic, Partition: int32(p), Key: []byte(r.key), Value: []byte(r.value), Timestamp: time.UnixMilli(r.at),
				}, func(_ *kgo.Record, err error) {
					if err != nil {
						t.Error(err)
					}
				})
			}
		}
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	k, err := kafka.New(kafka.Options{Brokers: cluster.ListenAddrs(), Group: "studies"})
	if err != nil {
		t.Fatal(err)
	}
	ask := Request{Segment: "spender", Rules: draft, Since: "60d"}
	want := outcome(t, options(t, m, running), ask)
	opt := options(t, m, running)
	opt.Open = func(ctx context.Context) (Scan, error) { return k.Scan(ctx, topics) }
	got := outcome(t, opt, ask)
	if want.Customers != 99 {
		t.Errorf("%d customers", want.Customers)
	}
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if string(g) != string(w) {
		t.Errorf("seed %d: of Kafka\n%s\nin memory\n%s", seed, g, w)
	}
}
