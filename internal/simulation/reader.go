package simulation

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/pipeline"
)

// reader follows topics as a read_committed consumer does, and keeps what it saw, a partition after the other.
type reader struct {
	client *kgo.Client
	topics map[string]*seen
}

// seen is what a topic showed.
type seen struct {
	records [][]*kgo.Record // by partition
	next    []int64         // offset after the last one, control records included
}

// follow starts to read topics from their beginnings.
func (w *world) follow(topics ...string) (*reader, error) {
	r := &reader{topics: make(map[string]*seen)}
	from := make(map[string]map[int32]kgo.Offset)
	for _, topic := range topics {
		info := w.cluster.TopicInfo(topic)
		if info == nil {
			continue
		}
		n := len(w.cluster.PartitionInfos(topic))
		r.topics[topic] = &seen{records: make([][]*kgo.Record, n), next: make([]int64, n)}
		from[topic] = make(map[int32]kgo.Offset)
		for p := range n {
			from[topic][int32(p)] = kgo.NewOffset().At(0)
		}
	}
	var err error
	r.client, err = kgo.NewClient(w.own(kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.ConsumePartitions(from))...)
	return r, err
}

// catchUp reads up to the high watermarks.
func (w *world) catchUp(ctx context.Context, r *reader) error {
	for {
		behind := false
		for topic, s := range r.topics {
			for _, p := range w.cluster.PartitionInfos(topic) {
				behind = behind || s.next[p.Partition] < p.HighWatermark
			}
		}
		if !behind {
			return nil
		}
		fetches := r.client.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("a reader does not come to the end of %s", r.behind(w))
		}
		fetches.EachRecord(func(rec *kgo.Record) {
			s := r.topics[rec.Topic]
			s.next[rec.Partition] = rec.Offset + 1
			if !rec.Attrs.IsControl() {
				s.records[rec.Partition] = append(s.records[rec.Partition], rec)
			}
		})
	}
}

func (r *reader) behind(w *world) (which string) {
	for topic, s := range r.topics {
		for _, p := range w.cluster.PartitionInfos(topic) {
			if s.next[p.Partition] < p.HighWatermark {
				which += fmt.Sprintf(" %s/%d (%d of %d)", topic, p.Partition, s.next[p.Partition], p.HighWatermark)
			}
		}
	}
	return which
}

// tasks gives the task records of a partition, oldest first.
func (r *reader) tasks(partition int32) ([]pipeline.TaskRecord, error) {
	var list []pipeline.TaskRecord
	s := r.topics[states]
	if s == nil {
		return nil, nil
	}
	for _, rec := range s.records[partition] {
		if string(rec.Key) != taskKey {
			continue
		}
		t, err := pipeline.ParseTaskRecord(rec.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// taskKey is that of task records; those of customers begin with customerKey.
const (
	taskKey     = "t"
	customerKey = 'c'
)

// unsettled says what keeps the run from being at rest; "": nothing. Clocks are to be at a moment, in milliseconds since the epoch.
func (w *world) unsettled(ctx context.Context, clock int64) string {
	if w.cluster.TopicInfo(states) == nil {
		return "there is no state topic"
	}
	if w.reader == nil {
		var err error
		if w.reader, err = w.follow(states); err != nil {
			return err.Error()
		}
	}
	if err := w.catchUp(ctx, w.reader); err != nil {
		return err.Error()
	}
	for p := range w.scenario.Partitions {
		tasks, err := w.reader.tasks(p)
		if err != nil {
			return err.Error()
		}
		if len(tasks) == 0 {
			return fmt.Sprintf("partition %d was never at work", p)
		}
		last := tasks[len(tasks)-1]
		for _, s := range last.Sources {
			if end := w.cluster.PartitionInfo(s.Topic, p).HighWatermark; s.Next < end {
				return fmt.Sprintf("partition %d of %s is applied to %d of %d", p, s.Topic, s.Next, end)
			}
		}
		if len(last.Sources) < len(sources)+1 {
			return fmt.Sprintf("partition %d knows %d sources", p, len(last.Sources))
		}
		if !w.scenario.Records && last.Clock < clock {
			return fmt.Sprintf("the clock of partition %d stands at %d, %d ms before the end of faults", p, last.Clock, clock-last.Clock)
		}
	}
	return ""
}
