package kafka

import (
	"context"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Send writes one record to a partition and waits until all replicas in sync have it. It returns the record's offset.
func (k *Kafka) Send(ctx context.Context, topic string, partition int32, key, value []byte) (int64, error) {
	client, err := k.client()
	if err != nil {
		return 0, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, k.opt.Patience)
	defer cancel()
	record, err := client.ProduceSync(ctx, &kgo.Record{Topic: topic, Partition: partition, Key: key, Value: value}).First()
	if err != nil {
		return 0, k.explain("writing to "+topic, err, access{operation: "Write", topic: topic})
	}
	return record.Offset, nil
}
