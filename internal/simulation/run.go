package simulation

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// patience is the virtual time in which everything must come to rest once nothing goes wrong any more.
	patience = 5 * time.Minute
	// noticed is the virtual time in which a loss in Redis is noticed and mended.
	noticed = 8 * time.Second
	// stopping is the virtual time in which a worker must end in an orderly way.
	stopping = time.Minute
)

// step is something that the simulation does at its time.
type step struct {
	at time.Duration
	do func()
}

// run runs the scenario: load and faults, then rest, then the checks.
func (w *world) run() {
	s := w.scenario
	if s.Records {
		for i := range s.Load.Events {
			w.produce(&s.Load.Events[i])
		}
	}
	time.Sleep(loadStarts - time.Second)
	for slot := range s.Workers {
		w.start(slot)
	}
	for _, st := range w.steps() {
		time.Sleep(st.at - w.since())
		st.do()
	}
	w.calmDown()
	w.heal()
	if s.After && !s.Records {
		w.after()
	}
	w.settle()
	w.stopAll()
	if len(w.wrong) == 0 {
		w.check()
	}
}

// fail notes what is wrong.
func (w *world) fail(what string) {
	w.say("WRONG: %s", what)
	w.wrong = append(w.wrong, what)
}

// steps puts the load and the faults in order of time.
func (w *world) steps() []step {
	var steps []step
	if !w.scenario.Records {
		for i := range w.scenario.Load.Events {
			ev := &w.scenario.Load.Events[i]
			steps = append(steps, step{ev.At, func() { w.produce(ev) }})
		}
	}
	for i := range w.scenario.Faults {
		f := &w.scenario.Faults[i]
		if f.Kind == rollBack {
			from := f.At - f.For
			steps = append(steps, step{max(0, from), func() { w.remember(f) }})
		}
		if f.Kind != none {
			steps = append(steps, step{f.At, func() { w.inject(f) }})
		}
	}
	steps = append(steps, step{w.scenario.Load.Lasts, func() {}})
	slices.SortStableFunc(steps, func(a, b step) int { return int(a.at - b.at) })
	return steps
}

// later does something after a time, before the checks.
func (w *world) later(after time.Duration, do func()) {
	w.mu.Lock()
	w.pending++
	w.mu.Unlock()
	go func() {
		defer w.end()
		time.Sleep(after)
		do()
	}()
}

// begin tells whether something may go wrong still; if so, it is waited for until end.
func (w *world) begin() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.calm {
		return false
	}
	w.pending++
	return true
}

func (w *world) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending--
}

// calmDown lets nothing more begin, and waits for the end of what did.
func (w *world) calmDown() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.calm = true; w.pending > 0; w.mu.Lock() {
		w.mu.Unlock()
		time.Sleep(10 * time.Millisecond)
	}
}

// worker gives the one in a slot; nil: there is none at work.
func (w *world) worker(slot int) *worker {
	w.mu.Lock()
	defer w.mu.Unlock()
	wk := w.workers[slot]
	if wk == nil {
		return nil
	}
	select {
	case <-wk.done:
		return nil
	default:
	}
	if m, _ := wk.kafka.state(""); m == dead {
		return nil
	}
	return wk
}

// inject makes a fault happen.
func (w *world) inject(f *Fault) {
	switch f.Kind {
	case join:
		if w.worker(f.Worker) == nil {
			w.happens(f)
			w.start(f.Worker)
		}
	case evict, abort, moveCoordinators, moveLeaders, refuse:
		w.happens(f)
		w.injectBroker(f)
	case flushAll, loseKey, rollBack, full:
		w.happens(f)
		w.injectRedis(f)
	default:
		if wk := w.worker(f.Worker); wk != nil {
			w.injectWorker(f, wk)
		}
	}
}

// happens counts a fault that takes place.
func (w *world) happens(f *Fault) {
	w.mu.Lock()
	w.injected[f.Kind]++
	w.mu.Unlock()
	w.say("FAULT %v", *f)
}

// crash ends a worker at once, and starts it again later.
func (w *world) crash(wk *worker, again time.Duration) {
	wk.vanish()
	w.later(again, func() {
		wk.kafka.close()
		wk.redis.close()
		w.start(wk.slot)
	})
}

func (w *world) injectWorker(f *Fault, wk *worker) {
	links := []*link{wk.kafka, wk.redis}
	switch f.Server {
	case toKafka:
		links = links[:1]
	case toRedis:
		links = links[1:]
	}
	during := func(m mode, links ...*link) {
		for _, l := range links {
			l.set(m)
		}
		w.later(f.For, func() {
			for _, l := range links {
				l.set(open)
			}
		})
	}
	switch f.Kind {
	case crash:
		w.happens(f)
		w.crash(wk, f.For)
	case pause:
		w.happens(f)
		during(frozen, wk.kafka, wk.redis)
	case cut:
		w.happens(f)
		during(broken, links...)
	case silence:
		w.happens(f)
		during(silent, links...)
	case part:
		w.happens(f)
		address := w.cluster.ListenAddrs()[f.Pick%brokers]
		wk.kafka.part(silent, address)
		w.later(f.For, func() { wk.kafka.part(open, address) })
	case slow:
		w.happens(f)
		for _, l := range links {
			l.slower(time.Second)
			w.later(f.For, func() { l.slower(0) })
		}
	case stop:
		w.happens(f)
		wk.stop()
		w.later(f.For, func() {
			<-wk.done
			w.start(wk.slot)
		})
	default:
		w.trap(f, wk, during)
	}
}

