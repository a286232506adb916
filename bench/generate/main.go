// Command generate writes the benchmark's events, or one of its rule sets, to standard output.
//
//	go run ./bench/generate -events 1000000 -customers 50000 > events.jsonl
//	go run ./bench/generate -rules 10 > s10.yaml
package main

import (
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/ruas/ruas/internal/workload"
)

func main() {
	var opt workload.Options
	flag.IntVar(&opt.Events, "events", workload.DefaultEvents, "number of events")
	flag.IntVar(&opt.Customers, "customers", workload.DefaultCustomers, "number of customers")
	flag.Uint64Var(&opt.Seed, "seed", workload.DefaultSeed, "seed that the events are drawn from")
	rules := flag.Int("rules", 0, "write the rule set of 10, 1000 or 10000 segments instead of events")
	flag.Parse()
	if err := generate(os.Stdout, opt, *rules); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(w io.Writer, opt workload.Options, rules int) error {
	if rules == 0 {
		return workload.Write(w, opt)
	}
	set, err := workload.Rules(rules)
	if err != nil {
		return err
	}
	_, err = w.Write(set)
	return err
}
