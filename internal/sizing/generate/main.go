// Command generate records the figures of package sizing: from the benchmark's raw numbers, and by stepping the benchmark's rules over its
// events. Where a measurement is not there, the figure of before stays, with its source.
//
//	go generate ./internal/sizing
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/sizing"
	"github.com/ruas/ruas/internal/sizing/observe"
)

func main() {
	results := flag.String("results", "bench/results", "folder of the benchmark's raw numbers")
	path := flag.String("figures", "internal/sizing/figures.json", "file to write")
	flag.Parse()
	if err := generate(*results, *path, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate(results, path string, said *os.File) error {
	var f sizing.Figures
	old, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(old, &f)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the figures of before: %w", err)
	}
	r := &reader{folder: results, files: map[string]*measured{}}
	for _, name := range measures {
		if err := r.load(name); err != nil {
			return err
		}
	}
	for _, w := range wanted(&f) {
		got, ok := w.from(r)
		if !ok {
			fmt.Fprintf(said, "not in %s, stays as it was: %s\n", results, w.what)
			continue
		}
		*w.to = sizing.Figure{What: w.what, Value: got.value, Unit: w.unit, Source: got.source}
	}
	if err := stepped(&f); err != nil {
		return err
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(&f); err != nil {
		return err
	}
	if _, err := sizing.ParseFigures(out.Bytes()); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o600)
}

// stepped takes the figures that are exact for the seed.
func stepped(f *sizing.Figures) error {
	const events, customers, source = 200_000, 10_000, "S10 stepped over the benchmark's 200,000 events of 10,000 customers; exact for the seed"
	o, err := observe.S10(context.Background(), events, customers)
	if err != nil {
		return fmt.Errorf("stepping S10: %w", err)
	}
	states, err := ratio(bytes.Join(o.FirstStates[:batch], nil))
	if err != nil {
		return err
	}
	changes, err := ratio(o.FirstChanges[:batch*int(o.ChangeBytes)])
	if err != nil {
		return err
	}
	for _, one := range []struct {
		to    *sizing.Figure
		what  string
		value float64
		unit  string
	}{
		{&f.Changes, "changes an event", float64(o.Changes) / float64(o.Events), ""},
		{&f.Memberships, "memberships a customer", o.Memberships, ""},
		{&f.WrittenBytes, "a state when it is written, mean", o.WrittenBytes, "B"},
		{&f.EventBytes, "an event, mean", o.EventBytes, "B"},
		{&f.ChangeBytes, "a change, mean", o.ChangeBytes, "B"},
		{&f.IDBytes, "a customer's id, mean", o.IDBytes, "B"},
		{&f.StateLZ4, "states compressed, of their size", states, ""},
		{&f.ChangeLZ4, "changes compressed, of their size", changes, ""},
	} {
		*one.to = sizing.Figure{What: one.what, Value: one.value, Unit: one.unit, Source: source}
	}
	return nil
}

// batch is how many records are compressed together.
const batch = 200

// ratio is what is left of bytes when they are compressed as the producers do it.
func ratio(of []byte) (float64, error) {
	c, err := kgo.DefaultCompressor(kgo.Lz4Compression())
	if err != nil {
		return 0, fmt.Errorf("compressing: %w", err)
	}
	packed, _ := c.Compress(&bytes.Buffer{}, of)
	return min(1, float64(len(packed))/float64(len(of))), nil
}
