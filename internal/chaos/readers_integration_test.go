//go:build integration

package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/subscribe"
)

// readTimeout is how long reading one partition may take.
const readTimeout = 10 * time.Minute

// reader reads a partition from its beginning to its end.
type reader func(topic string, partition int32, each func(*subscribe.Record) error) error

// franz is a reader that uses franz-go.
func (s *site) franz(topic string, partition int32, each func(*subscribe.Record) error) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), readTimeout)
	defer cancel()
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	if err != nil {
		return err
	}
	end, ok := ends.Lookup(topic, partition)
	if !ok || end.Err != nil {
		return fmt.Errorf("reading the end of %s, partition %d: %w", topic, partition, end.Err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka.Addresses...), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {partition: kgo.NewOffset().AtStart()}}), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		return err
	}
	defer client.Close()
	for next := int64(0); next < end.Offset; {
		fetches := client.PollFetches(ctx)
		if err := errors.Join(ctx.Err(), fetches.Err()); err != nil {
			return fmt.Errorf("reading %s, partition %d from %d: %w", topic, partition, next, err)
		}
		for _, r := range fetches.Records() {
			next = r.Offset + 1
			if r.Attrs.IsControl() {
				continue
			}
			c := subscribe.Record{Offset: r.Offset, Time: r.Timestamp, Key: r.Key, Value: r.Value}
			for _, h := range r.Headers {
				c.Headers = append(c.Headers, segmentio.Header{Key: h.Key, Value: h.Value})
			}
			if err := each(&c); err != nil {
				return err
			}
		}
	}
	return nil
}

// segmentio is a reader that uses segmentio/kafka-go, which shares no code with ruas's client. aborted counts the records of transactions
// that were aborted.
func (s *site) segmentio(aborted *int64) reader {
	return func(topic string, partition int32, each func(*subscribe.Record) error) error {
		transport := new(segmentio.Transport)
		defer transport.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(s.t.Context(), readTimeout)
		defer cancel()
		r := &subscribe.Reader{Brokers: segmentio.TCP(s.kafka.Addresses...), Transport: transport, Topic: topic, Partition: partition}
		err := r.ToEnd(ctx, each)
		*aborted += r.Aborted
		return err
	}
}
