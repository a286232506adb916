package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/ruas/ruas/bench/internal/shop"
	"github.com/ruas/ruas/internal/servers"
	"github.com/ruas/ruas/internal/workload"
)

const (
	askRate = 2_000 // customers a second that are asked for
	// besideRate is how many events a second the pipeline works at meanwhile.
	besideRate = 2_000
	// besideLinger is what Kafka's own producers linger for by default since Kafka 4 (KIP-1030).
	besideLinger = 5 * time.Millisecond
)

// api measures answers about single customers, by a process that serves the API alone, while the pipeline is at work.
func (b *bench) api() error {
	if !b.opt.takes("ruas") {
		return nil
	}
	if err := b.serve(); err != nil {
		return err
	}
	app := b.name("api")
	j := job{app: app, topics: topicsOf(app + "-in-"), rules: 10, config: "clock: present"}
	if err := shop.CreateTopics(b.ctx, b.admin, partitions, append(j.topics, j.out())...); err != nil {
		return err
	}
	from := time.Now().Add(-workload.Span)
	history := b.opt.workload()
	history.At = func(i int) int64 {
		return from.UnixMilli() + int64(i)*workload.Span.Milliseconds()/int64(history.Events)
	}
	// Everybody is known, those too of whom the workload has no event.
	if _, err := shop.Send(b.ctx, b.client, app+"-in-", everybody(b.opt.customers, from), workload.Records(history)); err != nil {
		return err
	}
	ends, err := b.ends(j.topics...)
	if err != nil {
		return err
	}
	worker, err := b.startRuas(j)
	if err != nil {
		return err
	}
	defer worker.stop()
	if err := b.awaitRead(ends, j, worker); err != nil {
		return err
	}
	server, address, err := b.startAPI(j)
	if err != nil {
		return err
	}
	defer server.stop()

	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	once := func(series string, run int, l *openLoop) error {
		values, err := b.apiOnce(ctx, j, l, address, worker, server)
		if err != nil {
			return errors.Join(err, worker.lives(), server.lives())
		}
		if run < 0 {
			progress("api: a run that was not counted, for the broker")
			return nil
		}
		progress("api, %s, run %d: p50 %.2f, p99 %.2f, p99.9 %.2f, worst %.1f ms of %.0f requests; CPU s a million: %.1f", series, run+1,
			values["p50_seconds"]*1e3, values["p99_seconds"]*1e3, values["p999_seconds"]*1e3, values["worst_seconds"]*1e3, values["requests"], values[apiCPU])
		return b.store.add("api", series, sample{Run: run, Values: values})
	}
	if err := once(withoutEvents, 0, &openLoop{}); err != nil {
		return err
	}
	lasts := b.opt.warmUp + b.opt.steady
	l, err := b.newOpenLoop(app+"-in-", besideLinger, b.opt.customers, 3*time.Minute+time.Duration(b.opt.runs+1)*(lasts+time.Minute))
	if err != nil {
		return err
	}
	l.rate.Store(besideRate)
	sender := make(chan error, 1)
	go func() { sender <- l.run(ctx) }()
	for run := -1; run < b.opt.runs; run++ {
		if err := once("ruas", run, l); err != nil {
			return err
		}
	}
	stop()
	if err := errors.Join(<-sender, worker.lives(), server.lives()); err != nil {
		return err
	}
	server.stop()
	worker.stop()
	return b.remove(app)
}

// withoutEvents is the API beside a worker that has nothing to do.
const withoutEvents = "without events"

const apiCPU = "api_cpu_seconds_per_million"

