// Package demo owns what `ruas demo` shows: a simulated shop, the servers that it needs embedded in the process (Kafka as kfake, Redis
// as miniredis), and a live table of the segments. The pipeline, the API and the console are the very same as everywhere; only the
// present that they are given runs faster.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"golang.org/x/sync/errgroup"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/console"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/metrics"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/redis"
	"github.com/ruas/ruas/internal/rulefiles"
	"github.com/ruas/ruas/internal/study"
)

// Options says what to show. A zero number stands for its default.
type Options struct {
	Engine *engine.Engine
	Schema *event.Schema
	// Rules are the files that Engine was compiled from; nil: the API tells none.
	Rules *rulefiles.Store
	// Switch brings other rules while the demo runs; nil: none come.
	Switch *Switch
	// Speed is how many times as fast the shop's time runs. 60.
	Speed     float64
	Customers int    // at the opening; the shop's default
	Seed      uint64 // 1
	// Listen is the address of the API and the console; where it is taken, another port of the same host is used. Empty: none.
	Listen string
	// Out is where the table or, where it is no terminal, the lines go.
	Out io.Writer
	// Logger is told what goes wrong; nil: nobody.
	Logger *zap.Logger
}

const (
	partitions   = 2
	changesTopic = "segment-changes"
	stateTopic   = "segment-state"
	forgetTopic  = "ruas-forget"
	lettersTopic = "dead-letters"
	group        = "ruas-demo"
	// lag is how long, in the world, an event may take from the shop to the pipeline without being late.
	lag = 100 * time.Millisecond
	// frame is the time between two drawings.
	frame = 200 * time.Millisecond
	// remembered changes are for pages that are opened later.
	remembered = 10_000
)

// Run shows the demo until the context is cancelled.
func Run(ctx context.Context, opt Options) error {
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	screen, isTable := newDisplay(opt.Out)
	if isTable {
		log, hold := opt.Logger, &kept{}
		opt.Logger = log.WithOptions(zap.WrapCore(func(c zapcore.Core) zapcore.Core { return held{c, hold} }))
		defer func() {
			if missed, err := hold.release(); missed > 0 || err != nil {
				log.Warn("more was logged while the table was shown", zap.Int("entries", missed), zap.Error(err))
			}
		}()
	}
	defer screen.close()
	d, err := start(ctx, opt)
	if err != nil {
		return err
	}
	defer d.stop()
	d.screen = screen
	return d.run(ctx)
}

// run lets everything work until the context is cancelled.
func (d *demo) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		// The history first: where all sources are at their ends the clock follows the present, and all of it would be late.
		if err := d.producer.history(ctx, d.client); err != nil {
			return ended(err)
		}
		group.Go(func() error { return d.work(ctx) })
		return ended(d.producer.run(ctx, d.client))
	})
	group.Go(func() error { return d.follow(ctx) })
	group.Go(func() error { return d.show(ctx) })
	if d.listener != nil {
		group.Go(func() error { return d.serve(ctx) })
	}
	return group.Wait()
}

// ended drops the error of a wanted end.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

type demo struct {
	opt      Options
	clock    shopClock
	cluster  *kfake.Cluster
	mini     *miniredis.Miniredis
	client   *kgo.Client // the shop's, and the reader of changes
	kafka    *kafka.Kafka
	redis    *redis.Redis
	engine   atomic.Pointer[engine.Engine] // the rules in force
	pipeline atomic.Pointer[pipeline.Pipeline]
	producer *producer
	history  *history
	registry *prometheus.Registry
	feed     *api.Feed
	listener net.Listener
	url      string

	mu     sync.Mutex // guards what follows
	board  *board
	screen display
}

