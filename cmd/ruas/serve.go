package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/console"
	"github.com/ruas/ruas/internal/deadletter"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/redis"
	"github.com/ruas/ruas/internal/tracing"
)

// site is what a process serves from, and works with.
type site struct {
	config    *config.Config
	rules     rules
	kafka     *kafka.Kafka
	redis     *redis.Redis
	partition func(key []byte, n int32) int32
	feed      *api.Feed
	observers []api.Observer   // of requests
	tracing   *tracing.Tracing // nil: nothing is traced
	logger    *zap.Logger
}

// remembered is how many of the newest changes are kept for streams that begin later.
const remembered = 1000

// newSite reads the configuration and the rules. withAPI: it is to answer over HTTP.
func newSite(path string, s streams, withAPI bool) (*site, error) {
	c, err := config.Load(path, s.environ)
	if err != nil {
		return nil, err
	}
	if withAPI {
		if err := closed(c); err != nil {
			return nil, err
		}
	}
	out := &site{config: c, feed: api.NewFeed(api.FeedOptions{Remember: remembered, Now: time.Now})}
	if out.rules, err = compile(c, nil); err != nil {
		return nil, err
	}
	if out.logger, err = newLogger(c.Log, s.err); err != nil {
		return nil, err
	}
	if out.partition, err = kafka.Partitioner(string(c.Partitioner)); err != nil {
		return nil, err
	}
	if out.kafka, err = newKafka(&c.Kafka, out.logger); err != nil {
		return nil, err
	}
	if out.redis, err = newRedis(c, out.logger); err != nil {
		return nil, err
	}
	if c.Tracing.Endpoint != "" {
		out.tracing, err = tracing.New(context.Background(), tracing.Options{
			Endpoint: c.Tracing.Endpoint, Sample: c.Tracing.Sample, Version: versionText(), Logger: out.logger,
		})
		out.observers = append(out.observers, out.tracing)
	}
	return out, err
}

// close ends the connections, once nothing is done any more.
func (s *site) close() error {
	err := s.redis.Close()
	if s.tracing != nil {
		ctx, cancel := context.WithTimeout(context.Background(), lastTraces)
		defer cancel()
		if lost := s.tracing.Close(ctx); lost != nil {
			s.logger.Warn("the last traces are lost", zap.Error(lost))
		}
	}
	return err
}

// lastTraces is how long the end waits for the receiver of traces.
const lastTraces = 2 * time.Second

// closed refuses to answer others than this machine without knowing who they are.
func closed(c *config.Config) error {
	if !c.HTTP.Exposed() {
		return nil
	}
	return fmt.Errorf("http.listen is %s, where others than this machine can ask, and there are no tokens: name some (http.tokens; "+
		"'ruas token' makes one), listen on 127.0.0.1, or, where the network keeps others away, set http.unauthenticated: true (docs/security.md)",
		c.HTTP.Listen)
}

// handler answers from when ready first returns nil: only then partitions tells how many there are.
func (s *site) handler(ready func() error, partitions func() int32) http.Handler {
	handler := sync.OnceValue(func() http.Handler {
		var present func() time.Time
		if s.config.Clock == config.ClockPresent {
			present = time.Now
		}
		var requests api.Requests
		if s.config.Topics.Forget != "" {
			requests = &forgetting{kafka: s.kafka, topics: s.config.Topics, partitions: partitions(), partition: s.partition}
		}
		return api.New(api.Options{
			Present: present, Requests: requests, Engine: func() *engine.Engine { return s.rules.engine }, Schema: s.rules.schema, Rules: s.rules.files,
			View: s.redis.Reader(partitions(), s.partition), Feed: s.feed,
			Log: changesLog{s.kafka, s.config.Topics.Changes}, DeadLetters: s.letters(partitions()), Studies: s.studies(), Console: console.Handler(), Access: access(&s.config.HTTP), Logger: s.logger,
			Observers: s.observers,
		})
	})
	var started atomic.Bool
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !started.Load() {
			if err := ready(); err != nil {
				w.Header().Set("Retry-After", "1")
				http.Error(w, "starting: "+err.Error(), http.StatusServiceUnavailable)
				return
			}
			started.Store(true)
		}
		handler().ServeHTTP(w, r)
	})
}

// letters are the records that were no good.
func (s *site) letters(partitions int32) *deadletter.Letters {
	opt := deadletter.Options{Log: s.kafka, Topic: s.config.Topics.DeadLetters, Partitions: partitions}
	for _, from := range s.config.Sources {
		opt.Sources = append(opt.Sources, deadletter.Source{Name: from.Name, Topic: from.Topic})
	}
	return deadletter.New(opt)
}

func access(c *config.HTTP) api.Access {
	a := api.Access{Origins: c.CORS, Rate: c.Rate, Local: len(c.Tokens) == 0 && !c.Unauthenticated}
	for _, t := range c.Tokens {
		token := api.Token{Name: t.Name, SHA256: t.Hash()}
		for _, scope := range t.Scopes {
			token.Scopes = append(token.Scopes, api.Scope(scope))
		}
		a.Tokens = append(a.Tokens, token)
	}
	return a
}

// follow hands on published changes, those of other workers too.
func (s *site) follow(ctx context.Context) error {
	return s.kafka.Follow(ctx, s.config.Topics.Changes, follower{s.feed})
}

// follower publishes to a feed what is followed.
type follower struct{ feed *api.Feed }

func (f follower) Begin(at map[int32]int64) { f.feed.Begin(at) }

func (f follower) Record(partition int32, offset int64, value []byte) error {
	_, err := f.feed.Publish(api.Record{Partition: partition, Offset: offset, Value: value})
	return err
}

// changesLog is the changes topic as the API reads it.
type changesLog struct {
	kafka *kafka.Kafka
	topic string
}

func (l changesLog) Changes(ctx context.Context, from, to api.Offsets, each func(api.Record) error) error {
	return l.kafka.Between(ctx, l.topic, from, to, func(partition int32, offset int64, value []byte) error {
		return each(api.Record{Partition: partition, Offset: offset, Value: value})
	})
}

// forgetting records requests to forget where the pipeline reads them.
type forgetting struct {
	kafka      *kafka.Kafka
	topics     config.Topics
	partitions int32
	partition  func(key []byte, n int32) int32
}

func (f *forgetting) Forget(ctx context.Context, id, customer string, at time.Time) (api.Place, error) {
	value, err := json.Marshal(pipeline.ForgetRequest{ID: id, Customer: customer, RequestedAt: string(engine.AppendTime(nil, at.UnixMilli()))})
	if err != nil {
		return api.Place{}, fmt.Errorf("writing a request to forget: %w", err)
	}
	place := api.Place{Topic: f.topics.Forget, Partition: f.partition([]byte(customer), f.partitions)}
	place.Offset, err = f.kafka.Send(ctx, place.Topic, place.Partition, []byte(customer), value)
	return place, err
}

func (f *forgetting) Changelog() string { return f.topics.State }
