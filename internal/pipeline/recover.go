package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"
)

// recoverSession is the one way to a session, whatever came before: an assignment, an aborted transaction, a view that lost something.
//
//  1. Open fences whoever had the partition, and ends what they left open.
//  2. The newest task record says where they were. The epoch is raised by a commit, which the broker refuses to a worker that is out.
//  3. The shard is claimed under the new epoch, or emptied where it cannot be trusted, and brought up to the high watermark.
//  4. Deadlines are loaded, and the sources are read from the record's offsets.
func recoverSession(t *task) (*session, error) {
	ctx := t.stopping
	opt := &t.p.opt
	s := &session{
		task: t, opt: opt, layout: t.p.Layout(), shard: opt.View.Shard(t.number),
		customers: newCustomers(opt.CacheCustomers), timers: &timers{window: opt.Deadlines, horizon: math.MinInt64},
	}
	for _, seg := range opt.Engine.Segments() {
		s.segments = append(s.segments, []byte(seg.Name))
	}
	var err error
	if s.part, err = opt.Log.Open(ctx, s.layout, t.number, t.member); err != nil {
		return nil, err
	}
	var background context.Context
	background, s.stopBackground = context.WithCancel(t.context)
	if err := s.recover(ctx, background); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *session) recover(ctx, background context.Context) error {
	first, end, err := s.part.StateBounds(ctx)
	if err != nil {
		return err
	}
	if err := s.lastRecord(ctx, first, end); err != nil {
		return err
	}
	if err := s.prepareSources(ctx); err != nil {
		return err
	}
	if err := s.prepareRules(ctx, first, end); err != nil {
		return err
	}
	if end, err = s.raise(ctx, s.record.Epoch+1); err != nil {
		return err
	}
	// Nobody else can commit any more: what the view is brought up to is all that was published.
	if s.published, err = s.part.ChangesEnd(ctx); err != nil {
		return err
	}
	if err := s.claim(ctx, first, end); err != nil {
		return err
	}
	s.writer = newWriter(s.shard, s.fence, s.tell, func(d time.Duration) { s.opt.Observer.Written(s.number, d) })
	s.writer.traced = s.opt.Traced
	s.background.Go(func() { s.writer.run(background) })
	s.opt.Observer.Warming(s.number, s.record.Warming)
	if err := s.sweep(ctx); err != nil {
		return err
	}
	if err := s.timers.extend(ctx, s.shard, s.writer.fence(), math.MinInt64, s.customers.peek); err != nil {
		return err
	}
	return s.startFeed(background)
}

// lastRecord looks for the newest task record, from the end backwards: there is one with every transaction. Where there is none, the tail of
// the log may be lost, and customers be there all the same: there is nobody only where there is no record at all.
func (s *session) lastRecord(ctx context.Context, first, end int64) error {
	for back := int64(64); ; back *= 8 {
		from := max(first, end-back)
		s.record = firstRecord()
		found, nothing := false, true
		err := s.part.ReadState(ctx, from, end, func(r StateRecord) (err error) {
			nothing = false
			if string(r.Key) == taskKey {
				found = true
				s.record, err = ParseTaskRecord(r.Value)
			}
			return err
		})
		if err != nil {
			return err
		}
		if found || from == first {
			s.customers.whole = nothing
			break
		}
	}
	s.clock = s.record.Clock
	if s.record.RulesVersion > s.opt.RulesVersion {
		return &Refusal{Reason: fmt.Sprintf("partition %d was last written under rules_version %d, this worker has %d",
			s.number, s.record.RulesVersion, s.opt.RulesVersion)}
	}
	return nil
}

// prepareSources sets each source to the next event to apply.
func (s *session) prepareSources(ctx context.Context) error {
	starts, err := s.part.SourceStarts(ctx)
	if err != nil {
		return err
	}
	ends, err := s.part.SourceEnds(ctx)
	if err != nil {
		return err
	}
	fresh := s.record.Epoch == 0
	s.merge = &merge{lanes: make([]lane, len(s.opt.Sources)), records: s.opt.Records}
	if s.opt.Forget != "" {
		s.merge.forget = &s.merge.lanes[len(s.merge.lanes)-1]
	}
	for i := range s.merge.lanes {
		l := &s.merge.lanes[i]
		s.merge.delay = max(s.merge.delay, s.opt.Sources[i].Delay.Milliseconds())
		topic, id := s.layout.Topics.Sources[i].Topic, s.layout.SourceIDs[i]
		if !s.layout.Present(i) {
			l.absent = true
			continue
		}
		l.next, l.end, l.holds = starts[i], ends[i], fresh
		before := s.record.progress(topic)
		if before == nil {
			continue
		}
		l.holds = before.Holds
		gone := &OffsetsGone{
			Topic: topic, Partition: s.number, Offset: before.Next, First: starts[i], Last: ends[i], Anew: before.ID != id,
		}
		switch {
		case !gone.Anew && starts[i] <= before.Next && before.Next <= ends[i]:
			l.next = before.Next
		case !s.opt.ContinueOnLoss:
			return gone
		default:
			s.log.Error("events that were not read are gone; going on with what is there", zap.Error(gone))
		}
	}
	return nil
}

