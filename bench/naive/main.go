// Command naive is what most teams would write first: a consumer group that, for each event, gets the customer's JSON from Redis,
// applies the rules of S10 written by hand, sets the JSON again and publishes joins and leaves. Two round trips to Redis an event, one
// event at a time; at least once, with automatic commits; sums in floating point.
//
// It decides only when an event comes and takes each topic as it reads it: it has no timers and no clock over topics. So its changes
// are not those of ruas, but for the segments that neither time nor another topic moves, new_buyer, loyal and phone_user, whose
// changes are the same.
//
// It is slow: with --max-events it stops there, says `done` once all is published and committed, and waits to be ended.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/bench/protocol"
)

func main() {
	var c consumer
	var address string
	protocol.Main(func(flags *flag.FlagSet) {
		flags.StringVar(&address, "redis", "127.0.0.1:6379", "address of Redis")
		flags.IntVar(&c.left, "max-events", 0, "stop after so many events; 0: never")
	}, func(ctx context.Context, p *protocol.Program) error {
		c.program, c.redis = p, redis.NewClient(&redis.Options{Addr: address})
		return errors.Join(c.run(ctx), c.redis.Close())
	})
}

// pollRecords is as many as a poll returns at most: what is not committed when the process dies, is done again.
const pollRecords = 500

type consumer struct {
	program *protocol.Program
	redis   *redis.Client
	kafka   *kgo.Client
	fail    context.CancelCauseFunc
	left    int // events still to do; 0 at the start: without end
}

func (c *consumer) run(ctx context.Context) error {
	ctx, c.fail = context.WithCancelCause(ctx)
	defer c.fail(nil)
	var err error
	c.kafka, err = kgo.NewClient(
		kgo.SeedBrokers(c.program.Brokers...),
		kgo.ConsumerGroup(c.program.App),
		kgo.ConsumeTopics(c.program.Topics...),
		kgo.AutoCommitInterval(c.program.Commit),
		kgo.DefaultProduceTopic(c.program.Out),
	)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer c.kafka.Close()
	limited := c.left > 0
	for !limited || c.left > 0 {
		size := pollRecords
		if limited {
			size = min(size, c.left)
		}
		fetches := c.kafka.PollRecords(ctx, size)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		for records := fetches.RecordIter(); !records.Done(); {
			if err := c.handle(ctx, records.Next()); err != nil {
				return err
			}
			c.left--
		}
		// The next poll lets these records be committed, so their changes must have been published.
		if err := c.kafka.Flush(ctx); err != nil {
			return fmt.Errorf("publishing: %w", context.Cause(ctx))
		}
	}
	if err := c.kafka.CommitUncommittedOffsets(ctx); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	c.program.Done()
	<-ctx.Done()
	return nil
}

func (c *consumer) handle(ctx context.Context, r *kgo.Record) error {
	var e event
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return fmt.Errorf("decoding %s[%d]@%d: %w", r.Topic, r.Partition, r.Offset, err)
	}
	c.program.First()
	key := c.program.App + ":" + e.CustomerID
	var state customer
	switch stored, err := c.redis.Get(ctx, key).Bytes(); {
	case errors.Is(err, redis.Nil):
	case err != nil:
		return fmt.Errorf("getting %s: %w", key, err)
	default:
		if err := json.Unmarshal(stored, &state); err != nil {
			return fmt.Errorf("decoding the state %s: %w", key, err)
		}
	}
	changes := state.apply(&e)
	stored, err := json.Marshal(&state)
	if err != nil {
		return fmt.Errorf("encoding the state %s: %w", key, err)
	}
	if err := c.redis.Set(ctx, key, stored, 0).Err(); err != nil {
		return fmt.Errorf("setting %s: %w", key, err)
	}
	for i := range changes {
		value, err := json.Marshal(&changes[i])
		if err != nil {
			return fmt.Errorf("encoding a change: %w", err)
		}
		c.kafka.Produce(ctx, &kgo.Record{Key: []byte(e.CustomerID), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				c.fail(fmt.Errorf("publishing: %w", err))
			}
		})
	}
	return nil
}
