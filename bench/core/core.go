// Package core owns the steadiest part of the benchmark: what an event costs in the core alone, without Kafka and Redis, in allocations and
// in instructions. One iteration of its benchmarks is one event, so that
//
//	go test ./bench/core -run '^$' -bench . -benchtime 100000x
//
// gives costs an event. bench/smoke compares them with what was recorded.
package core

import (
	"bytes"
	"fmt"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/workload"
)

// Events is how many events are prepared: the most that a benchmark may take.
const Events = 100_000

// options of the data: twenty events a customer, as in the whole benchmark.
var options = workload.Options{Events: Events, Customers: Events / 20}

// shop is what benchmarks share: rules, and events as records and decoded.
type shop struct {
	schema  *event.Schema
	engine  *engine.Engine
	decoder *event.Decoder
	records [][]byte
	events  []*event.Event
}

// newShop compiles a rule set and prepares n events.
func newShop(rules, n int) (*shop, error) {
	if n > Events {
		return nil, fmt.Errorf("%d events: %d are the most", n, Events)
	}
	yaml, err := workload.Rules(rules)
	if err != nil {
		return nil, err
	}
	s := &shop{}
	if s.schema, err = event.LoadSchema(); err != nil {
		return nil, err
	}
	set, err := rule.Parse(s.schema, map[string][]byte{"segments.yaml": yaml})
	if err != nil {
		return nil, err
	}
	if s.engine, err = engine.New(set, engine.Options{}); err != nil {
		return nil, err
	}
	if s.decoder, err = event.NewDecoder(s.schema, event.Source{}, s.engine.Needs()); err != nil {
		return nil, err
	}
	for r := range workload.Records(options) {
		if len(s.records) == n {
			break
		}
		var ev event.Event
		record := bytes.Clone(r.Value)
		if err := s.decoder.Decode(record, &ev); err != nil {
			return nil, err
		}
		s.records, s.events = append(s.records, record), append(s.events, ev.Clone())
	}
	return s, nil
}