// raise commits the task record under a new epoch.
func (s *session) raise(ctx context.Context, epoch int64) (end int64, err error) {
	s.record.Epoch, s.fence.Epoch = epoch, epoch
	s.record = s.progress()
	tx := &Transaction{Offsets: make([]int64, len(s.merge.lanes))}
	for i := range tx.Offsets {
		tx.Offsets[i] = s.merge.offset(i)
	}
	if s.keptChanged {
		tx.State = append(tx.State, Message{Key: []byte(keptKey), Value: s.kept.encode()})
	}
	tx.State = append(tx.State, Message{Key: []byte(taskKey), Value: s.record.encode()})
	committed, err := s.part.Commit(ctx, tx)
	s.committed = time.Now()
	s.keptChanged = s.keptChanged && err != nil
	return committed.State, err
}

// claim makes the shard this session's own and brings it up to end.
func (s *session) claim(ctx context.Context, first, end int64) error {
	var meta ShardMeta
	err := persist(ctx, s.tell, "reading the view", func() (err error) {
		meta, err = s.shard.Meta(ctx)
		return err
	})
	why := s.distrust(&meta, err, first, end)
	if why == nil && meta.Epoch >= s.fence.Epoch {
		// Another worker was here since this session began, or Kafka lost what it had committed. A commit tells which: the broker takes
		// it only from a member of the group.
		if end, err = s.raise(ctx, meta.Epoch+1); err != nil {
			return err
		}
		why = errors.New("it was written under a later epoch")
	}
	if err != nil && !errors.Is(err, ErrStale) {
		return err
	}
	if why != nil {
		s.log.Info("the view is built anew from the state topic", zap.Error(why), zap.Int64("records", end-first))
		s.fence.Applied = first
		empty := s.meta(s.record.encode())
		empty.Building = true
		err = persist(ctx, s.tell, "emptying the view", func() error { return s.shard.Reset(ctx, empty) })
		s.distrusted = nil
	} else {
		s.fence.Applied = meta.Applied
		mine := s.meta(s.record.encode())
		mine.Building, mine.Changes = meta.Building, meta.Changes
		err = persist(ctx, s.tell, "claiming the view", func() error { return s.shard.Claim(ctx, meta.Fence, mine) })
	}
	if err != nil {
		return err
	}
	start := time.Now()
	n, err := s.replay(ctx, end)
	if err != nil {
		return err
	}
	s.log.Info("the view is up to date", zap.Int("records", n), zap.Duration("took", time.Since(start)))
	return nil
}

// distrust says why a shard cannot be brought up to date; nil: it can.
func (s *session) distrust(meta *ShardMeta, err error, first, end int64) error {
	switch {
	case err != nil:
		return err
	case s.distrusted != nil:
		return s.distrusted
	case meta.StateID != s.layout.StateID:
		return errors.New("it was built from another state topic")
	case meta.Applied > end:
		return errors.New("it is ahead of the state topic")
	case meta.Applied < first:
		return errors.New("the state topic no longer holds what it lacks")
	case meta.Rules != s.record.Rules:
		return errors.New("it was built by other rules")
	case time.Since(time.UnixMilli(meta.Written)) > TombstonesKept/2:
		return errors.New("it is older than the state topic remembers removals")
	}
	return nil
}

func (s *session) belongs() func(key []byte) bool {
	if s.opt.Partition == nil {
		return nil
	}
	return func(key []byte) bool { return s.opt.Partition(key, s.layout.Partitions) == s.number }
}

// startFeed starts to read ahead.
func (s *session) startFeed(background context.Context) error {
	newDecoders := func() ([]Decoder, error) {
		list := make([]Decoder, len(s.opt.Sources))
		for i := range s.opt.Sources {
			var err error
			if list[i], err = s.opt.Sources[i].NewDecoder(); err != nil {
				return nil, err
			}
		}
		return list, nil
	}
	var err error
	if s.decoders, err = newDecoders(); err != nil {
		return err
	}
	read, err := newDecoders()
	if err != nil {
		return err
	}
	offsets := make([]int64, len(s.merge.lanes))
	for i := range offsets {
		offsets[i] = s.merge.offset(i)
	}
	if err := s.part.Consume(offsets, s.opt.BatchEvery/4); err != nil {
		return err
	}
	s.feed = newFeed(s.part, read, s.tell, s.belongs(), s.opt.ReadAhead)
	for i := range s.merge.lanes {
		l := &s.merge.lanes[i]
		s.feed.drained[i].Store(l.absent || l.next >= l.end || l == s.merge.forget)
	}
	s.background.Go(func() { s.feed.read(background) })
	s.background.Go(func() { s.feed.watchEnds(background) })
	return nil
}
