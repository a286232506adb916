//go:build integration

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/workload"
)

var (
	flagDuration = flag.Duration("duration", 0, "for how long there are faults, both kinds of Redis together; 0: RUAS_CHAOS_DURATION, or five minutes")
	flagSeed     = flag.Uint64("seed", 0, "what decides which faults happen; 0: one drawn at random")
	flagRate     = flag.Int("rate", 5000, "events a second")
	flagRedis    = flag.String("redis", "single,cluster", "kinds of Redis, one after the other")
	flagKinds    = flag.String("kinds", "", "kinds of faults, with commas; empty: all")
	flagLogs     = flag.String("logs", "", "a folder for all logs and the reports; empty: none is kept")
)

func duration(t *testing.T) time.Duration {
	t.Helper()
	if *flagDuration > 0 {
		return *flagDuration
	}
	if v := os.Getenv("RUAS_CHAOS_DURATION"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			t.Fatalf("RUAS_CHAOS_DURATION is %q: want a duration", v)
		}
		return d
	}
	return 5 * time.Minute
}

// TestChaos holds ruas to its promise under every fault: exactly once for a read_committed reader, and a Redis that equals the changelog.
func TestChaos(t *testing.T) {
	seed := *flagSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	setups := strings.Split(*flagRedis, ",")
	binary := buildRuas(t)
	for _, redis := range setups {
		t.Run(redis, func(t *testing.T) {
			if redis != "single" && redis != "cluster" {
				t.Fatalf("there is no kind of Redis %q: single and cluster are", redis)
			}
			chaos(t, binary, redis == "cluster", seed, duration(t)/time.Duration(len(setups)))
		})
	}
}

func chaos(t *testing.T, binary string, cluster bool, seed uint64, lasts time.Duration) {
	logs := t.TempDir()
	report := &Report{Redis: "single", Seed: seed, Differences: []string{}}
	if cluster {
		report.Redis = "cluster"
	}
	if *flagLogs != "" {
		logs = filepath.Join(*flagLogs, report.Redis)
	}
	t.Logf("%v of faults, the seed is %d", lasts, seed)
	s := newSite(t, plan{binary: binary, logs: logs, cluster: cluster, workers: 5})
	events := int(lasts.Seconds()*1.2+120) * *flagRate
	l := newLoad(t, s.kafka.Addresses, *flagRate, 400*time.Millisecond,
		workload.Records(workload.Options{Events: events, Customers: min(max(events/20, 2000), 200_000), Seed: seed}))
	s.forgotten = newForgetting(s, seed, max(700*time.Millisecond, lasts/500))
	l.writes = s.forgotten.writes
	d := &driver{
		site: s, load: l, report: report, random: rand.New(rand.NewPCG(seed, 1)), kinds: kindsOf(cluster), failures: make(chan error, 1),
	}
	if *flagKinds != "" {
		d.kinds = nil
		for kind := range strings.SplitSeq(*flagKinds, ",") {
			d.kinds = append(d.kinds, Kind(kind))
		}
	}
	defer func() {
		report.Sum()
		publish(t, report, logs)
	}()
	background, stopBackground := context.WithCancel(t.Context())
	defer stopBackground()
	if err := l.open(background); err != nil {
		t.Fatal(err)
	}
	for _, w := range s.workers[:3] {
		w.start()
		s.await("a worker to be ready", w.ready)
	}
	go s.listen(background)
	go s.measure(background, &l.lag)
	stop, loaded := make(chan struct{}), make(chan struct{})
	began := time.Now()
	go func() {
		defer close(loaded)
		if err := l.run(background, stop); err != nil && !errors.Is(err, context.Canceled) {
			d.failures <- err
		}
	}()
	s.await("the first changes", func() bool {
		_, since := s.silences.Quietest()
		return !since.IsZero()
	})

	asking := make(chan struct{})
	go func() {
		defer close(asking)
		s.forgotten.run(background, stop)
	}()
	d.run(lasts)
	report.Duration = time.Since(d.began)
	close(stop)
	<-asking
	select {
	case <-loaded:
	case <-time.After(patience):
		t.Fatal("the load does not end")
	}
	report.Events = l.events.Load()
	report.Rate = float64(report.Events) / time.Since(began).Seconds()
	d.look()
	d.progress()
	l.ends[forgets] = s.forgetEnds()
	s.drain(d)
	s.awaitView()
	for _, w := range s.workers {
		if w.wanted {
			s.await("a worker to end", w.term())
		}
	}
	s.verify(report, l.time-1)
}

// drain waits until everything is read, for as long as ruas gets on.
func (s *site) drain(d *driver) {
	s.t.Helper()
	read, moved := s.read.Load(), time.Now()
	for !s.drained(d.load.ends) {
		d.look()
		if now := s.read.Load(); now != read {
			read, moved = now, time.Now()
		}
		if time.Since(moved) > patience {
			s.t.Fatalf("%d of %d records are read, and for %v no more", read, s.written.Load(), patience)
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// publish prints a report, and keeps it beside the logs.
func publish(t *testing.T, r *Report, folder string) {
	t.Helper()
	var text strings.Builder
	if err := r.Print(&text); err != nil {
		t.Fatal(err)
	}
	t.Logf("report\n%s", text.String())
	b, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "report.json"), b, 0o600)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "report.txt"), []byte(text.String()), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
