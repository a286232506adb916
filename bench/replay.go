package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/ruas/ruas/internal/workload"
)

const memberships = "duckdb"

// replay measures `ruas replay` on one core and how it grows, beside SQL over the same file: measure 7.
func (b *bench) replay() error {
	segments, err := b.rules(10)
	if err != nil {
		return err
	}
	python := filepath.Join(b.root, ".servers", "duckdb", "bin", "python")
	if b.opt.takes(memberships) {
		if err := b.installDuckDB(python); err != nil {
			return err
		}
	}
	for run := range b.opt.runs {
		for _, n := range []int{b.opt.events / 4, b.opt.events / 2, b.opt.events} {
			file, err := b.file(workload.Options{Events: n, Customers: b.opt.customers, Seed: workload.DefaultSeed})
			if err != nil {
				return err
			}
			changes := filepath.Join(b.folder, "changes.jsonl")
			if b.opt.takes("ruas") {
				if err := b.replayOnce(run, n, "ruas", os.DevNull, b.program("ruas"), "replay", "--segments", segments, file); err != nil {
					return err
				}
			}
			if !b.opt.takes(memberships) {
				continue
			}
			// Its members are compared with those of replay.
			if _, _, _, err := b.alone(changes, b.program("ruas"), "replay", "--segments", segments, file); err != nil {
				return err
			}
			out := filepath.Join(b.folder, "members.json")
			if err := b.replayOnce(run, n, memberships, out, python, "bench/duckdb/memberships.py", file, filepath.Join(b.folder, "members.jsonl"), "--changes", changes); err != nil {
				return err
			}
			if err := os.Remove(changes); err != nil {
				return err
			}
		}
	}
	return nil
}

// replayOnce runs a command over n events.
func (b *bench) replayOnce(run, n int, name, out string, argv ...string) error {
	took, spent, peak, err := b.alone(out, argv...)
	if err != nil {
		return err
	}
	taken := sample{Run: run}
	if name == memberships {
		var said struct {
			Read, Queries struct{ CPU, Wall float64 }
			Equal         bool
		}
		text, err := os.ReadFile(out)
		if err == nil {
			err = json.Unmarshal(text, &said)
		}
		if err != nil {
			return fmt.Errorf("reading what %s printed: %w", name, err)
		}
		if !said.Equal {
			taken.Void = "the members are not those of ruas replay"
		}
		took, spent = time.Duration((said.Read.Wall+said.Queries.Wall)*1e9), time.Duration((said.Read.CPU+said.Queries.CPU)*1e9)
	}
	taken.Values = map[string]float64{
		"events": float64(n), "seconds": took.Seconds(), "cpu_seconds": spent.Seconds(), rate: float64(n) / took.Seconds(),
		workerCPU: spent.Seconds() * 1e6 / float64(n), peakRSS: peak,
	}
	progress("replay, run %d, %s, %d events: %.0f events/s, %.2f CPU s a million, peak %.0f MiB", run+1, name, n, taken.Values[rate], taken.Values[workerCPU], peak/(1<<20))
	return b.store.add("replay", replaySeries(name, n), taken)
}

func replaySeries(name string, n int) string {
	return fmt.Sprintf("%s, %s events", name, grouped(int64(n)))
}

// alone runs a command on one core. It gives the time it took, the CPU it used, and its peak resident memory in bytes.
func (b *bench) alone(out string, argv ...string) (took, spent time.Duration, peak float64, err error) {
	file, err := os.Create(out)
	if err != nil {
		return 0, 0, 0, err
	}
	var message bytes.Buffer
	cmd := exec.CommandContext(b.ctx, "taskset", append([]string{"-c", "1"}, argv...)...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = b.root, []string{"GOMAXPROCS=1", "PATH=" + os.Getenv("PATH")}, file, &message
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, 0, errors.Join(err, file.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	// The peak that the system gives at the end is at least that of this program, from which the other was forked.
	for look := time.NewTicker(20 * time.Millisecond); ; {
		select {
		case <-look.C:
			_, now := resident(cmd.Process.Pid)
			peak = max(peak, now)
			continue
		case err = <-ended:
		}
		look.Stop()
		break
	}
	took = time.Since(began)
	if err := errors.Join(err, file.Close()); err != nil {
		return 0, 0, 0, fmt.Errorf("running %s: %w\n%s", argv[0], err, message.String())
	}
	return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), peak, nil
}

// installDuckDB makes an environment of Python with what it needs, where that was not done yet.
func (b *bench) installDuckDB(python string) error {
	if _, err := os.Stat(python); err == nil {
		return nil
	}
	progress("installing DuckDB")
	if err := b.run("python3", "-m", "venv", filepath.Dir(filepath.Dir(python))); err != nil {
		return err
	}
	return b.run(python, "-m", "pip", "install", "-q", "-r", "bench/duckdb/requirements.txt")
}

// replays gives the numbers of events that a program was measured with, the least and the most.
func (r reader) replays(name string) (least, most int) {
	if r.results["replay"] == nil {
		return 0, 0
	}
	for series := range r.results["replay"].Series {
		of, rest, _ := strings.Cut(series, ", ")
		n, err := strconv.Atoi(strings.ReplaceAll(strings.TrimSuffix(rest, " events"), ",", ""))
		if of != name || err != nil {
			continue
		}
		if least == 0 || n < least {
			least = n
		}
		most = max(most, n)
	}
	return least, most
}

func replayed(r reader) (stat, bool) {
	_, most := r.replays("ruas")
	return r.stat("replay", replaySeries("ruas", most), value(rate))
}

func replayGrowth(r reader) (stat, bool) {
	least, most := r.replays("ruas")
	return r.ratio("replay", replaySeries("ruas", most), value(peakRSS), replaySeries("ruas", least), value(peakRSS))
}

func replayAgainstSQL(r reader) (stat, bool) {
	_, most := r.replays("ruas")
	return r.ratio("replay", replaySeries("ruas", most), value("cpu_seconds"), replaySeries(memberships, most), value("cpu_seconds"))
}
