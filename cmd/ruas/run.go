package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/metrics"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/redis"
)

func newRun(s streams) *cobra.Command {
	var (
		path  string
		noAPI bool
	)
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Keep segments up to date from a real Kafka and Redis",
		Long: `Reads events from Kafka, keeps segments up to date, and publishes joins and leaves; serves the API and the console. Start it on more
machines with the same configuration to share the work. SIGINT and SIGTERM end it: the batch in hand is finished, and the group is left.
` + exitCodes,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := newSite(path, s, !noAPI)
			if err != nil {
				return err
			}
			w, err := newWorker(site, !noAPI && site.config.HTTP.Listen != "")
			if err != nil {
				return err
			}
			return w.run(cmd.Context())
		},
	}
	configFlag(cmd, &path)
	cmd.Flags().BoolVar(&noAPI, "no-api", false, "serve only health and metrics, not the API and the console")
	return cmd
}

// worker is one process of a ruas.
type worker struct {
	*site
	pipeline *pipeline.Pipeline
	registry *prometheus.Registry
	serveAPI bool
}

func newWorker(s *site, serveAPI bool) (w *worker, err error) {
	w = &worker{site: s, serveAPI: serveAPI, registry: prometheus.NewRegistry()}
	if serveAPI {
		w.observers = append(w.observers, metrics.NewHTTP(w.registry, time.Now))
	}
	c := s.config
	var traced func(*pipeline.Traced)
	if w.tracing != nil {
		traced = w.tracing.Batch
	}
	w.pipeline, err = pipeline.New(pipeline.Options{
		Log: w.kafka, View: w.redis, Engine: w.rules.engine, Sources: pipelineSources(c, w.rules),
		Changes: c.Topics.Changes, State: c.Topics.State, DeadLetters: c.Topics.DeadLetters, Memberships: c.Topics.Memberships, Forget: c.Topics.Forget,
		Records:        c.Clock == config.ClockRecords,
		MaxClockSkew:   c.MaxClockSkew,
		Silent:         c.FirstStart == config.FirstStartSilent,
		ContinueOnLoss: c.OnDataLoss == config.DataLossContinue,
		Follow:         serveAPI,
		RulesVersion:   c.RulesVersion,
		Partition:      w.partition,
		BatchRecords:   c.Batch.Records, BatchBytes: c.Batch.Bytes, BatchEvery: c.Batch.Every, ReadAhead: c.ReadAhead, CacheCustomers: c.Cache.Customers,
		Observer: w.observer(), Traced: traced, Logger: w.logger,
	})
	return w, err
}

func newKafka(c *config.Kafka, logger *zap.Logger) (*kafka.Kafka, error) {
	settings, err := c.TLS.Client()
	if err != nil {
		return nil, err
	}
	return kafka.New(kafka.Options{
		Brokers: c.Brokers, Group: c.Group, ClientID: c.ClientID,
		Replication: int16(c.Replication), Partitions: int32(c.Partitions), // the configuration has checked that they fit
		SessionTimeout: c.SessionTimeout, TransactionTimeout: c.TransactionTimeout,
		TLS: settings,
		SASL: kafka.SASL{
			Mechanism: string(c.SASL.Mechanism), User: c.SASL.User, Password: c.SASL.Password.Reveal(), Token: c.SASL.Bearer,
		},
		Logger: logger,
	})
}

func newRedis(c *config.Config, logger *zap.Logger) (*redis.Redis, error) {
	settings, err := c.Redis.TLS.Client()
	if err != nil {
		return nil, err
	}
	return redis.New(redis.Options{
		Addresses: c.Redis.Addresses, Cluster: c.Redis.IsCluster(), Username: c.Redis.Username, Password: c.Redis.Password.Reveal(),
		DB: c.Redis.DB, Prefix: c.Redis.Prefix, Group: c.Kafka.Group, Timeout: c.Redis.Timeout, TLS: settings, Logger: logger,
	})
}

func pipelineSources(c *config.Config, r rules) []pipeline.Source {
	sources := make([]pipeline.Source, len(c.Sources))
	for i, from := range eventSources(c) {
		s := c.Sources[i]
		sources[i] = pipeline.Source{
			Name: s.Name, Topic: s.Topic, Delay: s.Delay, Optional: s.Optional,
			NewDecoder: func() (pipeline.Decoder, error) { return event.NewDecoder(r.schema, from, r.engine.Needs()) },
		}
	}
	return sources
}

func (w *worker) observer() *metrics.Metrics {
	var sources, segments []string
	for _, s := range w.config.Sources {
		sources = append(sources, s.Name)
	}
	for _, s := range w.rules.engine.Segments() {
		segments = append(segments, s.Name)
	}
	return metrics.New(metrics.Options{Registry: w.registry, Sources: sources, Segments: segments, Version: versionText(), Now: time.Now})
}

// run works until ctx is done or something cannot go on.
func (w *worker) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, w.close()) }()
	settings, err := w.config.HTTP.TLS.Server()
	if err != nil {
		return err
	}
	var (
		listeners [2]net.Listener
		listen    net.ListenConfig
	)
	for i, at := range []string{w.config.HTTP.Listen, w.config.Admin.Listen} {
		if at == "" {
			continue
		}
		l, err := listen.Listen(ctx, "tcp", at)
		if err != nil {
			return fmt.Errorf("serving HTTP: %w", err)
		}
		defer func() { _ = l.Close() }() // closed already where it was served
		listeners[i] = l
	}
	w.logger.Info("starting", zap.String("version", versionText()), zap.String("rules", w.rules.engine.RulesHash()),
		zap.Int("segments", len(w.rules.engine.Segments())), zap.String("http", w.config.HTTP.Listen), zap.String("admin", w.config.Admin.Listen))

	// The pipeline ends first: while its last batch is finished, health and metrics still answer.
	group, groupCtx := errgroup.WithContext(ctx)
	serving, stopServing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopServing()
	go boundHeap(groupCtx)
	group.Go(func() error {
		defer stopServing()
		return w.pipeline.Run(groupCtx)
	})
	var next http.Handler
	if w.serveAPI {
		next = w.handler(w.ready, func() int32 { return w.pipeline.Layout().Partitions })
		group.Go(func() error { return w.follow(groupCtx) })
	}
	if listeners[0] != nil {
		group.Go(func() error {
			return api.Serve(serving, listeners[0], settings, metrics.Operators(w.registry, w.ready, next))
		})
	}
	if listeners[1] != nil {
		group.Go(func() error { return api.Serve(serving, listeners[1], nil, metrics.Admin(w.registry, w.ready)) })
	}
	err = group.Wait()
	w.logger.Info("stopped", zap.Error(err))
	return err
}

func (w *worker) ready() error {
	if ok, why := w.pipeline.Ready(); !ok {
		return errors.New(why)
	}
	return nil
}
