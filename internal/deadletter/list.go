package deadletter

import (
	"cmp"
	"context"
	"slices"
)

// Query says which letters are wanted.
type Query struct {
	// Reason and Source, the name of one, are those of the letters; "": any.
	Reason, Source string
	// Before has for each partition the offset before which letters are wanted, and no letters are of a partition that it lacks; nil: all.
	Before map[int32]int64
	// Limit is the most letters in the answer.
	Limit int
}

// Page is a piece of the letters.
type Page struct {
	// Letters begin with the newest by time; those of one partition are in the order of the partition.
	Letters []Letter
	// Next is Before of the page that follows; nil: there is none. A page may be short, or empty, and have a next one: how far one goes back
	// is bounded.
	Next map[int32]int64
}

const (
	// windowLeast and windowMost are how many offsets of a partition are read at a time.
	windowLeast, windowMost = 32, 4096
	// looksMost is how many offsets one page looks at.
	looksMost = 100_000
)

// List reads letters from the end of the topic backwards.
func (l *Letters) List(ctx context.Context, q Query) (Page, error) {
	first, end, err := l.opt.Log.Bounds(ctx, l.opt.Topic)
	if err != nil {
		return Page{}, err
	}
	b := backwards{letters: l, query: &q, window: int64(max(windowLeast, 2*q.Limit/max(1, len(end))))}
	for p, at := range end {
		if q.Before != nil {
			before, ok := q.Before[p]
			if !ok {
				before = first[p]
			}
			at = min(at, before)
		}
		b.lanes = append(b.lanes, &lane{partition: p, first: first[p], low: max(at, first[p])})
	}
	slices.SortFunc(b.lanes, func(x, y *lane) int { return cmp.Compare(x.partition, y.partition) })
	var page Page
	for len(page.Letters) < q.Limit {
		whole, err := b.fill(ctx)
		if err != nil {
			return Page{}, err
		}
		newest := b.newest()
		if !whole || newest == nil {
			break
		}
		page.Letters = append(page.Letters, newest.take())
	}
	page.Next = b.next()
	return page, nil
}

// backwards reads all partitions from their ends on.
type backwards struct {
	letters *Letters
	query   *Query
	lanes   []*lane
	window  int64
	looks   int64
}

// lane is one partition: what is at low and above was read, and found has those letters of it that were not taken, oldest first.
type lane struct {
	partition  int32
	first, low int64
	found      []Letter
}

func (x *lane) take() Letter {
	last := x.found[len(x.found)-1]
	x.found = x.found[:len(x.found)-1]
	return last
}

// at is the offset before which the next letter is.
func (x *lane) at() int64 {
	if n := len(x.found); n > 0 {
		return x.found[n-1].Offset + 1
	}
	return x.low
}

// fill reads on until of each partition a letter is known, or that there is none; false: that is too much.
func (b *backwards) fill(ctx context.Context) (whole bool, err error) {
	for {
		from, to := make(map[int32]int64), make(map[int32]int64)
		by := make(map[int32]*lane)
		for _, x := range b.lanes {
			if len(x.found) == 0 && x.low > x.first {
				from[x.partition], to[x.partition], by[x.partition] = max(x.first, x.low-b.window), x.low, x
			}
		}
		if len(by) == 0 {
			return true, nil
		}
		if b.looks >= looksMost {
			return false, nil
		}
		err := b.letters.opt.Log.Records(ctx, b.letters.opt.Topic, from, to, func(r *Record) error {
			if e := open(r); b.query.wants(b.letters, &e) {
				x := by[r.Partition]
				x.found = append(x.found, b.letters.letter(r, &e))
			}
			return nil
		})
		if err != nil {
			return false, err
		}
		for p, x := range by {
			b.looks += to[p] - from[p]
			x.low = from[p]
		}
		b.window = min(2*b.window, windowMost)
	}
}

func (q *Query) wants(l *Letters, e *envelope) bool {
	return (q.Reason == "" || q.Reason == e.reason) && (q.Source == "" || q.Source == l.sources[e.topic])
}

// newest is the partition with the newest letter; nil: there is none left.
func (b *backwards) newest() (best *lane) {
	for _, x := range b.lanes {
		if n := len(x.found); n > 0 && (best == nil || x.found[n-1].Time > best.found[len(best.found)-1].Time) {
			best = x
		}
	}
	return best
}

func (b *backwards) next() map[int32]int64 {
	next, more := make(map[int32]int64), false
	for _, x := range b.lanes {
		next[x.partition] = x.at()
		more = more || x.at() > x.first
	}
	if !more {
		return nil
	}
	return next
}
