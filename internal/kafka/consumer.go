package kafka

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// consumer is one client that reads the sources for several sessions of a worker: a request asks for all of their partitions, where a client
// a session would ask once each. A partition number is given to it once in its life. So what it has read for a session that is over, and
// still holds, can come to none that follows.
type consumer struct {
	client *kgo.Client
	// ids are the topics that it reads: the client would not notice others of their names.
	ids    []string
	gather time.Duration
	stop   context.CancelFunc
	done   chan struct{}

	// Of the lock of consumers.
	had map[int32]bool

	mu       sync.Mutex
	sessions map[int32]*partition
}

// consumers are those of a worker. More than one is there only after a fault, until the sessions that it left at work are over too.
type consumers struct {
	mu     sync.Mutex
	newest *consumer // nil: there is none
}

// join lets a session be read for, from offsets on.
func (k *Kafka) join(p *partition, from map[string]map[int32]kgo.Offset, gather time.Duration) error {
	k.consumers.mu.Lock()
	defer k.consumers.mu.Unlock()
	c := k.consumers.newest
	if c == nil || c.had[p.number] || !slices.Equal(c.ids, p.layout.SourceIDs) {
		var err error
		if c, err = k.newConsumer(p.layout.SourceIDs, gather); err != nil {
			return err
		}
		k.consumers.newest = c
	}
	c.had[p.number], p.consumer = true, c
	c.mu.Lock()
	c.sessions[p.number] = p
	c.mu.Unlock()
	c.client.AddConsumePartitions(from)
	return nil
}

// leave ends the reading for a session, and with the last one the consumer.
func (k *Kafka) leave(p *partition) {
	c := p.consumer
	k.consumers.mu.Lock()
	c.mu.Lock()
	delete(c.sessions, p.number)
	last := len(c.sessions) == 0
	c.mu.Unlock()
	if last && k.consumers.newest == c {
		k.consumers.newest = nil
	}
	k.consumers.mu.Unlock()
	if last {
		c.stop()
		c.client.Close()
		<-c.done
		return
	}
	p.forget()
}

// forget keeps all of a session's sources from being read again. The client still has them: to take them away it would wait for requests on
// their way, of others too.
func (p *partition) forget() {
	p.inbox.mu.Lock()
	defer p.inbox.mu.Unlock()
	p.inbox.closed = true
	for i := range p.layout.Topics.Sources {
		if p.layout.Present(i) {
			p.consumer.client.PauseFetchPartitions(p.of(i))
		}
	}
}

func (k *Kafka) newConsumer(ids []string, gather time.Duration) (*consumer, error) {
	client, err := k.client(reads(
		// A source that was paused is asked for again only when the request on its way is answered.
		kgo.FetchMaxWait(200*time.Millisecond),
		// What one request brings is decoded at once, beyond the bound of what is read ahead; and what it brings of a source that was paused
		// meanwhile is thrown away, and asked for again.
		kgo.FetchMaxPartitionBytes(64<<10),
		kgo.WithPools(new(fetchPool)),
	)...)
	if err != nil {
		return nil, err
	}
	c := &consumer{
		client: client, ids: ids, gather: gather, done: make(chan struct{}), had: make(map[int32]bool), sessions: make(map[int32]*partition),
	}
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	go c.run(ctx)
	return c, nil
}

// A request of its own is worth fewRecords, or fewer that come so seldom that the time between two requests, times what comes in it, is
// fewWorth.
const (
	fewRecords = 500
	fewWorth   = 60 * time.Millisecond
)

// run reads until ctx is done. It waits for no session: each has room for what comes, or is not read for.
func (c *consumer) run(ctx context.Context) {
	defer close(c.done)
	for last := time.Now(); ; {
		fetches := c.client.PollFetches(ctx)
		if ctx.Err() != nil || fetches.IsClientClosed() {
			return
		}
		read := 0
		c.mu.Lock()
		fetches.EachPartition(func(fp kgo.FetchTopicPartition) {
			read += len(fp.Records)
			c.hand(fp)
		})
		c.mu.Unlock()
		took := time.Since(last)
		last = last.Add(took)
		if read < fewRecords && !sleep(ctx, min(c.gather, seldom(read, took))) {
			return
		}
	}
}

