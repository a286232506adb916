package pipeline

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
)

// session is a task at work, from one recovery to the next fault. Everything that it holds is dropped with it.
type session struct {
	*task
	opt      *Options
	layout   Layout
	segments [][]byte // names
	part     Partition
	shard    Shard
	decoders []Decoder // for events that were set aside

	record TaskRecord // as committed

	kept        keptRecord // read only where the rules changed
	keptChanged bool       // it is not committed yet
	takeovers   map[uint64]*engine.Takeover

	fence Fence // of the view, when it has all that is committed
	// published is the offset of the changes before which everything was committed by then; -1: they are divided otherwise.
	published int64
	clock     int64

	merge *merge
	feed  *feed
	carry []planned // inputs whose turn came, and that did not fit
	// carryApart says that they make a batch of their own.
	carryApart bool
	customers  *customers
	timers     *timers
	writer     *writer

	batch      batch // the room of those that plan makes
	room       commitRoom
	batches    uint64    // the number of the newest
	queued     uint64    // that of the last one that the writer was given
	begun      time.Time // the newest transaction
	committed  time.Time
	compared   time.Time // when the worker's clock was last compared with the broker's
	stateBytes int64     // encoded by the batch in hand, archives too
	fetched    uint64    // keeps the compiler from leaving out fetch
	shed       int64     // entries that the bounds pushed out in the batch in hand
	traced     *Traced   // how the batch in hand goes; nil: nobody asked

	background     sync.WaitGroup
	stopBackground context.CancelFunc
}

// Times of an idle task.
const (
	// tick is how often the clock follows the present: time alone moves customers no later than this after their moment.
	tick = 20 * time.Millisecond
	// checkpointEvery is how often an idle task commits its clock.
	checkpointEvery = 30 * time.Second
	// compareEvery is how often the worker's clock is compared with the broker's; compareSoon while it is off.
	compareEvery = time.Minute
	compareSoon  = 5 * time.Second
)

// work is the loop: what comes next is planned, loaded and stepped, stride by stride, and committed, batch by batch. A batch is what has
// arrived, so that batches are small when little comes and large when much does.
func (s *session) work() error {
	for s.stopping.Err() == nil {
		s.traceBegin()
		if err := s.receive(); err != nil {
			return err
		}
		s.pace()
		b := s.begin()
		if err := s.stride(b); err != nil {
			return err
		}
		for s.grows(b) {
			if err := s.receive(); err != nil {
				return err
			}
			if err := s.stride(b); err != nil {
				return err
			}
		}
		if b.effects() || s.checkpoint() {
			s.traceNext(Committing)
			if err := s.commit(s.context, b); err != nil {
				return err
			}
		}
		if err := s.follow(b); err != nil {
			return err
		}
		if !b.effects() && !b.extend {
			s.wait(b)
		}
	}
	return s.flush()
}

// follow does what a batch made necessary.
func (s *session) follow(b *batch) error {
	if b.whole && b.extend {
		if err := s.extendTimers(); err != nil {
			return err
		}
	}
	if b.whole && b.idle && s.record.Silent {
		if err := s.backfill(); err != nil {
			return err
		}
	}
	s.opt.Observer.Clock(s.number, s.clock, s.timers.len())
	return s.compareClocks()
}

// receive takes in what was read meanwhile.
func (s *session) receive() error {
	for {
		select {
		case a := <-s.feed.arrived:
			s.arrive(a)
		case e := <-s.feed.ended:
			s.hear(e)
		case err := <-s.feed.failed:
			return err
		case err := <-s.writer.failed:
			return err
		default:
			return nil
		}
	}
}

// pace lets inputs gather where few come: a transaction costs the broker about as much for one as for a hundred. While few come, it is worth
// more waiting than while many do; where time alone moves customers, nobody waits for company.
func (s *session) pace() {
	if s.opt.BatchEvery == 0 {
		return
	}
	for {
		rest := s.gathering(s.ready()) - time.Since(s.begun)
		if rest <= 0 {
			return
		}
		over := time.NewTimer(rest)
		select {
		case a := <-s.feed.arrived:
			s.arrive(a)
		case e := <-s.feed.ended:
			s.hear(e)
		case <-over.C:
		case <-s.stopping.Done():
			over.Stop()
			return
		}
		over.Stop()
	}
}

