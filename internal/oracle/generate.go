package oracle

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ruas/ruas/internal/event"
)

// A Generator makes random rules, and random histories in which they have something to say: both draw times, durations and values from
// the same small pools, so that windows end where events are, fields meet, and ties are common. The same source gives the same rules and
// histories for ever, as long as calls come in the same order.
type Generator struct {
	r      *rand.Rand
	schema *event.Schema
	scale  scale
	types  []*event.Type // those of this case
	base   int64         // the moment around which everything happens
	// missing is how many of a hundred optional properties are not there.
	missing int
}

// scale is a length of time in which a case plays.
type scale struct {
	unit      int64    // milliseconds between the events
	durations []string // multiples of the unit, from the shortest on; the last is longer than any case
	accessors []string // of now, of which moments come in the case's span, and not too many
}

var scales = []scale{
	{1000, []string{"1s", "2s", "3s", "5s", "8s", "26w"}, []string{"getHours", "getMinutes", "getSeconds"}},
	{30_000, []string{"30s", "1m", "90s", "3m", "4m", "26w"}, []string{"getHours", "getMinutes"}},
	{6 * 3600_000, []string{"6h", "12h", "18h", "1d", "2d", "26w"}, []string{"getHours", "getDate", "getDayOfWeek", "getMonth", "getDayOfYear"}},
	{24 * 3600_000, []string{"1d", "2d", "3d", "1w", "10d", "26w"}, []string{"getDate", "getDayOfWeek", "getMonth", "getFullYear", "getDayOfMonth"}},
}

// bases are moments of interest: clocks set forward and back (Berlin, Havana at midnight, St John's, Lord Howe by half an hour), Apia's
// skipped day, leap days, turns of the year, days before 1970, and local midnights.
var bases = []string{
	"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T05:00:00Z", "2026-11-01T05:00:00Z", "2006-10-29T02:31:00Z",
	"2026-04-04T15:00:00Z", "2011-12-30T10:00:00Z", "2028-02-28T17:00:00Z", "2026-02-28T00:00:00Z", "2027-02-28T17:00:00Z",
	"2028-02-29T00:00:00Z", "2025-12-31T23:59:58Z", "2026-11-21T10:00:00Z", "1969-12-31T23:59:57Z", "2026-06-14T17:00:00Z",
}

// zones are names that a profile may hold as its time zone; some are none.
var zones = []string{
	"Asia/Jakarta", "Europe/Berlin", "America/Havana", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC",
	"Nowhere/Land", "Local", "",
}

// kinds of event, with those that share properties more often together.
var families = [][]string{
	{"purchase", "cart_add", "checkout"}, {"purchase", "refund", "cart_add"}, {"product_view", "cart_add", "purchase"},
	{"page_view", "search", "login"}, {"campaign", "purchase", "page_view"}, {"cart_add", "cart_remove", "purchase"},
}

// NewGenerator draws what a case is about.
func NewGenerator(r *rand.Rand, schema *event.Schema) *Generator {
	g := &Generator{r: r, schema: schema, scale: pick(r, scales)}
	for _, name := range pick(r, families) {
		if t := schema.Type(name); t != nil {
			g.types = append(g.types, t)
		}
	}
	base, err := time.Parse(time.RFC3339, pick(r, bases))
	if err != nil {
		panic(err)
	}
	// The interesting moment may be anywhere in the case, not just at its start.
	g.base = base.UnixMilli() - int64(r.IntN(12))*g.scale.unit
	return g
}

// Zone is a configured zone.
func (g *Generator) Zone() string {
	return pick(g.r, []string{"UTC", "UTC", "Asia/Jakarta", "Europe/Berlin", "America/St_Johns"})
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

// chance is true n times in a hundred.
func (g *Generator) chance(n int) bool { return g.r.IntN(100) < n }

// moment is a time on the grid of the case, or a millisecond beside it.
func (g *Generator) moment(units int) int64 {
	m := g.base + int64(g.r.IntN(units+1))*g.scale.unit
	switch g.r.IntN(8) {
	case 0:
		m--
	case 1:
		m++
	case 2:
		m += g.scale.unit / 2
	}
	return m
}

// strings that properties may hold.
var words = []string{"a", "b", "ab", "B c", ""}

// doubles that properties may hold.
var doubles = []float64{0.1, 0.7, 0.2, 0.3, 10, -5, -0.1, 100.25, 0, 1e15, 33.333333333333336, 5e-324}

// integers that properties may hold.
var integers = []int64{0, 1, 2, 3, 4, -1, 2, 3}

// dates that properties may hold: around the case's own date, of leap days, to come.
func (g *Generator) dates() []string {
	at := time.UnixMilli(g.base).UTC()
	return []string{
		at.AddDate(-30, 0, 0).Format(time.DateOnly), at.AddDate(-18, 0, 1).Format(time.DateOnly), at.AddDate(-1, 0, 2).Format(time.DateOnly),
		at.AddDate(0, 0, 1).Format(time.DateOnly), at.AddDate(0, 0, 3).Format(time.DateOnly), at.AddDate(2, 0, 0).Format(time.DateOnly),
		"2000-02-29", "1996-02-29", "1999-02-28", "2032-02-29",
	}
}

// pool is the values that a string property may hold.
func pool(p *event.Property) []string {
	switch {
	case p.Name == "time_zone":
		return zones
	case len(p.Enum) > 0:
		return p.Enum[:min(3, len(p.Enum))]
	}
	return words
}

// fieldsOf are the properties of a type whose kind is one of those given.
func fieldsOf(t *event.Type, kinds ...event.Kind) []*event.Property {
	var out []*event.Property
	for i := range t.Properties {
		if slices.Contains(kinds, t.Properties[i].Kind) {
			out = append(out, &t.Properties[i])
		}
	}
	return out
}
