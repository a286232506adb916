package pipeline

import (
	"context"
	"slices"
	"strconv"
	"time"
)

// recordMost is the size that no record exceeds, in bytes.
const recordMost = 900_000

// commit publishes a batch in one Kafka transaction, then hands it to the view. After an error nothing that was stepped since the last
// commit is of use.
func (s *session) commit(ctx context.Context, b *batch) error {
	s.release(b)
	record := s.progress()
	record.Began, record.Through = b.began, ""
	if b.last.at == record.Clock {
		record.Through = b.last.id
	}
	tx := &Transaction{Offsets: make([]int64, len(s.merge.lanes)), Changes: s.room.changes}
	for i := range tx.Offsets {
		tx.Offsets[i] = s.offset(i)
	}
	tx.DeadLetters = s.deadLetters(b)
	update := s.stateMessages(b, tx)
	if s.opt.Memberships != "" && !record.Silent {
		tx.Memberships = s.listMessages(b, update)
	}
	if len(record.Forgotten)+len(b.forgotten) > 0 {
		record.Forgotten = remember(record.Forgotten, b.forgotten, s.opt.Now())
	}
	task := record.encode()
	tx.State = append(tx.State, Message{Key: []byte(taskKey), Value: task})
	s.room.state = tx.State // archives may have outgrown the room
	s.begun = time.Now()
	end, err := s.part.Commit(ctx, tx)
	if err != nil {
		return err
	}
	s.committed = time.Now()
	s.report(b, tx, s.committed.Sub(s.begun))
	if len(record.Warming) < len(s.record.Warming) {
		s.opt.Observer.Warming(s.number, record.Warming)
	}
	s.record = record
	update.From = s.fence
	s.fence.Applied = end.State
	s.published = max(s.published, end.Changes)
	update.To = s.meta(task)
	select {
	case s.writer.queue <- numbered{b.number, []*Update{update}, s.traceCommitted(b, tx)}:
		s.queued = b.number
	case err := <-s.writer.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
	s.room.empty()
	s.customers.trim(s.writer.written.Load(), s.timers.left)
	return nil
}

// commitRoom is what one commit after the other uses. States have the room of their update: the view still reads them when the next batch is
// committed.
type commitRoom struct {
	changes []Message
	headers []Header
	state   []Message
	bytes   arena // of changes
	flips   map[flip]struct{}
}

func (r *commitRoom) empty() {
	clear(r.changes)
	r.changes, r.headers = r.changes[:0], r.headers[:0]
	r.bytes.reset()
}

// progress is the task's record as the batch leaves it.
func (s *session) progress() TaskRecord {
	r := s.record
	r.Clock, r.Began = s.clock, s.clock
	r.Warming = stillWarming(r.Warming, s.clock)
	r.Sources = make([]SourceProgress, 0, len(s.merge.lanes))
	for i := range s.merge.lanes {
		if l := &s.merge.lanes[i]; !l.absent {
			r.Sources = append(r.Sources, SourceProgress{
				Topic: s.layout.Topics.Sources[i].Topic, ID: s.layout.SourceIDs[i], Next: s.offset(i), Holds: l.holds,
			})
		}
	}
	return r
}

// offset is the offset of the next event of source i to apply.
func (s *session) offset(i int) int64 {
	for _, in := range s.carry {
		if in.source == i {
			return in.record.Offset
		}
	}
	return s.merge.offset(i)
}

// render makes messages of the newest changes. Nothing of them keeps the records of their events in memory any more.
func (s *session) render(b *batch) {
	changes := b.changes[b.rendered:]
	b.rendered = len(b.changes)
	room := &s.room
	for i := range changes {
		ch := &changes[i]
		if s.record.Silent {
			ch.EventID, ch.Features = "", nil
			continue
		}
		word := wordLeave
		if ch.Join {
			word = wordJoin
		}
		from := len(room.headers)
		room.headers = append(room.headers, Header{Key: "segment", Value: s.segments[ch.Segment]}, Header{Key: "change", Value: word})
		room.changes = append(room.changes, Message{
			Key:     room.bytes.keep(append(room.bytes.open(len(ch.Customer)), ch.Customer...)),
			Value:   room.bytes.keep(s.opt.Engine.AppendJSON(room.bytes.open(changeBytes+len(ch.Features)), ch)),
			Headers: room.headers[from:len(room.headers):len(room.headers)],
		})
		ch.EventID, ch.Features = "", nil
	}
}

var wordJoin, wordLeave = []byte("join"), []byte("leave")

// Headers of dead letters, beside the record's own.
const (
	HeaderReason    = "reason"
	HeaderDetail    = "detail"
	HeaderTopic     = "topic"
	HeaderPartition = "partition"
	HeaderOffset    = "offset"
	// HeaderCut bears the size that the value had, where it was cut.
	HeaderCut = "cut"
)

func (s *session) deadLetters(b *batch) []Message {
	messages := make([]Message, len(b.rejects))
	for i, r := range b.rejects {
		m := Message{Key: r.record.Key, Value: r.record.Value}
		size := len(m.Key)
		for _, h := range r.record.Headers {
			size += len(h.Key) + len(h.Value)
		}
		if size <= recordMost/2 {
			m.Headers = append(m.Headers, r.record.Headers...)
		} else {
			size, m.Key = 0, m.Key[:min(len(m.Key), recordMost/2)]
			size += len(m.Key)
		}
		m.Headers = append(m.Headers,
			Header{HeaderReason, []byte(r.reject.Reason)},
			Header{HeaderTopic, []byte(s.layout.Topics.Sources[r.source].Topic)},
			Header{HeaderPartition, strconv.AppendInt(nil, int64(s.number), 10)},
			Header{HeaderOffset, strconv.AppendInt(nil, r.record.Offset, 10)})
		if r.reject.Detail != "" {
			m.Headers = append(m.Headers, Header{HeaderDetail, []byte(r.reject.Detail[:min(len(r.reject.Detail), 1000)])})
		}
		if most := recordMost - size - 2000; len(m.Value) > most {
			m.Headers = append(m.Headers, Header{HeaderCut, strconv.AppendInt(nil, int64(len(m.Value)), 10)})
			m.Value = m.Value[:most]
		}
		messages[i] = m
	}
	return messages
}

// stateMessages encodes the customers that changed into the transaction, and into the update of the view.
func (s *session) stateMessages(b *batch, tx *Transaction) *Update {
	u := s.writer.blank()
	u.States = slices.Grow(u.States, len(b.touched))
	clear(s.room.state[:cap(s.room.state)])
	tx.State = slices.Grow(s.room.state[:0], len(b.touched)+1)
	for i, c := range b.touched {
		if i%fetchAhead == 0 {
			for _, next := range b.touched[i:min(i+fetchAhead, len(b.touched))] {
				s.fetched += next.state.Fetch()
			}
		}
		s.archive(tx, u, c)
		var value []byte
		if !c.state.Empty() {
			value = u.room.keep(s.opt.Engine.Encode(&c.state, joinState(c.generation, u.room.open(c.size+64))))
		}
		shed := s.opt.Engine.Shed(&c.state)
		s.shed += max(0, shed-c.shed)
		c.shed = shed
		if value == nil && c.size == 0 {
			continue // there was nothing, and there is nothing
		}
		c.size = len(value)
		s.put(tx, u, "", c.id(), value)
		b.stored++
		s.deadline(u, c)
	}
	for _, c := range b.rescheduled {
		s.deadline(u, c)
	}
	s.members(b, u)
	return u
}

// put writes what stands under a customer's id, behind a mark where it is not the state, to the state topic and to the view; nil removes it.
func (s *session) put(tx *Transaction, u *Update, mark, id string, value []byte) {
	key := append(append(u.room.open(1+len(mark)+len(id)), customerKey), mark...)
	key = u.room.keep(append(key, id...))
	s.stateBytes += int64(len(value))
	tx.State = append(tx.State, Message{Key: key, Value: value})
	u.States = append(u.States, StateRecord{Key: key[1:], Value: value})
}

// flip is a customer and a segment of a change.
type flip struct {
	c       *customer
	segment int
}

// members notes who is in or out of a segment now and was not before: most who join one and leave it again do both in one large batch.
func (s *session) members(b *batch, u *Update) {
	if s.room.flips == nil {
		s.room.flips = make(map[flip]struct{})
	}
	seen := s.room.flips
	clear(seen)
	for i := range b.changes {
		first := &b.changes[i]
		f := flip{b.by[i], first.Segment}
		if _, ok := seen[f]; ok {
			continue
		}
		seen[f] = struct{}{}
		m := Membership{first.Customer, s.nameOf(first.Segment)}
		switch in := f.c.state.In(first.Segment); {
		case in != first.Join: // it is as it was
		case in:
			u.Joined = append(u.Joined, m)
		default:
			u.Left = append(u.Left, m)
		}
	}
}

// deadline writes a customer's deadline where the view would else wake it too late, or for nothing.
func (s *session) deadline(u *Update, c *customer) {
	at := c.due()
	switch {
	case c.fired:
		u.Exact = append(u.Exact, Deadline{c.id(), at})
		c.fired, c.viewed = false, at
	case at < c.viewed:
		u.Sooner = append(u.Sooner, Deadline{c.id(), at})
		c.viewed = at
	}
}

// meta describes the shard as the task's record leaves it.
func (s *session) meta(task []byte) ShardMeta {
	return ShardMeta{
		Fence: s.fence, StateID: s.layout.StateID, Rules: s.opt.Engine.RulesHash(), Written: time.Now().UnixMilli(), Task: task,
		Changes: s.published,
	}
}
