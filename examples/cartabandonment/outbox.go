package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/ruas/ruas/subscribe"
)

// Outbox is the topic that messages are written to, and all that is remembered: what was decided of which customer, and how far the changes
// were read, are in the very records that go out. Its partition p answers partition p of the changes.
//
// A record's header "source" is the offset of the change that it answers, so along a partition it grows. One whose source does not is of
// a predecessor that was given up, and came late: it counts for nothing, for us as for whoever sends.
type Outbox struct {
	client kafka.Client
	topic  string
	parts  []outboxPartition
}

// outboxPartition is used by one goroutine at a time.
type outboxPartition struct {
	source int64               // of the last record; -1: none
	last   map[string]*Message // by customer
}

// sourceHeader is the header that bears the offset of the change.
const sourceHeader = "source"

// openOutbox makes the topic where it is missing, with so many partitions, and reads it.
func openOutbox(ctx context.Context, client kafka.Client, topic string, partitions, replication int) (*Outbox, error) {
	answer, err := client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{
		Topic: topic, NumPartitions: partitions, ReplicationFactor: replication,
		ConfigEntries: []kafka.ConfigEntry{{ConfigName: "cleanup.policy", ConfigValue: "compact"}},
	}}})
	if err == nil {
		err = answer.Errors[topic]
	}
	if err != nil && !errors.Is(err, kafka.TopicAlreadyExists) {
		return nil, fmt.Errorf("creating the topic %s: %w", topic, err)
	}
	records := &subscribe.Topic{Brokers: client.Addr, Transport: client.Transport, Name: topic}
	n, err := records.Partitions(ctx)
	if err != nil {
		return nil, err
	}
	if n != partitions {
		return nil, permanent{fmt.Errorf("%s has %d partitions, the changes have %d: make it anew with as many", topic, n, partitions)}
	}
	o := &Outbox{client, topic, make([]outboxPartition, n)}
	for p := range o.parts {
		o.parts[p] = outboxPartition{-1, map[string]*Message{}}
	}
	_, err = records.ReadToEnd(ctx, nil, func(_ context.Context, batch []*subscribe.Record) error {
		for _, r := range batch {
			if err := o.parts[r.Partition].take(r); err != nil {
				return permanent{fmt.Errorf("%s, partition %d, offset %d: %w", topic, r.Partition, r.Offset, err)}
			}
		}
		return nil
	})
	return o, err
}

// take reads what an earlier run wrote.
func (p *outboxPartition) take(r *subscribe.Record) error {
	source, err := strconv.ParseInt(r.Header(sourceHeader), 10, 64)
	if err != nil || source <= p.source {
		return err
	}
	m := new(Message)
	if err := json.Unmarshal(r.Value, m); err != nil {
		return err
	}
	p.source = source
	if m.Status != Position {
		p.last[m.CustomerID] = m
	}
	return nil
}

// Next are the positions from which on changes are still to be answered.
func (o *Outbox) Next() subscribe.Positions {
	next := subscribe.Positions{}
	for p := range o.parts {
		if source := o.parts[p].source; source >= 0 {
			next[int32(p)] = source + 1
		}
	}
	return next
}

// answer is a message, and the offset of the change that it answers.
type answer struct {
	message *Message
	source  int64
}

// Limits of what is written at a time, and of how far one reads on without a note of it.
const (
	maxAnswers   = 1000
	positionStep = 5000
	writeTimeout = 30 * time.Second
)

// Write writes answers to changes of one partition that was read up to the offset next. What fails may have been written all the same:
// then the Outbox is to be opened anew.
func (o *Outbox) Write(ctx context.Context, partition int32, answers []answer, next int64) error {
	part := &o.parts[partition]
	if len(answers) == 0 && next > part.source+positionStep {
		answers = []answer{{&Message{Status: Position}, next - 1}}
	}
	for len(answers) > 0 {
		n := min(len(answers), maxAnswers)
		if err := o.produce(ctx, partition, answers[:n]); err != nil {
			return fmt.Errorf("writing to %s: %w", o.topic, err)
		}
		part.source = answers[n-1].source
		answers = answers[n:]
	}
	return nil
}

func (o *Outbox) produce(ctx context.Context, partition int32, answers []answer) error {
	records := make([]kafka.Record, len(answers))
	for i, a := range answers {
		value, err := json.Marshal(a.message)
		if err != nil {
			return err
		}
		key := "position"
		if a.message.Status != Position {
			key = "customer/" + a.message.CustomerID
		}
		records[i] = kafka.Record{
			Key: kafka.NewBytes([]byte(key)), Value: kafka.NewBytes(value),
			Headers: []kafka.Header{{Key: sourceHeader, Value: strconv.AppendInt(nil, a.source, 10)}},
		}
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	answer, err := o.client.Produce(ctx, &kafka.ProduceRequest{
		Topic: o.topic, Partition: int(partition), RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...),
	})
	if err != nil {
		return err
	}
	return answer.Error
}
