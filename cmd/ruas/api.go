package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/metrics"
	"github.com/ruas/ruas/internal/pipeline"
)

func newAPI(s streams) *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "api",
		Short: "Serve the API and the console beside a running pipeline",
		Long: `Answers what 'ruas run' answers over HTTP, and takes no part in its work: it reads Redis, and follows the changes on Kafka. Start as many
as the requests need, with the configuration of the pipeline.
` + exitCodes,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := newSite(path, s, true)
			if err != nil {
				return err
			}
			if site.config.HTTP.Listen == "" {
				return errors.New("http.listen is empty: there is nothing to serve")
			}
			if os.Getenv("GOGC") == "" {
				// It keeps a few megabytes, and allocates as much in a moment: by default it would look for garbage twice a second.
				debug.SetGCPercent(400)
			}
			return newReplica(site).run(cmd.Context())
		},
	}
	configFlag(cmd, &path)
	return cmd
}

// replica serves the API and nothing else.
type replica struct {
	*site
	registry *prometheus.Registry
	layout   atomic.Pointer[pipeline.Layout] // nil until the topics are known
	trouble  atomic.Pointer[error]
}

func newReplica(s *site) *replica {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.observers = append(s.observers, metrics.NewHTTP(registry, time.Now))
	return &replica{site: s, registry: registry}
}

// run serves until ctx is done or something cannot go on.
func (r *replica) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, r.close()) }()
	settings, err := r.config.HTTP.TLS.Server()
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", r.config.HTTP.Listen)
	if err != nil {
		return fmt.Errorf("serving HTTP: %w", err)
	}
	r.logger.Info("starting", zap.String("version", versionText()), zap.String("rules", r.rules.engine.RulesHash()), zap.String("http", r.config.HTTP.Listen))
	handler := r.handler(r.ready, func() int32 { return r.layout.Load().Partitions })
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return r.look(ctx) })
	group.Go(func() error { return r.follow(ctx) })
	group.Go(func() error {
		return api.Serve(ctx, listener, settings, metrics.Operators(r.registry, r.ready, handler))
	})
	err = group.Wait()
	r.logger.Info("stopped", zap.Error(err))
	return err
}

// ready tells whether the topics are known and the changes are followed. Whether the view is there, each answer says.
func (r *replica) ready() error {
	switch why := r.trouble.Load(); {
	case r.layout.Load() == nil && why != nil:
		return *why
	case r.layout.Load() == nil:
		return errors.New("the topics are looked for")
	case r.feed.At() == nil:
		return errors.New("the changes are not followed yet")
	}
	return nil
}

// lookAgain is the time between two looks for the topics: a pipeline that starts at the same moment makes them.
const lookAgain = time.Second

// look finds out how many partitions there are.
func (r *replica) look(ctx context.Context) error {
	topics := pipeline.Topics{
		Changes: r.config.Topics.Changes, State: r.config.Topics.State, DeadLetters: r.config.Topics.DeadLetters, Look: true,
	}
	for _, s := range r.config.Sources {
		topics.Sources = append(topics.Sources, pipeline.SourceTopic{Topic: s.Topic, Optional: s.Optional})
	}
	for said := ""; ; {
		layout, err := r.kafka.Prepare(ctx, topics)
		if err == nil {
			r.layout.Store(&layout)
			return nil
		}
		r.trouble.Store(&err)
		if err.Error() != said && ctx.Err() == nil {
			said = err.Error()
			r.logger.Warn("the topics are not there yet", zap.Error(err))
		}
		wait := time.NewTimer(lookAgain)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil
		case <-wait.C:
		}
	}
}