// apiOnce asks for a while.
func (b *bench) apiOnce(ctx context.Context, j job, l *openLoop, address string, worker, server *process) (map[string]float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &asker{address: address, customers: b.opt.customers, began: time.Now()}
	stop, asking := make(chan struct{}), make(chan error, 1)
	go func() { asking <- a.run(ctx, stop) }()
	if err := b.pause(b.opt.warmUp); err != nil {
		return nil, err
	}
	from, sent := a.now(), l.sent.Load()
	before, err := b.use(worker)
	if err != nil {
		return nil, err
	}
	used, err := cpu(server.pid())
	if err != nil {
		return nil, fmt.Errorf("looking at the API: %w%s", err, server.tail())
	}
	select {
	case err := <-asking:
		return nil, fmt.Errorf("asking for customers: %w", err)
	case <-time.After(b.opt.steady):
	}
	to, sent := a.now(), l.sent.Load()-sent
	after, err := b.use(worker)
	if err != nil {
		return nil, err
	}
	ended, err := cpu(server.pid())
	if err != nil {
		return nil, fmt.Errorf("looking at the API: %w%s", err, server.tail())
	}
	behind, err := b.behind(j)
	if err != nil {
		return nil, err
	}
	close(stop)
	if err := <-asking; err != nil {
		return nil, fmt.Errorf("asking for customers: %w", err)
	}
	values := a.values(from, to)
	if values["requests"] == 0 {
		return nil, errors.New("no customer was asked for")
	}
	used, wall := ended-used, after.at.Sub(before.at).Seconds()
	beside := after.since(before)
	_, peak := resident(server.pid())
	for name, v := range map[string]float64{
		"requests_per_second": values["requests"] / (to - from).Seconds(), rate: float64(sent) / wall, "behind_events": float64(behind),
		apiCPU: used.Seconds() / (values["requests"] / 1e6), "api_cpu_share": used.Seconds() / wall, "api_peak_rss_bytes": peak,
		"redis_cpu_share": beside.redis.Seconds() / wall, "worker_cpu_share": beside.worker.Seconds() / wall,
		"broker_cpu_share": beside.broker.Seconds() / wall, "customers": float64(b.opt.customers),
	} {
		values[name] = v
	}
	return values, nil
}

// startAPI starts a process that serves the API beside a worker, and gives its address once it serves.
func (b *bench) startAPI(j job) (*process, string, error) {
	address := servers.Ports(b, 1)[0]
	file, err := b.configure(j, address)
	if err != nil {
		return nil, "", err
	}
	p, err := b.start("ruas api", b.program("ruas"), "api", "-c", file)
	if err != nil {
		return nil, "", err
	}
	client := http.Client{Timeout: 2 * time.Second}
	for end := time.Now().Add(time.Minute); ; {
		answer, err := client.Get("http://" + address + "/readyz") //nolint:noctx // the client ends it
		if err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return p, address, nil
			}
		}
		if err := p.lives(); err != nil {
			return nil, "", err
		}
		if time.Now().After(end) {
			p.stop()
			return nil, "", fmt.Errorf("the API does not serve after a minute%s", p.tail())
		}
		if err := b.pause(50 * time.Millisecond); err != nil {
			return nil, "", err
		}
	}
}

// awaitRead waits until a worker has committed everything up to the ends of its inputs.
func (b *bench) awaitRead(ends kadm.ListedOffsets, j job, worker *process) error {
	for began := time.Now(); ; {
		_, whole, err := b.progress(ends, j)
		if err := errors.Join(err, worker.lives()); whole || err != nil {
			return err
		}
		if time.Since(began) > drainTimeout {
			return fmt.Errorf("the worker has not read the events after %v%s", drainTimeout, worker.tail())
		}
		if err := b.pause(100 * time.Millisecond); err != nil {
			return err
		}
	}
}

// behind gives how many events the group has not committed yet.
func (b *bench) behind(j job) (n int64, err error) {
	ends, err := b.ends(j.topics...)
	if err != nil {
		return 0, err
	}
	committed, err := b.admin.FetchOffsets(b.ctx, j.app)
	if err != nil {
		return 0, fmt.Errorf("asking for the offsets of %s: %w", j.app, err)
	}
	ends.Each(func(end kadm.ListedOffset) {
		if at, ok := committed.Lookup(end.Topic, end.Partition); ok {
			n += max(0, end.Offset-at.At)
		} else {
			n += end.Offset
		}
	})
	return n, nil
}

// values are of the requests that were due between two moments.
func (a *asker) values(from, to time.Duration) map[string]float64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	var took, late []time.Duration
	for _, got := range a.answered {
		if got.due >= from && got.due < to {
			took, late = append(took, got.took), append(late, got.late)
		}
	}
	values := percentiles(took)
	values["requests"] = values["changes"]
	delete(values, "changes")
	if slices.Sort(late); len(late) > 0 {
		values["sent_late_p99_seconds"] = late[len(late)*99/100].Seconds()
	}
	return values
}
