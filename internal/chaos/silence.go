package chaos

import (
	"sync"
	"time"
)

// shortest is the shortest pause between two changes that is noted: a load comes in waves.
const shortest = 200 * time.Millisecond

// gap is a time without output.
type gap struct{ from, to time.Time }

func (g gap) lasts() time.Duration { return g.to.Sub(g.from) }

// Silences notes when each partition published nothing. It serves any number of goroutines.
type Silences struct {
	mu    sync.Mutex
	last  []time.Time // by partition: its newest change; zero: none yet
	gaps  [][]gap     // by partition, in order
	count int64
}

// NewSilences is for so many partitions.
func NewSilences(partitions int) *Silences {
	return &Silences{last: make([]time.Time, partitions), gaps: make([][]gap, partitions)}
}

// Heard notes a change.
func (s *Silences) Heard(partition int32, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if before := s.last[partition]; !before.IsZero() && at.Sub(before) >= shortest {
		s.gaps[partition] = append(s.gaps[partition], gap{before, at})
	}
	s.last[partition] = at
}

// Count is how many changes were heard.
func (s *Silences) Count() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Quietest gives the partition that has been silent for the longest time, and since when; zero: it never published anything.
func (s *Silences) Quietest() (partition int32, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p, at := range s.last {
		if p == 0 || at.Before(since) {
			partition, since = int32(p), at
		}
	}
	return partition, since
}

// silent is for how long a partition that gets events all the time publishes nothing only where something is wrong.
const silent = time.Second

// Judge looks at what overlaps the time between from and to: longest is the longest time without a change on one partition, and back the
// time from from to the first change behind a partition's first silence of a second or more, or where there was none behind its longest
// pause, on the partition where that came last. A partition that has published nothing until to counts as if it did so then.
func (s *Silences) Judge(from, to time.Time) (longest, back time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.gaps {
		var first gap // that is silent; or the longest
		consider := func(g gap) {
			if !g.to.After(from) || !g.from.Before(to) {
				return
			}
			longest = max(longest, g.lasts())
			if first.lasts() < silent && g.lasts() > first.lasts() {
				first = g
			}
		}
		for _, g := range s.gaps[p] {
			consider(g)
		}
		if last := s.last[p]; !last.IsZero() && last.Before(to) {
			consider(gap{last, to})
		}
		if first.lasts() > 0 {
			back = max(back, first.to.Sub(from))
		}
	}
	return longest, back
}