// seldom is how long to wait where n records came in a time.
func seldom(n int, in time.Duration) time.Duration {
	return time.Duration(math.Sqrt(fewWorth.Seconds()*in.Seconds()/float64(max(1, n))) * float64(time.Second))
}

// hand gives what was read to the session that it is for. An error of no topic is everybody's.
func (c *consumer) hand(fp kgo.FetchTopicPartition) {
	if p := c.sessions[fp.Partition]; p != nil && fp.Topic != "" {
		p.arrive(fp)
		return
	}
	if fp.Topic == "" && fp.Err != nil {
		for _, p := range c.sessions {
			p.arrive(fp)
		}
	}
}

// arrival is what one request brought of one source, or its error.
type arrival struct {
	kgo.FetchPartition
	source int
	topic  string
	bytes  int
}

// inbox holds what was read for a session and not polled yet.
type inbox struct {
	mu      sync.Mutex
	arrived []arrival
	sources []pressure
	filled  chan struct{}
	closed  bool // the session is over
}

// pressure is what keeps a source from being read: either does.
type pressure struct {
	bytes  int  // that wait in the inbox
	full   bool // they are too many
	paused bool // the session has enough of it
}

// inboxMost is how many bytes of a source wait for a session before no more are asked for.
const inboxMost = 512 << 10

func (in *inbox) open(sources int) {
	in.sources, in.filled = make([]pressure, sources), make(chan struct{}, 1)
}

// arrive keeps what was read until the session polls it.
func (p *partition) arrive(fp kgo.FetchTopicPartition) {
	if fp.Err == nil && len(fp.Records) == 0 {
		return
	}
	a := arrival{FetchPartition: fp.FetchPartition, source: p.sources[fp.Topic], topic: fp.Topic}
	for _, r := range fp.Records {
		a.bytes += len(r.Key) + len(r.Value)
	}
	in := &p.inbox
	in.mu.Lock()
	defer in.mu.Unlock()
	if n := len(in.arrived); a.Err != nil && n > 0 && in.arrived[n-1].Err != nil {
		return // the session will end by the one before
	}
	in.arrived = append(in.arrived, a)
	s := &in.sources[a.source]
	if s.bytes += a.bytes; s.bytes > inboxMost && !s.full {
		s.full = true
		p.consumer.client.PauseFetchPartitions(p.of(a.source))
	}
	select {
	case in.filled <- struct{}{}:
	default:
	}
}

// wait gives what arrived, in order, and waits until something has.
func (in *inbox) wait(ctx context.Context) ([]arrival, error) {
	for {
		in.mu.Lock()
		arrived := in.arrived
		in.arrived = nil
		in.mu.Unlock()
		if len(arrived) > 0 {
			return arrived, nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-in.filled:
		}
	}
}

// letGo makes room in the inbox for more.
func (p *partition) letGo(polled []arrival) {
	p.inbox.mu.Lock()
	defer p.inbox.mu.Unlock()
	for i := range polled {
		s := &p.inbox.sources[polled[i].source]
		s.bytes -= polled[i].bytes
		if s.full && s.bytes <= inboxMost/2 {
			s.full = false
			p.readAgain(polled[i].source)
		}
	}
}

// Pause implements pipeline.Partition.
func (p *partition) Pause(source int) {
	p.inbox.mu.Lock()
	defer p.inbox.mu.Unlock()
	p.inbox.sources[source].paused = true
	p.consumer.client.PauseFetchPartitions(p.of(source))
}

// Resume implements pipeline.Partition.
func (p *partition) Resume(source int) {
	p.inbox.mu.Lock()
	defer p.inbox.mu.Unlock()
	p.inbox.sources[source].paused = false
	p.readAgain(source)
}

// readAgain has a source read again unless something keeps it.
func (p *partition) readAgain(source int) {
	if s := &p.inbox.sources[source]; !s.full && !s.paused && !p.inbox.closed {
		p.consumer.client.ResumeFetchPartitions(p.of(source))
	}
}

// of is the partition of a source.
func (p *partition) of(source int) map[string][]int32 {
	return map[string][]int32{p.layout.Topics.Sources[source].Topic: {p.number}}
}
