// Package view owns what is read of the view of all customers: plain values, between those who keep the view and those who answer from
// it. It knows neither where the view is nor what a state means.
package view

import "errors"

// ErrNotReady says that the view does not hold what was asked for yet: it is being built, or was lost.
var ErrNotReady = errors.New("the view in Redis is being built")

// Unknown is an offset that is not known.
const Unknown = -1

// Standing is how far one partition's part of the view is.
type Standing struct {
	Partition int32
	// Clock is in milliseconds since the epoch; math.MinInt64: nothing moved it yet.
	Clock int64
	// Changes is the offset of the changes topic before which every change of the partition is in the view; Unknown where the view was
	// written by a release that does not tell it, or the changes have another number of partitions.
	Changes int64
	// Written is when the part was written last, in milliseconds since the epoch; 0: it is not known.
	Written int64
}

// Customer is what the view holds of one customer.
type Customer struct {
	ID string
	// State is as the engine encoded it; nil: there is no such customer.
	State []byte
	// Rules is the hash of the rules that the state was made under; empty: of rules that are no longer in force.
	Rules string
	Standing
}

// Segments is what the view says of segments.
type Segments struct {
	// Counts holds the number of members of each, in the order in which they were asked for.
	Counts []int64
	// Warming holds those that cannot be decided of every customer yet, because the rules changed, with the moment at which that ends at
	// the latest, in milliseconds since the epoch; engine.Never: time alone does not end it.
	Warming   map[string]int64
	Standings []Standing
}

// Members is a piece of a segment's list of members.
type Members struct {
	// IDs are in order, and none between the first and the last is left out.
	IDs []string
	// More says that there may be others behind the last.
	More      bool
	Standings []Standing
}

// Partition describes one partition's part of the view.
type Partition struct {
	// Ready is false where the part is being built or there is none; then nothing else is told.
	Ready bool
	Standing
	Epoch   int64  // one more with each session on the partition
	Applied int64  // the offset of the state topic before which everything is in the view
	Rules   string // a hash of the rules by which customers are decided
	Sources []Progress
}

// Progress is how far a source is applied.
type Progress struct {
	Topic string
	Next  int64 // the offset of the next event to apply
}

// Forgotten is what became of a request to forget a customer.
type Forgotten struct {
	Done bool
	// Told says that the rest is known: of requests that were done long ago it is not.
	Told    bool
	Known   bool  // there was something to forget
	Changes int   // memberships that ended
	Clock   int64 // where the clock stood, in milliseconds since the epoch
	At      int64 // when it was done, in milliseconds since the epoch
	Applied int64 // the offset of the state topic before which the removal is
}
