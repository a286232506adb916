package demo

import (
	"context"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/study"
)

// studies says how the shop's events are studied: at the shop's present.
func (d *demo) studies(partition func(key []byte, n int32) int32) study.Options {
	opt := study.Options{
		Engine:    d.engine.Load,
		NewEngine: func(set *rule.Set) (*engine.Engine, error) { return engine.New(set, engine.Options{}) },
		Schema:    d.opt.Schema, Forgets: true, Partition: partition, Present: d.clock.now, Logger: d.opt.Logger,
		Open: func(ctx context.Context) (study.Scan, error) {
			return d.kafka.Scan(ctx, append(append([]string{}, topics...), forgetTopic))
		},
	}
	for _, topic := range topics {
		opt.Sources = append(opt.Sources, event.Source{Name: topic})
	}
	return opt
}
