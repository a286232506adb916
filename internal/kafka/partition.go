package kafka

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ruas/ruas/internal/pipeline"
)

// partition is a session on one partition number. It implements pipeline.Partition.
type partition struct {
	k        *Kafka
	layout   pipeline.Layout
	number   int32
	member   pipeline.Member
	sources  map[string]int // by topic
	producer *kgo.Client
	consumer *consumer // nil until Consume
	inbox    inbox     // what it read for this session

	// implicit says that offsets are part of a transaction by being committed in it.
	implicit bool

	arrived []arrival          // what the newest Poll gave
	polled  []pipeline.Record  // the same, as records
	records []kgo.Record       // on their way to the broker
	headers []kgo.RecordHeader // theirs

	// appendTime says that records of the state topic bear the broker's time.
	appendTime atomic.Bool
	last       produced
}

// produced is when the last transaction's records were sent.
type produced struct {
	sent   time.Time
	offset int64 // of the task record; 0: nothing was produced
}

// Open implements pipeline.Log. The transactional id is the partition's, not the worker's: the broker gives it a new producer epoch,
// aborts what the last owner left open, and refuses that owner from then on.
func (k *Kafka) Open(ctx context.Context, layout pipeline.Layout, number int32, member pipeline.Member) (pipeline.Partition, error) {
	p := &partition{k: k, layout: layout, number: number, member: member, sources: make(map[string]int)}
	for i, s := range layout.Topics.Sources {
		p.sources[s.Topic] = i
	}
	var err error
	p.producer, err = k.client(
		kgo.TransactionalID(p.transactionalID()),
		kgo.TransactionTimeout(k.opt.TransactionTimeout),
		kgo.ManualFlushing(), // a transaction goes as a whole: one request, where the first record would else go by itself
		kgo.MaxBufferedRecords(2*flushMost),
		kgo.ProducerBatchCompression(kgo.SnappyCompression(), kgo.NoCompression()), // half the CPU of lz4, nearly as small
	)
	if err != nil {
		return nil, err
	}
	if _, _, err := p.producer.ProducerID(ctx); err != nil {
		p.producer.Close()
		return nil, k.explain(fmt.Sprintf("taking over partition %d", number), err, access{id: p.transactionalID()})
	}
	err = p.look(ctx)
	if err == nil {
		p.implicit, err = p.askImplicit(ctx)
	}
	if err != nil {
		p.producer.Close()
		return nil, err
	}
	return p, nil
}

// look makes sure that the topics are still those of the layout: a client that is made now would not notice.
func (p *partition) look(ctx context.Context) error {
	var (
		now    found
		err    error
		topics = p.layout.Topics
	)
	topics.Follow = false // a session does not
	for end := time.Now().Add(spread); ; {
		if now, err = p.k.layout(ctx, p.producer, topics); err == nil {
			err = now.same(&p.layout)
		}
		if !absent(err) || time.Now().After(end) || !sleep(ctx, 100*time.Millisecond) {
			break
		}
	}
	if err != nil {
		return err
	}
	p.layout.ChangesPartitions, p.layout.DeadLetterPartitions, p.layout.MembershipsPartitions = now.ChangesPartitions, now.DeadLetterPartitions, now.MembershipsPartitions
	return nil
}

func (p *partition) Close() {
	if p.consumer != nil {
		p.k.leave(p)
	}
	p.producer.Close()
}

// Special timestamps of ListOffsets.
const (
	atEnd    = -1 // with isolation read_uncommitted: the high watermark
	atStart  = -2
	atNewest = -3 // the record with the greatest timestamp
)

// StateBounds implements pipeline.Partition.
func (p *partition) StateBounds(ctx context.Context) (start, end int64, err error) {
	state := []string{p.layout.Topics.State}
	first, err := p.list(ctx, atStart, state)
	if err != nil {
		return 0, 0, err
	}
	last, err := p.list(ctx, atEnd, state)
	if err != nil {
		return 0, 0, err
	}
	return first[state[0]].Offset, last[state[0]].Offset, nil
}

