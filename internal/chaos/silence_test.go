package chaos

import (
	"testing"
	"time"
)

func TestSilences(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }
	s := NewSilences(2)
	if _, since := s.Quietest(); !since.IsZero() {
		t.Errorf("before anything was heard: silent since %v", since)
	}
	for i := range 100 { // ten changes a second; partition 1 is silent from 2 to 5, and from 7 to 8.5
		now := float64(i) / 10
		s.Heard(0, at(now))
		if now <= 2 || now >= 5 && now <= 7 || now >= 8.5 {
			s.Heard(1, at(now))
		}
	}
	if s.Count() != 100+21+21+15 {
		t.Errorf("%d changes were heard", s.Count())
	}
	for _, c := range []struct{ from, to, longest, back float64 }{
		{2.5, 6, 3, 2.5},       // the silence began before
		{1, 9, 3, 4},           // the first of two
		{5.5, 9, 1.5, 3},       // the second
		{0, 1.5, 0, 0},         // none
		{9.5, 12, 2.1, 2.5},    // at the end both are silent until they are asked about
		{4, 4.5, 3, 1},         // within one
		{6.95, 7.2, 1.5, 1.55}, // it ends later
	} {
		longest, back := s.Judge(at(c.from), at(c.to))
		if d := longest - at(c.longest).Sub(start); d.Abs() > 10*time.Millisecond {
			t.Errorf("from %v to %v: the longest silence is %v, not %v s", c.from, c.to, longest, c.longest)
		}
		if d := back - at(c.back).Sub(start); d.Abs() > 10*time.Millisecond {
			t.Errorf("from %v to %v: back after %v, not %v s", c.from, c.to, back, c.back)
		}
	}
	s.Heard(0, at(20))
	if p, since := s.Quietest(); p != 1 || !since.Equal(at(9.9)) {
		t.Errorf("partition %d is the quietest, since %v", p, since)
	}
}
