package simulation_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/parser"
	"go/token"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bluekeyes/go-gitdiff/gitdiff"

	"github.com/ruas/ruas/internal/simulation"
)

var (
	planted = flag.Bool("planted", false, "plant the bugs of testdata/planted one by one, each of which the simulation must notice")
	update  = flag.Bool("update", false, "with -planted: look for seeds anew, and write them into the patches")
	until   = flag.String("until", "", "run seeds one after the other, unshrunk, until one fails in words that match")
	likely  = flag.Uint64("likely", 0, "with -until: a seed that is tried some times before the others; 0: none")
	steady  = flag.Bool("steady", false, "with -until: go on until a seed fails so every time")
)

const (
	// plantedSeeds is how many seeds, from 1 on, the simulation has to notice a bug.
	plantedSeeds = 600
	// plantedLeast is how many bugs there are to be.
	plantedLeast = 10
	// plantedBuilds is how many bugs are looked for at a time.
	plantedBuilds = 2
	// likelyTries is how often the seed that noticed a bug before is tried: the scheduler is not simulated.
	likelyTries = 6
	// steadyTries is how often in a row a steady seed notices.
	steadyTries = 4
	// seedTime is how long one seed may take, and plantTime all of a bug, by the machine's clock: where virtual time stands still, nothing
	// in the simulation comes to an end.
	seedTime  = time.Minute
	plantTime = 6 * time.Minute
)

// What TestUntil says on lines of their own.
const (
	noticedPrefix = "noticed by seed "
	stuckPrefix   = "virtual time stands still in seed "
)

// TestUntil runs seeds until one fails as the flag says, and prints which. It is what TestPlanted runs with a bug inside.
func TestUntil(t *testing.T) {
	if *until == "" {
		t.Skip("-until says what to wait for")
	}
	pattern := regexp.MustCompile(*until)
	best := 0
	for seed := range untilSeeds() {
		times := 0
		for words := fails(t, seed, pattern); words != ""; words = fails(t, seed, pattern) {
			if times++; times > best {
				best = times
				fmt.Printf("%s%d %s\n", noticedPrefix, seed, words)
			}
			if !*steady || times == steadyTries {
				return
			}
		}
	}
}

// untilSeeds gives the likely seed some times, then those from -seed on.
func untilSeeds() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for range likelyTries {
			if *likely > 0 && !yield(*likely) {
				return
			}
		}
		for n := range *seeds {
			if !yield(max(1, *seed) + uint64(n)) {
				return
			}
		}
	}
}

// fails runs a seed, and says how it fails if its words match.
func fails(t *testing.T, seed uint64, pattern *regexp.Regexp) string {
	t.Helper()
	watch := time.AfterFunc(seedTime, func() {
		fmt.Printf("%s%d\n", stuckPrefix, seed)
		os.Exit(1)
	})
	defer watch.Stop()
	for _, wrong := range simulation.Run(t, simulation.New(seed)).Wrong {
		if pattern.MatchString(wrong) {
			return strings.Join(strings.Fields(wrong), " ")
		}
		t.Logf("seed %d fails in other words: %s", seed, wrong)
	}
	return ""
}

// plant is a bug, and what came of it.
type plant struct {
	file   string // the patch
	name   string
	said   string // what the simulation says of it, as a pattern
	likely string // the seed that noticed it before
	patch  []*gitdiff.File

	seed   string // by which it was noticed
	words  string
	builds time.Duration // CPU time
	runs   time.Duration
}

// TestPlantsApply tells at once that a patch no longer fits the sources, which TestPlanted would after minutes.
func TestPlantsApply(t *testing.T) {
	t.Parallel()
	for _, p := range plants(t) {
		if _, err := p.apply(sources(t)); err != nil {
			t.Error(err)
		}
	}
}

// sources is where the project is.
func sources(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// plants reads all patches.
func plants(t *testing.T) []*plant {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "planted", "*.patch"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < plantedLeast {
		t.Errorf("%d bugs are planted, want at least %d", len(files), plantedLeast)
	}
	var all []*plant
	for _, file := range files {
		p, err := readPlant(file)
		if err != nil {
			t.Error(err)
			continue
		}
		all = append(all, p)
	}
	return all
}

// TestPlanted proves that the simulation can fail: it builds the simulation with one bug at a time, and looks for a seed that notices.
// A patch's text says what the bug is, which promise it breaks, which fault brings it to light, what is then said, and which seed noticed
// it before.
func TestPlanted(t *testing.T) {
	t.Parallel()
	if !*planted {
		t.Skip("takes minutes: asked for by -planted")
	}
	var (
		mu   sync.Mutex
		all  []*plant
		some = make(chan struct{}, plantedBuilds)
		root = sources(t)
	)
	t.Cleanup(func() { t.Log(plantedTable(all)) })
	for _, p := range plants(t) {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			some <- struct{}{}
			defer func() { <-some }()
			if err := p.grow(t, root); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, p)
		})
	}
}

// What is looked for in a patch's text.
var (
	saidLine = regexp.MustCompile(`(?m)^Said: (.+)$`)
	seedLine = regexp.MustCompile(`(?m)^Seed: (\d+)$`)
)

func readPlant(file string) (*plant, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	p := &plant{file: filepath.ToSlash(file), name: strings.TrimSuffix(filepath.Base(file), ".patch")}
	var text string
	if p.patch, text, err = gitdiff.Parse(bytes.NewReader(b)); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	pattern, seed := saidLine.FindStringSubmatch(text), seedLine.FindStringSubmatch(text)
	if len(p.patch) == 0 || pattern == nil || seed == nil || !strings.Contains(text, "\nBreaks: ") || !strings.Contains(text, "\nFault: ") {
		return nil, fmt.Errorf("%s: the text before the diff is to say what the bug is, and to have lines that begin with Breaks:, Fault:, Said: and Seed: in it "+
			"(a new one says Seed: 1, and -update writes the right one)", file)
	}
	p.said, p.likely = pattern[1], seed[1]
	_, err = regexp.Compile(p.said)
	return p, err
}