// ChangesEnd implements pipeline.Partition.
func (p *partition) ChangesEnd(ctx context.Context) (int64, error) {
	if p.layout.ChangesPartitions != p.layout.Partitions {
		return -1, nil
	}
	changes := []string{p.layout.Topics.Changes}
	last, err := p.list(ctx, atEnd, changes)
	if err != nil {
		return 0, err
	}
	return last[changes[0]].Offset, nil
}

// SourceStarts implements pipeline.Partition.
func (p *partition) SourceStarts(ctx context.Context) ([]int64, error) {
	return p.sourceOffsets(ctx, atStart)
}

// SourceEnds implements pipeline.Partition.
func (p *partition) SourceEnds(ctx context.Context) ([]int64, error) {
	return p.sourceOffsets(ctx, atEnd)
}

func (p *partition) sourceOffsets(ctx context.Context, at int64) ([]int64, error) {
	offsets := make([]int64, len(p.layout.Topics.Sources))
	var topics []string
	for i, s := range p.layout.Topics.Sources {
		offsets[i] = -1
		if p.layout.Present(i) {
			topics = append(topics, s.Topic)
		}
	}
	found, err := p.list(ctx, at, topics)
	if err != nil {
		return nil, err
	}
	for topic, o := range found {
		offsets[p.sources[topic]] = o.Offset
	}
	return offsets, nil
}

// list asks for an offset of this partition number in each topic.
func (p *partition) list(ctx context.Context, at int64, topics []string) (map[string]kmsg.ListOffsetsResponseTopicPartition, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	for _, t := range topics {
		rt := kmsg.NewListOffsetsRequestTopic()
		rt.Topic = t
		rp := kmsg.NewListOffsetsRequestTopicPartition()
		rp.Partition, rp.Timestamp = p.number, at
		rt.Partitions = append(rt.Partitions, rp)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, p.producer)
	if err != nil {
		return nil, p.k.explain("reading offsets", err, describing(strings.Join(topics, ", ")))
	}
	found := make(map[string]kmsg.ListOffsetsResponseTopicPartition, len(topics))
	for _, rt := range resp.Topics {
		for _, rp := range rt.Partitions {
			if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
				return nil, p.k.explain(fmt.Sprintf("reading offsets of %s, partition %d", rt.Topic, p.number), err, describing(rt.Topic))
			}
			found[rt.Topic] = rp
		}
	}
	for _, t := range topics {
		if _, ok := found[t]; !ok {
			return nil, fmt.Errorf("reading offsets: the broker says nothing of %s, partition %d", t, p.number)
		}
	}
	return found, nil
}

// Skew implements pipeline.Partition: the broker's time of the newest record, or of the marker behind it, must lie between the sending of
// the record and this answer.
func (p *partition) Skew(ctx context.Context) (time.Duration, bool, error) {
	last := p.last
	if !p.appendTime.Load() || last.offset == 0 {
		return 0, false, nil
	}
	state := p.layout.Topics.State
	newest, err := p.list(ctx, atNewest, []string{state})
	if err != nil {
		return 0, false, err
	}
	if newest[state].Offset < 0 {
		return 0, false, nil
	}
	at, answered := time.UnixMilli(newest[state].Timestamp), time.Now()
	switch {
	case at.Before(last.sent.Add(-time.Millisecond)):
		return at.Sub(last.sent), true, nil
	case at.After(answered):
		return at.Sub(answered), true, nil
	}
	return 0, true, nil
}

// Consume implements pipeline.Partition.
func (p *partition) Consume(offsets []int64, gather time.Duration) error {
	from := make(map[string]map[int32]kgo.Offset)
	for i, s := range p.layout.Topics.Sources {
		if p.layout.Present(i) {
			from[s.Topic] = map[int32]kgo.Offset{p.number: kgo.NewOffset().At(offsets[i])}
		}
	}
	p.inbox.open(len(p.layout.Topics.Sources))
	return p.k.join(p, from, gather)
}

