package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/demo"
)

// newTraffic is for docker-compose.yml; it is no part of what users of a real shop need.
func newTraffic(s streams) *cobra.Command {
	var (
		path string
		opt  demo.TrafficOptions
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
			return unreachable(demo.Traffic(cmd.Context(), opt))
		},
	}
	configFlag(cmd, &path)
	f := cmd.Flags()
	f.Float64Var(&opt.Speed, "speed", 1, "how many times as much happens as in a shop of this size")
	f.IntVar(&opt.Customers, "customers", 0, "how many customers the shop has; 0: the default")
	f.IntVar(&opt.Partitions, "partitions", 4, "partitions of topics that are missing")
	f.Uint64Var(&opt.Seed, "seed", 1, "what the customers' doings are drawn from")
	return cmd
}