// paceWorth is the number of inputs that are worth a transaction, times how long it is since the last one began: where n come a second,
// transactions begin every √(paceWorth/n), which is the least of what waiting and transactions cost together, as of stock and orders (Harris,
// How Many Parts to Make at Once, 1913).
const paceWorth = 700 * time.Millisecond

// gathering is how long after the beginning of a transaction the next one begins, where n inputs wait for it.
func (s *session) gathering(n int) time.Duration {
	if n == 0 {
		return min(s.opt.BatchEvery, tick/2)
	}
	return min(s.opt.BatchEvery, paceWorth/time.Duration(n))
}

// ready is the number of inputs that were read ahead.
func (s *session) ready() int {
	n := len(s.carry)
	for i := range s.merge.lanes {
		n += s.merge.lanes[i].ready()
	}
	return n
}

// wait waits for something to do: a record, an answer, or time.
func (s *session) wait(b *batch) {
	if !b.idle && !s.merge.stands && s.merge.outdated(time.Now()) {
		select {
		case s.feed.ask <- struct{}{}:
		default:
		}
	}
	pause := time.NewTimer(tick)
	defer pause.Stop()
	select {
	case <-s.stopping.Done():
	case <-pause.C:
	case a := <-s.feed.arrived:
		s.arrive(a)
	case e := <-s.feed.ended:
		s.hear(e)
	}
}

// arrive takes in what one poll gave.
func (s *session) arrive(a arrival) {
	l := &s.merge.lanes[a.source]
	l.push(a.inputs)
	l.next, l.end = a.next, max(l.end, a.end)
}

func (s *session) nameOf(segment int) string { return s.opt.Engine.Segments()[segment].Name }

// hear takes in where the sources end.
func (s *session) hear(e ends) {
	for i := range s.merge.lanes {
		l := &s.merge.lanes[i]
		if l.absent {
			continue
		}
		l.end, l.asked = max(l.end, e.ends[i]), e.asked
		s.opt.Observer.Lag(s.number, s.opt.Sources[i].Name, max(0, l.end-s.offset(i)))
	}
}

