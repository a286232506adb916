// Package shop owns how the benchmark's events get onto Kafka: topics, keys, batches, and the closing event of each partition. It must
// not know who reads them.
package shop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/workload"
)

// Sources are the benchmark's topics, in the order that decides between events of one time.
var Sources = []string{"purchases", "browsing", "devices"}

// Batched are the client's options for producing as much as possible.
func Batched() []kgo.Opt {
	return append(Keyed(), kgo.ProducerBatchMaxBytes(900_000), kgo.MaxBufferedRecords(50_000))
}

// Keyed are the client's options for producing each customer's events to the partition that Kafka's own clients choose.
func Keyed() []kgo.Opt { return []kgo.Opt{kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil))} }

// CreateTopics makes topics that are missing.
func CreateTopics(ctx context.Context, admin *kadm.Client, partitions int, topics ...string) error {
	created, err := admin.CreateTopics(ctx, int32(partitions), -1, nil, topics...)
	if err != nil {
		return fmt.Errorf("creating topics: %w", err)
	}
	for _, topic := range created.Sorted() {
		if topic.Err != nil && !errors.Is(topic.Err, kerr.TopicAlreadyExists) {
			return fmt.Errorf("creating topic %s: %w", topic.Topic, topic.Err)
		}
	}
	return nil
}

// Send produces records, each to its topic's name behind prefix, and returns when all are there. It gives how many were.
func Send(ctx context.Context, client *kgo.Client, prefix string, records ...iter.Seq[workload.Record]) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := 0
	for _, list := range records {
		for r := range list {
			if ctx.Err() != nil {
				break
			}
			record := &kgo.Record{Topic: prefix + r.Topic, Key: []byte(r.Key), Value: bytes.Clone(r.Value)}
			client.Produce(ctx, record, func(_ *kgo.Record, err error) {
				if err != nil {
					cancel(fmt.Errorf("producing: %w", err))
				}
			})
			n++
		}
	}
	if err := client.Flush(ctx); err != nil {
		return n, fmt.Errorf("flushing: %w", context.Cause(ctx))
	}
	return n, context.Cause(ctx)
}

// ClosingCustomer names, for each partition, a customer whose records go there.
func ClosingCustomer(partitions int) func(int) string {
	partitioner := kgo.StickyKeyPartitioner(nil).ForTopic("")
	names := make([]string, partitions)
	for i, found := 0, 0; found < partitions; i++ {
		name := "end" + strconv.Itoa(i)
		if p := partitioner.Partition(&kgo.Record{Key: []byte(name)}, partitions); names[p] == "" {
			names[p] = name
			found++
		}
	}
	return func(p int) string { return names[p] }
}
