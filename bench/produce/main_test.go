package main

import (
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/bench/internal/shop"
	"github.com/ruas/ruas/internal/workload"
)

// Every event is there, and each partition of each topic ends with one that is 1 ms past the last.
func TestProduce(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	const events, partitions = 5_000, 4
	opt := workload.Options{Events: events, Customers: 300}
	sent, err := produce(t.Context(), cluster.ListenAddrs(), opt, partitions)
	if err != nil {
		t.Fatal(err)
	}
	if want := events + partitions*len(shop.Sources); sent != want {
		t.Errorf("%d records sent, want %d", sent, want)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(shop.Sources...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	type place struct {
		topic     string
		partition int32
	}
	last := map[place]string{}
	for read := 0; read < sent; {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			last[place{r.Topic, r.Partition}] = string(r.Value)
			read++
		}
	}
	if len(last) != partitions*len(shop.Sources) {
		t.Errorf("%d partitions hold records", len(last))
	}
	step := workload.Span / events
	end := workload.Start.Add((events-1)*step + time.Millisecond).UTC().Format("2006-01-02T15:04:05.000Z")
	for at, value := range last {
		if !strings.Contains(value, `"id":"end-`) || !strings.Contains(value, end) {
			t.Errorf("%v ends with %s", at, value)
		}
	}
}
