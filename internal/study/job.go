package study

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/replay"
	"github.com/ruas/ruas/internal/rule"
)

// job is one study at work: first its rules are compiled, then it runs.
type job struct {
	opt     *Options
	engine  *engine.Engine
	segment int
	// before is the running rule, which the studied one is compared with; nil: it is not.
	before        *engine.Engine
	beforeSegment int
	probe         *probe
	features      []int    // places of the features that are read of each customer
	names         []string // theirs
	place         map[string]int
	since         int64 // in milliseconds; 0: there is no such time

	read, total atomic.Int64

	// What was found so far.
	result  Result
	joins   []Sampled
	leaves  []Sampled
	members []Sampled
	ledger  *ledger
	values  []feature.Val // of one customer
}

// compile makes a job of a request. The error is rule.Errors, *NoSegment, ErrSince or one of the engine.
func (o *Options) compile(ask Request) (*job, error) {
	j := &job{opt: o, result: Result{SourcesSince: engine.Never, AsOf: engine.Never}}
	if ask.Since != "" {
		since, err := rule.ParseDuration(ask.Since)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSince, err)
		}
		j.since = since
	}
	running := o.Engine().Plan().Set
	studied := running
	if ask.Rules != "" {
		var err error
		if studied, err = running.Overlay(map[string][]byte{DraftFile: []byte(ask.Rules)}); err != nil {
			return nil, err
		}
	}
	if !declares(studied, ask.Segment) {
		missing := &NoSegment{Name: ask.Segment}
		for _, g := range studied.Segments {
			missing.Names = append(missing.Names, g.Name)
		}
		return nil, missing
	}
	var all []string
	for _, f := range studied.Features {
		all = append(all, f.Name)
	}
	part := studied.Part([]string{ask.Segment}, all)
	j.probe = newProbe(part, ask.Since)
	probed, err := part.Overlay(map[string][]byte{probeFile: j.probe.file()})
	if err != nil {
		return nil, fmt.Errorf("preparing the study: %w", hide(err))
	}
	if j.engine, err = o.NewEngine(probed); err != nil {
		return nil, err
	}
	j.segment = placeOf(j.engine, ask.Segment)
	j.place = map[string]int{}
	for i, f := range j.engine.Plan().Set.Features {
		if name := f.Name; slices.Contains(j.probe.names(), name) {
			j.place[name] = len(j.features)
			j.features, j.names = append(j.features, i), append(j.names, name)
		}
	}
	j.values = make([]feature.Val, len(j.features))
	if ask.Rules != "" && declares(running, ask.Segment) {
		if j.before, err = o.NewEngine(running.Part([]string{ask.Segment}, nil)); err != nil {
			return nil, err
		}
		j.beforeSegment = placeOf(j.before, ask.Segment)
		j.result.Against = &Against{}
	}
	if j.probe.basket != nil {
		j.ledger = newLedger(o.SeriesBound, j.probe.age != "", j.probe.city != "")
	}
	return j, nil
}

// The names of the files, as mistakes show them.
const (
	DraftFile = "rules.yaml"
	probeFile = "study.yaml"
)

// hide makes mistakes that nobody asked for no mistakes of who asked.
func hide(err error) error { return errors.New(err.Error()) }

func declares(set *rule.Set, segment string) bool {
	return slices.ContainsFunc(set.Segments, func(g *rule.Segment) bool { return g.Name == segment })
}

func placeOf(e *engine.Engine, segment string) int {
	return slices.IndexFunc(e.Segments(), func(g *rule.Segment) bool { return g.Name == segment })
}

// run reads all there is and gives the result.
func (j *job) run(ctx context.Context) (*Result, error) {
	scan, err := j.opt.Open(ctx)
	if err != nil {
		return nil, fmt.Errorf("looking at the sources: %w", err)
	}
	defer scan.Close()
	topics := len(j.opt.Sources)
	if j.opt.Forgets {
		topics++
	}
	for p := range scan.Partitions() {
		for t := range topics {
			from, to := scan.Bounds(t, p)
			j.total.Add(to - from)
			if from > 0 && t < len(j.opt.Sources) {
				j.cut(t)
			}
		}
	}
	var until *int64
	if j.opt.Present != nil {
		present := j.opt.Present().UnixMilli()
		until = &present
		j.result.AsOf = engine.Moment(present)
	}
	began := j.opt.Now().UnixMilli()
	for p := range scan.Partitions() {
		if err := j.partition(ctx, scan, p, until); err != nil {
			return nil, err
		}
	}
	for _, t := range scan.Cut() {
		if t < len(j.opt.Sources) {
			j.cut(t)
		}
	}
	if j.result.AsOf == engine.Never { // there is no event, so that any moment is as good
		j.result.AsOf = engine.Moment(began)
	}
	return j.finish(), nil
}

