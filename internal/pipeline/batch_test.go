package pipeline

import (
	"testing"
	"time"
)

// planning is a session that can plan, and nothing else, with its clock there.
func planning(clock int64, lanes ...lane) *session {
	return &session{
		opt: &Options{Stride: 10, BatchRecords: 100}, clock: clock,
		merge: &merge{lanes: lanes, records: true}, timers: &timers{horizon: Never},
	}
}

// A view may hold deadlines that are sooner than need be, and that the clock has passed: a late event must have them loaded too.
func TestPlanTakesWhatIsBehindTheClock(t *testing.T) {
	s := planning(100, showing(50))
	x := &timer{id: "c", at: 90}
	s.timers.add(x)
	s.timers.heap.push(x)
	b := s.begin()
	s.plan(b, 0, start)
	if len(b.inputs) != 1 || len(b.due) != 1 || b.due[0] != x {
		t.Errorf("planned %d inputs and %d deadlines, want the late event and the deadline behind the clock", len(b.inputs), len(b.due))
	}
	if want := (moment{at: 100}); b.until != want {
		t.Errorf("planned until %v, want %v", b.until, want)
	}
}

func TestStridesFollowOnlyInTheOrderOfOneMerge(t *testing.T) {
	more := func(l lane) lane { l.end = 1000; return l }
	many := func(n int64) lane {
		times := make([]int64, n)
		for i := range times {
			times[i] = int64(i)
		}
		return more(showing(times...))
	}
	for _, c := range []struct {
		name  string
		lanes []lane
		want  bool
	}{
		{"more is at hand", []lane{many(30), many(30)}, true},
		{"a source was passed over", []lane{many(30), {asked: start, holds: true}}, false},
		{"everything is taken", []lane{many(3), {next: 5, end: 9, holds: true}}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := planning(0, c.lanes...)
			b := s.begin()
			s.plan(b, 0, start.Add(time.Millisecond))
			if b.goesOn != c.want {
				t.Errorf("goes on: %v, want %v", b.goesOn, c.want)
			}
		})
	}
}

// TestFull holds what a batch may have: of what is written, and of customers who stay in memory meanwhile.
func TestFull(t *testing.T) {
	for _, x := range []struct {
		cache, bytes, touched int
		want                  bool
	}{
		{50_000, 999, 49_999, false},
		{50_000, 1000, 0, true},
		{50_000, 0, 50_000, true},
		{20, 0, 9_999, false}, // a batch is to be worth its transaction
		{20, 0, 10_000, true},
	} {
		s := &session{opt: &Options{BatchBytes: 1000}, customers: newCustomers(x.cache)}
		if got := s.full(&batch{bytes: x.bytes, touched: make([]*customer, x.touched)}); got != x.want {
			t.Errorf("with a cache of %d, %d bytes and %d customers: full is %v", x.cache, x.bytes, x.touched, got)
		}
	}
}
