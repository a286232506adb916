// Command flame draws a CPU profile as a flame graph (Brendan Gregg, The Flame Graph, CACM 59(6), 2016), an SVG file that needs no script:
//
//	curl -s 'http://127.0.0.1:8081/debug/pprof/profile?seconds=10' > cpu.pb.gz
//	go run ./bench/flame -title "a worker drains" cpu.pb.gz > docs/flame.svg
//
// A box is a function, as wide as its share of the samples, above the one that called it; what a pointer rests on is told in full.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

func main() {
	title := flag.String("title", "", "what the profile is of")
	flag.Parse()
	if err := run(flag.Args(), *title, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "flame:", err)
		os.Exit(1)
	}
}

func run(args []string, title string, w io.Writer) error {
	if len(args) != 1 {
		return errors.New("name one profile, as /debug/pprof/profile gives it")
	}
	in, err := os.Open(args[0])
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	p, err := profile.Parse(in)
	if err != nil {
		return fmt.Errorf("reading %s: %w", args[0], err)
	}
	root := grow(p)
	if root.value == 0 {
		return fmt.Errorf("%s has no samples", args[0])
	}
	return draw(w, root, title)
}

// frame is a function with those that it called.
type frame struct {
	name  string
	value int64
	calls map[string]*frame
}

func (f *frame) call(name string) *frame {
	if f.calls == nil {
		f.calls = map[string]*frame{}
	}
	if f.calls[name] == nil {
		f.calls[name] = &frame{name: name}
	}
	return f.calls[name]
}

// grow adds up the samples by their stacks, outermost function first. The last of a sample's values is taken, which is the time.
func grow(p *profile.Profile) *frame {
	root := &frame{name: "all"}
	for _, s := range p.Sample {
		v := s.Value[len(s.Value)-1]
		root.value += v
		at := root
		for i := len(s.Location) - 1; i >= 0; i-- {
			lines := s.Location[i].Line
			for j := len(lines) - 1; j >= 0; j-- { // inlined functions stand before those that hold them
				at = at.call(short(lines[j].Function.Name))
				at.value += v
			}
		}
	}
	return root
}

// short leaves the path of a package out.
func short(name string) string {
	if generic := strings.IndexByte(name, '['); generic >= 0 {
		return short(name[:generic]) + "[…]"
	}
	return name[strings.LastIndexByte(name, '/')+1:]
}

const (
	width  = 1400.0
	height = 17.0
	top    = 34.0
	least  = 0.003 // the share below which a box is left out
)

func (f *frame) depth(total int64) int {
	deepest := 0
	for _, c := range f.calls {
		if float64(c.value) >= least*float64(total) {
			deepest = max(deepest, c.depth(total))
		}
	}
	return deepest + 1
}

func draw(w io.Writer, root *frame, title string) error {
	depth := root.depth(root.value)
	full := top + float64(depth)*height
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="Verdana, sans-serif" font-size="11">`+"\n", width, full)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fffdf7"/><text x="8" y="20" font-size="14">%s</text>`+"\n", html.EscapeString(title))
	root.draw(&b, 0, full-height, width/float64(root.value), root.value)
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// draw puts the box at x, y, and what it called above it, the widest first.
func (f *frame) draw(b *strings.Builder, x, y, scale float64, total int64) {
	wide := float64(f.value) * scale
	fmt.Fprintf(b, `<g><title>%s: %.1f %%</title><rect x="%.1f" y="%.1f" width="%.1f" height="%g" fill="%s" rx="1"/>`,
		html.EscapeString(f.name), 100*float64(f.value)/float64(total), x, y, max(wide-0.5, 0.3), height-1, colour(f.name))
	if fits := int(wide / 7.2); fits >= 3 {
		text := f.name
		if len(text) > fits {
			text = text[:fits-1] + "…"
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f">%s</text>`, x+3, y+12, html.EscapeString(text))
	}
	b.WriteString("</g>\n")
	calls := make([]*frame, 0, len(f.calls))
	for _, c := range f.calls {
		calls = append(calls, c)
	}
	slices.SortFunc(calls, func(a, o *frame) int { return cmp.Or(cmp.Compare(o.value, a.value), cmp.Compare(a.name, o.name)) })
	for _, c := range calls {
		if float64(c.value) >= least*float64(total) {
			c.draw(b, x, y-height, scale, total)
		}
		x += float64(c.value) * scale
	}
}

// colour tells apart whose a function is: the engine's and what belongs to it, the pipeline's and the edges', the runtime's, a library's.
func colour(name string) string {
	switch pkg, _, _ := strings.Cut(name, "."); pkg {
	case "engine", "plan", "feature", "event":
		return "#f4a582"
	case "pipeline", "kafka", "redis", "replay", "main", "api":
		return "#fddbc7"
	case "runtime", "syscall", "poll", "atomic":
		return "#d8d8d8"
	}
	return "#92c5de"
}
