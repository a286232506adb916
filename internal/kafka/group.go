package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/pipeline"
)

// Join implements pipeline.Log. The group's client only holds the membership: it reads nothing, since a session reads its own
// partition, from the offsets of its own record.
func (k *Kafka) Join(ctx context.Context, layout pipeline.Layout, claims pipeline.Claims) error {
	var topics []string
	for i, s := range layout.Topics.Sources {
		if layout.Present(i) {
			topics = append(topics, s.Topic)
		}
	}
	var given atomic.Bool // some generation of the group
	cl, err := k.client(
		kgo.ConsumerGroup(k.opt.Group),
		kgo.ConsumeTopics(topics...),
		kgo.Balancers(copartition{}),
		kgo.DisableAutoCommit(),
		kgo.SessionTimeout(k.opt.SessionTimeout),
		kgo.HeartbeatInterval(k.opt.SessionTimeout/10),
		kgo.RebalanceTimeout(k.opt.RebalanceTimeout),
		kgo.OnPartitionsAssigned(func(_ context.Context, cl *kgo.Client, assigned map[string][]int32) {
			// The generation cannot move on while this runs: a worker rejoins only after it gave up what it had.
			id, generation := cl.GroupMetadata()
			given.Store(true)
			claims.Assigned(pipeline.Member{ID: id, Generation: generation}, k.whole(topics, assigned))
		}),
		kgo.OnPartitionsRevoked(func(context.Context, *kgo.Client, map[string][]int32) { claims.Revoked() }),
		kgo.OnPartitionsLost(func(context.Context, *kgo.Client, map[string][]int32) { claims.Lost() }),
	)
	if err != nil {
		return err
	}
	cl.PauseFetchTopics(topics...)
	defer cl.CloseAllowingRebalance()
	for {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			claims.Revoked()
			// A group that waits for another member, that may be dead, does not let this one leave.
			leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTimeout)
			defer cancel()
			if err := cl.LeaveGroupContext(leave); err != nil {
				k.opt.Logger.Warn("leaving the group", zap.Error(err))
			}
			return nil
		}
		for _, e := range fetches.Errors() {
			err := k.explain("taking part in Kafka's group "+k.opt.Group, e.Err, reading(e.Topic))
			if refusal := new(pipeline.Refusal); errors.As(err, &refusal) && !given.Load() {
				return refusal
			}
			// What was allowed once may be again. An error of a topic is seen by the sessions on its partitions.
			if session := new(kgo.ErrGroupSession); errors.As(e.Err, &session) {
				claims.Waiting(err)
			}
		}
		if fetches.IsClientClosed() {
			return errors.New("the group's client was closed")
		}
		// Errors alone come here, and the client goes on by itself.
		if !sleep(ctx, 50*time.Millisecond) {
			continue
		}
	}
}

// leaveTimeout is how long leaving the group may take when nothing is in hand any more.
const leaveTimeout = 5 * time.Second

// whole gives the partition numbers that were given in every topic. The balancer gives no others; one of another version might.
func (k *Kafka) whole(topics []string, given map[string][]int32) []int32 {
	count := make(map[int32]int)
	for _, t := range topics {
		for _, p := range given[t] {
			count[p]++
		}
	}
	var numbers []int32
	for p, n := range count {
		if n == len(topics) {
			numbers = append(numbers, p)
			continue
		}
		k.opt.Logger.Warn("a partition number was not given whole, and is left alone", zap.Int32("partition", p))
	}
	slices.Sort(numbers)
	return numbers
}

// copartition is a balancer that gives a partition number in all topics to one member. Members that read more topics than others, as
// in a rolling change of the sources, get those too. It revokes everything at each rebalance: a number never has two owners that both
// believe to be in the group.
type copartition struct{}

// protocol is the balancer's name in the group; members with another one cannot join.
const protocol = "ruas-copartition"

func (copartition) ProtocolName() string { return protocol }
func (copartition) IsCooperative() bool  { return false }

func (copartition) JoinGroupMetadata(topics []string, _ map[string][]int32, _ int32) []byte {
	meta := kmsg.NewConsumerMemberMetadata()
	meta.Topics = topics
	return meta.AppendTo(nil)
}

func (copartition) ParseSyncAssignment(assignment []byte) (map[string][]int32, error) {
	return kgo.ParseConsumerSyncAssignment(assignment)
}

func (c copartition) MemberBalancer(members []kmsg.JoinGroupResponseMember) (kgo.GroupMemberBalancer, map[string]struct{}, error) {
	b, err := kgo.NewConsumerBalancer(c, members)
	if err != nil {
		return nil, nil, fmt.Errorf("reading what the group's members want: %w", err)
	}
	return b, b.MemberTopics(), nil
}

// Balance gives the numbers out in equal runs, members in the order of their ids.
func (copartition) Balance(b *kgo.ConsumerBalancer, topics map[string]int32) kgo.IntoSyncAssignment {
	type member struct {
		raw    *kmsg.JoinGroupResponseMember
		topics []string
	}
	var members []member
	b.EachMember(func(raw *kmsg.JoinGroupResponseMember, meta *kmsg.ConsumerMemberMetadata) {
		members = append(members, member{raw, meta.Topics})
	})
	sort.Slice(members, func(i, j int) bool { return members[i].raw.MemberID < members[j].raw.MemberID })
	var most int32
	for _, n := range topics {
		most = max(most, n)
	}
	plan := b.NewPlan()
	for p := range most {
		m := members[int(p)*len(members)/int(most)]
		for _, t := range m.topics {
			if p < topics[t] {
				plan.AddPartition(m.raw, t, p)
			}
		}
	}
	return plan
}
