package demo

import (
	"context"
	"sync"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/pipeline"
)

// Switch hands rules that changed to a running demo.
type Switch struct {
	rung chan struct{}

	mu   sync.Mutex
	next *order // the newest; nil: it was taken
}

// order is for rules to be put in force.
type order struct {
	engine *engine.Engine
	done   chan struct{} // closed when every customer is decided by them
}

// NewSwitch returns a switch for one demo.
func NewSwitch() *Switch { return &Switch{rung: make(chan struct{}, 1)} }

// patienceOfPut is for how long Put waits.
const patienceOfPut = 10 * time.Second

// Put puts rules in force in the place of those before, and waits until every customer is decided by them, or for some seconds: then it goes
// on without whoever asked.
func (s *Switch) Put(ctx context.Context, e *engine.Engine) {
	o := &order{engine: e, done: make(chan struct{})}
	s.mu.Lock()
	s.next = o
	s.mu.Unlock()
	select {
	case s.rung <- struct{}{}:
	default: // it rings already
	}
	over := time.NewTimer(patienceOfPut)
	defer over.Stop()
	select {
	case <-o.done:
	case <-over.C:
	case <-ctx.Done():
	}
}

func (s *Switch) take() *order {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.next
	s.next = nil
	return o
}

// work runs the pipeline, a new one for each set of rules. What they have in common, and all that was published, stays: it is as if a worker
// ended and another one with other rules took its partitions over.
func (d *demo) work(ctx context.Context) error {
	var rings <-chan struct{}
	if d.opt.Switch != nil {
		rings = d.opt.Switch.rung
	}
	var o *order
	for {
		running, stop := context.WithCancel(ctx)
		p, ended := d.pipeline.Load(), make(chan error, 1)
		go func() { ended <- p.Run(running) }()
		if o != nil {
			go o.await(running, p)
		}
		select {
		case err := <-ended:
			stop()
			return err
		case <-rings:
		}
		stop()
		if err := <-ended; err != nil || ctx.Err() != nil {
			return err
		}
		if o = d.opt.Switch.take(); o == nil {
			continue
		}
		if err := d.put(o.engine); err != nil {
			return err
		}
	}
}

// put makes everything ready for other rules while no pipeline runs.
func (d *demo) put(e *engine.Engine) error {
	d.engine.Store(e)
	d.history.SetSegments(names(e))
	d.mu.Lock()
	d.board.follow(e.Segments())
	d.mu.Unlock()
	return d.newPipeline()
}

// lookAgain is the time between two looks whether a pipeline is at work.
const lookAgain = 10 * time.Millisecond

// await closes done when the pipeline has taken everything over, which includes to decide every customer anew.
func (o *order) await(ctx context.Context, p *pipeline.Pipeline) {
	look := time.NewTicker(lookAgain)
	defer look.Stop()
	for {
		if ok, _ := p.Ready(); ok {
			close(o.done)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}
