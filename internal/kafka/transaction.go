package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/ruas/ruas/internal/pipeline"
)

// Commit implements pipeline.Partition. Two things fence it: the producer epoch of the partition's transactional id, and the offsets,
// which go with every transaction, changed or not: the group's coordinator refuses them to a member that is out (KIP-447).
func (p *partition) Commit(ctx context.Context, tx *pipeline.Transaction) (end pipeline.Reached, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.k.opt.CommitTimeout)
	defer cancel()
	if err := p.producer.BeginTransaction(); err != nil {
		return end, p.k.explain("beginning a transaction", err, access{id: p.transactionalID()})
	}
	if end, err = p.produce(ctx, tx); err != nil {
		return end, err
	}
	if err := p.commitOffsets(ctx, tx.Offsets); err != nil {
		return end, p.k.explain("committing offsets", err, access{id: p.transactionalID()})
	}
	if err := p.producer.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return end, p.k.explain("committing a transaction", err, access{id: p.transactionalID()})
	}
	return end, nil
}

// flushMost is how many records are kept until they are sent: most transactions have fewer, and go as one request. A record takes 170 bytes
// of the client's, and as much again with what it holds on its way.
const flushMost = 1 << 13

// produce sends all records and waits until they are on the broker.
func (p *partition) produce(ctx context.Context, tx *pipeline.Transaction) (end pipeline.Reached, err error) {
	var (
		mu   sync.Mutex
		fail error
	)
	done := func(r *kgo.Record, err error) {
		if err == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if fail == nil {
			fail = p.k.explain("writing to "+r.Topic, err, access{operation: "Write", topic: r.Topic, id: p.transactionalID()})
		}
	}
	sent := time.Now()
	var change, task *kgo.Record
	end.Changes = -1
	flush := func() error {
		if err := p.producer.Flush(ctx); err != nil {
			return fmt.Errorf("waiting for the broker to take a transaction's records: %w", err)
		}
		if change != nil && p.layout.ChangesPartitions == p.layout.Partitions {
			end.Changes = change.Offset + 1
		}
		if task != nil {
			end.State = task.Offset + 1
		}
		// All are on the broker, and their room is free for the next.
		change, task = nil, nil
		clear(p.records)
		clear(p.headers)
		p.records, p.headers = p.records[:0], p.headers[:0]
		return nil
	}
	// The client points to records: they must not move before they are on the broker.
	if n := min(flushMost, len(tx.Changes)+len(tx.Memberships)+len(tx.DeadLetters)+len(tx.State)); cap(p.records) < n {
		p.records = make([]kgo.Record, 0, n)
	}
	send := func(topic string, partition int32, m *pipeline.Message) (*kgo.Record, error) {
		if len(p.records) == cap(p.records) {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		from := len(p.headers)
		for _, h := range m.Headers {
			p.headers = append(p.headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
		}
		p.records = append(p.records, kgo.Record{
			Topic: topic, Partition: partition, Key: m.Key, Value: m.Value, Headers: p.headers[from:len(p.headers):len(p.headers)],
		})
		r := &p.records[len(p.records)-1]
		p.producer.Produce(ctx, r, done)
		return r, nil
	}
	for i := range tx.Changes {
		if change, err = send(p.layout.Topics.Changes, p.partitionOf(tx.Changes[i].Key, p.layout.ChangesPartitions), &tx.Changes[i]); err != nil {
			return end, err
		}
	}
	for i := range tx.Memberships {
		if _, err := send(p.layout.Topics.Memberships, p.partitionOf(tx.Memberships[i].Key, p.layout.MembershipsPartitions), &tx.Memberships[i]); err != nil {
			return end, err
		}
	}
	for i := range tx.DeadLetters {
		if _, err := send(p.layout.Topics.DeadLetters, p.number%p.layout.DeadLetterPartitions, &tx.DeadLetters[i]); err != nil {
			return end, err
		}
	}
	for i := range tx.State {
		if task, err = send(p.layout.Topics.State, p.number, &tx.State[i]); err != nil {
			return end, err
		}
	}
	if err := flush(); err != nil {
		return end, err
	}
	mu.Lock()
	defer mu.Unlock()
	p.last = produced{sent: sent, offset: end.State - 1}
	return end, fail
}

// partitionOf keeps what is said of a customer where a joiner of topics looks for it: in the customer's own partition number, or, in a topic
// with another number of partitions, where Kafka's default partitioner puts the key.
func (p *partition) partitionOf(key []byte, partitions int32) int32 {
	if partitions != p.layout.Partitions {
		return javaPartition(key, partitions)
	}
	return p.number
}

// commitOffsets adds the offsets of the sources to the transaction, in the name of the member and its generation.
func (p *partition) commitOffsets(ctx context.Context, offsets []int64) error {
	id, epoch, err := p.producer.ProducerID(ctx)
	if err != nil {
		return fmt.Errorf("reading the producer id: %w", err)
	}
	if !p.implicit {
		add := kmsg.NewPtrAddOffsetsToTxnRequest()
		add.TransactionalID, add.ProducerID, add.ProducerEpoch, add.Group = p.transactionalID(), id, epoch, p.k.opt.Group
		err = retry(ctx, func() error {
			resp, err := add.RequestWith(ctx, p.producer)
			if err != nil {
				return err
			}
			return kerr.ErrorForCode(resp.ErrorCode)
		})
		if err != nil {
			return fmt.Errorf("adding offsets to the transaction: %w", err)
		}
	}
	commit := kmsg.NewPtrTxnOffsetCommitRequest()
	commit.TransactionalID, commit.ProducerID, commit.ProducerEpoch, commit.Group = p.transactionalID(), id, epoch, p.k.opt.Group
	commit.MemberID, commit.Generation = p.member.ID, p.member.Generation
	for i, s := range p.layout.Topics.Sources {
		if offsets[i] < 0 {
			continue
		}
		rt := kmsg.NewTxnOffsetCommitRequestTopic()
		rt.Topic, rt.TopicID = s.Topic, topicID(p.layout.SourceIDs[i])
		rp := kmsg.NewTxnOffsetCommitRequestTopicPartition()
		rp.Partition, rp.Offset = p.number, offsets[i]
		rt.Partitions = append(rt.Partitions, rp)
		commit.Topics = append(commit.Topics, rt)
	}
	return retry(ctx, func() error {
		resp, err := commit.RequestWith(ctx, p.producer)
		if err != nil {
			return err
		}
		for _, rt := range resp.Topics {
			for _, rp := range rt.Partitions {
				if err := kerr.ErrorForCode(rp.ErrorCode); err != nil {
					return p.refusedOffset(&rt, err)
				}
			}
		}
		return nil
	})
}

// implicitSince is the version of transactions from which on offsets that are committed in one belong to it (KIP-890, part 2): no request
// adds them first.
const implicitSince = 2

// askImplicit asks the broker whether the cluster's transactions are of that version.
func (p *partition) askImplicit(ctx context.Context) (bool, error) {
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(ctx, p.producer)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return false, p.k.explain("asking for the cluster's features", err, access{})
	}
	for _, f := range resp.FinalizedFeatures {
		if f.Name == "transaction.version" {
			return f.MaxVersionLevel >= implicitSince, nil
		}
	}
	return false, nil
}

// refusedOffset names the source, where the error is of that and not of the group.
func (p *partition) refusedOffset(rt *kmsg.TxnOffsetCommitResponseTopic, err error) error {
	topic := rt.Topic
	for i, id := range p.layout.SourceIDs { // newer brokers answer with the id alone
		if topic == "" && topicID(id) == rt.TopicID {
			topic = p.layout.Topics.Sources[i].Topic
		}
	}
	if errors.Is(err, kerr.TopicAuthorizationFailed) {
		return p.k.explain("committing offsets", err, reading(topic))
	}
	return err
}

func (p *partition) transactionalID() string { return fmt.Sprintf("%s-%d", p.k.opt.Group, p.number) }

// retry repeats what the broker was not ready for: coordinators that move or load, the last transaction's markers.
func retry(ctx context.Context, try func() error) error {
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 250*time.Millisecond) {
		err := try()
		if err == nil || fenced(err) {
			return err
		}
		if !errors.Is(err, kerr.ConcurrentTransactions) && !kerr.IsRetriable(err) {
			return err
		}
		if !sleep(ctx, wait) {
			return err
		}
	}
}