// start starts the servers and connects everything.
func start(ctx context.Context, opt Options) (d *demo, err error) {
	if opt.Speed == 0 {
		opt.Speed = 60
	}
	now := time.Now()
	d = &demo{opt: opt, clock: shopClock{opening: now, start: now, speed: opt.Speed}, registry: prometheus.NewRegistry()}
	d.engine.Store(opt.Engine)
	d.history = newHistory(now.UnixMilli(), d.metrics())
	defer func() {
		if err != nil {
			d.stop()
		}
	}()
	if d.cluster, err = kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, append([]string{changesTopic}, topics...)...)); err != nil {
		return nil, fmt.Errorf("starting the embedded Kafka: %w", err)
	}
	if d.mini, err = miniredis.Run(); err != nil {
		return nil, fmt.Errorf("starting the embedded Redis: %w", err)
	}
	if err := d.connect(); err != nil {
		return nil, err
	}
	d.producer = &producer{
		shop:  NewShop(ShopOptions{Seed: opt.Seed, Customers: opt.Customers, Opening: now}),
		clock: d.clock,
	}
	d.feed = api.NewFeed(api.FeedOptions{Remember: remembered, Now: time.Now, CountFrom: now})
	from := api.Offsets{}
	for p := range int32(partitions) {
		from[p] = 0
	}
	d.feed.Begin(from)
	d.board = newBoard(opt.Engine.Segments(), now)
	return d, d.listen(ctx)
}

