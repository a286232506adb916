package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ruas/ruas/internal/event"
)

// arrival is what one poll gave of one source, decoded.
type arrival struct {
	source    int
	inputs    []*input
	next, end int64
}

// ends is the broker's answer to where the sources end.
type ends struct {
	asked time.Time
	ends  []int64
}

// feed reads the sources of one partition number ahead of the task and decodes what comes.
type feed struct {
	part     Partition
	decoders []Decoder
	tell     func(doing string, err error)
	check    func(key []byte) bool // whether the key belongs to this partition number; nil: not checked
	// bound is how many records of a source are read ahead before it is paused; while others leave room, it may take theirs: no source
	// waits for room that another one took. unread counts them.
	bound  int
	unread []atomic.Int64
	paused []atomic.Bool // written under steering
	// newest is the time of the newest event that was read of each source; drained says that no more of it was on the broker then.
	newest  []atomic.Int64
	drained []atomic.Bool

	steering sync.Mutex

	values []event.Value // room for those of the next events
	open   *slab         // has room for the next records
	spare  spare

	arrived chan arrival
	ended   chan ends
	ask     chan struct{} // asks for ends at once
	failed  chan error
}

func newFeed(part Partition, decoders []Decoder, tell func(string, error), check func(key []byte) bool, bound int) *feed {
	f := &feed{
		part: part, decoders: decoders, tell: tell, check: check, bound: bound,
		unread: make([]atomic.Int64, len(decoders)), paused: make([]atomic.Bool, len(decoders)),
		newest: make([]atomic.Int64, len(decoders)), drained: make([]atomic.Bool, len(decoders)),
		arrived: make(chan arrival, 16), ended: make(chan ends, 1), ask: make(chan struct{}, 1), failed: make(chan error, 1),
	}
	for i := range f.newest {
		f.newest[i].Store(math.MinInt64)
	}
	return f
}

// read polls until ctx is done or a fault.
func (f *feed) read(ctx context.Context) {
	for {
		fetches, err := f.part.Poll(ctx)
		for _, got := range fetches {
			a := arrival{source: got.Source, next: got.Next, end: got.End, inputs: f.decode(got)}
			f.note(&a)
			f.unread[a.source].Add(int64(len(a.inputs)))
			f.steer()
			select {
			case f.arrived <- a:
			case <-ctx.Done():
				return
			}
		}
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			f.failed <- err
			return
		}
	}
}

// took says how many records of each source the task has applied.
func (f *feed) took(records []int) {
	for source, n := range records {
		f.unread[source].Add(-int64(n))
	}
	f.steer()
}

// steer pauses the sources of which there is enough, and resumes the others. One that leads has enough sooner.
func (f *feed) steer() {
	f.steering.Lock()
	defer f.steering.Unlock()
	all, room, most := f.all(), f.room(), int64(f.bound)
	for i := range f.unread {
		own, leads := f.unread[i].Load(), f.leads(i)
		switch paused := f.paused[i].Load(); {
		case !paused && (own > most && all > room || leads && own > most/4):
			f.paused[i].Store(true)
			f.part.Pause(i)
		case paused && (own <= most/2 || all <= room/2) && (!leads || own <= most/8):
			f.paused[i].Store(false)
			f.part.Resume(i)
		}
	}
}

// note notes how far a source was read.
func (f *feed) note(a *arrival) {
	for i := len(a.inputs) - 1; i >= 0; i-- {
		if in := a.inputs[i]; in.reject == nil {
			f.newest[a.source].Store(in.event.Time)
			break
		}
	}
	f.drained[a.source].Store(a.next >= a.end)
}

// leads tells whether a source was read further than one of which there is more: what it has waits for that one, in room that is better that
// one's.
func (f *feed) leads(source int) bool {
	own := f.newest[source].Load()
	for i := range f.newest {
		if !f.drained[i].Load() && f.newest[i].Load() < own {
			return true
		}
	}
	return false
}

// all counts what is unread of all sources.
func (f *feed) all() (n int64) {
	for i := range f.unread {
		n += f.unread[i].Load()
	}
	return n
}

// room is that of all sources.
func (f *feed) room() int64 { return int64(f.bound * len(f.decoders)) }

func (f *feed) decode(got Fetch) []*input {
	inputs := f.spare.take(make([]*input, len(got.Records)))
	for i, in := range inputs {
		in.source = got.Source
		f.keep(in, got.Records[i])
		if cap(in.event.Props) > 0 {
			in.reject = f.judge(in)
			continue
		}
		if len(f.values) < valuesLeast {
			f.values = make([]event.Value, valuesSlab)
		}
		in.event.Props = f.values[:0]
		in.reject = f.judge(in)
		if n := len(in.event.Props); cap(in.event.Props) == cap(f.values) { // else it had more than there was room for
			in.event.Props, f.values = in.event.Props[:n:n], f.values[n:]
		}
	}
	return inputs
}

// Events are many and have few values each: one allocation serves hundreds of them.
const valuesSlab, valuesLeast = 512, 32

// judge decodes the input's record.
func (f *feed) judge(in *input) *event.Reject {
	if err := f.decoders[in.source].Decode(in.record.Value, &in.event); err != nil {
		if reject := new(event.Reject); errors.As(err, &reject) {
			return reject
		}
		return &event.Reject{Reason: event.ReasonJSON, Detail: err.Error()}
	}
	switch {
	case string(in.record.Key) != in.event.Customer:
		return &event.Reject{Reason: event.ReasonKey}
	case f.check != nil && !f.check(in.record.Key):
		return &event.Reject{Reason: event.ReasonPartition}
	}
	return nil
}

const (
	// askEvery is how often the broker is asked where the sources end: often enough that an answer is never too old.
	askEvery = 300 * time.Millisecond
	// askLeast is how long the task waits at least before it asks again.
	askLeast = 10 * time.Millisecond
	// askTell is for how long no answer comes before that is said: a moved leader takes less.
	askTell = 5 * time.Second
)

// watchEnds asks where the sources end, regularly and when the task needs it. Where the broker does not answer, nothing is sent, and the
// clock stands.
func (f *feed) watchEnds(ctx context.Context) {
	const doing = "asking Kafka where the sources end"
	var (
		told atomic.Bool
		last atomic.Value // the error of the last try; a try may outlast its context, while a connection is made
	)
	last.Store(context.DeadlineExceeded.Error())
	silence := time.AfterFunc(askTell, func() {
		if ctx.Err() == nil {
			told.Store(true)
			f.tell(doing, fmt.Errorf("no answer for %v: %v", askTell, last.Load()))
		}
	})
	defer silence.Stop()
	for {
		asked := time.Now()
		answer, cancel := context.WithTimeout(ctx, answerAge)
		got, err := f.part.SourceEnds(answer)
		cancel()
		if err == nil {
			select {
			case <-f.ended: // the task has not looked at the last one
			default:
			}
			f.ended <- ends{asked: asked, ends: got}
			silence.Reset(askTell)
			if told.Swap(false) {
				f.tell(doing, nil)
			}
		} else if ctx.Err() == nil {
			last.Store(err.Error())
		}
		if !sleep(ctx, askLeast) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-f.ask:
		case <-time.After(askEvery):
		}
	}
}
