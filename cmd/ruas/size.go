package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/plan"
	"github.com/ruas/ruas/internal/replay"
	"github.com/ruas/ruas/internal/sizing"
	"github.com/ruas/ruas/internal/sizing/observe"
)

type sizeFlags struct {
	config            string
	segments, samples []string
	events, customers quantity
	replication       int
	redisNode         float64
	json              bool
	assumptions       sizing.Assumptions
}

func newSize(s streams) *cobra.Command {
	flags := sizeFlags{assumptions: sizing.Assumed()}
	a := &flags.assumptions
	cmd := &cobra.Command{
		Use:   "size [flags]",
		Short: "Compute what an installation needs: partitions, workers, Redis, disk, recovery, cost",
		Long: `Computes what a load needs under your own segments, from figures measured on one small machine and from stated assumptions
(docs/sizing.md). With --sample the segments are stepped over your own events here and now, and what they do to them counts: changes, states,
CPU as a multiple of what the benchmark's rules take on this very machine. Without it the benchmark's figures stand in. Numbers may be
written as 20000, 20k, 5M or 5e6.
` + exitCodes,
		Example: `  ruas size --events 20k --customers 5M
  ruas size --events 20k --customers 5M -c ruas.yaml --sample events.jsonl.gz
  ruas size --events 1e6 --customers 100M --price-cpu 0.03 --json`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if flags.events <= 0 || flags.customers <= 0 {
				return usage(errors.New("size needs --events (a second, at the peak) and --customers, as --events 20k --customers 5M"))
			}
			return runSize(cmd, s, &flags)
		},
	}
	configFlag(cmd, &flags.config)
	f := cmd.Flags()
	f.SortFlags = false
	f.Var(&flags.events, "events", "events a second at the peak, over all sources")
	f.Var(&flags.customers, "customers", "customers who ever had an event")
	f.StringSliceVar(&flags.segments, "segments", nil, "segment files or folders, instead of the configuration's")
	f.StringSliceVar(&flags.samples, "sample", nil, "`[SOURCE=]FILE` of your own events, as for replay; several are merged by time")
	f.BoolVar(&flags.json, "json", false, "print JSON")
	f.Float64Var(&a.Headroom, "headroom", a.Headroom, "how busy a core may be at the peak")
	f.Float64Var(&a.Growth, "growth", a.Growth, "how many times the load partitions are meant for")
	f.Float64Var(&a.WorkerCores, "worker-cores", a.WorkerCores, "cores of a worker")
	f.Float64Var(&flags.redisNode, "redis-node", a.RedisNode/(1<<30), "memory of a Redis node, in `GiB`")
	f.IntVar(&a.RedisReplicas, "redis-replicas", a.RedisReplicas, "replicas of each Redis primary")
	f.IntVar(&flags.replication, "replication", 0, "replication of ruas's topics; 0: the configuration's, or 3")
	f.Float64Var(&a.ChangesKept, "changes-kept", a.ChangesKept, "`days` for which segment-changes is kept")
	f.Float64Var(&a.PriceCPU, "price-cpu", a.PriceCPU, "price of a vCPU-hour")
	f.Float64Var(&a.PriceRAM, "price-ram", a.PriceRAM, "price of a GiB of memory for an hour")
	f.Float64Var(&a.PriceDisk, "price-disk", a.PriceDisk, "price of a GiB of disk for a month")
	return cmd
}

// sized is what --json prints.
type sized struct {
	Load        sizing.Load        `json:"load"`
	Rules       sizing.Rules       `json:"rules"`
	Setup       sizing.Setup       `json:"setup"`
	Sample      *sampled           `json:"sample,omitempty"`
	Need        sizing.Need        `json:"need"`
	Warnings    []string           `json:"warnings"`
	Figures     *sizing.Figures    `json:"figures"`
	Assumptions sizing.Assumptions `json:"assumptions"`

	report plan.Report
}

// sampled is what a sample says.
type sampled struct {
	Events    int64   `json:"events"`
	Customers int64   `json:"customers"`
	Rejected  int64   `json:"rejected"`
	StateP99  float64 `json:"state_p99_bytes"`
	// CPU is measured on this machine, S10's too.
	CPU    float64 `json:"cpu_microseconds_per_event"`
	S10    float64 `json:"cpu_microseconds_per_event_of_s10,omitempty"`
	Hot    string  `json:"hottest_customer"`
	Shed   int64   `json:"shed"`
	enough bool    // for a figure of CPU
}

func runSize(cmd *cobra.Command, s streams, flags *sizeFlags) error {
	flags.assumptions.RedisNode = flags.redisNode * (1 << 30)
	c, err := config.Load(flags.config, s.environ)
	if err != nil {
		return err
	}
	compiled, err := compile(c, flags.segments)
	if err != nil {
		return s.mistakes(err, "table")
	}
	out := sized{
		Load:  sizing.Load{Events: float64(flags.events), Customers: float64(flags.customers)},
		Setup: setupOf(c, flags.replication), Assumptions: flags.assumptions, Warnings: []string{}, report: compiled.engine.Report(),
	}
	if out.Setup.Replication < 1 {
		return usage(fmt.Errorf("--replication is %d: want a number from 1", flags.replication))
	}
	if out.Figures, err = sizing.Recorded(); err != nil {
		return err
	}
	out.Rules = rulesWithout(&out.report, out.Figures)
	if len(flags.samples) > 0 {
		if err := out.observe(cmd, s, flags, c, compiled); err != nil {
			return err
		}
	}
	if out.Need, err = sizing.Compute(out.Load, out.Rules, out.Setup, out.Figures, out.Assumptions); err != nil {
		return usage(err)
	}
	out.warn(c)
	if flags.json {
		return writeJSON(s.out, out)
	}
	return writeSize(s.out, &out)
}