// load brings the batch's customers into memory: the states of those that are not there in one round trip, and archives in another.
func (s *session) load(b *batch) error {
	var (
		missing []string
		asked   map[string]struct{}
	)
	miss := func(id string) {
		if _, ok := asked[id]; ok {
			return
		}
		if asked == nil {
			asked = make(map[string]struct{})
		}
		asked[id] = struct{}{}
		missing = append(missing, id)
	}
	var hashes [fetchAhead]uint32
	for next := range slices.Chunk(b.inputs, fetchAhead) {
		for i := range next {
			if in := &next[i]; in.reject == nil {
				hashes[i] = s.customers.index.Hash(in.event.Customer)
				s.fetched += uint64(s.customers.index.Fetch(hashes[i]))
			}
		}
		for i := range next {
			in := &next[i]
			if in.reject != nil {
				continue
			}
			if in.customer = s.customers.find(hashes[i], in.event.Customer); in.customer == nil {
				miss(in.event.Customer)
			}
		}
	}
	for _, x := range b.due {
		if x.of == nil {
			miss(x.id)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if err := s.loadAll(missing); err != nil {
		return err
	}
	for i := range b.inputs {
		if in := &b.inputs[i]; in.reject == nil && in.customer == nil {
			in.customer = s.customers.get(in.event.Customer)
		}
	}
	return nil
}

// loadAll brings customers that are not in memory there. The view need not be asked for those whom it cannot have.
func (s *session) loadAll(ids []string) (err error) {
	states := make([][]byte, len(ids))
	if !s.customers.whole {
		if states, err = s.states(s.stopping, s.writer.fence(), ids); err != nil {
			return err
		}
	}
	return s.adoptAll(s.stopping, ids, states)
}

// adoptAll brings customers into memory as the view holds them, with their archives; nil is the state of one whom it does not hold.
func (s *session) adoptAll(ctx context.Context, ids []string, states [][]byte) error {
	archives, err := s.loadArchives(ctx, ids, states)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if s.customers.get(id) != nil { // a scan may give one twice
			continue
		}
		if err := s.adopt(id, states[i], archives[i]); err != nil {
			return err
		}
	}
	return nil
}

// adopt decodes a customer as the view holds it.
func (s *session) adopt(id string, value, archive []byte) error {
	c := s.customers.add(id)
	c.generation, c.size = s.record.Generation, len(value)
	if value == nil {
		s.opt.Engine.Init(&c.state, strings.Clone(id)) // an event's is part of its record, which is written over
	} else {
		generation, state, err := SplitState(value)
		if err != nil {
			return s.unreadable(id, err)
		}
		c.generation = generation
		decode, err := s.decodeOf(generation)
		if err != nil {
			return err
		}
		if err = decode(&c.state, id, state, archive); err != nil {
			return s.unreadable(id, err)
		}
	}
	c.divided = archive != nil
	c.shed = s.opt.Engine.Shed(&c.state)
	s.timers.arrived(c)
	return nil
}

// judgeAside decodes an event that was set aside.
func (s *session) judgeAside(in *input) *event.Reject {
	err := s.decoders[in.source].Decode(in.record.Value, &in.event)
	if err == nil {
		return nil
	}
	if reject := new(event.Reject); errors.As(err, &reject) {
		return reject
	}
	return &event.Reject{Reason: event.ReasonJSON, Detail: err.Error()}
}

func (s *session) extendTimers() error {
	if err := s.writer.flush(s.stopping, s.queued); err != nil {
		return err
	}
	return persist(s.stopping, s.tell, "reading deadlines from Redis", func() error {
		return s.timers.extend(s.stopping, s.shard, s.writer.fence(), s.timers.horizon, s.customers.peek)
	})
}

// checkpoint tells whether an idle task is to commit its clock.
func (s *session) checkpoint() bool {
	return !s.opt.Records && s.clock > s.record.Clock && time.Since(s.committed) > checkpointEvery
}

// compareClocks stops the clock while the worker's is too far off the broker's.
func (s *session) compareClocks() error {
	const comparing = "comparing clocks"
	every := compareEvery
	if s.merge.stands {
		every = compareSoon
	}
	if s.opt.MaxClockSkew < 0 || time.Since(s.compared) < every {
		return nil
	}
	if time.Since(s.committed) > time.Second { // the newest record is what is compared
		if err := s.commit(s.context, s.nothing()); err != nil {
			return err
		}
	}
	s.compared = time.Now()
	skew, ok, err := s.part.Skew(s.stopping)
	if err != nil || !ok {
		return nil //nolint:nilerr // the broker does not tell: there is nothing to compare
	}
	off := skew.Abs() > s.opt.MaxClockSkew
	if off != s.merge.stands {
		s.merge.stands = off
		if off {
			s.log.Error("this worker's clock is off the broker's, and time does not move", zap.Duration("broker_ahead_by", skew))
			s.p.status.stall(s.number, comparing, "the worker's clock is off the broker's by "+skew.String())
		} else {
			s.log.Info("this worker's clock agrees with the broker's again")
			s.p.status.stall(s.number, comparing, "")
		}
	}
	return nil
}

// nothing is a batch without inputs.
func (s *session) nothing() *batch {
	s.batches++
	return &batch{number: s.batches, began: s.clock, bound: s.clock, events: make([]int, len(s.merge.lanes))}
}

// flush lets the view catch up before the partition is given up: the next owner has less to replay.
func (s *session) flush() error {
	ctx, cancel := context.WithTimeout(s.context, 2*time.Second)
	defer cancel()
	err := s.writer.flush(ctx, s.queued)
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

func (s *session) close() {
	s.stopBackground()
	s.part.Close()
	s.background.Wait()
}
