package simulation

import (
	"context"
	"sync"
	"time"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/redis"
)

// worker is one run of a worker's process.
type worker struct {
	world        *world
	slot         int
	kafka, redis *link
	stop         context.CancelFunc
	done         chan struct{}

	mu    sync.Mutex
	traps []*trap
	ended bool // its pipeline returned
}

// trap waits for a request of a worker.
type trap struct {
	request string
	left    int
	spring  func() verdict
}

// start runs a worker in a slot, if there is none: two crashes may want to start the same one again.
func (w *world) start(slot int) {
	if w.worker(slot) != nil {
		return
	}
	wk := &worker{world: w, slot: slot, done: make(chan struct{})}
	wk.kafka, wk.redis = w.link(wk, toKafka), w.link(wk, toRedis)
	ctx, cancel := context.WithCancel(context.Background())
	wk.stop = cancel
	w.mu.Lock()
	if old := w.workers[slot]; old != nil {
		w.past = append(w.past, old)
		old.mu.Lock()
		wk.traps = old.traps
		old.mu.Unlock()
	}
	w.workers[slot] = wk
	w.mu.Unlock()
	w.say("worker %d starts", slot)
	go wk.run(ctx)
}

// run keeps the worker at work, as a supervisor does: a process that ends is started again.
func (wk *worker) run(ctx context.Context) {
	defer close(wk.done)
	for ctx.Err() == nil {
		err := wk.once(ctx)
		wk.mu.Lock()
		wk.ended = true
		wk.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		wk.world.say("worker %d ended: %v", wk.slot, err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (wk *worker) once(ctx context.Context) error {
	w := wk.world
	log := w.logger(wk.slot)
	k, err := kafka.New(kafka.Options{
		Brokers: w.cluster.ListenAddrs(), Group: group, Logger: log.Named("kafka"), Dialer: wk.kafka.dial,
		SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout, TransactionTimeout: transactionTimeout, CommitTimeout: commitTimeout,
	})
	if err != nil {
		return err
	}
	view, err := redis.New(redis.Options{
		Addresses: []string{"127.0.0.1:6379"}, Prefix: prefix, Group: group, Timeout: redisTimeout, Dialer: wk.redis.dial, Logger: log.Named("redis"),
	})
	if err != nil {
		return err
	}
	defer func() { _ = view.Close() }()
	opt := pipeline.Options{
		Log: k, View: view, Engine: w.engine, Records: w.scenario.Records, Partition: w.partition,
		Now:     func() time.Time { return time.Now().Add(w.scenario.Skew[wk.slot]) },
		Changes: changes, State: states, DeadLetters: deadLetters, Memberships: memberships, Forget: forgets, Logger: log, BatchEvery: 10 * time.Millisecond,
	}
	for _, name := range sources {
		opt.Sources = append(opt.Sources, pipeline.Source{Name: name, Topic: name, NewDecoder: w.decoder(name)})
	}
	if w.scenario.Small {
		opt.BatchRecords, opt.Stride, opt.BatchBytes, opt.ReadAhead, opt.CacheCustomers, opt.Deadlines = 15, 4, 4000, 10, 5, 4
	}
	p, err := pipeline.New(opt)
	if err != nil {
		return err
	}
	return p.Run(ctx)
}

func (w *world) decoder(name string) func() (pipeline.Decoder, error) {
	return func() (pipeline.Decoder, error) {
		return event.NewDecoder(w.schema, event.Source{Name: name}, w.engine.Needs())
	}
}

// request is told of everything that the worker is about to send.
func (wk *worker) request(name string) verdict {
	wk.mu.Lock()
	var sprung []*trap
	rest := wk.traps[:0:0]
	for _, t := range wk.traps {
		if t.request == name {
			if t.left--; t.left == 0 {
				sprung = append(sprung, t)
				continue
			}
		}
		rest = append(rest, t)
	}
	wk.traps = rest
	wk.mu.Unlock()
	v := pass
	for _, t := range sprung {
		v = max(v, t.spring())
	}
	return v
}

func (wk *worker) set(server string, m mode) {
	if server != toRedis {
		wk.kafka.set(m)
	}
	if server != toKafka {
		wk.redis.set(m)
	}
}

// vanish ends the worker as a crash does: nothing that it still does reaches anybody.
func (wk *worker) vanish() {
	wk.set("", dead)
	wk.stop()
}