// usualReplication is what brokers are mostly set to; the configuration's -1 leaves it to them.
const usualReplication = 3

func setupOf(c *config.Config, replication int) sizing.Setup {
	if replication == 0 {
		if replication = c.Kafka.Replication; replication == -1 {
			replication = usualReplication
		}
	}
	return sizing.Setup{
		Sources: len(c.Sources), SessionTimeout: c.Kafka.SessionTimeout, Replication: replication, CacheCustomers: c.Cache.Customers, ReadAhead: c.ReadAhead,
	}
}

// rulesWithout is what can be said of rules without a sample: their report says the size of states, and S10, S1000 and S10000 stand in for
// the rest.
func rulesWithout(r *plan.Report, f *sizing.Figures) sizing.Rules {
	n := len(r.Segments)
	state := float64(r.State.Typical)
	return sizing.Rules{
		Segments: n, StateBytes: state, WrittenBytes: state, // check's typical customer is a busy one

		IDBytes: usualID, EventBytes: f.EventBytes.Value, ChangeBytes: f.ChangeBytes.Value + usualID - f.IDBytes.Value,
		Changes: f.ChangesOf(n), Memberships: f.Memberships.Value * float64(n) / 10,
	}
}

// usualID is the length of a customer_id where no sample says it: between a number and a UUID.
const usualID = 16

const (
	// fewEvents are too few for a figure of CPU: what a replay takes by itself would weigh too much.
	fewEvents = 20_000
	// yardstick bounds the events of S10 that are stepped for comparison.
	yardstick = 200_000
)

// observe steps the rules over the sample.
func (x *sized) observe(cmd *cobra.Command, s streams, flags *sizeFlags, c *config.Config, compiled rules) error {
	files, err := replayFiles(c, flags.samples)
	if err != nil {
		return err
	}
	o, err := observe.Events(cmd.Context(), replay.Options{
		Engine: compiled.engine, Schema: compiled.schema, Sources: eventSources(c), Files: files, Stdin: s.in, Rejects: replay.Report{W: io.Discard},
	})
	if errors.Is(err, observe.ErrEmpty) {
		return fmt.Errorf("there is nothing to learn from %s: %w: 'ruas replay' says what is wrong with each line", strings.Join(flags.samples, ", "), err)
	}
	if err != nil {
		return fmt.Errorf("stepping over the sample: %w", err)
	}
	x.Sample = &sampled{
		Events: o.Events, Customers: o.Customers, Rejected: o.Rejected, StateP99: o.StateP99, Hot: o.HottestID, Shed: o.Shed,
		CPU: o.CPU.Seconds() * 1e6 / float64(o.Events), enough: o.Events >= fewEvents,
	}
	r := &x.Rules
	r.StateBytes, r.WrittenBytes, r.IDBytes, r.EventBytes = o.StateBytes, o.WrittenBytes, o.IDBytes, o.EventBytes
	r.Changes, r.Memberships, r.Hottest = float64(o.Changes)/float64(o.Events), o.Memberships, o.Hottest
	if o.Changes > 0 {
		r.ChangeBytes = o.ChangeBytes
	}
	if !x.Sample.enough {
		return nil
	}
	n := min(int(o.Events), yardstick)
	s10, err := observe.S10(cmd.Context(), n, min(max(int(o.Customers), 2), n))
	if err != nil {
		return fmt.Errorf("stepping over the benchmark's events, to compare with: %w", err)
	}
	x.Sample.S10 = s10.CPU.Seconds() * 1e6 / float64(s10.Events)
	r.CPU = x.Sample.CPU / x.Sample.S10
	return nil
}

// quantity is a number that may have a suffix.
type quantity float64

func (q *quantity) String() string {
	if *q == 0 {
		return ""
	}
	return strconv.FormatFloat(float64(*q), 'g', -1, 64)
}

// Type names it in the help.
func (q *quantity) Type() string { return "number" }

// Set reads 20000, 20k, 5M, 5e6, 20,000 and 20_000.
func (q *quantity) Set(text string) error {
	plain := strings.NewReplacer(",", "", "_", "").Replace(strings.TrimSpace(text))
	times := 1.
	if n := len(plain); n > 0 {
		switch plain[n-1] {
		case 'k', 'K':
			times = 1e3
		case 'm', 'M':
			times = 1e6
		case 'g', 'G', 'b', 'B':
			times = 1e9
		}
		if times > 1 {
			plain = plain[:n-1]
		}
	}
	v, err := strconv.ParseFloat(plain, 64)
	if err != nil || !(v*times > 0) || v*times > most {
		return errors.New("want a number more than 0, as 20000, 20k, 5M or 5e6")
	}
	*q = quantity(v * times)
	return nil
}

// most is more than anybody has.
const most = 1e15