// trap waits for the request that a fault names.
func (w *world) trap(f *Fault, wk *worker, during func(mode, ...*link)) {
	t := &trap{request: f.Request, left: f.Nth}
	t.spring = func() verdict {
		if !w.begin() {
			return pass
		}
		defer w.end()
		w.happens(f)
		w.mu.Lock()
		wk := w.workers[wk.slot] // a trap outlives the process
		w.mu.Unlock()
		switch f.Kind {
		case crashBefore:
			w.crash(wk, f.For)
		case crashAfter:
			// The request is on its way: everything else ends now, and the rest when it has arrived.
			w.later(time.Microsecond, func() { w.crash(wk, f.For) })
			return last
		case pauseBefore:
			during(frozen, wk.kafka, wk.redis)
		case silenceBefore:
			during(silent, wk.kafka)
		case silenceAfter:
			w.later(f.For, func() {
				wk.kafka.set(open)
				wk.redis.set(open)
			})
			return hush
		case loseAnswer:
			return deaf
		default:
		}
		return pass
	}
	wk.mu.Lock()
	wk.traps = append(wk.traps, t)
	wk.mu.Unlock()
}

func (w *world) injectBroker(f *Fault) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	switch f.Kind {
	case moveCoordinators:
		w.cluster.RehashCoordinators()
	case moveLeaders:
		w.cluster.ShufflePartitionLeaders()
	case refuse:
		h := w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{f.Key}, Err: f.Err, Count: f.Count})
		w.later(10*time.Second, h.Remove)
	case evict:
		info := w.cluster.GroupInfo(group)
		if info == nil || len(info.Members) == 0 {
			return
		}
		var ids []string
		for _, m := range info.Members {
			ids = append(ids, m.MemberID)
		}
		slices.Sort(ids)
		req := kmsg.NewPtrLeaveGroupRequest()
		req.Group = group
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = ids[int(f.Pick)%len(ids)]
		req.Members = append(req.Members, m)
		_, _ = req.RequestWith(ctx, w.client)
	case abort:
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID = kmsg.StringPtr(group + "-" + string('0'+byte(f.Pick%uint32(w.scenario.Partitions))))
		req.TransactionTimeoutMillis = int32(transactionTimeout.Milliseconds())
		_, _ = req.RequestWith(ctx, w.client)
	default:
	}
}

// heal ends all faults, and leaves at least one worker.
func (w *world) heal() {
	w.healed = time.Now()
	w.say("nothing goes wrong any more")
	w.mu.Lock()
	w.full = false
	w.mu.Unlock()
	some := false
	for slot := range slots {
		if wk := w.worker(slot); wk != nil {
			some = true
			wk.mu.Lock()
			wk.traps = nil
			wk.mu.Unlock()
			for _, l := range []*link{wk.kafka, wk.redis} {
				l.slower(0)
				l.set(open)
			}
		}
	}
	if !some {
		w.start(0)
	}
}

// after goes on with a little load when all is well again, and waits until time alone has moved whom it moves.
func (w *world) after() {
	time.Sleep(recovered)
	for i := range min(8, w.scenario.Load.Customers) {
		for source := range 2 {
			ev := Event{Source: source, Key: fmt.Sprintf("c%d", i)}
			ev.Value = fmt.Appendf(nil, `{"id":"after%d","type":%q,"customer_id":%q,"time":%q,"amount":1}`,
				2*i+source, []string{"purchase", "cart_add"}[source], ev.Key, time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
			w.produce(&ev)
			time.Sleep(250 * time.Millisecond)
		}
	}
	time.Sleep(45 * time.Second)
}

// settle waits until all partitions are at their ends, and, where the run goes on, their clocks where nothing went wrong any more: that
// takes as long as an idle task may take to commit its clock.
func (w *world) settle() {
	from := time.Time{}
	if w.scenario.After {
		from = time.Now()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		why := w.unsettled(ctx, from.UnixMilli())
		if why == "" {
			// What Redis lost is noticed within a few seconds.
			time.Sleep(noticed)
			w.say("at rest")
			return
		}
		if ctx.Err() != nil {
			w.fail("after " + patience.String() + " without faults " + why)
			return
		}
		time.Sleep(time.Second)
	}
}

// stopAll ends all workers in an orderly way.
func (w *world) stopAll() {
	late := time.NewTimer(stopping)
	defer late.Stop()
	for slot := range slots {
		if wk := w.worker(slot); wk != nil {
			wk.stop()
		}
	}
	for slot := range slots {
		wk := w.worker(slot)
		if wk == nil {
			continue
		}
		select {
		case <-wk.done:
		case <-late.C:
			w.fail("a worker does not end")
			return
		}
	}
}

// produce writes an event, as the shop's own producers do.
func (w *world) produce(ev *Event) {
	r := ev.record()
	if !w.scenario.Load.Transactions {
		w.client.Produce(context.Background(), r, w.produced)
		return
	}
	if w.producer == nil {
		var err error
		if w.producer, err = kgo.NewClient(w.own(kgo.TransactionalID("shop"))...); err != nil {
			w.fail(err.Error())
			return
		}
	}
	end := kgo.TryCommit
	if ev.Aborted {
		end = kgo.TryAbort
	}
	for range 100 {
		err := w.producer.BeginTransaction()
		if err == nil {
			w.producer.Produce(context.Background(), ev.record(), w.produced)
			if err = w.producer.Flush(context.Background()); err == nil {
				err = w.producer.EndTransaction(context.Background(), end)
			}
		}
		if err == nil {
			return
		}
		w.producer.Close()
		if w.producer, err = kgo.NewClient(w.own(kgo.TransactionalID("shop"))...); err != nil {
			w.fail(err.Error())
			return
		}
	}
}

func (w *world) produced(r *kgo.Record, err error) {
	if err != nil {
		w.say("producing: %v", err)
		return
	}
	w.acknowledged(r)
}
