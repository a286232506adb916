package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/pipeline"
)

// forgetting records requests to forget where the pipeline reads them.
type forgetting struct {
	kafka     *kafka.Kafka
	partition func(key []byte, n int32) int32
}

func (f forgetting) Forget(ctx context.Context, id, customer string, at time.Time) (api.Place, error) {
	value, err := json.Marshal(pipeline.ForgetRequest{ID: id, Customer: customer, RequestedAt: at.UTC().Format(time.RFC3339)})
	if err != nil {
		return api.Place{}, fmt.Errorf("writing a request to forget: %w", err)
	}
	place := api.Place{Topic: forgetTopic, Partition: f.partition([]byte(customer), partitions)}
	place.Offset, err = f.kafka.Send(ctx, place.Topic, place.Partition, []byte(customer), value)
	return place, err
}

func (forgetting) Changelog() string { return stateTopic }