// reads is how all of ruas's topics are read: an offset that is out of range is an error, not a new start. Control records are kept, so that
// a position behind the last event can reach the high watermark.
func reads(more ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{
		kgo.ConsumeResetOffset(kgo.NoResetOffset()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.KeepControlRecords(),
	}, more...)
}

// Poll implements pipeline.Partition.
func (p *partition) Poll(ctx context.Context) ([]pipeline.Fetch, error) {
	p.recycle()
	arrived, err := p.inbox.wait(ctx)
	if err != nil {
		return nil, err
	}
	p.letGo(arrived)
	p.arrived = arrived
	got := make([]pipeline.Fetch, 0, len(arrived))
	for i := range arrived {
		a := &arrived[i]
		if a.Err != nil {
			err = p.gone(ctx, a.topic, a.Err)
			continue
		}
		f := pipeline.Fetch{Source: a.source, End: a.HighWatermark}
		from := len(p.polled)
		for _, r := range a.Records {
			f.Next = r.Offset + 1
			if !r.Attrs.IsControl() {
				p.polled = append(p.polled, pipeline.Record{Key: r.Key, Value: r.Value, Headers: headers(r.Headers), Offset: r.Offset})
			}
		}
		f.Records = p.polled[from:len(p.polled):len(p.polled)]
		got = append(got, f)
	}
	return got, err
}

// recycle lets what the newest Poll gave be written over.
func (p *partition) recycle() {
	for i := range p.arrived {
		for _, r := range p.arrived[i].Records {
			r.Recycle()
		}
	}
	p.arrived = nil
	clear(p.polled)
	p.polled = p.polled[:0]
}

// gone says of an offset that is out of range what there is instead.
func (p *partition) gone(ctx context.Context, topic string, err error) error {
	if !errors.Is(err, kerr.OffsetOutOfRange) {
		return p.k.explain("reading "+topic, err, reading(topic))
	}
	gone := &pipeline.OffsetsGone{Topic: topic, Partition: p.number, Offset: -1}
	if first, err := p.list(ctx, atStart, []string{topic}); err == nil {
		gone.First = first[topic].Offset
	}
	if last, err := p.list(ctx, atEnd, []string{topic}); err == nil {
		gone.Last = last[topic].Offset
	}
	return gone
}

// headers copies what may be written over.
func headers(from []kgo.RecordHeader) []pipeline.Header {
	if len(from) == 0 {
		return nil
	}
	to := make([]pipeline.Header, len(from))
	for i, h := range from {
		to[i] = pipeline.Header{Key: h.Key, Value: bytes.Clone(h.Value)}
	}
	return to
}

// ReadState implements pipeline.Partition.
func (p *partition) ReadState(ctx context.Context, from, to int64, each func(pipeline.StateRecord) error) error {
	if from >= to {
		return nil
	}
	state := p.layout.Topics.State
	cl, err := p.k.client(reads(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{state: {p.number: kgo.NewOffset().At(from)}}),
		kgo.FetchMaxPartitionBytes(8<<20))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	for next := from; next < to; {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, e := range fetches.Errors() {
			return p.k.explain(fmt.Sprintf("reading %s, partition %d", state, p.number), e.Err, reading(state))
		}
		for it := fetches.RecordIter(); !it.Done() && next < to; {
			r := it.Next()
			next = r.Offset + 1
			if r.Attrs.TimestampType() == 1 {
				p.appendTime.Store(true)
			}
			if r.Attrs.IsControl() || r.Offset >= to {
				continue
			}
			if err := each(pipeline.StateRecord{Key: r.Key, Value: r.Value, Offset: r.Offset}); err != nil {
				return err
			}
		}
	}
	return nil
}

// topicID reads an id as the layout holds it.
func topicID(s string) (id [16]byte) {
	b, err := base64.StdEncoding.DecodeString(s)
	if err == nil {
		copy(id[:], b)
	}
	return id
}
