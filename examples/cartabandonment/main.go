// Cartabandonment writes a message to an outbox topic for each customer who left a cart behind, by the channel that the customer prefers and
// allowed, never twice, and cancels it when the customer buys after all. README.md says how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/ruas/ruas/subscribe"
)

func main() {
	var p Program
	brokers := flag.String("brokers", "127.0.0.1:9092", "Kafka's addresses, comma-separated")
	flag.StringVar(&p.Changes, "changes", "segment-changes", "the topic of changes")
	flag.StringVar(&p.Segment, "segment", "cart_reminder", "whose joins make messages")
	flag.StringVar(&p.Outbox, "outbox", "cart-messages", "the topic of messages; made where it is missing")
	flag.IntVar(&p.Replication, "replication", 1, "replicas of the outbox, where it is made; in production 3")
	flag.DurationVar(&p.MaxAge, "max-age", time.Hour, "joins older than this make no message; 0: all do")
	flag.Parse()
	p.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
	p.Client = kafka.Client{Addr: kafka.TCP(strings.Split(*brokers, ",")...), Transport: &kafka.Transport{MetadataTTL: time.Second}}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := p.Run(ctx)
	stop()
	if !errors.Is(err, context.Canceled) {
		p.Log.Error("stopped", "error", err)
		os.Exit(1)
	}
}

// Program answers changes by messages.
type Program struct {
	Client      kafka.Client
	Changes     string
	Segment     string
	Outbox      string
	Replication int
	MaxAge      time.Duration
	Log         *slog.Logger
}

// permanent is an error that trying again does not mend.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Run works until the context ends, or something fails for good. Where it fails for now, all is forgotten and begins anew from what the
// outbox says: the same as after a crash, so that there is one way back, which is walked often.
func (p *Program) Run(ctx context.Context) error {
	for {
		err := p.session(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if refused := kafka.Error(0); errors.As(err, &permanent{}) || errors.As(err, &refused) && !refused.Temporary() {
			return err
		}
		p.Log.Warn("begins anew", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (p *Program) session(ctx context.Context) error {
	changes := &subscribe.Topic{
		Brokers: p.Client.Addr, Transport: p.Client.Transport, Name: p.Changes,
		Retrying: func(err error) { p.Log.Warn("tries again", "error", err) },
	}
	n, err := changes.Partitions(ctx)
	if err != nil {
		return err
	}
	outbox, err := openOutbox(ctx, p.Client, p.Outbox, n, p.Replication)
	if err != nil {
		return err
	}
	p.Log.Info("follows the changes", "from", outbox.Next())
	err = changes.Follow(ctx, outbox.Next(), func(ctx context.Context, batch []*subscribe.Record) error {
		return p.handle(ctx, outbox, batch)
	})
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return permanent{fmt.Errorf("changes were removed before they were read, or %s was made anew; to begin anew, delete %s: %w", p.Changes, p.Outbox, err)}
	}
	return err
}

// handle answers the changes of one partition.
func (p *Program) handle(ctx context.Context, outbox *Outbox, batch []*subscribe.Record) error {
	var (
		partition = batch[0].Partition
		last      = outbox.parts[partition].last
		answers   []answer
		count     = map[Status]int{}
	)
	for _, r := range batch {
		if r.Header("segment") != p.Segment {
			continue
		}
		c, err := subscribe.ParseChange(r)
		if err != nil {
			return permanent{err}
		}
		m, missed := decide(c, last[c.CustomerID], time.Now(), p.MaxAge)
		if missed != nil {
			p.Log.Warn("goes on with the next", "partition", r.Partition, "offset", r.Offset, "error", subscribe.ErrMissed)
		}
		if m == nil {
			continue
		}
		last[c.CustomerID] = m
		answers = append(answers, answer{m, r.Offset})
		count[m.Status]++
	}
	if err := outbox.Write(ctx, partition, answers, batch[len(batch)-1].Offset+1); err != nil {
		return err
	}
	if len(answers) > 0 {
		p.Log.Info("wrote messages", "partition", partition, "send", count[Send], "withheld", count[Withheld], "cancelled", count[Cancelled])
	}
	return nil
}
