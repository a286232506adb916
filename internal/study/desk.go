package study

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

// Options says what is studied, and by what means.
type Options struct {
	// Engine returns the rules that run.
	Engine func() *engine.Engine
	// NewEngine compiles rules as those that run were.
	NewEngine func(*rule.Set) (*engine.Engine, error)
	Schema    *event.Schema
	// Sources are those of the pipeline, in its order.
	Sources []event.Source
	// Forgets says that the topic behind those of the sources holds requests to forget.
	Forgets bool
	// Open opens the topics of the sources, in their order, and that of requests to forget.
	Open func(ctx context.Context) (Scan, error)
	// Partition is where a key belongs among n partitions; nil: nobody checks.
	Partition func(key []byte, n int32) int32
	// SeriesBound is how much of a customer the engine keeps of one kind; 0: as the engine has it.
	SeriesBound int
	// Present is the present that moves the clock; nil: events alone do.
	Present func() time.Time
	// Now is the clock by which studies are kept, and rest; nil: the wall clock.
	Now func() time.Time
	// Share is the part of the time that a study works, the rest being the pipeline's; 0: half.
	Share float64
	// Logger is told why a study failed; nil: nobody is.
	Logger *zap.Logger
}

// Desk takes requests for studies, runs one at a time, and keeps what they found for a while.
type Desk struct {
	opt    Options
	ctx    context.Context //nolint:containedctx // that of all studies: Close ends it
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu    sync.Mutex
	all   map[string]*ticket
	queue []*ticket
	busy  bool
	ended []*ticket // oldest first
}

// ticket is a study at the desk.
type ticket struct {
	study  Study
	job    *job
	cancel context.CancelFunc // of the running one
	gone   bool               // it was ended by who asked
}

// NewDesk returns a desk without studies.
func NewDesk(opt Options) *Desk {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Share == 0 {
		opt.Share = 0.5
	}
	if opt.SeriesBound == 0 {
		opt.SeriesBound = engine.DefaultSeriesBound
	}
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	d := &Desk{opt: opt, all: map[string]*ticket{}}
	d.ctx, d.cancel = context.WithCancel(context.Background())
	return d
}

// Close ends all studies, and waits for the one that runs.
func (d *Desk) Close() {
	d.cancel()
	d.wait.Wait()
}

// Start takes a request: its rules are compiled at once, and it waits for its turn. Errors are rule.Errors, *NoSegment, ErrSince and ErrBusy.
func (d *Desk) Start(ask Request) (Study, error) {
	if d.full() {
		return Study{}, ErrBusy
	}
	j, err := d.opt.compile(ask)
	if err != nil {
		return Study{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.queue) >= mayWait { // others came meanwhile
		return Study{}, ErrBusy
	}
	e := &ticket{job: j, study: Study{
		ID: rand.Text(), Segment: ask.Segment, Preview: ask.Rules != "", Since: ask.Since, State: Waiting,
		AskedAt: engine.Moment(d.opt.Now().UnixMilli()), EndedAt: engine.Never,
	}}
	d.all[e.study.ID] = e
	d.queue = append(d.queue, e)
	d.next()
	return e.snapshot(), nil
}

func (d *Desk) full() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.queue) >= mayWait
}

// Get gives a study as it stands; false: there is none.
func (d *Desk) Get(id string) (Study, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sweep()
	e := d.all[id]
	if e == nil {
		return Study{}, false
	}
	return e.snapshot(), true
}

// End ends a study and forgets it; false: there is none.
func (d *Desk) End(id string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.all[id]
	if e == nil {
		return false
	}
	e.gone = true
	if e.cancel != nil {
		e.cancel()
	}
	d.drop(e)
	return true
}

// next begins the next study, where none runs. The lock is held.
func (d *Desk) next() {
	if d.busy || len(d.queue) == 0 || d.ctx.Err() != nil {
		return
	}
	e := d.queue[0]
	d.queue = d.queue[1:]
	ctx, cancel := context.WithCancel(d.ctx)
	d.busy, e.cancel, e.study.State = true, cancel, Running
	d.wait.Go(func() {
		defer cancel()
		result, err := e.job.safely(ctx)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.busy = false
		if !e.gone {
			d.finished(e, result, err)
		}
		d.next()
	})
}

// safely runs a job so that a mistake in it ends nothing else.
func (j *job) safely(ctx context.Context) (result *Result, err error) {
	defer func() {
		if why := recover(); why != nil {
			err = fmt.Errorf("a mistake in the program: %v\n%s", why, debug.Stack())
		}
	}()
	return j.run(ctx)
}

// finished notes how a study ended.
func (d *Desk) finished(e *ticket, result *Result, err error) {
	s := &e.study
	s.EndedAt = engine.Moment(d.opt.Now().UnixMilli())
	s.Progress = e.job.progress()
	s.State, s.Result = Done, result
	if err != nil {
		s.State, s.Result = Failed, nil
		s.Problem = "the sources could not be read to their end; the log says why, under the study's id"
		if errors.Is(err, context.Canceled) {
			s.Problem = "the server was stopped"
		} else {
			d.opt.Logger.Warn("a study failed", zap.String("study", s.ID), zap.Error(err))
		}
	}
	e.job = nil // and with it all that was read
	d.ended = append(d.ended, e)
	d.sweep()
}

// sweep forgets what has been kept for long enough. The lock is held.
func (d *Desk) sweep() {
	old := engine.Moment(d.opt.Now().Add(-keptFor).UnixMilli())
	for len(d.ended) > 0 && (len(d.ended) > keptMost || d.ended[0].study.EndedAt <= old) {
		d.drop(d.ended[0])
	}
}

// drop forgets a study. The lock is held.
func (d *Desk) drop(e *ticket) {
	delete(d.all, e.study.ID)
	d.queue = without(d.queue, e)
	d.ended = without(d.ended, e)
}

func without(list []*ticket, e *ticket) []*ticket {
	var out []*ticket
	for _, other := range list {
		if other != e {
			out = append(out, other)
		}
	}
	return out
}

// snapshot is the study at this moment. The lock is held.
func (e *ticket) snapshot() Study {
	s := e.study
	if e.job != nil {
		s.Progress = e.job.progress()
	}
	return s
}

func (j *job) progress() Progress {
	return Progress{Read: j.read.Load(), Total: j.total.Load()}
}
