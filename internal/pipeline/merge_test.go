package pipeline

import (
	"testing"
	"time"

	"github.com/ruas/ruas/internal/event"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(times ...int64) []*input {
	in := make([]*input, len(times))
	for i, t := range times {
		in[i] = &input{event: event.Event{Time: t}}
	}
	return in
}

// told is a lane that is read to its end, by an answer of that age.
func told(age time.Duration) lane { return lane{asked: start.Add(-age), holds: true} }

func showing(times ...int64) lane { return lane{queue: at(times...), end: 100, holds: true} }

func TestDecide(t *testing.T) {
	const present = 10_000
	bad := showing(1)
	bad.queue[0].reject = &event.Reject{Reason: event.ReasonJSON}
	behind := lane{next: 3, end: 4, asked: start, holds: true}
	added := behind
	added.holds = false
	for _, c := range []struct {
		name  string
		merge merge
		want  verdict
	}{
		{"the earliest event is next", merge{lanes: []lane{showing(7), showing(5)}}, verdict{verb: take, lane: 1}},
		{"of two events of one time the source named first", merge{lanes: []lane{showing(5), showing(5)}}, verdict{verb: take, lane: 0}},
		{"a source that is behind holds the others", merge{lanes: []lane{showing(5), behind}}, verdict{verb: wait}},
		{"one that was added later does not", merge{lanes: []lane{showing(5), added}}, verdict{verb: take, lane: 0, passed: true}},
		{"nor does one without a topic", merge{lanes: []lane{showing(5), {absent: true, holds: true}}}, verdict{verb: take, lane: 0}},
		{"one at its end does not hold", merge{lanes: []lane{showing(5), told(999 * time.Millisecond)}}, verdict{verb: take, lane: 0, passed: true}},
		{"an old answer is none", merge{lanes: []lane{showing(5), told(time.Second)}}, verdict{verb: wait}},
		{"a source never heard of is not at its end", merge{lanes: []lane{showing(5), {holds: true}}}, verdict{verb: wait}},
		{"a bad record waits for nobody", merge{lanes: []lane{behind, bad}}, verdict{verb: take, lane: 1}},
		{"an event ahead of the present holds up nobody", merge{lanes: []lane{behind, showing(present + 1)}}, verdict{verb: ahead, lane: 1}},
		{"an event of the present is next", merge{lanes: []lane{showing(present), showing(present)}}, verdict{verb: take, lane: 0}},
		{
			"where a source is at its end, an event waits for the delay",
			merge{lanes: []lane{showing(9_500), told(0)}, delay: 1000},
			verdict{verb: idle, bound: 9_000},
		},
		{"where none is, it does not", merge{lanes: []lane{showing(9_500), showing(9_900)}, delay: 1000}, verdict{verb: take, lane: 0}},
		{"the delay over, it is next", merge{lanes: []lane{showing(9_000), told(0)}, delay: 1000}, verdict{verb: take, lane: 0, passed: true}},
		{"at the ends the clock follows the present", merge{lanes: []lane{told(0), told(0)}}, verdict{verb: idle, bound: present}},
		{"less the delay", merge{lanes: []lane{told(0), told(0)}, delay: 2000}, verdict{verb: idle, bound: 8_000}},
		{"by records alone it stands there", merge{lanes: []lane{told(0), told(0)}, records: true}, verdict{verb: ended}},
		{"by records alone the present plays no part", merge{lanes: []lane{showing(present + 9), told(0)}, records: true}, verdict{verb: take, lane: 0, passed: true}},
		{"a worker whose clock is off does nothing", merge{lanes: []lane{showing(5), told(0)}, stands: true}, verdict{verb: wait}},
		{"new sources alone do not move the clock", merge{lanes: []lane{added}}, verdict{verb: wait}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.merge.decide(present, start); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestAddedSourceHoldsFromItsEndOn(t *testing.T) {
	m := merge{lanes: []lane{showing(5), {next: 4, end: 4, asked: start}}}
	if got := m.decide(10, start); got.verb != take || !m.lanes[1].holds {
		t.Fatalf("got %+v, holds %v", got, m.lanes[1].holds)
	}
	m.lanes[1].end = 9
	if got := m.decide(10, start); got.verb != wait {
		t.Errorf("behind again after it was at its end: got %+v, want wait", got)
	}
}

func TestOffset(t *testing.T) {
	m := merge{lanes: []lane{{queue: at(1, 2), next: 9}, {next: 7}, {absent: true, next: 3}}}
	m.lanes[0].queue[0].record.Offset, m.lanes[0].queue[1].record.Offset = 4, 6
	for i, want := range []int64{4, 7, -1} {
		if got := m.offset(i); got != want {
			t.Errorf("lane %d: offset %d, want %d", i, got, want)
		}
	}
	m.lanes[0].pop()
	if got := m.offset(0); got != 6 {
		t.Errorf("after the first: offset %d, want 6", got)
	}
	m.lanes[0].pop()
	if got := m.offset(0); got != 9 {
		t.Errorf("after the last: offset %d, want the position, 9", got)
	}
}
