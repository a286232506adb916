package main

import (
	"context"
	"fmt"

	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/rulefiles"
)

// rules are what a configuration says of events and segments, compiled.
type rules struct {
	schema *event.Schema
	files  *rulefiles.Store
	set    *rule.Set
	engine *engine.Engine
}

// compile reads schemas and segment files; segments, where given, stand in for those of the configuration.
func compile(c *config.Config, segments []string) (rules, error) {
	opt := rulefiles.Options{
		Paths: segments, Closed: "no rules can be saved: the configuration names no folder for them (http.rules)",
	}
	if len(segments) == 0 {
		opt.Paths, opt.Folder = c.Segments, c.HTTP.Rules
	}
	return compileFiles(c, opt, nil)
}

// compileFiles reads schemas and the files of rules. take puts rules that are saved in force; nil: the next start does.
func compileFiles(c *config.Config, opt rulefiles.Options, take func(context.Context, *engine.Engine)) (r rules, err error) {
	if r.schema, err = event.LoadSchema(c.Schemas...); err != nil {
		return r, err
	}
	opt.Compile = func(texts map[string][]byte) (use func(context.Context), err error) {
		_, e, err := compileTexts(c, r.schema, texts)
		if err != nil || take == nil {
			return nil, err
		}
		return func(ctx context.Context) { take(ctx, e) }, nil
	}
	if r.files, err = rulefiles.Open(opt); err != nil {
		return r, fmt.Errorf("http.rules: %w", err)
	}
	texts, err := r.files.Load()
	if err != nil {
		return r, err
	}
	r.set, r.engine, err = compileTexts(c, r.schema, texts)
	return r, err
}

// compileTexts compiles rules, and looks whether the sources can be read for them.
func compileTexts(c *config.Config, schema *event.Schema, texts map[string][]byte) (*rule.Set, *engine.Engine, error) {
	set, err := rule.Parse(schema, texts)
	if err != nil {
		return nil, nil, err
	}
	e, err := engine.New(set, engineOptions(c))
	if err != nil {
		return nil, nil, err
	}
	// A source that names what no schema declares is told by every command, not only by the one that reads it.
	for _, source := range eventSources(c) {
		if _, err := event.NewDecoder(schema, source, e.Needs()); err != nil {
			return nil, nil, err
		}
	}
	return set, e, nil
}

func engineOptions(c *config.Config) engine.Options {
	return engine.Options{Zone: c.TimeZone, DedupWindow: c.DedupWindow, MaxLateness: c.MaxLateness, SeriesBound: c.SeriesBound}
}

func eventSources(c *config.Config) []event.Source {
	sources := make([]event.Source, len(c.Sources))
	for i, s := range c.Sources {
		sources[i] = event.Source{Name: s.Name, Type: s.Type, Fields: s.Fields}
	}
	return sources
}
