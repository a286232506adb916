package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
)

// Follow calls each for every committed record that is written to a topic from now on, in no group, until ctx is done, which is no
// error. The topic need not exist yet. Faults are retried for ever; an error is one of each.
func (k *Kafka) Follow(ctx context.Context, topic string, each func(value []byte) error) error {
	client, err := k.client(
		kgo.ConsumeTopics(topic),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxWait(500*time.Millisecond),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtEnd()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	said := ""
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, record := range fetches.Records() {
			if err := each(record.Value); err != nil {
				return fmt.Errorf("reading %s: %w", topic, err)
			}
		}
		for _, e := range fetches.Errors() {
			if err := k.explain("following "+topic, e.Err, reading(topic)); err.Error() != said {
				said = err.Error()
				k.opt.Logger.Warn("changes are not followed", zap.Error(err))
			}
		}
		if len(fetches.Errors()) > 0 && !sleep(ctx, time.Second) {
			return nil
		}
		if fetches.NumRecords() > 0 {
			said = ""
		}
	}
}
