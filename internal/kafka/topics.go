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
	"github.com/twmb/franz-go/pkg/kmsg"
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
		"min.cleanable.dirty.ratio": kadm.StringPtr("0.5"),
		"delete.retention.ms":       kadm.StringPtr(fmt.Sprint(DeleteRetention.Milliseconds())),
		"message.timestamp.type":    kadm.StringPtr("LogAppendTime"),
	}
}

// membershipsConfig keeps the newest list of each customer.
func membershipsConfig() map[string]*string {
	return map[string]*string{
		"cleanup.policy":      kadm.StringPtr("compact"),
		"delete.retention.ms": kadm.StringPtr(fmt.Sprint(DeleteRetention.Milliseconds())),
	}
}

// Prepare implements pipeline.Log.
func (k *Kafka) Prepare(ctx context.Context, topics pipeline.Topics) (pipeline.Layout, error) {
	cl, err := k.client()
	if err != nil {
		return pipeline.Layout{}, err
	}
	defer cl.Close()
	if err := k.reach(ctx, cl, !topics.Look); err != nil {
		return pipeline.Layout{}, err
	}
	// A cluster that answers may still be choosing leaders and coordinators.
	for end := time.Now().Add(k.opt.Patience); ; {
		layout, err := k.prepare(ctx, cl, topics)
		refusal, gone := new(pipeline.Refusal), new(pipeline.TopicGone)
		if err == nil || topics.Look || errors.As(err, &refusal) || errors.As(err, &gone) || ctx.Err() != nil {
			return layout, err
		}
		if time.Now().After(end) {
			return layout, &pipeline.Refusal{Unreachable: true, Reason: err.Error()}
		}
		k.opt.Logger.Warn("preparing the topics fails, and is tried again", zap.Error(err))
		if !sleep(ctx, 500*time.Millisecond) {
			return layout, ctx.Err()
		}
	}
}

func (k *Kafka) prepare(ctx context.Context, cl *kgo.Client, topics pipeline.Topics) (pipeline.Layout, error) {
	layout, err := k.layout(ctx, cl, topics)
	for end := time.Now().Add(spread); absent(err) && time.Now().Before(end) && sleep(ctx, 100*time.Millisecond); {
		layout, err = k.layout(ctx, cl, topics)
	}
	if err == nil {
		err = layout.equalCounts()
	}
	if err != nil {
		return layout.Layout, err
	}
	if topics.Look {
		return layout.Layout, layout.complete()
	}
	if err := k.remembered(ctx, cl, &layout); err != nil {
		return layout.Layout, err
	}
	if layout, err = k.create(ctx, cl, layout); err != nil {
		return layout.Layout, err
	}
	return layout.Layout, layout.equalCounts()
}

// create makes the topics of ruas that are missing, and waits until they are known.
func (k *Kafka) create(ctx context.Context, cl *kgo.Client, layout found) (found, error) {
	type wanted struct {
		name       string
		partitions int32
		has        int32
		config     map[string]*string
	}
	topics, missing := layout.Topics, false
	all := []wanted{
		{topics.State, layout.Partitions, layout.statePartitions, stateConfig()},
		{topics.Changes, k.partitions(layout.Partitions), layout.ChangesPartitions, nil},
		{topics.DeadLetters, k.partitions(layout.Partitions), layout.DeadLetterPartitions, nil},
	}
	if topics.Memberships != "" {
		all = append(all, wanted{topics.Memberships, layout.Partitions, layout.MembershipsPartitions, membershipsConfig()})
	}
	for i, s := range topics.Sources {
		if s.Made && !layout.Present(i) {
			all = append(all, wanted{s.Topic, layout.Partitions, 0, nil})
		}
	}
	for _, t := range all {
		if t.has > 0 {
			continue
		}
		missing = true
		_, err := kadm.NewClient(cl).CreateTopic(ctx, t.partitions, k.opt.Replication, t.config, t.name)
		switch {
		case err == nil:
			k.opt.Logger.Info("created a topic", zap.String("topic", t.name), zap.Int32("partitions", t.partitions))
		case !errors.Is(err, kerr.TopicAlreadyExists):
			return layout, k.explain("creating the topic "+t.name, err, creating(t.name))
		}
	}
	// A new topic takes a moment to be known everywhere.
	for end := time.Now().Add(k.opt.Patience); missing; {
		var err error
		if layout, err = k.layout(ctx, cl, topics); err != nil {
			return layout, err
		}
		if missing = layout.complete() != nil; !missing {
			break
		}
		if time.Now().After(end) {
			return layout, &pipeline.Refusal{Reason: "the topics that were created do not appear on the broker", Unreachable: true}
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return layout, ctx.Err()
		}
	}
	return layout, nil
}

