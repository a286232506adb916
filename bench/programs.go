package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ruas/ruas/bench/internal/shop"
)

// program is something that is measured.
type program struct {
	name string
	// commit is the time between two commits; 0: the program has its own way.
	commit time.Duration
	// argv is the command as far as the protocol does not say it; nil: ruas, which takes a configuration.
	argv func(b *bench) []string
	// void says that changes that differ from replay's make the comparison void. Others do not promise to be exact.
	void bool
}

// job is one run of a program.
type job struct {
	app    string // the group, and what the names of all its topics begin with
	topics []string
	// rules is the number of segments; only ruas takes other than 10.
	rules int
	// config is what else a configuration of ruas holds.
	config string
	// countOnly says that changes are to be counted, not read.
	countOnly bool
}

func (j job) out() string     { return j.app + "-out" }
func (j job) warmOut() string { return j.app + "-warm-out" }

// started is a program that is ready to begin.
type started struct {
	*process
	begin func() error
}

// launch starts a program and waits until it is warm. Of ruas nothing runs before it begins.
func (b *bench) launch(p program, j job) (*started, error) {
	if p.argv == nil {
		s := &started{}
		s.begin = func() (err error) {
			s.process, err = b.startRuas(j)
			return err
		}
		return s, nil
	}
	argv := append(p.argv(b),
		"--brokers", b.kafka.Addresses[0], "--app", j.app, "--out", j.out(), "--topics", strings.Join(j.topics, ","),
		"--warm-topics", strings.Join(topicsOf("warm-"), ","), "--warm-app", j.app+"-warm", "--warm-out", j.warmOut(),
		"--commit-ms", strconv.FormatInt(p.commit.Milliseconds(), 10), "--dir", b.TempDir(), "--threads", "2")
	if err := shop.CreateTopics(b.ctx, b.admin, partitions, j.warmOut()); err != nil {
		return nil, err
	}
	process, err := b.start(p.name, argv...)
	if err != nil {
		return nil, err
	}
	if err := process.await(b.ctx, "warm", true, 3*time.Minute); err != nil {
		process.stop()
		return nil, err
	}
	return &started{process, process.say}, nil
}

// first waits until the first record is decoded. Of ruas it is the moment before: its first partition goes to work.
func (s *started) first(ctx context.Context, p program) error {
	if p.argv == nil {
		return s.await(ctx, "partition at work", false, time.Minute)
	}
	return s.await(ctx, "first", true, time.Minute)
}

// startRuas starts a worker.
func (b *bench) startRuas(j job) (*process, error) {
	file, err := b.configure(j, "")
	if err != nil {
		return nil, err
	}
	return b.start("ruas", b.program("ruas"), "run", "-c", file)
}

// configure writes a configuration of ruas that answers HTTP at an address; "": not at all.
func (b *bench) configure(j job, address string) (file string, err error) {
	segments, err := b.rules(j.rules)
	if err != nil {
		return "", err
	}
	config := fmt.Sprintf(`
kafka: {brokers: [%q], group: %s}
redis: {addresses: [%q]}
segments: [%s]
topics: {changes: %s, state: %s-state, dead_letters: %s-dead, memberships: "", forget: ""}
sources:
  purchases: {topic: %s}
  browsing: {topic: %s}
  devices: {topic: %s}
http: {listen: %q}
admin: {listen: ""}
log: {format: json}
%s
`, b.kafka.Addresses[0], j.app, b.redis.Addresses[0], segments, j.out(), j.app, j.app, j.topics[0], j.topics[1], j.topics[2], address, j.config)
	file = filepath.Join(b.TempDir(), "ruas.yaml")
	return file, os.WriteFile(file, []byte(config), 0o600)
}

// program is the path of something that was built.
func (b *bench) program(name string) string { return filepath.Join(b.bin, name) }

// built gives the command of a program in Go.
func built(name string, more func(b *bench) []string) func(b *bench) []string {
	return func(b *bench) []string {
		argv := []string{b.program(name)}
		if more != nil {
			argv = append(argv, more(b)...)
		}
		return argv
	}
}

// inJava gives the command of a peer.
func inJava(module string, args ...string) func(b *bench) []string {
	return func(b *bench) []string {
		return append([]string{filepath.Join(b.root, "bench", "peers", module, "run")}, args...)
	}
}

// The programs, by what the results call them.
var (
	ruas    = program{name: "ruas", void: true}
	ceiling = program{name: "ceiling", argv: built("ceiling", nil)}
	naive   = program{name: "naive", commit: time.Second, argv: built("naive", func(b *bench) []string { return []string{"--redis", b.redis.Addresses[0]} })}
)

// streams is Kafka Streams; mode is rocksdb or expert.
func streams(mode string, commit time.Duration) program {
	return program{name: "streams " + mode, commit: commit, argv: inJava("streams", "--mode", mode), void: true}
}

func flink(checkpoint time.Duration) program {
	return program{name: "flink", commit: checkpoint, argv: inJava("flink"), void: true}
}

// wanted tells whether a program is to be measured.
func (b *bench) wanted(list []program) []program {
	var chosen []program
	for _, p := range list {
		if b.opt.takes(p.name) {
			chosen = append(chosen, p)
		}
	}
	return chosen
}

// build builds the programs that are measured.
func (b *bench) build() error {
	peers := slices.ContainsFunc(measures, func(m measure) bool { return m.peers && b.opt.measures(m) })
	for _, name := range []string{"cmd/ruas", "bench/ceiling", "bench/naive"} {
		if base := filepath.Base(name); base != ruas.name && (!peers || !b.opt.takes(base)) {
			continue // ruas is what others are compared with, and what warms the broker
		}
		progress("building %s", name)
		if err := b.run("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", b.program(filepath.Base(name)), "./"+name); err != nil {
			return err
		}
	}
	if !peers || !slices.ContainsFunc([]string{rocksdb, expert, "flink"}, b.opt.takes) {
		return nil
	}
	progress("building bench/peers")
	return b.run("mvn", "-q", "-B", "-f", "bench/peers", "package")
}

func (b *bench) run(argv ...string) error {
	cmd := exec.CommandContext(b.ctx, argv[0], argv[1:]...)
	cmd.Dir = b.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", strings.Join(argv, " "), err), errors.New(string(out)))
	}
	return nil
}
