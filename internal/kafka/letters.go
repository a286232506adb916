package kafka

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/deadletter"
)

var _ deadletter.Log = (*Kafka)(nil)

// Bounds implements deadletter.Log.
func (k *Kafka) Bounds(ctx context.Context, topic string) (first, end map[int32]int64, err error) {
	client, err := k.client()
	if err != nil {
		return nil, nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, k.opt.Patience)
	defer cancel()
	starts, err := kadm.NewClient(client).ListStartOffsets(ctx, topic)
	if err == nil {
		err = starts.Error()
	}
	if err == nil {
		end, err = ends(ctx, client, topic)
	}
	if errors.Is(err, kerr.UnknownTopicOrPartition) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, k.explain("reading the bounds of "+topic, err, describing(topic))
	}
	first = make(map[int32]int64, len(end))
	starts.Each(func(o kadm.ListedOffset) { first[o.Partition] = o.Offset })
	return first, end, nil
}

// Records implements deadletter.Log.
func (k *Kafka) Records(ctx context.Context, topic string, from, to map[int32]int64, each func(*deadletter.Record) error) error {
	return k.between(ctx, topic, from, to, func(r *kgo.Record) error {
		return each(&deadletter.Record{
			Place: deadletter.Place{Partition: r.Partition, Offset: r.Offset}, Time: r.Timestamp.UnixMilli(),
			Key: r.Key, Value: r.Value, Headers: headers(r.Headers),
		})
		// Letters may be large, and few of those that are read ahead are looked at.
	}, kgo.FetchMaxBytes(4<<20), kgo.FetchMaxPartitionBytes(1<<20))
}

// Write implements deadletter.Log.
func (k *Kafka) Write(ctx context.Context, records []deadletter.Outgoing) []error {
	errs := make([]error, len(records))
	client, err := k.client()
	if err != nil {
		for i := range errs {
			errs[i] = err
		}
		return errs
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, k.opt.Patience)
	defer cancel()
	place := make(map[*kgo.Record]int, len(records))
	out := make([]*kgo.Record, len(records))
	for i, r := range records {
		out[i] = &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value}
		for _, h := range r.Headers {
			out[i].Headers = append(out[i].Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		place[out[i]] = i
	}
	for _, result := range client.ProduceSync(ctx, out...) {
		i, err := place[result.Record], result.Err
		switch {
		case errors.Is(err, kerr.MessageTooLarge):
			errs[i] = fmt.Errorf("%w: %w", deadletter.ErrTooLarge, err)
		case err != nil:
			errs[i] = k.explain("writing to "+records[i].Topic, err, access{operation: "Write", topic: records[i].Topic})
		}
	}
	return errs
}
