// Package pipeline turns records into published changes, exactly once. It owns the order of effects: what is read next and how far the
// clock goes (merge.go), what is stepped together (batch.go), what is committed as one (commit.go), what follows a commit (writer.go),
// and how a partition is taken over or taken up again (recover.go); session.go holds the loop that these make up. It declares the
// interfaces of Kafka (log.go) and Redis (view.go) that it needs, and must not know their clients, nor what rules mean.
//
// To follow one event: feed.go, merge.go, batch.go, commit.go.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
)

// TombstonesKept is for how long the removal of a customer stays on record in the state topic.
const TombstonesKept = 30 * 24 * time.Hour

// Never is a moment that does not come.
const Never = math.MaxInt64

// Decoder decodes one source's records.
type Decoder interface {
	Decode(record []byte, ev *event.Event) error
}

// Source is one topic of events.
type Source struct {
	Name, Topic string
	// Delay is how late its records may come to be read.
	Delay    time.Duration
	Optional bool
	// NewDecoder makes a decoder for one goroutine.
	NewDecoder func() (Decoder, error)
}

// Options is what a pipeline is made of. The zero value of a number or a duration is its default.
type Options struct {
	Log    Log
	View   View
	Engine *engine.Engine
	// Sources in the order that counts between events of one time. Their topics are all different.
	Sources                     []Source
	Changes, State, DeadLetters string // topics
	// Memberships is the topic of each customer's present list of segments; "": there is none.
	Memberships string
	// Forget is the topic of requests to forget a customer (ForgetRequest); "": there is none.
	Forget string

	// Records says that the present plays no part in the clock.
	Records bool
	// Now is the present; nil: the worker's clock. Where it is given, the worker's clock is not compared with the broker's.
	Now func() time.Time
	// MaxClockSkew (5 s) is by how much the worker's clock may be off the broker's; negative: it is not compared.
	MaxClockSkew time.Duration
	// Silent publishes nothing of a first start but one join a member, when the clock first reaches the present, or with Records the
	// ends of all sources.
	Silent bool
	// ContinueOnLoss goes on where unread offsets are gone, instead of stopping the partition.
	ContinueOnLoss bool
	// Follow says that the worker serves what is published, and must be allowed to read it.
	Follow       bool
	RulesVersion int64
	// Partition is how producers choose a key's partition among n; nil: it is not checked.
	Partition func(key []byte, n int32) int32

	BatchRecords int // 80,000 inputs
	BatchBytes   int // 32 MiB of output
	Stride       int // 4,096 inputs that are loaded and stepped together
	// BatchEvery is the most time between the beginnings of two transactions of a partition for which inputs wait for others, where few
	// come. 0: they wait for none.
	BatchEvery     time.Duration
	ReadAhead      int // 4,000 records a source, of which one may use what others leave
	CacheCustomers int // 50,000 a partition
	Deadlines      int // 50,000 read into memory at once a partition
	// LookForTopics (30 s) is how often the topics of optional sources that do not exist are looked for.
	LookForTopics time.Duration
	// StopTimeout (20 s) is how long the batch in hand may take when partitions are given up.
	StopTimeout time.Duration

	Observer Observer // nil: none
	// Traced is told how each batch went, by many goroutines, and must return at once; nil: nobody is.
	Traced func(*Traced)
	Logger *zap.Logger // nil: none
}

// Pipeline is one worker.
type Pipeline struct {
	opt    Options
	layout Layout
	status *status

	mu    sync.Mutex
	tasks []*task
	leave context.CancelCauseFunc // leaves the group

	worked    atomic.Bool   // some session did
	lookAgain chan struct{} // a topic is missed
}

