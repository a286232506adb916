package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// TestFlame draws two stacks, of which one function is inlined into another.
func TestFlame(t *testing.T) {
	fn := func(id uint64, name string) *profile.Function { return &profile.Function{ID: id, Name: name} }
	main, step, decode := fn(1, "main.main"), fn(2, "example.test/x/engine.(*E).Step[go.shape.int]"), fn(3, "example.test/x/event.Decode")
	at := func(id uint64, fns ...*profile.Function) *profile.Location {
		l := &profile.Location{ID: id}
		for _, f := range fns {
			l.Line = append(l.Line, profile.Line{Function: f})
		}
		return l
	}
	outer, inner := at(1, main), at(2, decode, step)
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		Function:   []*profile.Function{main, step, decode}, Location: []*profile.Location{outer, inner},
		Sample: []*profile.Sample{
			{Location: []*profile.Location{inner, outer}, Value: []int64{3, 30}},
			{Location: []*profile.Location{outer}, Value: []int64{1, 10}},
		},
	}
	file := filepath.Join(t.TempDir(), "cpu.pb.gz")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Write(out), out.Close()); err != nil {
		t.Fatal(err)
	}
	var svg bytes.Buffer
	if err := run([]string{file}, "a <title>", &svg); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a &lt;title&gt;", "main.main: 100.0 %", "engine.(*E).Step[…]: 75.0 %", "event.Decode: 75.0 %"} {
		if !strings.Contains(svg.String(), want) {
			t.Errorf("%q is not drawn:\n%s", want, svg.String())
		}
	}
	for d := xml.NewDecoder(&svg); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := run(nil, "", io.Discard); err == nil {
		t.Error("no profile is named, and nothing is said")
	}
}
