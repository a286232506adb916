// Command bench measures ruas beside what a user would pick instead, on a real Kafka and a real Redis that it starts on this machine.
//
//	go run ./bench                             all measures but scale; raw numbers go to bench/results
//	go run ./bench -only drain -peers ruas     one measure of one program
//	go run ./bench -report                     tables and plots into docs/performance.md, from bench/results
//
// It exits with 1 where changes differ from those of `ruas replay`: the figures of that run are void.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ruas/ruas/internal/workload"
)

// options say what is measured.
type options struct {
	only, peers       []string
	runs              int
	events, customers int
	results           string
	quick, keep       bool
	settle            time.Duration // before something begins
	warmUp, steady    time.Duration // of latency and api: at the steady rate, before and while it is measured
	lead              time.Duration // before the first of many deadlines
}

// workload is the main dataset's.
func (o options) workload() workload.Options {
	return workload.Options{Events: o.events, Customers: o.customers, Seed: workload.DefaultSeed}
}

// takes tells whether a program is wanted, by its name or its first word.
func (o options) takes(name string) bool {
	family, _, _ := strings.Cut(name, " ")
	return len(o.peers) == 0 || slices.Contains(o.peers, name) || slices.Contains(o.peers, family)
}

// measures tells whether a measure is wanted.
func (o options) measures(m measure) bool {
	return len(o.only) == 0 && !m.apart || slices.Contains(o.only, m.name)
}

// measure is one part of the bench.
type measure struct {
	name string
	take func(*bench) error
	// peers says that others than ruas are measured too.
	peers bool
	// apart says that it takes long, and is measured only where it is asked for.
	apart bool
}

var measures = []measure{
	{name: "drain", take: (*bench).drain, peers: true},
	{name: "latency", take: (*bench).latency, peers: true},
	{name: "rules", take: (*bench).manyRules},
	{name: "memory", take: (*bench).memory},
	{name: "time", take: (*bench).lateness},
	{name: "recovery", take: (*bench).recovery},
	{name: "replay", take: (*bench).replay},
	{name: "workers", take: (*bench).workers},
	{name: "api", take: (*bench).api},
	{name: "scale", take: (*bench).scale, apart: true},
}

func main() {
	var (
		opt         options
		only, peers string
		report      bool
	)
	flag.StringVar(&only, "only", "", "measures to take, comma-separated: "+names())
	flag.StringVar(&peers, "peers", "", "programs to measure, comma-separated: ruas,ceiling,streams,streams rocksdb,streams expert,flink,naive,duckdb; empty: all")
	flag.IntVar(&opt.runs, "runs", 3, "how often each is measured")
	flag.IntVar(&opt.events, "events", workload.DefaultEvents, "number of events")
	flag.IntVar(&opt.customers, "customers", workload.DefaultCustomers, "number of customers")
	flag.StringVar(&opt.results, "results", "bench/results", "folder of the raw numbers")
	flag.BoolVar(&opt.quick, "quick", false, "200,000 events, one run and short times where nothing else is said: to see that it works, not to measure")
	flag.BoolVar(&opt.keep, "keep", false, "keep each program's topics until the end")
	flag.BoolVar(&report, "report", false, "write tables and plots into docs/performance.md, and measure nothing")
	flag.Parse()
	opt.only, opt.peers, opt.settle = list(only), list(peers), 2*time.Second
	opt.warmUp, opt.steady, opt.lead = 10*time.Second, 40*time.Second, 25*time.Second
	if opt.quick {
		opt.warmUp, opt.steady = 5*time.Second, 10*time.Second
		given := map[string]bool{}
		flag.Visit(func(f *flag.Flag) { given[f.Name] = true })
		for name, set := range map[string]func(){
			"runs": func() { opt.runs = 1 }, "events": func() { opt.events = 200_000 }, "customers": func() { opt.customers = 10_000 },
			"results": func() { opt.results = ".servers/bench/results" },
		} {
			if !given[name] {
				set()
			}
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if report {
		err = writeReport(opt.results)
	} else {
		err = bench1(ctx, opt)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() string {
	var all []string
	for _, m := range measures {
		all = append(all, m.name)
	}
	return strings.Join(all, ",")
}

func list(text string) []string {
	return slices.DeleteFunc(strings.Split(text, ","), func(s string) bool { return s == "" })
}

// bench1 takes the measures.
func bench1(ctx context.Context, opt options) (err error) {
	for _, name := range opt.only {
		if !slices.ContainsFunc(measures, func(m measure) bool { return m.name == name }) {
			return fmt.Errorf("there is no measure %q: %s are", name, names())
		}
	}
	b, err := newBench(ctx, opt)
	if err != nil {
		return err
	}
	defer b.end()
	defer func() { // of the owner
		if f, ok := recover().(failure); ok {
			err = errors.New(f.text)
		}
	}()
	if err := b.build(); err != nil {
		return err
	}
	for _, m := range measures {
		if !opt.measures(m) {
			continue
		}
		began := time.Now()
		progress("== %s", m.name)
		if err := m.take(b); err != nil {
			return fmt.Errorf("measuring %s: %w", m.name, err)
		}
		progress("-- %s: %.0f s", m.name, time.Since(began).Seconds())
	}
	if len(b.store.voids) > 0 {
		return errors.New("VOID: changes are not those of ruas replay\n" + strings.Join(b.store.voids, "\n"))
	}
	return nil
}