// connect makes the clients and the pipeline.
func (d *demo) connect() error {
	brokers := d.cluster.ListenAddrs()
	client, err := kgo.NewClient(append(clientOptions(brokers),
		kgo.ConsumeTopics(changesTopic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	if err != nil {
		return fmt.Errorf("connecting to the embedded Kafka: %w", err)
	}
	d.client = client
	if d.kafka, err = kafka.New(kafka.Options{Brokers: brokers, Group: group, Logger: d.opt.Logger}); err != nil {
		return err
	}
	if d.redis, err = redis.New(redis.Options{Addresses: []string{d.mini.Addr()}, Prefix: "ruas:", Group: group, Logger: d.opt.Logger}); err != nil {
		return err
	}
	return d.newPipeline()
}

// newPipeline makes the pipeline of the rules in force.
func (d *demo) newPipeline() error {
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		return err
	}
	e := d.engine.Load()
	sources := make([]pipeline.Source, len(topics))
	for i, topic := range topics {
		sources[i] = pipeline.Source{
			Name: topic, Topic: topic, Delay: time.Duration(float64(lag) * d.opt.Speed),
			NewDecoder: func() (pipeline.Decoder, error) {
				return event.NewDecoder(d.opt.Schema, event.Source{Name: topic}, e.Needs())
			},
		}
	}
	p, err := pipeline.New(pipeline.Options{
		Log: d.kafka, View: d.redis, Engine: e, Sources: sources,
		Changes: changesTopic, State: stateTopic, DeadLetters: lettersTopic, Memberships: "segment-memberships", Forget: forgetTopic,
		Now: d.clock.now, Partition: partition, Logger: d.opt.Logger, Observer: d.history,
	})
	d.pipeline.Store(p)
	return err
}

// listen takes the address of the API, or another port where that is taken.
func (d *demo) listen(ctx context.Context) error {
	if d.opt.Listen == "" {
		return nil
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", d.opt.Listen)
	if err != nil {
		host, _, splitErr := net.SplitHostPort(d.opt.Listen)
		if splitErr != nil {
			return fmt.Errorf("the address of the console: %w", splitErr)
		}
		if listener, err = config.Listen(ctx, "tcp", net.JoinHostPort(host, "0")); err != nil {
			return fmt.Errorf("listening for the console: %w", err)
		}
	}
	d.listener = listener
	d.url = "http://" + strings.Replace(listener.Addr().String(), "[::]", "127.0.0.1", 1)
	return nil
}

func (d *demo) stop() {
	if d.client != nil {
		d.client.Close()
	}
	if d.redis != nil {
		// The server is gone with the process; there is nothing to lose.
		_ = d.redis.Close()
	}
	if d.mini != nil {
		d.mini.Close()
	}
	if d.cluster != nil {
		d.cluster.Close()
	}
	if d.listener != nil {
		_ = d.listener.Close()
	}
}

// follow hands published changes on to the feed.
func (d *demo) follow(ctx context.Context) error {
	for {
		fetches := d.client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return ended(fmt.Errorf("reading the changes: %w", err))
		}
		for _, record := range fetches.Records() {
			c, err := d.feed.Publish(api.Record{Partition: record.Partition, Offset: record.Offset, Value: record.Value})
			if err != nil {
				return err
			}
			d.mu.Lock()
			news := d.board.apply(&c)
			d.screen.change(&c, news)
			d.mu.Unlock()
		}
	}
}

func (d *demo) serve(ctx context.Context) error {
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		return err
	}
	studies := study.NewDesk(d.studies(partition))
	defer studies.Close()
	handler := api.New(api.Options{
		Engine: d.engine.Load, Schema: d.opt.Schema, Rules: d.opt.Rules, View: d.redis.Reader(partitions, partition), Feed: d.feed,
		Log: changesLog{d.kafka}, Requests: forgetting{d.kafka, partition}, DeadLetters: letters(d.kafka), Studies: studies, Console: console.Handler(), Logger: d.opt.Logger,
		Access:    api.Access{Local: loopback(d.listener.Addr())},
		Observers: []api.Observer{metrics.NewHTTP(d.registry, time.Now)},
	})
	ready := func() error {
		if ok, why := d.pipeline.Load().Ready(); !ok {
			return errors.New(why)
		}
		return nil
	}
	return api.Serve(ctx, d.listener, nil, metrics.Operators(d.registry, ready, handler))
}

// metrics measures the pipeline as a worker's is, by the shop's clock.
func (d *demo) metrics() *metrics.Metrics {
	return metrics.New(metrics.Options{Registry: d.registry, Sources: topics, Segments: names(d.opt.Engine), Version: "demo", Now: d.clock.now})
}

func names(e *engine.Engine) []string {
	out := make([]string, len(e.Segments()))
	for i, s := range e.Segments() {
		out[i] = s.Name
	}
	return out
}

// loopback tells whether only this machine can ask.
func loopback(address net.Addr) bool {
	at, ok := address.(*net.TCPAddr)
	return ok && at.IP.IsLoopback()
}

// changesLog is the changes topic as the API reads it.
type changesLog struct{ kafka *kafka.Kafka }

func (l changesLog) Changes(ctx context.Context, from, to api.Offsets, each func(api.Record) error) error {
	return l.kafka.Between(ctx, changesTopic, from, to, func(partition int32, offset int64, value []byte) error {
		return each(api.Record{Partition: partition, Offset: offset, Value: value})
	})
}

// show draws the board until the end.
func (d *demo) show(ctx context.Context) error {
	draw := time.NewTicker(frame)
	defer draw.Stop()
	s := state{speed: d.opt.Speed, url: d.url, joins: d.feed.LastMinute, loading: true}
	recent := newRate()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-draw.C:
		}
		s.now = d.clock.now()
		s.customers, s.events = int(d.producer.customers.Load()), d.producer.events.Load()
		s.rate = recent.of(s.events, time.Now())
		d.mu.Lock()
		s.loading = s.loading && d.board.changes == 0 && !d.history.read()
		d.screen.draw(d.board, s)
		d.mu.Unlock()
	}
}

// rate is how many a second, over the last few seconds.
type rate struct {
	at    time.Time
	count int64
	value float64
}

func newRate() *rate { return &rate{at: time.Now()} }

func (r *rate) of(count int64, now time.Time) float64 {
	if since := now.Sub(r.at); since >= 2*time.Second {
		r.value = float64(count-r.count) / since.Seconds()
		r.at, r.count = now, count
	}
	return r.value
}
