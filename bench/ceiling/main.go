// Command ceiling reads the benchmark's topics and decodes every record as ruas does, keeping the properties that S10 reads, and
// does nothing else: no merge by time, no state, no changes. No consumer of these topics on franz-go can be faster.
//
// It takes the partitions itself instead of joining a group, reads up to the end that they had when it started, commits that, says
// `done` and waits to be ended.
package main

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

	"github.com/ruas/ruas/bench/protocol"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/workload"
)

func main() { protocol.Main(nil, run) }

func run(ctx context.Context, p *protocol.Program) error {
	newDecoder, err := s10()
	if err != nil {
		return fmt.Errorf("compiling S10: %w", err)
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(p.Brokers...),
		kgo.FetchMaxBytes(16<<20),
		kgo.FetchMaxPartitionBytes(8<<20),
	)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	ends, err := admin.ListEndOffsets(ctx, p.Topics...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return fmt.Errorf("asking for the ends of the topics: %w", err)
	}
	if err := read(ctx, client, ends, p, newDecoder); err != nil {
		return err
	}
	if err := admin.CommitAllOffsets(ctx, p.App, ends.Offsets()); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	p.Done()
	<-ctx.Done()
	return nil
}

// s10 returns what makes decoders of the events, with what S10 needs of them.
func s10() (func() (*event.Decoder, error), error) {
	yaml, err := workload.Rules(10)
	if err != nil {
		return nil, err
	}
	schema, err := event.LoadSchema()
	if err != nil {
		return nil, err
	}
	set, err := rule.Parse(schema, map[string][]byte{"s10.yaml": yaml})
	if err != nil {
		return nil, err
	}
	e, err := engine.New(set, engine.Options{})
	if err != nil {
		return nil, err
	}
	return func() (*event.Decoder, error) { return event.NewDecoder(schema, event.Source{Name: "all"}, e.Needs()) }, nil
}

// read polls in one goroutine and decodes in p.Threads others, until the partitions are read to their ends.
func read(ctx context.Context, client *kgo.Client, ends kadm.ListedOffsets, p *protocol.Program,
	newDecoder func() (*event.Decoder, error),
) error {
	starts := map[string]map[int32]kgo.Offset{}
	var left int64
	ends.Each(func(end kadm.ListedOffset) {
		if starts[end.Topic] == nil {
			starts[end.Topic] = map[int32]kgo.Offset{}
		}
		starts[end.Topic][end.Partition] = kgo.NewOffset().At(0)
		left += end.Offset
	})
	group, ctx := errgroup.WithContext(ctx)
	batches := make(chan []*kgo.Record, 4*p.Threads)
	for range p.Threads {
		decoder, err := newDecoder()
		if err != nil {
			return err
		}
		group.Go(func() error {
			var ev event.Event
			for records := range batches {
				for _, r := range records {
					if err := decoder.Decode(r.Value, &ev); err != nil {
						return fmt.Errorf("decoding %s[%d]@%d: %w", r.Topic, r.Partition, r.Offset, err)
					}
					p.First()
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(batches)
		client.AddConsumePartitions(starts)
		for left > 0 {
			fetches := client.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				return fmt.Errorf("reading: %w", err)
			}
			var stopped error
			fetches.EachPartition(func(f kgo.FetchTopicPartition) {
				left -= int64(len(f.Records))
				select {
				case batches <- f.Records:
				case <-ctx.Done():
					stopped = ctx.Err()
				}
			})
			if stopped != nil {
				return stopped
			}
		}
		return nil
	})
	return group.Wait()
}
