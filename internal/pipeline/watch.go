package pipeline

import (
	"context"
	"errors"
	"slices"
	"time"

	"go.uber.org/zap"
)

// errTopics is why the group is left and joined anew.
var errTopics = errors.New("the topics are not those that were there")

// watchTopics looks at the topics now and then, until ctx is done. It leaves the group where one of them appeared, or is another one now,
// or what is there cannot go on.
func (p *Pipeline) watchTopics(ctx context.Context, leave context.CancelCauseFunc, layout Layout) {
	topics := layout.Topics
	topics.Look = true
	for every := p.opt.LookForTopics; p.pause(ctx, every); {
		now, err := p.opt.Log.Prepare(ctx, topics)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && now.StateID != layout.StateID:
			err = &TopicGone{Topic: topics.State, State: true, Anew: true} // until the worker is started again, and told what to do
		case err == nil && !slices.Equal(now.SourceIDs, layout.SourceIDs):
			leave(errTopics)
			return
		case err == nil && now.Partitions != layout.Partitions:
			leave(&Refusal{Reason: "the sources' number of partitions changed while ruas ran: customers are elsewhere now than their states"})
			return
		case wrong(err):
			leave(err)
			return
		}
		if every = p.opt.LookForTopics; err != nil {
			every = min(every, compareSoon)
		}
		if !p.status.note(ofTopics, err) {
			continue
		}
		if err == nil {
			p.opt.Logger.Info("all topics are as they should be again")
			continue
		}
		p.opt.Logger.Error("looking at the topics", zap.Error(err))
	}
}

// pause waits, or until a topic is missed; false: ctx was done.
func (p *Pipeline) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-p.lookAgain:
		return sleep(ctx, backoffMost)
	case <-t.C:
		return true
	}
}

// failed hears of the error of a session. What is not allowed, or wrong, before anything worked ends the worker; later it is tried again.
func (p *Pipeline) failed(err error) {
	if refusal := new(Refusal); errors.As(err, &refusal) && refusal.Unreachable && !p.worked.Load() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.leave(err)
	}
	p.lookSoon()
}

// lookSoon has the topics looked at soon: one that was deleted shows as many an error.
func (p *Pipeline) lookSoon() {
	select {
	case p.lookAgain <- struct{}{}:
	default:
	}
}

func (p *Pipeline) setLeave(leave context.CancelCauseFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave = leave
}

// viewEvery is how often Redis's settings are looked at.
const viewEvery = 15 * time.Second

// watchView looks whether the view would still be accepted, while it answers at all.
func (p *Pipeline) watchView(ctx context.Context) {
	for sleep(ctx, viewEvery) {
		if !p.status.served() {
			continue
		}
		answer, cancel := context.WithTimeout(ctx, compareSoon)
		err := p.opt.View.Prepare(answer)
		cancel()
		if refusal := new(Refusal); err != nil && !errors.As(err, &refusal) {
			continue // sessions say what does not answer
		}
		if !p.status.note(ofView, err) {
			continue
		}
		if err == nil {
			p.opt.Logger.Info("Redis's settings are right again")
			continue
		}
		p.opt.Logger.Error("Redis's settings", zap.Error(err))
	}
}