// apply gives the sources that the bug changes, by path.
func (p *plant) apply(root string) (map[string][]byte, error) {
	changed := make(map[string][]byte)
	for _, f := range p.patch {
		source := filepath.Join(root, filepath.FromSlash(f.OldName))
		text, err := os.ReadFile(source)
		if err != nil {
			return nil, fmt.Errorf("refresh %s: %w", p.file, err)
		}
		var out bytes.Buffer
		err = settle(f, text)
		if err == nil {
			err = gitdiff.Apply(&out, bytes.NewReader(text), f)
		}
		if err == nil {
			_, err = parser.ParseFile(token.NewFileSet(), f.OldName, out.Bytes(), parser.SkipObjectResolution)
		}
		if err != nil {
			return nil, fmt.Errorf("refresh %s, which no longer applies to %s: %w", p.file, f.OldName, err)
		}
		changed[source] = out.Bytes()
	}
	return changed, nil
}

// grow builds the simulation with the bug, and runs it.
func (p *plant) grow(t *testing.T, root string) error {
	t.Helper()
	changed, err := p.apply(root)
	if err != nil {
		return err
	}
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for source, text := range changed {
		copied := filepath.Join(dir, strconv.Itoa(len(overlay.Replace))+".go")
		if err := os.WriteFile(copied, text, 0o600); err != nil {
			return err
		}
		overlay.Replace[source] = copied
	}
	list, err := json.Marshal(overlay)
	if err != nil {
		return err
	}
	replaced, binary := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "simulation.test")
	if err := os.WriteFile(replaced, list, 0o600); err != nil {
		return err
	}
	// The linter vets, a binary without symbols is linked sooner, and so is one for which the linker collects less garbage.
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", replaced, "-o", binary, ".")
	build.Env = append(os.Environ(), "GOGC=400")
	out, err := build.CombinedOutput()
	p.builds = cpuTime(build)
	if err != nil {
		return fmt.Errorf("refresh %s, with which nothing builds: %w\n%s", p.file, err, out)
	}
	return p.run(t, binary)
}

// run looks for a seed that notices.
func (p *plant) run(t *testing.T, binary string) error {
	t.Helper()
	limit := plantTime
	if *update {
		limit *= 4
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	args := []string{"-test.run=^TestUntil$", "-test.v", "-test.timeout=0", "-until", p.said, "-seeds", strconv.Itoa(plantedSeeds)}
	if *update {
		args = append(args, "-steady")
	} else {
		args = append(args, "-likely", p.likely)
	}
	run := exec.CommandContext(ctx, binary, args...)
	out, err := run.CombinedOutput()
	p.runs = cpuTime(run)
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, noticedPrefix); ok {
			p.seed, p.words, _ = strings.Cut(strings.TrimSpace(rest), " ")
		}
		if seed, ok := strings.CutPrefix(line, stuckPrefix); ok {
			err = fmt.Errorf("virtual time stands still in seed %s", strings.TrimSpace(seed))
		}
	}
	switch {
	case p.seed != "" && *update:
		return p.record()
	case p.seed != "":
		return nil
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	out = out[max(0, len(out)-4000):]
	if err != nil {
		return fmt.Errorf("the simulation does not notice %s: the run ended before it was over: %w\n%s", p.file, err, out)
	}
	return fmt.Errorf("the simulation does not notice %s in %d seeds\n%s", p.file, plantedSeeds, out)
}

// record writes the seed into the patch.
func (p *plant) record() error {
	b, err := os.ReadFile(p.file)
	if err != nil {
		return err
	}
	return os.WriteFile(p.file, seedLine.ReplaceAll(b, []byte("Seed: "+p.seed)), 0o600)
}

// cpuTime is what a command and those that it ran took of all cores.
func cpuTime(c *exec.Cmd) time.Duration {
	if c.ProcessState == nil {
		return 0
	}
	return c.ProcessState.UserTime() + c.ProcessState.SystemTime()
}

// settle moves a patch's fragments to where their lines are by now: each must be found once.
func settle(f *gitdiff.File, source []byte) error {
	lines := strings.SplitAfter(string(source), "\n")
	for _, fragment := range f.TextFragments {
		var old []string
		for _, l := range fragment.Lines {
			if l.Old() {
				old = append(old, l.Line)
			}
		}
		var at []int
		for i := range lines {
			if len(old) <= len(lines)-i && slices.Equal(lines[i:i+len(old)], old) {
				at = append(at, i)
			}
		}
		if len(at) != 1 {
			return errors.New("the lines around " + strings.TrimSpace(old[len(old)/2]) + " are not there, or not once")
		}
		fragment.OldPosition = int64(at[0]) + 1
	}
	slices.SortFunc(f.TextFragments, func(a, b *gitdiff.TextFragment) int { return cmp.Compare(a.OldPosition, b.OldPosition) })
	return nil
}

// plantedTable tells which seed noticed what.
func plantedTable(all []*plant) string {
	slices.SortFunc(all, func(a, b *plant) int { return cmp.Compare(a.name, b.name) })
	var b strings.Builder
	fmt.Fprintf(&b, "%d bugs; seconds of CPU to build and to run each\n", len(all))
	for _, p := range all {
		by := "survived"
		if p.seed != "" {
			by = "seed " + p.seed
		}
		fmt.Fprintf(&b, "%-40s %-9s %5.1f %5.1f  %.140s\n", p.name, by, p.builds.Seconds(), p.runs.Seconds(), p.words)
	}
	return b.String()
}