// New checks the options; it does not connect.
func New(opt Options) (*Pipeline, error) {
	if opt.Log == nil || opt.View == nil || opt.Engine == nil {
		return nil, errors.New("pipeline: no log, no view or no engine")
	}
	if len(opt.Sources) == 0 {
		return nil, errors.New("pipeline: no sources")
	}
	for i, s := range opt.Sources {
		for _, o := range opt.Sources[:i] {
			if s.Topic == o.Topic {
				return nil, &Refusal{Reason: fmt.Sprintf("the sources %s and %s have the same topic, %s", o.Name, s.Name, s.Topic)}
			}
		}
	}
	if opt.Forget != "" {
		opt.Sources = append(opt.Sources[:len(opt.Sources):len(opt.Sources)], Source{
			Name: forgetSource, Topic: opt.Forget, NewDecoder: func() (Decoder, error) { return forgetDecoder{}, nil },
		})
	}
	for _, d := range []struct {
		of *int
		is int
	}{{&opt.BatchRecords, 80_000}, {&opt.BatchBytes, 32 << 20}, {&opt.Stride, 4096}, {&opt.ReadAhead, 4_000}, {&opt.CacheCustomers, 50_000}, {&opt.Deadlines, 50_000}} {
		if *d.of <= 0 {
			*d.of = d.is
		}
	}
	if opt.MaxClockSkew == 0 {
		opt.MaxClockSkew = 5 * time.Second
	}
	if opt.Records || opt.Now != nil {
		opt.MaxClockSkew = -1
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.LookForTopics <= 0 {
		opt.LookForTopics = 30 * time.Second
	}
	if opt.StopTimeout <= 0 {
		opt.StopTimeout = 20 * time.Second
	}
	if opt.Observer == nil {
		opt.Observer = nobody{}
	}
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	return &Pipeline{opt: opt, status: newStatus(), lookAgain: make(chan struct{}, 1)}, nil
}

// Run works until ctx is done: then the batches in hand are finished, the group is left, and the error is nil. Other errors: a *Refusal
// says what is wrong with the set-up, or what could not be reached or is not allowed at the start. What fails later is tried again.
func (p *Pipeline) Run(ctx context.Context) error {
	if err := p.opt.View.Prepare(ctx); err != nil {
		return stopped(ctx, err)
	}
	background, stop := context.WithCancel(ctx)
	defer stop()
	go p.status.everyMinute(background, p.opt.Logger)
	go p.watchView(background)
	defer p.Lost() // whatever ended the group, no task outlives it
	for {
		layout, err := p.prepare(ctx)
		if err != nil {
			return stopped(ctx, err)
		}
		joined, leave := context.WithCancelCause(ctx)
		p.setLeave(leave)
		go p.watchTopics(joined, leave, layout)
		err = p.opt.Log.Join(joined, layout, p)
		why := context.Cause(joined)
		leave(nil)
		switch {
		case err != nil || ctx.Err() != nil:
			return stopped(ctx, err)
		case !errors.Is(why, errTopics):
			return why
		}
		p.opt.Logger.Info("joining the group anew: " + errTopics.Error())
	}
}

// prepare sees to the topics. What is not there while the worker was at work already may come back.
func (p *Pipeline) prepare(ctx context.Context) (Layout, error) {
	topics := Topics{
		Changes: p.opt.Changes, State: p.opt.State, DeadLetters: p.opt.DeadLetters, Memberships: p.opt.Memberships, Follow: p.opt.Follow, AcceptLoss: p.opt.ContinueOnLoss,
	}
	for _, s := range p.opt.Sources {
		topics.Sources = append(topics.Sources, SourceTopic{Topic: s.Topic, Optional: s.Optional, Made: s.Name == forgetSource})
	}
	var again backoff
	for {
		layout, err := p.opt.Log.Prepare(ctx, topics)
		if err == nil {
			p.status.note(ofTopics, nil)
			p.mu.Lock()
			p.layout = layout
			p.mu.Unlock()
			return layout, nil
		}
		if !p.worked.Load() || wrong(err) {
			return layout, err
		}
		if p.status.note(inGroup, err) {
			p.opt.Logger.Error("preparing the topics, and trying again", zap.Error(err))
		}
		if !again.wait(ctx) {
			return layout, err
		}
	}
}

// wrong tells a refusal for what is wrong from one for what is not there, or not allowed.
func wrong(err error) bool {
	refusal := new(Refusal)
	return errors.As(err, &refusal) && !refusal.Unreachable
}

// stopped drops the error that a wanted end brings about.
func stopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// Ready tells whether the worker is in the group and all its partitions are at work; if not, why.
func (p *Pipeline) Ready() (bool, string) { return p.status.ready() }

// Layout is what there is on the broker; of use once Ready.
func (p *Pipeline) Layout() Layout {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.layout
}

// Assigned implements Claims.
func (p *Pipeline) Assigned(member Member, numbers []int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opt.Logger.Info("partitions assigned", zap.Int32s("partitions", numbers), zap.Int32("generation", member.Generation))
	p.status.joined(numbers)
	for _, number := range numbers {
		t := newTask(p, number, member)
		p.tasks = append(p.tasks, t)
		go t.run()
	}
}

// Revoked implements Claims: every task finishes the batch in hand.
func (p *Pipeline) Revoked() {
	tasks := p.take()
	grace := time.AfterFunc(p.opt.StopTimeout, func() { kill(tasks) })
	defer grace.Stop()
	for _, t := range tasks {
		t.finish()
	}
	p.await(tasks)
}

// Lost implements Claims: what tasks have in hand would be refused.
func (p *Pipeline) Lost() {
	tasks := p.take()
	kill(tasks)
	p.await(tasks)
}

// Waiting implements Claims.
func (p *Pipeline) Waiting(why error) {
	if p.status.note(inGroup, why) {
		p.opt.Logger.Warn("not in the group", zap.Error(why))
	}
}

// take hands all tasks over to who ends them.
func (p *Pipeline) take() []*task {
	p.mu.Lock()
	defer p.mu.Unlock()
	tasks := p.tasks
	p.tasks = nil
	p.status.left()
	return tasks
}

func kill(tasks []*task) {
	for _, t := range tasks {
		t.kill()
	}
}

func (p *Pipeline) await(tasks []*task) {
	for _, t := range tasks {
		<-t.done
		p.opt.Observer.Released(t.number)
	}
	if len(tasks) > 0 {
		p.opt.Logger.Info("partitions given up", zap.Int("count", len(tasks)))
	}
}
