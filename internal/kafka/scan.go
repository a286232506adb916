package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Scan is what some topics held at one moment, committed, to be read from its beginning in no group: one partition number after another,
// each topic in its own order. One goroutine at a time may use it.
type Scan struct {
	k      *Kafka
	topics []string
	bounds []map[int32]scanBounds // by topic; nil: it is not there
	count  int32

	client *kgo.Client // of the partition number that was begun
	number int32
	lanes  []scanLane // by topic
	byName map[string]int
	cut    []int
}

type scanBounds struct{ from, to int64 }

// scanLane is what was read ahead of one topic.
type scanLane struct {
	records []*kgo.Record
	next    int64 // the offset after the last record read, control records included
	to      int64
	paused  bool
}

// scanAhead is how many records of a topic are read ahead before it waits for the others.
const scanAhead = 4096

// Scan looks at what topics hold. A topic that there is not holds nothing.
func (k *Kafka) Scan(ctx context.Context, topics []string) (*Scan, error) {
	client, err := k.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, k.opt.Patience)
	defer cancel()
	s := &Scan{k: k, topics: topics, bounds: make([]map[int32]scanBounds, len(topics)), byName: make(map[string]int)}
	admin := kadm.NewClient(client)
	for i, topic := range topics {
		s.byName[topic] = i
		first, err := admin.ListStartOffsets(ctx, topic)
		if err == nil {
			err = first.Error()
		}
		if errors.Is(err, kerr.UnknownTopicOrPartition) {
			continue
		}
		var last kadm.ListedOffsets
		if err == nil {
			last, err = admin.ListCommittedOffsets(ctx, topic)
		}
		if err == nil {
			err = last.Error()
		}
		if err != nil {
			return nil, k.explain("reading the bounds of "+topic, err, describing(topic))
		}
		s.bounds[i] = make(map[int32]scanBounds)
		last.Each(func(o kadm.ListedOffset) {
			start, _ := first.Lookup(topic, o.Partition)
			s.bounds[i][o.Partition] = scanBounds{min(start.Offset, o.Offset), o.Offset}
			s.count = max(s.count, o.Partition+1)
		})
	}
	return s, nil
}

// Partitions is the number of partitions of the topic that has most.
func (s *Scan) Partitions() int32 { return s.count }

// Bounds gives the first offset that a topic holds of a partition number, and the one after the last; 0 and 0: there is no such topic.
func (s *Scan) Bounds(topic int, partition int32) (from, to int64) {
	b := s.bounds[topic][partition]
	return b.from, b.to
}

// Begin begins to read a partition number, and gives up the one before.
func (s *Scan) Begin(partition int32) error {
	s.Close()
	s.number, s.lanes = partition, make([]scanLane, len(s.topics))
	from := make(map[string]map[int32]kgo.Offset)
	for i, topic := range s.topics {
		b := s.bounds[i][partition]
		s.lanes[i] = scanLane{next: b.from, to: b.to}
		if b.from < b.to {
			from[topic] = map[int32]kgo.Offset{partition: kgo.NewOffset().At(b.from)}
		}
	}
	if len(from) == 0 {
		return nil
	}
	client, err := s.k.client(
		kgo.ConsumePartitions(from),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(), // which a partition may end with
		kgo.FetchMaxWait(200*time.Millisecond),
		kgo.FetchMaxPartitionBytes(512<<10),
	)
	s.client = client
	return err
}

// Next waits for the next record of a topic in the partition number that was begun; io.EOF is the end.
func (s *Scan) Next(ctx context.Context, topic int) (key, value []byte, timestamp, next int64, err error) {
	l := &s.lanes[topic]
	for len(l.records) == 0 {
		if l.next >= l.to {
			return nil, nil, 0, 0, io.EOF
		}
		if err := s.poll(ctx); err != nil {
			return nil, nil, 0, 0, err
		}
	}
	r := l.records[0]
	l.records[0] = nil
	l.records = l.records[1:]
	if l.paused && len(l.records) < scanAhead/2 && l.next < l.to {
		l.paused = false
		s.client.ResumeFetchPartitions(s.place(topic))
	}
	return r.Key, r.Value, r.Timestamp.UnixMilli(), r.Offset + 1, nil
}

// Ready tells whether Next need not wait.
func (s *Scan) Ready(topic int) bool { return len(s.lanes[topic].records) > 0 }

func (s *Scan) place(topic int) map[string][]int32 {
	return map[string][]int32{s.topics[topic]: {s.number}}
}

// poll takes in what the broker sends. Where it sends nothing for longer than patience, that is an error.
func (s *Scan) poll(ctx context.Context) error {
	patient, cancel := context.WithTimeout(ctx, max(s.k.opt.Patience, 30*time.Second))
	defer cancel()
	fetches := s.client.PollFetches(patient)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := patient.Err(); err != nil {
		return fmt.Errorf("reading the sources: no broker answers: %w", err)
	}
	var failed error
	fetches.EachPartition(func(fp kgo.FetchTopicPartition) {
		topic := s.byName[fp.Topic]
		if fp.Err != nil {
			if err := s.again(ctx, topic, fp.Err); err != nil {
				failed = err
			}
			return
		}
		l := &s.lanes[topic]
		for _, r := range fp.Records {
			if r.Offset < l.next || r.Offset >= l.to {
				l.next = max(l.next, min(r.Offset+1, l.to))
				continue
			}
			l.next = r.Offset + 1
			if !r.Attrs.IsControl() {
				l.records = append(l.records, r)
			}
		}
		if !l.paused && (len(l.records) > scanAhead || l.next >= l.to) {
			l.paused = true
			s.client.PauseFetchPartitions(s.place(topic))
		}
	})
	return failed
}

// again goes on behind what was deleted while it was read.
func (s *Scan) again(ctx context.Context, topic int, why error) error {
	name := s.topics[topic]
	if !errors.Is(why, kerr.OffsetOutOfRange) {
		return s.k.explain("reading "+name, why, reading(name))
	}
	first, err := kadm.NewClient(s.client).ListStartOffsets(ctx, name)
	if err == nil {
		err = first.Error()
	}
	start, ok := first.Lookup(name, s.number)
	l := &s.lanes[topic]
	if err != nil || !ok || start.Offset <= l.next {
		return s.k.explain("reading "+name, errors.Join(why, err), reading(name))
	}
	if !slices.Contains(s.cut, topic) {
		s.cut = append(s.cut, topic)
	}
	if l.next = min(start.Offset, l.to); l.next < l.to {
		s.client.RemoveConsumePartitions(s.place(topic))
		s.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{name: {s.number: kgo.NewOffset().At(l.next)}})
	}
	return nil
}

// Cut names the topics whose beginning was deleted while they were read.
func (s *Scan) Cut() []int { return s.cut }

// Close gives up what is being read.
func (s *Scan) Close() {
	if s.client != nil {
		s.client.Close()
		s.client = nil
	}
}
