package pipeline

import (
	"bytes"
	"compress/gzip"
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
}

// encode compresses the record. Where it would be larger than records may be, what the oldest states held is forgotten: of customers who
// have such a state nothing is taken for known.
func (k *keptRecord) encode() []byte {
	for {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		if err := json.NewEncoder(w).Encode(k); err != nil {
			panic(err) // a struct of numbers and bytes always encodes, and a buffer takes all
		}
		if err := w.Close(); err != nil {
			panic(err)
		}
		if b.Len() <= recordMost || len(k.States) == 0 {
			return b.Bytes()
		}
		k.States = k.States[1:]
	}
}

func (k *keptRecord) decode(b []byte) error {
	r, err := gzip.NewReader(bytes.NewReader(b))
	if err == nil {
		err = json.NewDecoder(r).Decode(k)
	}
	if err != nil {
		return fmt.Errorf("reading what states hold: %w", err)
	}
	return nil
}

func catalogHash(catalog []byte) string {
	h := fnv.New64a()
	_, _ = h.Write(catalog)
	return hex.EncodeToString(h.Sum(nil))
}

// errFound ends a search.
var errFound = errors.New("found")

// lastKept reads the newest record of what states hold. Where it is gone, it is as if it had never been written.
func (s *session) lastKept(ctx context.Context, first, end int64) error {
	err := s.part.ReadState(ctx, max(first, s.record.Kept.From), end, func(r StateRecord) error {
		if string(r.Key) != keptKey {
			return nil
		}
		if err := s.kept.decode(r.Value); err != nil {
			return err
		}
		return errFound
	})
	switch {
	case err == nil:
		s.log.Error("the state topic has lost the record of what states hold")
		s.record.Kept = nil
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
	s.fillLists(changed)
	if err := s.missing(); err != nil {
		return err
	}
	if r.Kept == nil || r.Kept.Hash != sum || changed {
		r.Kept, s.keptChanged = &Kept{From: end, Hash: sum}, true
	}
	r.Version, r.Rules, r.RulesVersion = recordVersion, rules, s.opt.RulesVersion
	return nil
}

// fillLists begins the sweep that writes every customer's list, where the topic of those is a new one. A change of rules does it anyway.
func (s *session) fillLists(changed bool) {
	r := &s.record
	if r.Lists != s.opt.Memberships && s.opt.Memberships != "" && r.Epoch > 0 && !changed {
		r.Generation++
		r.Sweeps = append(r.Sweeps[:len(r.Sweeps):len(r.Sweeps)], Sweep{Generation: r.Generation, Lists: true, Clock: r.Clock})
	}
	r.Lists = s.opt.Memberships
}

// missing looks whether an unfinished sweep will find states of which nobody knows what they hold: then every segment may be warming.
func (s *session) missing() error {
	r := &s.record
	for _, sw := range r.Sweeps {
		if sw.Backfill || sw.Lists || s.kept.of(sw.Generation-1) != nil {
			continue
		}
		takeover, err := s.opt.Engine.Takeover(nil, sw.Clock)
		if err != nil {
			return err
		}
		s.log.Warn("nobody noted what customers' states hold: of what happened before the rules changed, nothing is known but what is in them")
		return s.warm(takeover)
	}
	return nil
}

// warm notes what takeover cannot know of some customers, and which segments that concerns.
func (s *session) warm(takeover *engine.Takeover) (err error) {
	if s.kept.Unknown, err = takeover.Unknown(s.kept.Unknown); err != nil {
		return err
	}
	s.record.Warming, err = s.opt.Engine.Warming(s.kept.Unknown)
	s.record.Warming = stillWarming(s.record.Warming, s.record.Clock)
	return err
}

// changeRules begins the sweep that decides every customer by changed rules, and says what they cannot decide yet.
func (s *session) changeRules(rules string, catalog []byte) error {
	r := &s.record
	takeover, err := s.opt.Engine.Takeover(s.kept.of(r.Generation), r.Clock)
	if err != nil {
		return err
	}
	if err = s.warm(takeover); err != nil {
		return err
	}
	if n := len(s.kept.States); len(r.Sweeps) == 0 && n > 1 {
		s.kept.States = s.kept.States[n-1:] // nobody has a state of before
	}
	r.Generation++
	s.kept.add(r.Generation, catalog)
	s.log.Info("the rules changed: every customer is decided anew", zap.String("before", r.Rules), zap.String("now", rules))
	r.Sweeps = append(r.Sweeps[:len(r.Sweeps):len(r.Sweeps)], Sweep{Generation: r.Generation, Clock: r.Clock})
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
func (s *session) decodeOf(generation uint64) (func(c *engine.Customer, id string, state, archive []byte) error, error) {
	clock, old := int64(math.MinInt64), false
	for _, sw := range s.record.Sweeps {
		if !sw.Backfill && !sw.Lists && sw.Generation > generation {
			clock, old = sw.Clock, true
			break
		}
	}
	if !old {
		return s.opt.Engine.DecodeInto, nil
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
	return t.DecodeInto, nil
}
