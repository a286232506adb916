package main

import (
	"context"
	"time"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/study"
)

// studies runs studies beside whatever else the process does, with clients of their own.
func (s *site) studies() *study.Desk {
	c := s.config
	opt := study.Options{
		Engine:    func() *engine.Engine { return s.rules.engine },
		NewEngine: func(set *rule.Set) (*engine.Engine, error) { return engine.New(set, engineOptions(c)) },
		Schema:    s.rules.schema, Sources: eventSources(c), Forgets: c.Topics.Forget != "", Partition: s.partition, SeriesBound: c.SeriesBound, Logger: s.logger,
	}
	if c.Clock == config.ClockPresent {
		opt.Present = time.Now
	}
	var topics []string
	for _, source := range c.Sources {
		topics = append(topics, source.Topic)
	}
	if opt.Forgets {
		topics = append(topics, c.Topics.Forget)
	}
	opt.Open = func(ctx context.Context) (study.Scan, error) { return s.kafka.Scan(ctx, topics) }
	return study.NewDesk(opt)
}
