package chaos

import (
	"sync"
	"time"
)

// shortest is the shortest pause between two changes that is noted: a load comes in waves.
const shortest = 200 * time.Millisecond

// gap is a time without output.
type gap struct{ from, to time.Time }

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

// Judge gives the longest silence of one partition that overlaps the time between from and to, and the longest time from from to the end
// of a partition's longest silence. A partition that is still silent at to counts as if it spoke then.
func (s *Silences) Judge(from, to time.Time) (silence, back time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for p := range s.gaps {
		var longest gap
		consider := func(g gap) {
			if g.to.After(from) && g.from.Before(to) && g.to.Sub(g.from) > longest.to.Sub(longest.from) {
				longest = g
			}
		}
		for i := len(s.gaps[p]) - 1; i >= 0 && s.gaps[p][i].to.After(from); i-- {
			consider(s.gaps[p][i])
		}
		if last := s.last[p]; !last.IsZero() && last.Before(to) {
			consider(gap{last, to})
		}
		silence = max(silence, longest.to.Sub(longest.from))
		if longest.to.After(from) {
			back = max(back, longest.to.Sub(from))
		}
	}
	return silence, back
}
