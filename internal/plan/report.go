package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/ruas/ruas/internal/feature"
	"github.com/ruas/ruas/internal/rule"
)

// Report is what a plan keeps of a customer, and for whom.
type Report struct {
	// Segments stand in the set's order.
	Segments []SegmentReport `json:"segments"`
	Features []FeatureReport `json:"features"`
	// Series is the number of series and of what is settled of them, each counted once however many rules read it.
	Series int `json:"series"`
	// State is what is kept for all rules together: what they share counts once.
	State Size `json:"state"`
	// Limit is the number of bytes that no customer's state exceeds, whatever the rules ask for: it sheds its oldest entries.
	// 0: a plan knows of none.
	Limit int `json:"limit_bytes"`
	// TypicalMeans and AtMostMeans say what sizes assume.
	TypicalMeans string `json:"typical_means"`
	AtMostMeans  string `json:"at_most_means"`
}

// Size is a number of bytes of encoded state a customer.
type Size struct {
	Typical int `json:"typical_bytes"`
	AtMost  int `json:"at_most_bytes"`
}

// Plus adds two sizes.
func (s Size) Plus(o Size) Size { return Size{s.Typical + o.Typical, s.AtMost + o.AtMost} }

// SegmentReport is what one segment looks at.
type SegmentReport struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"`
	File  string `json:"file"`
	Line  int    `json:"line"`
	// Included names the features that are sent along with changes.
	Included []string `json:"included"`
	// TimeMoves tells whether time alone can move a customer in or out.
	TimeMoves bool `json:"time_moves"`
	Kept
}

// FeatureReport is what one feature looks at.
type FeatureReport struct {
	Name string `json:"name"`
	File string `json:"file"`
	Line int    `json:"line"`
	// UsedBy names the segments that use the feature, themselves or through another one, or that include it.
	UsedBy []string `json:"used_by"`
	Kept
}

// Kept is what is kept for one segment or feature.
type Kept struct {
	// Features names the features that it uses, itself or through others.
	Features []string `json:"features"`
	// Asks names the segments that it asks for with in_segment.
	Asks       []string    `json:"asks"`
	Parts      []Part      `json:"parts"`
	Attributes []Attribute `json:"attributes"`
	// State is what it takes by itself, as if there were no other rules.
	State    Size        `json:"state"`
	Warnings rule.Errors `json:"warnings"`
}

// Shared tells who reads a part.
type Shared struct {
	// ID is the same wherever the same part is read: it is kept once.
	ID string `json:"id"`
	// SharedBy is the number of other segments that read the part, SharedWith names the first of them, at most ten.
	SharedBy   int      `json:"shared_by"`
	SharedWith []string `json:"shared_with"`
}

// Part is one series of events, or what is settled of one.
type Part struct {
	// Events says which events, as in: purchase where amount > 100.0.
	Events string `json:"events"`
	// Windows are how the rule looks at them; empty where it looks at all of them.
	Windows []string `json:"windows"`
	// Kept says what of them is kept, as in: the 5 newest.
	Kept []string `json:"kept"`
	// Values are what is kept of each event beside its time.
	Values []string `json:"values"`
	// Settled: the events themselves are not kept, but what they add up to.
	Settled bool `json:"settled"`
	Shared
	State Size `json:"state"`
}

// Attribute is one attribute of the profile.
type Attribute struct {
	Name string `json:"name"`
	Shared
	State Size `json:"state"`
}

// Report says what the plan keeps.
func (p *Plan) Report() Report {
	r := &reporter{Plan: p, sizer: newSizer(p.bound)}
	r.ofSeries, r.ofAccs, r.ofAttrs = make([][]int, len(p.series)), make([][]int, len(p.accs)), make([][]int, len(p.attrs))
	used := make([][]string, len(p.Features))
	uses := make([]*uses, len(p.Segments))
	for i := range p.Segments {
		uses[i] = p.usesOf(i)
		for slot := range uses[i].needs {
			r.ofSeries[slot] = append(r.ofSeries[slot], i)
		}
		for slot := range uses[i].accs {
			r.ofAccs[slot] = append(r.ofAccs[slot], i)
		}
		for slot := range uses[i].attrs {
			r.ofAttrs[slot] = append(r.ofAttrs[slot], i)
		}
		for j := range p.Features {
			if uses[i].features[p.Features[j].Name] || slices.Contains(p.Segments[i].Include, j) {
				used[j] = append(used[j], p.Segments[i].Name)
			}
		}
	}
	out := Report{Features: []FeatureReport{}, State: r.whole(), TypicalMeans: typicalMeans, AtMostMeans: fmt.Sprintf(atMostMeans, grouped(p.bound))}
	moves := newMover(p.Set)
	for i := range p.Segments {
		s := &p.Segments[i]
		out.Segments = append(out.Segments, SegmentReport{
			Name: s.Name, Title: s.rule.Title, File: s.rule.File, Line: s.rule.Line, Included: p.names(s.Include), TimeMoves: moves.segments[s.Name],
			Kept: r.kept(uses[i], i, s.Warnings),
		})
	}
	for j := range p.Features {
		f := &p.Features[j]
		x := p.Set.Features[j].Expr
		out.Features = append(out.Features, FeatureReport{
			Name: f.Name, File: x.File, Line: x.Line, UsedBy: orNone(used[j]), Kept: r.kept(f.uses, -1, f.warnings),
		})
	}
	for _, s := range p.series {
		if len(s.needs) > 0 {
			out.Series++
		}
	}
	out.Series += len(p.accs)
	return out
}