// remembered refuses a state topic that is missing or empty where the group has committed offsets: these two come about in one
// transaction, so that the state was lost.
func (k *Kafka) remembered(ctx context.Context, cl *kgo.Client, f *found) error {
	if f.Topics.AcceptLoss {
		return nil
	}
	admin := kadm.NewClient(cl)
	// The offsets are read first: what was committed meanwhile is in both, or in the state alone.
	var offsets kadm.OffsetResponses
	patient, cancel := context.WithTimeout(ctx, k.opt.Patience) // a new cluster makes the topic of its groups first
	defer cancel()
	err := retry(patient, func() (err error) {
		offsets, err = admin.FetchOffsets(ctx, k.opt.Group)
		return err
	})
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return k.explain("reading the offsets of the group "+k.opt.Group, err, access{})
	}
	progress := make(map[int32]bool)
	for i, s := range f.Topics.Sources {
		for p := range f.Partitions {
			if o, ok := offsets.Lookup(s.Topic, p); ok && f.Present(i) && o.At > 0 {
				progress[p] = true
			}
		}
	}
	if len(progress) == 0 {
		return nil
	}
	var ends kadm.ListedOffsets
	if f.statePartitions > 0 {
		if ends, err = admin.ListEndOffsets(ctx, f.Topics.State); err == nil {
			err = ends.Error()
		}
		if err != nil {
			return k.explain("reading the end of "+f.Topics.State, err, describing(f.Topics.State))
		}
	}
	for p := range f.Partitions {
		if end, ok := ends.Lookup(f.Topics.State, p); progress[p] && (!ok || end.Offset == 0) {
			return &pipeline.Refusal{Unreachable: true, Reason: fmt.Sprintf("the group %s has committed offsets in partition %d, but the "+
				"topic %s holds no state of it: it was deleted or emptied, and what ruas knew of its customers is gone. Bring the topic back; "+
				"or, to begin anew from what the sources hold, start once with on_data_loss: continue", k.opt.Group, p, f.Topics.State)}
		}
	}
	return nil
}

// spread is how long a topic that was made a moment ago may take to be known to every broker.
const spread = time.Second

// absent tells a refusal for what is not there from one for what is wrong.
func absent(err error) bool {
	refusal, gone := new(pipeline.Refusal), new(pipeline.TopicGone)
	return errors.As(err, &refusal) && refusal.Unreachable || errors.As(err, &gone)
}

func (k *Kafka) partitions(sources int32) int32 {
	if k.opt.Partitions > 0 {
		return k.opt.Partitions
	}
	return sources
}

