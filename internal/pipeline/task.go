package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/engine"
)

// task is a partition number that was assigned to this worker. It opens one session after another, until it is given up.
type task struct {
	p       *Pipeline
	number  int32
	member  Member
	log     *zap.Logger
	context context.Context //nolint:containedctx // a task outlives the call that starts it
	kill    context.CancelFunc
	// stopping is done when the batch in hand is to be the last.
	stopping context.Context //nolint:containedctx // as above
	finish   context.CancelFunc
	done     chan struct{}
	// taken counts how often another producer took the transactional id, though the group gives the partition to this worker.
	taken int
	// distrusted says why the next session builds the view anew; nil: it need not.
	distrusted error
}

// unreadable says that the view holds a state that no ruas wrote there: it is built anew from the state topic, once.
func (t *task) unreadable(customer string, err error) error {
	t.distrusted = fmt.Errorf("%w: the state of customer %q cannot be read: %w", ErrStale, customer, err)
	return t.distrusted
}

// takenOften is from how many times on that is no accident: a worker that wakes up late may do it once.
const takenOften = 3

var errTakenOften = errors.New("the transactional id is in use")

func newTask(p *Pipeline, number int32, member Member) *task {
	t := &task{p: p, number: number, member: member, done: make(chan struct{}), log: p.opt.Logger.With(zap.Int32("partition", number))}
	t.context, t.kill = context.WithCancel(context.Background())
	t.stopping, t.finish = context.WithCancel(t.context)
	return t
}

// run works until the task is given up. After a fault everything in memory is dropped, and a new session starts from what is committed.
func (t *task) run() {
	defer close(t.done)
	defer t.kill()
	var (
		again  backoff
		saying teller
	)
	for {
		began := time.Now()
		worked, err := t.session()
		if t.stopping.Err() != nil {
			return
		}
		if worked && time.Since(began) > backoffMost {
			again.reset()
			if t.taken < takenOften {
				saying = teller{}
			}
		}
		gist := err
		if taken := new(Taken); errors.As(err, &taken) {
			if t.taken++; t.taken >= takenOften {
				gist = errTakenOften
				err = fmt.Errorf("%w: %s was taken %d times, although the group gives this worker the partition: another program uses it, or a "+
					"transaction takes longer than kafka.transaction_timeout. Give one of them another id (kafka.group is what ruas's begin with): %w",
					errTakenOften, taken.ID, t.taken, taken.Err)
			}
		}
		t.p.status.broken(t.number, err)
		if saying.news(gist) {
			t.report(err)
		}
		t.p.failed(err)
		if !again.wait(t.stopping) {
			return
		}
	}
}

func (t *task) report(err error) {
	switch gone := new(OffsetsGone); {
	case errors.Is(err, ErrStale):
		t.log.Warn("the view lost something, and is brought up from the state topic", zap.Error(err))
	case errors.Is(err, errTakenOften):
		t.log.Error("the partition is fought over", zap.Error(err))
	case errors.Is(err, ErrFenced):
		t.log.Warn("another worker has the partition, or will soon", zap.Error(err))
	case errors.As(err, &gone):
		t.log.Error("the partition stands: events that were not read are gone. To go on without them set on_data_loss: continue", zap.Error(err))
	default:
		t.log.Error("the partition stands, and is taken up again", zap.Error(err))
	}
}

// session takes the partition over, or up again, and works until it is given up or a fault. worked tells whether it got to work.
func (t *task) session() (worked bool, err error) {
	t.p.status.recovering(t.number)
	s, err := recoverSession(t)
	if err != nil {
		return false, err
	}
	defer s.close()
	t.p.status.running(t.number)
	t.p.worked.Store(true)
	t.log.Info("partition at work", zap.Int64("epoch", s.fence.Epoch), clockField(s.clock))
	err = s.work()
	s.traceFailed(err)
	return true, err
}

// clockField shows a clock with its date: it may be far from the present. Nothing is shown of one that nothing moved yet.
func clockField(clock int64) zap.Field {
	if clock == math.MinInt64 {
		return zap.Skip()
	}
	return zap.ByteString("clock", engine.AppendTime(nil, clock))
}
