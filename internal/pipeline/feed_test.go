package pipeline

import (
	"testing"

	"github.com/ruas/ruas/internal/event"
)

// pauses is a partition of which some sources are paused.
type pauses struct {
	Partition
	paused map[int]bool
}

func (p *pauses) Pause(source int)  { p.paused[source] = true }
func (p *pauses) Resume(source int) { p.paused[source] = false }

func TestSteer(t *testing.T) {
	part := &pauses{paused: map[int]bool{}}
	f := newFeed(part, make([]Decoder, 3), nil, nil, 1000)
	read := func(source int, time int64, n int, more bool) {
		a := arrival{source: source, inputs: []*input{{event: event.Event{Time: time}}}, next: 1, end: 1}
		if more {
			a.end = 2
		}
		f.note(&a)
		f.unread[source].Add(int64(n))
		f.steer()
	}
	expect := func(when string, paused ...int) {
		t.Helper()
		want := map[int]bool{}
		for _, source := range paused {
			want[source] = true
		}
		for source := range 3 {
			if part.paused[source] != want[source] {
				t.Errorf("%s: source %d paused: %v, want %v", when, source, part.paused[source], want[source])
			}
		}
	}
	read(2, 50, 1000, true)
	read(0, 100, 300, true)
	read(1, 100, 200, true)
	expect("a source leads, and another has little", 0)
	read(2, 60, 1200, true)
	expect("what is read least far takes the room of the others", 0)
	read(2, 70, 1400, true)
	expect("there is no more room", 0, 2)
	f.took([]int{0, 0, 2700})
	expect("half of the room is free", 0)
	f.took([]int{150, 0, 0})
	expect("one that leads has more than an eighth", 0)
	f.took([]int{50, 0, 0})
	expect("one that leads has little")
	read(1, 110, 0, false)
	read(2, 80, 0, false)
	read(0, 120, 900, true)
	expect("the others wait for nothing any more")
}
