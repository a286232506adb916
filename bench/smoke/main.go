// Command smoke holds the core's costs to what was recorded: it fails where an event takes more allocations, or more instructions, than
// a tenth above. It counts, and measures no time, so that a busy machine does not matter; decision record 0013 says how.
//
//	go run ./bench/smoke            compare with bench/results/core.json
//	go run ./bench/smoke -update    record anew
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

const (
	file = "bench/results/core.json"
	// few and many are the events of two runs: what both spend on preparing cancels out.
	few, many = 5_000, 25_000
	// planted is a benchmark that is a sixth slower than decode, on purpose.
	planted, decode = "Planted", "Decode"
)

var benchmarks = []string{decode, "StepS10", "StepS1000", "Encode", "Replay"}

// cost is what an event takes.
type cost struct {
	Instructions float64 `json:"instructions"`
	Allocations  float64 `json:"allocations"`
}

// record is the file.
type record struct {
	Go    string          `json:"go"`
	Costs map[string]cost `json:"costs"` // of an event, by benchmark
}

func main() {
	update := flag.Bool("update", false, "record the costs instead of comparing them")
	flag.Parse()
	if err := smoke(context.Background(), *update); err != nil {
		fmt.Fprintln(os.Stderr, "smoke:", err)
		os.Exit(1)
	}
}

func smoke(ctx context.Context, update bool) error {
	folder, err := os.MkdirTemp("", "ruas-smoke-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // a leftover in the temporary folder harms nobody
	r, err := newRunner(ctx, folder)
	if err != nil {
		return err
	}
	now := record{Go: runtime.Version(), Costs: map[string]cost{}}
	for _, name := range append(slices.Clone(benchmarks), planted) {
		if now.Costs[name], err = r.cost(name); err != nil {
			return fmt.Errorf("running %s: %w", name, err)
		}
		fmt.Printf("%-10s %10.1f instructions and %.4f allocations an event\n", name, now.Costs[name].Instructions, now.Costs[name].Allocations)
	}
	slow := now.Costs[planted]
	delete(now.Costs, planted)
	if compare(decode, now.Costs[decode], slow) == nil {
		return errors.New("the check does not see that every sixth record is decoded twice: it is broken")
	}
	if update {
		text, err := json.MarshalIndent(now, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(file, append(text, '\n'), 0o600)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("%w: record costs with -update", err)
	}
	var was record
	if err := json.Unmarshal(text, &was); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return check(was, now)
}

// check compares all that was recorded.
func check(was, now record) error {
	var all []error
	for _, name := range slices.Sorted(maps.Keys(was.Costs)) {
		if cost, ok := now.Costs[name]; ok {
			all = append(all, compare(name, was.Costs[name], cost))
		} else {
			all = append(all, fmt.Errorf("%s was recorded, and is not there", name))
		}
	}
	for name := range now.Costs {
		if _, ok := was.Costs[name]; !ok {
			all = append(all, fmt.Errorf("%s was never recorded", name))
		}
	}
	err := errors.Join(all...)
	if err != nil && was.Go != now.Go {
		err = errors.Join(err, fmt.Errorf("recorded with %s, this is %s: record anew with -update if that is why", was.Go, now.Go))
	}
	return err
}

// compare is an error where a cost has grown by more than a tenth. A hundredth of an allocation is noise: maps grow, buffers too.
func compare(name string, was, now cost) error {
	const tolerance, noise = 1.1, 0.01
	var all []error
	if now.Instructions > was.Instructions*tolerance {
		all = append(all, fmt.Errorf("%s takes %.0f instructions an event, %.1f %% more than %.0f", name, now.Instructions, 100*(now.Instructions/was.Instructions-1), was.Instructions))
	}
	if now.Allocations > was.Allocations*tolerance+noise {
		all = append(all, fmt.Errorf("%s takes %.4f allocations an event, where it took %.4f", name, now.Allocations, was.Allocations))
	}
	return errors.Join(all...)
}

// runner runs benchmarks.
type runner struct {
	ctx    context.Context
	folder string
	native string // the benchmarks
	traced string // the same, for valgrind
}

func newRunner(ctx context.Context, folder string) (*runner, error) {
	r := &runner{ctx: ctx, folder: folder, native: filepath.Join(folder, "native.test"), traced: filepath.Join(folder, "traced.test")}
	for path, tags := range map[string]string{r.native: "", r.traced: "valgrind"} {
		if _, err := r.run("go", "test", "-c", "-tags", tags, "-o", path, "./bench/core"); err != nil {
			return nil, err
		}
	}
	return r, nil
}

var (
	allocations  = regexp.MustCompile(`([0-9.e+-]+) allocs/event`)
	instructions = regexp.MustCompile(`I\s+refs:\s+([0-9,]+)`)
)

// cost gives what an event takes in a benchmark.
func (r *runner) cost(name string) (c cost, err error) {
	out, err := r.run(append([]string{r.native}, arguments(name, many)...)...)
	if err == nil {
		c.Allocations, err = number(allocations, out)
	}
	if err != nil {
		return c, err
	}
	var counts [2]float64
	for i, events := range []int{few, many} {
		out, err := r.run(append([]string{
			"valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=" + filepath.Join(r.folder, "cachegrind"), r.traced,
		}, arguments(name, events)...)...)
		if err == nil {
			counts[i], err = number(instructions, out)
		}
		if err != nil {
			return c, err
		}
	}
	c.Instructions = (counts[1] - counts[0]) / (many - few)
	return c, nil
}

func arguments(name string, events int) []string {
	return []string{"-test.run", "^$", "-test.bench", "^Benchmark" + name + "$", "-test.benchtime", strconv.Itoa(events) + "x"}
}

// run runs a command by itself: no garbage is collected, and one thread runs Go code, which nothing interrupts.
func (r *runner) run(argv ...string) ([]byte, error) {
	cmd := exec.CommandContext(r.ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	if argv[0] != "go" {
		cmd.Env = append(cmd.Env, "GOGC=off", "GOMAXPROCS=1")
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", argv[0], err, out.String())
	}
	return out.Bytes(), nil
}

func number(pattern *regexp.Regexp, out []byte) (float64, error) {
	found := pattern.FindSubmatch(out)
	if found == nil {
		return 0, fmt.Errorf("no %s in\n%s", pattern, out)
	}
	return strconv.ParseFloat(strings.ReplaceAll(string(found[1]), ",", ""), 64)
}