func (p *Plan) names(features []int) []string {
	names := make([]string, len(features))
	for i, f := range features {
		names[i] = p.Features[f].Name
	}
	return names
}

// usesOf returns what a segment and the features that it sends along read.
func (p *Plan) usesOf(segment int) *uses {
	s := &p.Segments[segment]
	all := newUses()
	all.add(s.uses)
	maps.Copy(all.features, s.uses.features)
	for _, f := range s.Include {
		all.add(p.Features[f].uses)
	}
	return all
}

// add brings in what is kept for another expression.
func (u *uses) add(o *uses) {
	maps.Copy(u.attrs, o.attrs)
	maps.Copy(u.segments, o.segments)
	maps.Copy(u.accs, o.accs)
	for slot, needs := range o.needs {
		for _, n := range needs {
			if !slices.Contains(u.needs[slot], n) {
				u.needs[slot] = append(u.needs[slot], n)
			}
		}
	}
	for slot, columns := range o.columns {
		for i := range columns {
			u.column(slot, i)
		}
	}
}

// reporter knows which segments read what: their places, by slot.
type reporter struct {
	*Plan
	sizer                     *sizer
	ofSeries, ofAccs, ofAttrs [][]int
}

// kept reports what is read; segment is the reader's own place, -1 for a feature.
func (r *reporter) kept(u *uses, segment int, warnings rule.Errors) Kept {
	k := Kept{
		Features: slices.AppendSeq([]string{}, maps.Keys(u.features)), Asks: []string{}, Parts: []Part{}, Attributes: []Attribute{},
		Warnings: append(rule.Errors{}, warnings...),
	}
	slices.Sort(k.Features)
	for _, i := range slices.Sorted(maps.Keys(u.segments)) {
		k.Asks = append(k.Asks, r.Segments[i].Name)
	}
	settled := map[int][]*acc{} // by the series that is added up
	slots := map[int]bool{}
	for _, slot := range slices.Sorted(maps.Keys(u.accs)) {
		base := r.accs[slot].base.slot
		settled[base] = append(settled[base], r.accs[slot])
		slots[base] = true
	}
	for slot := range u.needs {
		slots[slot] = true
	}
	for _, slot := range slices.Sorted(maps.Keys(slots)) {
		if needs := u.needs[slot]; len(needs) > 0 {
			k.Parts = append(k.Parts, r.seriesPart(r.series[slot], needs, u.columns[slot], r.shared(r.series[slot].hash, r.ofSeries[slot], segment)))
		}
		for _, a := range settled[slot] {
			k.Parts = append(k.Parts, r.accPart(a, u.columns[slot], r.shared(a.hash, r.ofAccs[a.slot], segment)))
		}
	}
	for _, slot := range slices.SortedFunc(maps.Keys(u.attrs), func(a, b int) int { return cmp.Compare(r.attrs[a].name, r.attrs[b].name) }) {
		k.Attributes = append(k.Attributes, Attribute{
			Name: r.attrs[slot].name, Shared: r.shared(r.attrs[slot].hash, r.ofAttrs[slot], segment), State: r.sizer.attribute(r.property(slot)),
		})
	}
	for _, part := range k.Parts {
		k.State = k.State.Plus(part.State)
	}
	for _, a := range k.Attributes {
		k.State = k.State.Plus(a.State)
	}
	return k
}

// shared tells which segments but the one at hand read the part with this hash.
func (r *reporter) shared(hash uint32, readers []int, segment int) Shared {
	const few = 10
	out := Shared{ID: fmt.Sprintf("%08x", hash), SharedWith: []string{}, SharedBy: len(readers)}
	for _, i := range readers {
		switch {
		case i == segment:
			out.SharedBy--
		case len(out.SharedWith) < few:
			out.SharedWith = append(out.SharedWith, r.Segments[i].Name)
		}
	}
	return out
}

