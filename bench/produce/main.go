// Command produce writes the benchmark's events to Kafka: keyed by customer_id, to purchases, browsing and devices, whose
// partitions each end with one closing event. Topics that are missing are made.
//
//	go run ./bench/produce -brokers 127.0.0.1:9092 -events 1000000 -customers 50000
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/workload"
)

var topics = []string{"purchases", "browsing", "devices"}

func main() {
	var opt workload.Options
	brokers := flag.String("brokers", "127.0.0.1:9092", "comma-separated brokers")
	flag.IntVar(&opt.Events, "events", workload.DefaultEvents, "number of events")
	flag.IntVar(&opt.Customers, "customers", workload.DefaultCustomers, "number of customers")
	flag.Uint64Var(&opt.Seed, "seed", workload.DefaultSeed, "seed that the events are drawn from")
	partitions := flag.Int("partitions", 4, "partitions of each topic")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	start := time.Now()
	n, err := produce(ctx, strings.Split(*brokers, ","), opt, *partitions)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "produce:", err)
		os.Exit(1)
	}
	elapsed := time.Since(start)
	fmt.Fprintf(os.Stderr, "%d records in %s, %.0f a second\n", n, elapsed.Round(time.Millisecond), float64(n)/elapsed.Seconds())
}

func produce(ctx context.Context, brokers []string, opt workload.Options, partitions int) (int, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.ProducerBatchMaxBytes(900_000),
		kgo.ProducerLinger(20*time.Millisecond),
		kgo.MaxBufferedRecords(50_000),
	)
	if err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	defer client.Close()
	if err := createTopics(ctx, kadm.NewClient(client), partitions); err != nil {
		return 0, err
	}

	n := 0
	send := func(records iter.Seq[workload.Record]) {
		for r := range records {
			if ctx.Err() != nil {
				return
			}
			record := &kgo.Record{
				Topic: r.Topic, Key: []byte(r.Key), Value: append([]byte(nil), r.Value...),
			}
			client.Produce(ctx, record, func(_ *kgo.Record, err error) {
				if err != nil {
					cancel(fmt.Errorf("producing: %w", err))
				}
			})
			n++
		}
	}
	send(workload.Records(opt))
	send(workload.Closing(opt, partitions, closingCustomer(partitions)))
	if err := client.Flush(ctx); err != nil {
		return n, fmt.Errorf("flushing: %w", context.Cause(ctx))
	}
	return n, nil
}

func createTopics(ctx context.Context, admin *kadm.Client, partitions int) error {
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

// closingCustomer names, for each partition, a customer whose records go there.
func closingCustomer(partitions int) func(int) string {
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
