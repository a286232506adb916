package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/demo"
	"github.com/ruas/ruas/internal/metrics"
)

// newTraffic is for docker-compose.yml; it is no part of what users of a real shop need.
func newTraffic(s streams) *cobra.Command {
	var (
		path, listen string
		opt          demo.TrafficOptions
	)
	cmd := &cobra.Command{
		Use:    "traffic",
		Short:  "Send the events of a simulated shop to Kafka",
		Long:   "Sends the events of a simulated shop to the configuration's Kafka, on the default topics, until it is interrupted.\n" + exitCodes,
		Args:   noArguments,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := config.Load(path, s.environ)
			if err != nil {
				return err
			}
			if opt.Speed <= 0 || opt.Partitions < 1 {
				return usage(errors.New("--speed and --partitions must be more than 0"))
			}
			opt.Brokers = c.Kafka.Brokers
			opt.Report = func(message string) { fmt.Fprintln(s.err, message) }
			return sendTraffic(cmd.Context(), opt, listen)
		},
	}
	configFlag(cmd, &path)
	f := cmd.Flags()
	f.Float64Var(&opt.Speed, "speed", 1, "how many times as much happens as in a shop of this size")
	f.IntVar(&opt.Customers, "customers", 0, "how many customers the shop has; 0: the default")
	f.IntVar(&opt.Partitions, "partitions", 4, "partitions of topics that are missing")
	f.Uint64Var(&opt.Seed, "seed", 1, "what the customers' doings are drawn from")
	f.StringVar(&listen, "listen", "", "address that answers /readyz, with 200 once the topics hold the shop's history; empty: none")
	return cmd
}

// sendTraffic sends, and tells who asks at listen (empty: nobody) whether a reader may begin.
func sendTraffic(ctx context.Context, opt demo.TrafficOptions, listen string) error {
	group, ctx := errgroup.WithContext(ctx)
	if listen != "" {
		listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", listen)
		if err != nil {
			return fmt.Errorf("listening: %w", err)
		}
		var ready atomic.Bool
		opt.Ready = func() { ready.Store(true) }
		asked := func() error {
			if !ready.Load() {
				return errors.New("the shop's history is not sent yet")
			}
			return nil
		}
		group.Go(func() error {
			return api.Serve(ctx, listener, nil, metrics.Operators(prometheus.NewRegistry(), asked, nil))
		})
	}
	group.Go(func() error { return unreachable(demo.Traffic(ctx, opt)) })
	return group.Wait()
}
