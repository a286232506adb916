// Command produce writes the benchmark's events to Kafka: keyed by customer_id, to purchases, browsing and devices, whose
// partitions each end with one closing event. Topics that are missing are made.
//
//	go run ./bench/produce -brokers 127.0.0.1:9092 -events 1000000 -customers 50000
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/bench/internal/shop"
	"github.com/ruas/ruas/internal/workload"
)

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
	client, err := kgo.NewClient(append(shop.Batched(), kgo.SeedBrokers(brokers...), kgo.ProducerLinger(20*time.Millisecond))...)
	if err != nil {
		return 0, fmt.Errorf("connecting: %w", err)
	}
	defer client.Close()
	if err := shop.CreateTopics(ctx, kadm.NewClient(client), partitions, shop.Sources...); err != nil {
		return 0, err
	}
	return shop.Send(ctx, client, "", workload.Records(opt), workload.Closing(opt, partitions, shop.ClosingCustomer(partitions)))
}
