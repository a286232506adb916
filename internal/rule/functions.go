package rule

import (
	"cel.dev/cel-go/cel"
)

// Functions that the macros expand to. Durations are an int of milliseconds, always a literal; so are counts and the names of fields.
const (
	FnLast             = "@last"                // (list(E), d, @now) list(E)
	FnBefore           = "@before"              // (list(E), d, @now) list(E)
	FnBetween          = "@between"             // (list(E), d1, d2, @now) list(E)
	FnAfter            = "@after"               // (list(E), list(F)) list(E)
	FnFollowedBy       = "@followed_by"         // (list(E), list(F), d, field or "", @now) list(E)
	FnNotFollowedBy    = "@not_followed_by"     // as FnFollowedBy
	FnNotYetFollowedBy = "@not_yet_followed_by" // as FnFollowedBy
	FnSum              = "@sum"                 // (list(int)) int, (list(double)) double
	FnAvg              = "@avg"                 // (list(int)) double, (list(double)) double
	FnMin              = "@min"                 // (list(T)) T for int, double, timestamp
	FnMax              = "@max"                 // as FnMin
	FnDistinct         = "@distinct"            // (list(T)) list(T) for string, int, bool, double, timestamp
	FnCountBy          = "@count_by"            // (list(K)) map(K, int) for string, int, bool
	FnSumBy            = "@sum_by"              // (list(K), list(T)) map(K, T) for T int, double
	FnFirst            = "@first"               // (list(E)) E
	FnNewest           = "@newest"              // (list(E)) E
	FnNewestN          = "@newest_n"            // (list(E), n) list(E)
	FnAgo              = "@ago"                 // (d, @now) timestamp
	FnDay              = "@day"                 // (timestamp, @zone) string
	FnDaysSince        = "@days_since"          // (timestamp, @now, @zone) int
	FnDaysUntil        = "@days_until"          // (string, @now, @zone) int
	FnAge              = "@age"                 // (string, @now, @zone) int
	FnInSegment        = "@in_segment"          // (@segments, name) bool
)

// functions declares what the macros expand to. The lists of events are typed as lists of anything; checkEventLists narrows them, with a
// better message than a missing overload gives, and without an overload for every pair of event types.
func functions() []cel.EnvOption {
	var (
		a, b   = cel.TypeParamType("A"), cel.TypeParamType("B")
		as, bs = cel.ListType(a), cel.ListType(b)
		ints   = cel.ListType(cel.IntType)
		double = cel.ListType(cel.DoubleType)
		i, f   = cel.IntType, cel.DoubleType
		s, t   = cel.StringType, cel.TimestampType
		opts   []cel.EnvOption
	)
	declare := func(name string, result *cel.Type, args ...*cel.Type) {
		opts = append(opts, cel.Function(name, cel.Overload(overloadID(name, args), args, result)))
	}
	declare(FnLast, as, as, i, t)
	declare(FnBefore, as, as, i, t)
	declare(FnBetween, as, as, i, i, t)
	declare(FnAfter, as, as, bs)
	declare(FnFollowedBy, as, as, bs, i, s, t)
	declare(FnNotFollowedBy, as, as, bs, i, s, t)
	declare(FnNotYetFollowedBy, as, as, bs, i, s, t)
	declare(FnSum, i, ints)
	declare(FnSum, f, double)
	declare(FnAvg, f, ints)
	declare(FnAvg, f, double)
	for _, x := range []*cel.Type{i, f, t} {
		declare(FnMin, x, cel.ListType(x))
		declare(FnMax, x, cel.ListType(x))
	}
	for _, x := range []*cel.Type{s, i, cel.BoolType, f, t} {
		declare(FnDistinct, cel.ListType(x), cel.ListType(x))
	}
	for _, k := range []*cel.Type{s, i, cel.BoolType} {
		declare(FnCountBy, cel.MapType(k, i), cel.ListType(k))
		declare(FnSumBy, cel.MapType(k, i), cel.ListType(k), ints)
		declare(FnSumBy, cel.MapType(k, f), cel.ListType(k), double)
	}
	declare(FnFirst, a, as)
	declare(FnNewest, a, as)
	declare(FnNewestN, as, as, i)
	declare(FnAgo, t, i, t)
	declare(FnDay, s, t, s)
	declare(FnDaysSince, i, t, t, s)
	declare(FnDaysUntil, i, s, t, s)
	declare(FnAge, i, s, t, s)
	declare(FnInSegment, cel.BoolType, cel.MapType(s, cel.BoolType), s)
	return opts
}

func overloadID(name string, args []*cel.Type) string {
	id := name
	for _, t := range args {
		id += "_" + t.String()
	}
	return id
}
