package main

import (
	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
)

// rules are what a configuration says of events and segments, compiled.
type rules struct {
	schema *event.Schema
	set    *rule.Set
	engine *engine.Engine
}

// compile reads schemas and segment files; segments, where given, stand in for those of the configuration.
func compile(c *config.Config, segments []string) (rules, error) {
	if len(segments) == 0 {
		segments = c.Segments
	}
	schema, err := event.LoadSchema(c.Schemas...)
	if err != nil {
		return rules{}, err
	}
	set, err := rule.Load(schema, segments)
	if err != nil {
		return rules{}, err
	}
	e, err := engine.New(set, engine.Options{
		Zone: c.TimeZone, DedupWindow: c.DedupWindow, MaxLateness: c.MaxLateness, SeriesBound: c.SeriesBound,
	})
	if err != nil {
		return rules{}, err
	}
	// A source that names what no schema declares is told by every command, not only by the one that reads it.
	for _, source := range eventSources(c) {
		if _, err := event.NewDecoder(schema, source, e.Needs()); err != nil {
			return rules{}, err
		}
	}
	return rules{schema, set, e}, nil
}

func eventSources(c *config.Config) []event.Source {
	sources := make([]event.Source, len(c.Sources))
	for i, s := range c.Sources {
		sources[i] = event.Source{Name: s.Name, Type: s.Type, Fields: s.Fields}
	}
	return sources
}
