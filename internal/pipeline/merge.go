package pipeline

import (
	"math"
	"time"

	"github.com/ruas/ruas/internal/event"
)

// input is one record of a source, decoded.
type input struct {
	source int
	record Record
	slab   *slab // that the record is in; nil: it has memory of its own
	event  event.Event
	reject *event.Reject // not nil: the record is no good, and event is not filled
}

// lane is what the merge knows of one source.
type lane struct {
	queue []*input // what was read ahead, from head on
	head  int
	next  int64 // the position: the offset after the last record read, control records included
	end   int64 // the greatest high watermark that was heard of
	// asked is when the newest answer that told end was asked for; zero: never.
	asked time.Time
	// holds says that the clock waits for this source. One that was added later does not hold it until it first reaches its end.
	holds bool
	// absent says that the topic does not exist.
	absent bool
}

// answerAge is how old the broker's answer may be by which a source is at its end.
const answerAge = time.Second

func (l *lane) first() *input {
	if l.head == len(l.queue) {
		return nil
	}
	return l.queue[l.head]
}

func (l *lane) ready() int { return len(l.queue) - l.head }

func (l *lane) push(in []*input) {
	if l.head >= len(l.queue)/2 {
		n := copy(l.queue, l.queue[l.head:])
		clear(l.queue[n:])
		l.queue, l.head = l.queue[:n], 0
	}
	l.queue = append(l.queue, in...)
}

func (l *lane) pop() *input {
	in := l.queue[l.head]
	l.queue[l.head] = nil
	l.head++
	return in
}

// atEnd tells whether everything is read, by an answer that is young enough.
func (l *lane) atEnd(now time.Time) bool {
	return l.next >= l.end && !l.asked.IsZero() && now.Sub(l.asked) < answerAge
}

// merge puts the sources of one partition number in order and says how far the clock may go: contract section 4. It reads no clock
// itself.
type merge struct {
	lanes []lane
	// forget is the last lane, of requests to forget, that take effect as they come; nil: there is none.
	forget *lane
	// records says that the present plays no part.
	records bool
	// delay is the greatest of the sources', in milliseconds.
	delay int64
	// stands says that the present is not to be trusted: the worker's clock is off.
	stands bool
}

// owed tells whether a source that shows nothing has more on the broker.
func (m *merge) owed() bool {
	for i := range m.timed() {
		if l := &m.lanes[i]; !l.absent && l.first() == nil && l.next < l.end {
			return true
		}
	}
	return false
}

// verb is what comes next.
type verb uint8

const (
	// wait: nothing can be said yet.
	wait verb = iota
	// take: the first input of the lane is next.
	take
	// forget: the first request to forget is next.
	forget
	// ahead: the first input of the lane is later than the present.
	ahead
	// idle: there is nothing to take, and the clock may go to bound.
	idle
	// ended: all sources are at their ends, and the present plays no part.
	ended
)

type verdict struct {
	verb  verb
	lane  int
	bound int64
	// passed says that a source was passed over that shows nothing now: what it shows later may have belonged before.
	passed bool
}

// timed is the number of lanes whose inputs have times.
func (m *merge) timed() int {
	if m.forget != nil {
		return len(m.lanes) - 1
	}
	return len(m.lanes)
}

// decide says what comes next. present is in milliseconds since the epoch; now is by the clock that answers are timed with.
func (m *merge) decide(present int64, now time.Time) verdict {
	if m.forget != nil && m.forget.ready() > 0 {
		return verdict{verb: forget, lane: len(m.lanes) - 1}
	}
	if m.stands {
		return verdict{verb: wait}
	}
	best, open, unknown, passed := -1, false, false, false
	for i := range m.timed() {
		l := &m.lanes[i]
		if l.absent {
			continue
		}
		in := l.first()
		switch {
		case in == nil && l.atEnd(now):
			open, passed, l.holds = true, true, true
		case in == nil:
			unknown, passed = unknown || l.holds, true
		case in.reject != nil:
			return verdict{verb: take, lane: i} // it has no time: nothing to wait for, and nothing it could come too early for
		case !m.records && in.event.Time > present:
			return verdict{verb: ahead, lane: i}
		case best < 0 || in.event.Time < m.lanes[best].first().event.Time:
			best = i
		}
	}
	if unknown {
		return verdict{verb: wait}
	}
	limit := int64(math.MaxInt64)
	if open && !m.records {
		limit = present - m.delay
	}
	switch {
	case best >= 0 && m.lanes[best].first().event.Time <= limit:
		return verdict{verb: take, lane: best, passed: passed}
	case !open:
		return verdict{verb: wait} // only sources that do not hold the clock, and none of them has shown anything
	case m.records:
		return verdict{verb: ended}
	}
	return verdict{verb: idle, bound: limit}
}

// outdated tells whether some source may be at its end, if only the broker said so again. Where more is known to be there it comes by itself.
func (m *merge) outdated(now time.Time) bool {
	for i := range m.timed() {
		if l := &m.lanes[i]; !l.absent && l.first() == nil && l.next >= l.end && !l.atEnd(now) {
			return true
		}
	}
	return false
}

// offset is the offset of the next event of lane i to apply, where everything that was taken is applied.
func (m *merge) offset(i int) int64 {
	l := &m.lanes[i]
	if l.absent {
		return -1
	}
	if in := l.first(); in != nil {
		return in.record.Offset
	}
	return l.next
}
