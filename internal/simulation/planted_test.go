package simulation_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
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
	until   = flag.String("until", "", "run seeds one after the other, unshrunk, until one fails in words that match")
)

const (
	// plantedSeeds is how many seeds, from 1 on, the simulation has to notice a bug.
	plantedSeeds = 600
	// plantedLeast is how many bugs there are to be.
	plantedLeast = 10
	// plantedBuilds is how many bugs are looked for at a time.
	plantedBuilds = 2
)

// TestUntil runs seeds until one fails as the flag says, and prints which. It is what TestPlanted runs with a bug inside.
func TestUntil(t *testing.T) {
	if *until == "" {
		t.Skip("-until says what to wait for")
	}
	pattern := regexp.MustCompile(*until)
	for n := range *seeds {
		seed := max(1, *seed) + uint64(n)
		for _, wrong := range simulation.Run(t, simulation.New(seed)).Wrong {
			if pattern.MatchString(wrong) {
				fmt.Printf("%s%d %s\n", noticedPrefix, seed, strings.Join(strings.Fields(wrong), " "))
				return
			}
			t.Logf("seed %d fails in other words: %s", seed, wrong)
		}
	}
}

const noticedPrefix = "noticed by seed "

// plant is a bug, and what came of it.
type plant struct {
	file  string // the patch
	name  string
	said  string // what the simulation says of it, as a pattern
	patch []*gitdiff.File

	seed  int // by which it was noticed
	words string
	took  time.Duration
}

// TestPlanted proves that the simulation can fail: it builds the simulation with one bug at a time, and looks for a seed that notices.
// A patch's text says what the bug is, which promise it breaks, which fault brings it to light, and what is then said.
func TestPlanted(t *testing.T) {
	t.Parallel()
	if !*planted {
		t.Skip("takes minutes: asked for by -planted")
	}
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join("testdata", "planted", "*.patch"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < plantedLeast {
		t.Errorf("%d bugs are planted, want at least %d", len(files), plantedLeast)
	}
	var (
		mu   sync.Mutex
		all  []*plant
		some = make(chan struct{}, plantedBuilds)
	)
	t.Cleanup(func() { t.Log(plantedTable(all)) })
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".patch"), func(t *testing.T) {
			t.Parallel()
			some <- struct{}{}
			defer func() { <-some }()
			p, err := readPlant(file)
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if err := p.grow(t, root); err != nil {
				t.Error(err)
			}
			p.took = time.Since(start)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, p)
		})
	}
}

// said finds the pattern in a patch's text.
var said = regexp.MustCompile(`(?m)^Said: (.+)$`)

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
	pattern := said.FindStringSubmatch(text)
	if len(p.patch) == 0 || pattern == nil || !strings.Contains(text, "\nBreaks: ") || !strings.Contains(text, "\nFault: ") {
		return nil, fmt.Errorf("%s: the text before the diff is to say what the bug is, and to have lines that begin with Breaks:, Fault: and Said: in it", file)
	}
	p.said = pattern[1]
	_, err = regexp.Compile(p.said)
	return p, err
}

// grow builds the simulation with the bug, and runs it.
func (p *plant) grow(t *testing.T, root string) error {
	t.Helper()
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for i, f := range p.patch {
		source := filepath.Join(root, filepath.FromSlash(f.OldName))
		text, err := os.ReadFile(source)
		if err != nil {
			return fmt.Errorf("refresh %s: %w", p.file, err)
		}
		var out bytes.Buffer
		err = settle(f, text)
		if err == nil {
			err = gitdiff.Apply(&out, bytes.NewReader(text), f)
		}
		if err != nil {
			return fmt.Errorf("refresh %s, which no longer applies to %s: %w", p.file, f.OldName, err)
		}
		copied := filepath.Join(dir, strconv.Itoa(i)+".go")
		if err := os.WriteFile(copied, out.Bytes(), 0o600); err != nil {
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
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-overlay", replaced, "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("refresh %s, with which nothing builds: %w\n%s", p.file, err, out)
	}
	run := exec.CommandContext(t.Context(), binary, "-test.run=^TestUntil$", "-test.v", "-test.timeout=30m",
		"-until", p.said, "-seed", "1", "-seeds", strconv.Itoa(plantedSeeds))
	out, err := run.CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if rest, ok := strings.CutPrefix(line, noticedPrefix); ok {
			number, words, _ := strings.Cut(strings.TrimSpace(rest), " ")
			p.words = words
			p.seed, err = strconv.Atoi(number)
			return err
		}
	}
	out = out[max(0, len(out)-4000):]
	if err != nil {
		return fmt.Errorf("%s: the run ended before it was over: %w\n%s", p.file, err, out)
	}
	return fmt.Errorf("the simulation does not notice %s in %d seeds\n%s", p.file, plantedSeeds, out)
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
	return nil
}

// plantedTable tells which seed noticed what.
func plantedTable(all []*plant) string {
	slices.SortFunc(all, func(a, b *plant) int { return cmp.Compare(a.name, b.name) })
	var b strings.Builder
	fmt.Fprintf(&b, "%d bugs\n", len(all))
	for _, p := range all {
		seed := "survived"
		if p.seed > 0 {
			seed = "seed " + strconv.Itoa(p.seed)
		}
		fmt.Fprintf(&b, "%-40s %-9s %5.0f s  %.140s\n", p.name, seed, p.took.Seconds(), p.words)
	}
	return b.String()
}
