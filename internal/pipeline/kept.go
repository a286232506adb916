package pipeline

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"time"

	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/engine"
)

// keptKey is the key of the state topic under which a task notes what states hold.
const keptKey = "k"

// keptMost is about how large that record may become, in bytes: beyond, what the oldest states held is forgotten, and of customers who have
// such a state nothing is taken for known.
const keptMost = 500_000

// keptRecord says what customers' states hold. It changes with the rules alone, and so is no part of the task record.
type keptRecord struct {
	// States stand in order of generation.
	States []keptStates `json:"states"`
	// Unknown is what is unknown of some customers under the newest catalog, as the engine writes it.
	Unknown []byte `json:"unknown,omitempty"`
}

// keptStates is the engine's catalog of the states of a generation and of those after it.
type keptStates struct {
	Generation uint64 `json:"generation"`
	Catalog    []byte `json:"catalog"`
}

// Kept tells where the newest record of what states hold is.
type Kept struct {
	// From is an offset of the state topic: the record is the first of its kind there or behind it.
	From int64 `json:"from"`
	// Hash is that of the newest catalog.
	Hash string `json:"hash"`
}

// of gives the catalog of the states of a generation; nil: it is not known.
func (k *keptRecord) of(generation uint64) []byte {
	for i := len(k.States) - 1; i >= 0; i-- {
		if k.States[i].Generation <= generation {
			return k.States[i].Catalog
		}
	}
	return nil
}

// add notes the catalog of a generation.
func (k *keptRecord) add(generation uint64, catalog []byte) {
	k.States = append(k.States, keptStates{generation, catalog})
	size := 0
	for i := len(k.States) - 1; i >= 0; i-- {
		if size += len(k.States[i].Catalog); size > keptMost && i < len(k.States)-1 {
			k.States = k.States[i+1:]
			break
		}
	}
}

func (k *keptRecord) encode() []byte {
	b, err := json.Marshal(k)
	if err != nil {
		panic(err) // a struct of numbers and bytes always encodes
	}
	return b
}

func catalogHash(catalog []byte) string {
	h := fnv.New64a()
	_, _ = h.Write(catalog)
	return hex.EncodeToString(h.Sum(nil))
}

// errFound ends a search.
var errFound = errors.New("found")

// lastKept reads the newest record of what states hold.
func (s *session) lastKept(ctx context.Context, first, end int64) error {
	err := s.part.ReadState(ctx, max(first, s.record.Kept.From), end, func(r StateRecord) error {
		if string(r.Key) != keptKey {
			return nil
		}
		if err := json.Unmarshal(r.Value, &s.kept); err != nil {
			return fmt.Errorf("reading what states hold: %w", err)
		}
		return errFound
	})
	switch {
	case err == nil:
		s.log.Error("the state topic has lost the record of what states hold: of customers who were there before, nothing is taken for known")
		return nil
	case errors.Is(err, errFound):
		return nil
	}
	return err
}

// prepareRules notes what a change of rules, or a first start, asks for.
func (s *session) prepareRules(ctx context.Context, first, end int64) error {
	r := &s.record
	rules, catalog := s.opt.Engine.RulesHash(), s.opt.Engine.Catalog()
	sum := catalogHash(catalog)
	changed := r.Epoch > 0 && (r.Rules != rules || r.Kept != nil && r.Kept.Hash != sum)
	if r.Kept != nil && (changed || len(r.Sweeps) > 0) {
		if err := s.lastKept(ctx, first, end); err != nil {
			return err
		}
	}
	switch {
	case r.Epoch == 0:
		r.Silent = s.opt.Silent
		s.kept.add(0, catalog)
	case changed:
		if err := s.changeRules(rules, catalog); err != nil {
			return err
		}
	case r.Kept == nil: // an older release was at work under the same rules
		s.kept.add(r.Generation, catalog)
	}
	if r.Kept == nil || r.Kept.Hash != sum || changed {
		r.Kept, s.keptChanged = &Kept{From: end, Hash: sum}, true
	}
	r.Version, r.Rules, r.RulesVersion = recordVersion, rules, s.opt.RulesVersion
	return nil
}

// changeRules begins the sweep that decides every customer by changed rules, and says what they cannot decide yet.
func (s *session) changeRules(rules string, catalog []byte) error {
	r := &s.record
	if r.Kept == nil {
		s.log.Warn("the state was written by a release that did not note what it kept, and the rules changed: of what happened before nothing is known. " +
			"Starting this release once under the rules of before would have told it")
	}
	takeover, err := s.opt.Engine.Takeover(s.kept.of(r.Generation), r.Clock)
	if err != nil {
		return err
	}
	if s.kept.Unknown, err = takeover.Unknown(s.kept.Unknown); err != nil {
		return err
	}
	if r.Warming, err = s.opt.Engine.Warming(s.kept.Unknown); err != nil {
		return err
	}
	if n := len(s.kept.States); len(r.Sweeps) == 0 && n > 1 {
		s.kept.States = s.kept.States[n-1:] // nobody has a state of before
	}
	r.Generation++
	s.kept.add(r.Generation, catalog)
	s.log.Info("the rules changed: every customer is decided anew", zap.String("before", r.Rules), zap.String("now", rules))
	r.Sweeps = append(r.Sweeps[:len(r.Sweeps):len(r.Sweeps)], Sweep{Generation: r.Generation, Clock: r.Clock})
	r.Warming = stillWarming(r.Warming, r.Clock)
	if len(r.Warming) > 0 {
		s.log.Warn("segments are warming: of customers who were there before, they are decided as far as is known, and memberships stand where it is not",
			zap.Strings("segments", warmingWords(r.Warming)))
	}
	return nil
}

// warmingWords says which segments are warming, and until when.
func warmingWords(list []engine.Warming) []string {
	words := make([]string, len(list))
	for i, w := range list {
		words[i] = w.Segment + " until " + time.UnixMilli(w.Until).UTC().Format(time.RFC3339)
		if w.Until == engine.Never {
			words[i] = w.Segment + " until the state is built anew"
		}
	}
	return words
}

// stillWarming leaves out what is over at a moment. The list itself does not change.
func stillWarming(list []engine.Warming, clock int64) []engine.Warming {
	over := 0
	for i := range list {
		if list[i].Until <= clock {
			over++
		}
	}
	if over == 0 {
		return list
	}
	var left []engine.Warming
	for _, w := range list {
		if w.Until > clock {
			left = append(left, w)
		}
	}
	return left
}

// decodeOf returns what decodes the states of a generation.
func (s *session) decodeOf(generation uint64) (func(id string, b []byte) (*engine.Customer, error), error) {
	clock, old := int64(math.MinInt64), false
	for _, sw := range s.record.Sweeps {
		if !sw.Backfill && sw.Generation > generation {
			clock, old = sw.Clock, true
			break
		}
	}
	if !old {
		return s.opt.Engine.Decode, nil
	}
	t := s.takeovers[generation]
	if t == nil {
		var err error
		if t, err = s.opt.Engine.Takeover(s.kept.of(generation), clock); err != nil {
			return nil, err
		}
		if s.takeovers == nil {
			s.takeovers = make(map[uint64]*engine.Takeover)
		}
		s.takeovers[generation] = t
	}
	return t.Decode, nil
}