// cut notes that the beginning of a source is not there.
func (j *job) cut(source int) {
	if name := j.opt.Sources[source].Name; !slices.Contains(j.result.Incomplete, name) {
		j.result.Incomplete = append(j.result.Incomplete, name)
	}
}

// partition steps the customers of one partition number, and counts them.
func (j *job) partition(ctx context.Context, scan Scan, number int32, until *int64) error {
	if err := scan.Begin(number); err != nil {
		return fmt.Errorf("reading partition %d: %w", number, err)
	}
	r := &reading{
		ctx: ctx, scan: scan, number: number, partition: j.opt.Partition, read: &j.read,
		pace: &pace{now: j.opt.Now, share: j.opt.Share},
	}
	if j.opt.Forgets {
		if err := r.forget(len(j.opt.Sources)); err != nil {
			return err
		}
	}
	opt := replay.Options{
		Engine: j.engine, Beside: j.before, Schema: j.opt.Schema, Sources: j.opt.Sources, Until: until, Rejects: unheard{},
	}
	for i := range j.opt.Sources {
		opt.Files = append(opt.Files, replay.File{Source: j.opt.Sources[i].Name, Path: j.opt.Sources[i].Name, Records: r.source(i)})
	}
	done, err := replay.Run(ctx, opt)
	if err == nil && done.Interrupted {
		err = ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("reading partition %d: %w", number, err)
	}
	j.result.Events += done.Events
	j.result.Rejected += done.Rejected + r.rejected
	j.result.SourcesSince = min(j.result.SourcesSince, engine.Moment(done.Earliest))
	if until == nil && done.Customers > 0 && (j.result.AsOf == engine.Never || engine.Moment(done.Clock) > j.result.AsOf) {
		j.result.AsOf = engine.Moment(done.Clock)
	}
	if done.Both != nil {
		for c, was := range done.Both {
			j.count(c, done.Clock, was.In(j.beforeSegment))
		}
		return ctx.Err()
	}
	for c := range done.Each {
		j.count(c, done.Clock, c.In(j.segment))
	}
	return ctx.Err()
}

// sampled is how many customers a sample holds at most.
const sampled = 100

// count counts one customer at a moment.
func (j *job) count(c *engine.Customer, now int64, was bool) {
	member := c.In(j.segment)
	r := &j.result
	r.Customers++
	if member {
		r.Members++
		j.members = sample(j.members, c, member, was)
	}
	if a := r.Against; a != nil {
		switch {
		case member && !was:
			a.Joins++
			j.joins = sample(j.joins, c, member, was)
		case was && !member:
			a.Leaves++
			j.leaves = sample(j.leaves, c, member, was)
		}
		if was {
			a.Members++
		}
	}
	j.engine.Values(c, now, j.features, func(i int, v feature.Val) { j.values[i] = v })
	for _, a := range j.probe.attributes {
		a.tally.add(j.value(a.feature), member)
	}
	if j.ledger != nil {
		basket, full := j.probe.basket.read(j.value, j.ledger.bound)
		j.ledger.atLeast = j.ledger.atLeast || full
		j.ledger.add(basket, j.value(j.probe.age), j.value(j.probe.city), member)
	}
}

func (j *job) value(name string) feature.Val {
	if i, ok := j.place[name]; ok {
		return j.values[i]
	}
	return feature.Val{}
}

func sample(list []Sampled, c *engine.Customer, member, was bool) []Sampled {
	if len(list) >= sampled {
		return list
	}
	return append(list, Sampled{c.ID(), member, was})
}

// finish puts together what was counted.
func (j *job) finish() *Result {
	r := &j.result
	r.Complete = len(r.Incomplete) == 0
	// Of joins and leaves each has half of the sample, and more where the other has less.
	joins := min(len(j.joins), max(sampled/2, sampled-len(j.leaves)))
	r.Sample = append(append([]Sampled{}, j.joins[:joins]...), j.leaves[:min(len(j.leaves), sampled-joins)]...)
	for _, m := range j.members {
		if len(r.Sample) < sampled && m.Member == m.Was {
			r.Sample = append(r.Sample, m)
		}
	}
	r.Attributes = []Attribute{}
	for _, a := range j.probe.attributes {
		if out, ok := a.tally.attribute(r.Members, r.Customers); ok {
			r.Attributes = append(r.Attributes, out)
		}
	}
	slices.SortStableFunc(r.Attributes, func(a, b Attribute) int {
		switch {
		case a.Difference > b.Difference:
			return -1
		case a.Difference < b.Difference:
			return 1
		}
		return 0
	})
	if j.ledger != nil {
		since := engine.Moment(engine.Never)
		if j.since > 0 {
			since = r.AsOf - engine.Moment(j.since)
		}
		r.Sales = j.ledger.sales(since)
	}
	return r
}