// reach waits until a broker answers, or patience ends.
func (k *Kafka) reach(ctx context.Context, cl *kgo.Client, tell bool) error {
	end := time.Now().Add(k.opt.Patience)
	var why error // of the first attempt: the last one may have had no time for an answer
	for {
		ask, cancel := context.WithDeadline(ctx, end)
		err := cl.Ping(ask)
		cancel()
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		explained := k.explain("connecting", err, access{})
		if refusal := new(pipeline.Refusal); errors.As(explained, &refusal) {
			return refusal
		}
		if why == nil {
			why = err
		}
		if tell {
			tell = false
			k.opt.Logger.Warn("no broker answers yet", zap.Strings("brokers", k.opt.Brokers), zap.Duration("asking_for", k.opt.Patience), zap.Error(err))
		}
		if !time.Now().Before(end) {
			return &pipeline.Refusal{Reason: fmt.Sprintf("no Kafka broker answers at %s (kafka.brokers): %v", strings.Join(k.opt.Brokers, ", "), why), Unreachable: true}
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
func (k *Kafka) layout(ctx context.Context, cl *kgo.Client, topics pipeline.Topics) (found, error) {
	f := found{Layout: pipeline.Layout{Topics: topics, SourceIDs: make([]string, len(topics.Sources))}}
	all := []needs{
		{topics.State, []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite}},
		{topics.Changes, []kmsg.ACLOperation{kmsg.ACLOperationWrite}},
		{topics.DeadLetters, []kmsg.ACLOperation{kmsg.ACLOperationWrite}},
	}
	if topics.Memberships != "" {
		all = append(all, needs{topics.Memberships, []kmsg.ACLOperation{kmsg.ACLOperationWrite}})
	}
	if topics.Follow {
		all[1].operations = append(all[1].operations, kmsg.ACLOperationRead)
	}
	for _, s := range topics.Sources {
		all = append(all, needs{s.Topic, []kmsg.ACLOperation{kmsg.ACLOperationRead}})
	}
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation, req.IncludeTopicAuthorizedOperations = false, true
	for _, n := range all {
		rt := kmsg.NewMetadataRequestTopic()
		rt.Topic = kmsg.StringPtr(n.topic)
		req.Topics = append(req.Topics, rt)
	}
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return f, k.explain("reading the topics", err, access{})
	}
	byName := make(map[string]*kmsg.MetadataResponseTopic, len(resp.Topics))
	for i := range resp.Topics {
		if name := resp.Topics[i].Topic; name != nil {
			byName[*name] = &resp.Topics[i]
		}
	}
	var denied []string
	for _, n := range all {
		d := byName[n.topic]
		if d == nil {
			return f, fmt.Errorf("reading the topics: the broker says nothing of %s", n.topic)
		}
		if lacks := n.lacks(d); lacks != "" {
			denied = append(denied, lacks)
			continue
		}
		if err := kerr.ErrorForCode(d.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return f, k.explain("reading the topic "+n.topic, err, describing(n.topic))
		}
	}
	if len(denied) > 0 {
		return f, k.refuse("looking at the topics", strings.Join(denied, "; "))
	}
	if err := f.sources(byName); err != nil {
		return f, err
	}
	f.StateID = kadm.TopicID(byName[topics.State].TopicID).String()
	f.statePartitions = int32(len(byName[topics.State].Partitions))
	f.ChangesPartitions = int32(len(byName[topics.Changes].Partitions))
	f.DeadLetterPartitions = int32(len(byName[topics.DeadLetters].Partitions))
	if topics.Memberships != "" {
		f.MembershipsPartitions = int32(len(byName[topics.Memberships].Partitions))
	}
	return f, nil
}

func (f *found) sources(details map[string]*kmsg.MetadataResponseTopic) error {
	first := ""
	for i, s := range f.Topics.Sources {
		n := int32(len(details[s.Topic].Partitions))
		switch {
		case n == 0 && (s.Optional || s.Made):
			continue
		case n == 0:
			return &pipeline.Refusal{Reason: fmt.Sprintf("the topic %s does not exist: create it, or mark its source `optional: true`", s.Topic), Unreachable: true}
		case first == "":
			first, f.Partitions = s.Topic, n
		case n != f.Partitions:
			return &pipeline.Refusal{Reason: fmt.Sprintf("the sources' partition counts differ: %s has %d, %s has %d. "+
				"A customer's events must have the same partition number in every source", first, f.Partitions, s.Topic, n)}
		}
		f.SourceIDs[i] = kadm.TopicID(details[s.Topic].TopicID).String()
	}
	if first == "" {
		return &pipeline.Refusal{Reason: "none of the sources' topics exists", Unreachable: true}
	}
	return nil
}

// equalCounts refuses a state topic that does not fit the sources.
func (f *found) equalCounts() error {
	if f.statePartitions == 0 || f.statePartitions == f.Partitions {
		return nil
	}
	return &pipeline.Refusal{Reason: fmt.Sprintf("the sources have %d partitions each, but %s has %d: they must be equal, and cannot change "+
		"while there is state", f.Partitions, f.Topics.State, f.statePartitions)}
}

// complete tells whether all of ruas's topics are there.
func (f *found) complete() error {
	switch {
	case f.statePartitions == 0:
		return &pipeline.TopicGone{Topic: f.Topics.State, State: true}
	case f.ChangesPartitions == 0:
		return &pipeline.TopicGone{Topic: f.Topics.Changes}
	case f.DeadLetterPartitions == 0:
		return &pipeline.TopicGone{Topic: f.Topics.DeadLetters}
	case f.MembershipsPartitions == 0 && f.Topics.Memberships != "":
		return &pipeline.TopicGone{Topic: f.Topics.Memberships}
	}
	for i, s := range f.Topics.Sources {
		if s.Made && !f.Present(i) {
			return &pipeline.TopicGone{Topic: s.Topic}
		}
	}
	return nil
}

// same tells whether what is there is still what there was.
func (f *found) same(before *pipeline.Layout) error {
	if err := f.complete(); err != nil {
		return err
	}
	if f.StateID != before.StateID {
		return &pipeline.TopicGone{Topic: f.Topics.State, State: true, Anew: true}
	}
	for i, id := range before.SourceIDs {
		if id != "" && f.SourceIDs[i] != id {
			return &pipeline.TopicGone{Topic: f.Topics.Sources[i].Topic, Anew: f.SourceIDs[i] != ""}
		}
	}
	if f.Partitions != before.Partitions {
		return &pipeline.Refusal{Reason: fmt.Sprintf("the sources have %d partitions each, and had %d when this worker started", f.Partitions, before.Partitions)}
	}
	return f.equalCounts()
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