// whole is the size of everything that is kept.
func (r *reporter) whole() Size {
	var all Size
	for _, s := range r.series {
		if len(s.needs) > 0 {
			all = all.Plus(r.sizer.series(s, s.needs, s.kinds, s.mayMiss(nil)))
		}
	}
	for _, a := range r.accs {
		all = all.Plus(r.sizer.acc(a, a.base.kinds, a.base.mayMiss(nil)))
	}
	for slot := range r.attrs {
		all = all.Plus(r.sizer.attribute(r.property(slot)))
	}
	return all
}

func (r *reporter) seriesPart(s *series, needs []need, columns map[int]bool, shared Shared) Part {
	part := Part{
		Events: s.text, Windows: []string{}, Kept: []string{}, Values: []string{}, Shared: shared,
		State: r.sizer.series(s, needs, s.kindsOf(columns), s.mayMiss(columns)),
	}
	for _, i := range slices.Sorted(maps.Keys(columns)) {
		part.Values = append(part.Values, s.cols[i].text)
	}
	for i, n := range needs {
		if w := windowText(n.Lo, n.Hi); w != "" && n.Lo < n.Hi && !slices.Contains(part.Windows, w) {
			part.Windows = append(part.Windows, w)
		}
		covered := slices.ContainsFunc(needs[:i], n.coveredBy) || slices.ContainsFunc(needs[i+1:], func(o need) bool { return n.coveredBy(o) && !o.coveredBy(n) })
		if !covered {
			part.Kept = append(part.Kept, s.words(n, r.bound))
		}
	}
	return part
}

// coveredBy tells whether what o asks for holds all that n asks for.
func (n need) coveredBy(o need) bool {
	return (o.after == nil || o.after == n.after) && n.within(o.Need)
}

// words says what a need keeps.
func (s *series) words(n need, bound int) string {
	var which string
	switch {
	case s.latest:
		if which = "the newest of each " + s.cols[0].text; n.N != feature.All {
			which += fmt.Sprintf(" (%d of them)", n.N)
		}
	case n.N == feature.All && n.Hi == feature.Forever:
		which = fmt.Sprintf("all, up to %s", grouped(bound))
	case n.N == feature.All:
		which = "all"
	case n.Lo > 0:
		which = fmt.Sprintf("all of the last %s, and the %s before that", lasting(n.Lo), several(n.N, "newest"))
	default:
		which = "the " + several(n.N, "newest")
	}
	if n.after != nil {
		which += " since the newest " + n.after.text
	}
	switch {
	case n.Hi == feature.Forever:
		return which
	case n.Lo > 0 && n.N != feature.All:
		return which + ", no older than " + lasting(n.Hi)
	}
	return which + " of the last " + lasting(n.Hi)
}

func (r *reporter) accPart(a *acc, columns map[int]bool, shared Shared) Part {
	part := Part{
		Events: a.text, Windows: []string{}, Kept: a.words(), Values: []string{}, Settled: true, Shared: shared,
		State: r.sizer.acc(a, a.base.kindsOf(columns), a.base.mayMiss(columns)),
	}
	if a.fold.Oldest+a.fold.Newest > 0 {
		for _, i := range slices.Sorted(maps.Keys(columns)) {
			part.Values = append(part.Values, a.base.cols[i].text)
		}
	}
	return part
}

// words says what an acc adds up.
func (a *acc) words() []string {
	if a.every {
		return []string{"whether ever, and since when"}
	}
	x, key := "", ""
	if a.xCol >= 0 {
		x = " " + a.base.cols[a.xCol].text
	}
	if a.kCol >= 0 {
		key = " by " + a.base.cols[a.kCol].text
	}
	var kept []string
	add := func(is bool, what string) {
		if is {
			kept = append(kept, what+" for ever")
		}
	}
	f := a.fold
	add(f.Count || f.Groups && !f.Sum, "a count"+key)
	add(f.Sum, "a sum of"+x+key)
	add(f.Min, "the least"+x)
	add(f.Max, "the greatest"+x)
	add(f.Oldest > 0, "the "+several(f.Oldest, "oldest"))
	add(f.Newest > 0, "the "+several(f.Newest, "newest"))
	if a.final > 0 {
		for i := range kept {
			kept[i] += ", once " + lasting(a.final) + " old"
		}
	}
	return kept
}

// kindsOf returns the kinds of some columns.
func (s *series) kindsOf(columns map[int]bool) []feature.Kind {
	var kinds []feature.Kind
	for _, i := range slices.Sorted(maps.Keys(columns)) {
		kinds = append(kinds, s.kinds[i])
	}
	return kinds
}

// mayMiss tells whether one of some columns, nil: of all, may have no value.
func (s *series) mayMiss(columns map[int]bool) bool {
	for i := range s.cols {
		if (columns == nil || columns[i]) && !s.cols[i].node.safe {
			return true
		}
	}
	return false
}

func orNone(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
