package main

import (
	"testing"
	"time"
)

func TestProcessorsByLoad(t *testing.T) {
	t.Parallel()
	var l load
	use := func(cpu time.Duration, times int) {
		for range times {
			l.needs(cpu)
		}
	}
	calm := int(littleFor / loadEvery)
	for _, step := range []struct {
		cpu   time.Duration
		times int
		one   bool
	}{
		{0, calm - 1, false},
		{0, 1, true},
		{littleCPU + 1, 100, true}, // neither little nor much: as it is
		{muchCPU, 1, false},
		{littleCPU, calm - 1, false},
		{littleCPU + 1, 1, false}, // begins to count anew
		{littleCPU, calm - 1, false},
		{littleCPU, 1, true},
	} {
		if use(step.cpu, step.times); l.one != step.one {
			t.Fatalf("after %d times %v: one processor is enough: %v", step.times, step.cpu, l.one)
		}
	}
}
