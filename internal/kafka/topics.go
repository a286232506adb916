package kafka

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/pipeline"
)

// DeleteRetention is for how long tombstones stay in the state topic. A view older than this may hold customers whose removal is no
// longer on record.
const DeleteRetention = pipeline.TombstonesKept

// stateConfig makes the state topic compact early and often: a rebuild reads all of it. Its records bear the broker's time, by which
// workers check their own.
func stateConfig() map[string]*string {
	return map[string]*string{
		"cleanup.policy":            kadm.StringPtr("compact"),
		"segment.bytes":             kadm.StringPtr("67108864"),
		"min.cleanable.dirty.ratio": kadm.StringPtr("0.1"),
		"delete.retention.ms":       kadm.StringPtr(fmt.Sprint(DeleteRetention.Milliseconds())),
		"message.timestamp.type":    kadm.StringPtr("LogAppendTime"),
	}
}

// Prepare implements pipeline.Log.
func (k *Kafka) Prepare(ctx context.Context, topics pipeline.Topics) (pipeline.Layout, error) {
	cl, err := k.client()
	if err != nil {
		return pipeline.Layout{}, err
	}
	defer cl.Close()
	if err := k.reach(ctx, cl); err != nil {
		return pipeline.Layout{}, err
	}
	admin := kadm.NewClient(cl)
	layout, err := k.layout(ctx, admin, topics)
	for end := time.Now().Add(spread); absent(err) && time.Now().Before(end) && sleep(ctx, 100*time.Millisecond); {
		layout, err = k.layout(ctx, admin, topics)
	}
	if err != nil {
		return layout.Layout, err
	}
	missing := false
	for _, t := range []struct {
		name       string
		partitions int32
		has        int32
		config     map[string]*string
	}{
		{topics.State, layout.Partitions, layout.statePartitions, stateConfig()},
		{topics.Changes, k.partitions(layout.Partitions), layout.ChangesPartitions, nil},
		{topics.DeadLetters, k.partitions(layout.Partitions), layout.DeadLetterPartitions, nil},
	} {
		if t.has > 0 {
			continue
		}
		missing = true
		_, err := admin.CreateTopic(ctx, t.partitions, k.opt.Replication, t.config, t.name)
		if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
			return layout.Layout, k.explain("creating the topic "+t.name, err)
		}
	}
	// A new topic takes a moment to be known everywhere.
	for end := time.Now().Add(k.opt.Patience); missing; {
		if layout, err = k.layout(ctx, admin, topics); err != nil {
			return layout.Layout, err
		}
		missing = layout.statePartitions == 0 || layout.ChangesPartitions == 0 || layout.DeadLetterPartitions == 0
		if missing && time.Now().After(end) {
			return layout.Layout, &pipeline.Refusal{Reason: "the topics that were created do not appear on the broker", Unreachable: true}
		}
		if missing && !sleep(ctx, 20*time.Millisecond) {
			return layout.Layout, ctx.Err()
		}
	}
	if layout.statePartitions != layout.Partitions {
		return layout.Layout, &pipeline.Refusal{Reason: fmt.Sprintf("the sources have %d partitions each, but %s has %d: they must be equal",
			layout.Partitions, topics.State, layout.statePartitions)}
	}
	return layout.Layout, nil
}

// spread is how long a topic that was made a moment ago may take to be known to every broker.
const spread = time.Second

// absent tells a refusal for what is not there from one for what is wrong.
func absent(err error) bool {
	refusal := new(pipeline.Refusal)
	return errors.As(err, &refusal) && refusal.Unreachable
}

func (k *Kafka) partitions(sources int32) int32 {
	if k.opt.Partitions > 0 {
		return k.opt.Partitions
	}
	return sources
}

// reach waits until a broker answers, or patience ends.
func (k *Kafka) reach(ctx context.Context, cl *kgo.Client) error {
	end := time.Now().Add(k.opt.Patience)
	var why error // of the first attempt: the last one may have had no time for an answer
	for {
		ask, cancel := context.WithDeadline(ctx, end)
		err := cl.Ping(ask)
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		explained := k.explain("connecting", err)
		if refusal := new(pipeline.Refusal); errors.As(explained, &refusal) {
			return refusal
		}
		if why == nil {
			why = err
			k.opt.Logger.Warn("no broker answers yet", zap.Strings("brokers", k.opt.Brokers), zap.Duration("asking_for", k.opt.Patience), zap.Error(err))
		}
		if !time.Now().Before(end) {
			return &pipeline.Refusal{Reason: fmt.Sprintf("no broker of %s answers: %v", strings.Join(k.opt.Brokers, ", "), why), Unreachable: true}
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return ctx.Err()
		}
	}
}

// found is a layout in the making.
type found struct {
	pipeline.Layout
	statePartitions int32
}

// layout reads what there is. Topics that ruas makes may be missing.
func (k *Kafka) layout(ctx context.Context, admin *kadm.Client, topics pipeline.Topics) (found, error) {
	f := found{Layout: pipeline.Layout{Topics: topics, SourceIDs: make([]string, len(topics.Sources))}}
	names := []string{topics.State, topics.Changes, topics.DeadLetters}
	for _, s := range topics.Sources {
		names = append(names, s.Topic)
	}
	details, err := admin.ListTopics(ctx, names...)
	if err != nil {
		return f, k.explain("reading the topics", err)
	}
	for _, name := range names {
		d := details[name]
		if d.Err != nil && !errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			return f, k.explain("reading the topic "+name, d.Err)
		}
	}
	if err := f.sources(details); err != nil {
		return f, err
	}
	f.StateID = details[topics.State].ID.String()
	f.statePartitions = int32(len(details[topics.State].Partitions))
	f.ChangesPartitions = int32(len(details[topics.Changes].Partitions))
	f.DeadLetterPartitions = int32(len(details[topics.DeadLetters].Partitions))
	return f, nil
}

func (f *found) sources(details kadm.TopicDetails) error {
	first := ""
	for i, s := range f.Topics.Sources {
		n := int32(len(details[s.Topic].Partitions))
		switch {
		case n == 0 && s.Optional:
			continue
		case n == 0:
			return &pipeline.Refusal{Reason: fmt.Sprintf("the topic %s does not exist: create it, or mark its source `optional: true`", s.Topic), Unreachable: true}
		case first == "":
			first, f.Partitions = s.Topic, n
		case n != f.Partitions:
			return &pipeline.Refusal{Reason: fmt.Sprintf("the sources' partition counts differ: %s has %d, %s has %d. "+
				"A customer's events must have the same partition number in every source", first, f.Partitions, s.Topic, n)}
		}
		f.SourceIDs[i] = details[s.Topic].ID.String()
	}
	if first == "" {
		return &pipeline.Refusal{Reason: "none of the sources' topics exists", Unreachable: true}
	}
	return nil
}

// sleep waits; false: ctx was done first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
