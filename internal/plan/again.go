package plan

import (
	"maps"
	"slices"

	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// A finished plan answers for whole segments only. Who asks about a part of one has it compiled once more, against what the plan keeps:
// the plan stays as it is, and what it does not keep is refused.

// compilerAgain returns a compiler whose nodes work on frames of p, and of which p knows nothing.
func (p *Plan) compilerAgain() *compiler {
	own := *p
	own.needs = event.Needs{}
	c := &compiler{
		p: &own, schema: p.Set.Schema, env: p.env, lateness: p.lateness, again: p, short: feature.All,
		features: map[string]*rule.Feature{}, segments: map[string]int{},
		series: map[string]*series{}, accs: map[string]*acc{}, attrs: map[string]int{},
	}
	for _, f := range p.Set.Features {
		c.features[f.Name] = f
	}
	for i, s := range p.Set.Segments {
		c.segments[s.Name] = i
	}
	for slot := range p.attrs {
		c.attrs[p.attrs[slot].name] = slot
	}
	return c
}

// making refuses to give something new a place in a finished plan.
func (c *compiler) making(what string) {
	if c.again != nil {
		c.refuse("the rules keep no such %s", what)
	}
}

// seriesAgain returns the plan's series of a key, to be compiled against: what is noted in it, the plan does not see.
func (c *compiler) seriesAgain(key string) (*series, bool) {
	i := slices.IndexFunc(c.again.series, func(s *series) bool { return s.key == key })
	if i < 0 {
		return nil, false
	}
	s := *c.again.series[i]
	s.cols, s.sums, s.fed, s.waits = slices.Clip(s.cols), slices.Clip(s.sums), slices.Clip(s.fed), slices.Clip(s.waits)
	c.series[key] = &s
	return &s, true
}

func (c *compiler) accAgain(key string) (slot int) {
	slot = slices.IndexFunc(c.again.accs, func(a *acc) bool { return a.key == key })
	if slot < 0 {
		c.making("total")
	}
	return slot
}

// needAgain notes which of a series' needs is read, or how many events there are for certain of one that is not kept.
func (c *compiler) needAgain(slot int, n need) {
	kept := c.again.series[slot].needs
	if n.after != nil {
		n.after = c.again.series[n.after.slot]
	}
	if slices.Contains(kept, n) {
		if !slices.Contains(c.uses.needs[slot], n) {
			c.uses.needs[slot] = append(c.uses.needs[slot], n)
		}
		return
	}
	most := 0
	for _, k := range kept {
		switch {
		case n.coveredBy(k):
			return
		case n.Lo == k.Lo && n.Hi <= k.Hi && k.after == nil:
			most = max(most, k.N)
		}
	}
	c.short = min(c.short, most)
}

// frameAgain returns a frame for what c compiled.
func (c *compiler) frameAgain() *Frame {
	for _, r := range c.reads {
		r.resolve(c.again)
	}
	c.reads = nil
	return c.p.NewFrame()
}

// asks returns the segments that decide about one, itself among them, in the order in which they are decided.
func (p *Plan) asks(segment int) []int {
	all := map[int]bool{}
	var add func(segment int)
	add = func(segment int) {
		if !all[segment] {
			all[segment] = true
			for _, s := range p.Segments[segment].reads.segments {
				add(s)
			}
		}
	}
	add(segment)
	return slices.Sorted(maps.Keys(all))
}
