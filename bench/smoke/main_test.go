package main

import (
	"strings"
	"testing"
)

// A cost may grow by a tenth, and not by more.
func TestCheckFails(t *testing.T) {
	was := record{Go: "go1", Costs: map[string]cost{"Step": {Instructions: 2000, Allocations: 0.5}}}
	for _, c := range []struct {
		name string
		now  record
		want string // empty: no error
	}{
		{"equal", was, ""},
		{"cheaper", record{Costs: map[string]cost{"Step": {1000, 0}}}, ""},
		{"a little dearer", record{Costs: map[string]cost{"Step": {2190, 0.55}}}, ""},
		{"more instructions", record{Costs: map[string]cost{"Step": {2210, 0.5}}}, "10.5 % more"},
		{"more allocations", record{Costs: map[string]cost{"Step": {2000, 0.57}}}, "0.5700 allocations"},
		{"gone", record{Costs: map[string]cost{}}, "is not there"},
		{"never recorded", record{Costs: map[string]cost{"Step": {2000, 0.5}, "New": {1, 0}}}, "New was never recorded"},
		{"another Go", record{Go: "go2", Costs: map[string]cost{"Step": {3000, 0.5}}}, "this is go2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := check(was, c.now)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestNumber(t *testing.T) {
	if n, err := number(instructions, []byte("==1== I   refs:      1,456,569,789\n")); err != nil || n != 1_456_569_789 {
		t.Errorf("got %v, %v", n, err)
	}
	if n, err := number(allocations, []byte("BenchmarkX \t 5\t 12 ns/op\t 1.5e-05 allocs/event\n")); err != nil || n != 1.5e-05 {
		t.Errorf("got %v, %v", n, err)
	}
	if _, err := number(allocations, nil); err == nil {
		t.Error("no error without a number")
	}
}
