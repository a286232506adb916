// Package protocol owns what the bench harness and a measured program written in Go say to each other: the flags, the lines `warm`
// and `first` on standard output, and the line on standard input that starts the measured run. It knows neither Kafka nor rules.
package protocol

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Program is a measured program as the harness started it.
type Program struct {
	Brokers []string
	// App is the consumer group, and the prefix of whatever else must have a name of its own on Kafka.
	App string
	// Out is the topic of the changes.
	Out    string
	Topics []string
	// Commit is the time between two commits.
	Commit time.Duration
	// Threads is how many threads may work on events at the same time.
	Threads int

	in    io.Reader
	out   io.Writer
	first sync.Once
}

// Main parses the flags, waits for the harness and runs a program until it ends or is asked to. add, which may be nil, declares
// the program's own flags. An error is printed, and ends the process with 1.
func Main(add func(*flag.FlagSet), run func(context.Context, *Program) error) {
	p, err := parse(os.Args[0], os.Args[1:], add)
	if err != nil {
		os.Exit(2)
	}
	p.in, p.out = os.Stdin, os.Stdout
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = p.start(ctx)
	if err == nil {
		err = run(ctx, p)
	}
	cancelled := ctx.Err() != nil
	stop()
	if err != nil && !cancelled {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		os.Exit(1)
	}
}

func parse(name string, args []string, add func(*flag.FlagSet)) (*Program, error) {
	p := &Program{}
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	brokers := flags.String("brokers", "127.0.0.1:9092", "comma-separated brokers")
	flags.StringVar(&p.App, "app", "bench", "consumer group")
	flags.StringVar(&p.Out, "out", "changes", "topic of the changes")
	topics := flags.String("topics", "purchases,browsing,devices", "comma-separated topics of the events")
	commit := flags.Int("commit-ms", 1000, "milliseconds between two commits")
	flags.IntVar(&p.Threads, "threads", runtime.GOMAXPROCS(0), "threads that work on events")
	for _, ignored := range []string{"warm-topics", "warm-app", "warm-out", "mode", "dir"} {
		flags.String(ignored, "", "not used: there is nothing to warm up, and no choice of state")
	}
	if add != nil {
		add(flags)
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	p.Brokers, p.Topics = strings.Split(*brokers, ","), strings.Split(*topics, ",")
	p.Commit = time.Duration(*commit) * time.Millisecond
	return p, nil
}

// start says that there is nothing to warm up and waits for the line that starts the run.
func (p *Program) start(ctx context.Context) error {
	fmt.Fprintln(p.out, "warm")
	line := make(chan error, 1)
	go func() {
		_, err := bufio.NewReader(p.in).ReadString('\n')
		line <- err
	}()
	select {
	case err := <-line:
		if err != nil {
			return fmt.Errorf("waiting for the line that starts the run: %w", err)
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// First tells the harness that the first record is decoded. It may be called for every record, by any goroutine.
func (p *Program) First() { p.first.Do(func() { fmt.Fprintln(p.out, "first") }) }

// Done tells the harness that the program has read all that it was asked to, and that everything is committed.
func (p *Program) Done() { fmt.Fprintln(p.out, "done") }
