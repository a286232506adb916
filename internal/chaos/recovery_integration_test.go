//go:build integration

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ruas/ruas/internal/workload"
)

var (
	flagCustomers = flag.Int("customers", 20_000, "customers whose states are recovered")
	flagTimes     = flag.Int("times", 1, "how often each recovery is measured")
)

// recovery is what was measured once.
type recovery struct {
	Settings string `json:"settings"` // quick or defaults, of broker and worker
	Of       string `json:"of"`
	// Session is after how long the broker takes a worker for dead.
	Session time.Duration `json:"session"`
	// Noticed is when the first worker said that it was not ready, Ready when all were again; 0: none said so.
	Noticed time.Duration `json:"noticed"`
	Ready   time.Duration `json:"ready"`
	// Change is when the first change behind the silence came, on the partition where it came last.
	Change time.Duration `json:"change"`
}

// TestRecovery measures how long ruas takes to be back. It fails only where it does not come back, or publishes something wrong.
func TestRecovery(t *testing.T) {
	binary := buildRuas(t)
	var all []recovery
	for _, settings := range []string{"quick", "defaults"} {
		t.Run(settings, func(t *testing.T) { all = append(all, recoveries(t, binary, settings)...) })
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "settings\tof\tnoticed\tready\tfirst change\tbehind the session time-out\t")
	seconds := func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
	for _, r := range all {
		behind := ""
		if r.Session > 0 {
			behind = seconds(r.Change - r.Session)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t\n", r.Settings, r.Of, seconds(r.Noticed), seconds(r.Ready), seconds(r.Change), behind)
	}
	if err := table.Flush(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d customers, 2 workers\n%s", *flagCustomers, text.String())
	if *flagLogs == "" {
		return
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = os.WriteFile(filepath.Join(*flagLogs, "recovery.json"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func recoveries(t *testing.T, binary, settings string) (all []recovery) {
	logs := t.TempDir()
	if *flagLogs != "" {
		logs = filepath.Join(*flagLogs, "recovery-"+settings)
	}
	session := sessionTimeout
	if settings == "defaults" {
		session = 10 * time.Second
	}
	s := newSite(t, plan{binary: binary, logs: logs, workers: 2, defaults: settings == "defaults"})
	l := newLoad(t, s.kafka.Addresses, 50_000, 100*time.Millisecond, everybody(*flagCustomers))
	background, stopBackground := context.WithCancel(t.Context())
	defer stopBackground()
	if err := l.open(background); err != nil {
		t.Fatal(err)
	}
	for _, w := range s.workers {
		w.start()
	}
	go s.listen(background)
	go s.measure(background, &l.lag)
	stop, loaded := make(chan struct{}), make(chan error, 1)
	go func() { loaded <- l.run(background, stop) }()
	history := int64(4 * *flagCustomers)
	s.await("the history to be written", func() bool { return l.events.Load() >= history })
	l.rate.Store(1000)
	s.await("the history to be read", func() bool { return s.read.Load() > history && l.lag.Load() < 5000 && s.ready() })

	flushed := func() { s.must(s.view.FlushAll(background).Err()) }
	killed := func(again bool) func() {
		return func() {
			s.workers[0].kill()
			if again {
				s.workers[0].start()
			}
		}
	}
	for range *flagTimes {
		for _, c := range []struct {
			of      string
			session time.Duration
			do      func()
		}{
			{"FLUSHALL", 0, flushed},
			{"a worker's kill -9, another one lives", session, killed(false)},
			{"a worker's kill -9, and its start at once", session, killed(true)},
		} {
			s.await("the site to be at rest", func() bool { return s.ready() && l.lag.Load() < 5000 })
			time.Sleep(5 * time.Second)
			r := s.recover(c.do)
			r.Settings, r.Of, r.Session = settings, c.of, c.session
			t.Logf("%s, %s: noticed after %v, ready after %v, first change after %v", settings, c.of,
				r.Noticed.Round(time.Millisecond), r.Ready.Round(time.Millisecond), r.Change.Round(time.Millisecond))
			all = append(all, r)
			if !s.workers[0].alive() {
				s.workers[0].start()
			}
		}
	}
	close(stop)
	if err := <-loaded; err != nil && !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s.await("everything to be read", func() bool { return s.drained(l.ends) })
	s.awaitView()
	report := &Report{Redis: "single"}
	s.verify(report, l.time-1)
	t.Logf("%d states, %d changes", report.States, report.Changes)
	return all
}

// everybody gives each customer an event, then the benchmark's events without end, as far as a test goes.
func everybody(customers int) iter.Seq[workload.Record] {
	return func(yield func(workload.Record) bool) {
		at := workload.Start.UTC().Format("2006-01-02T15:04:05.000Z")
		for i := range customers {
			key := fmt.Sprintf("c%d", i)
			value := fmt.Appendf(nil, `{"id":"first%d","type":"product_view","customer_id":%q,"time":%q,"product_id":"p1","category":"cat1"}`, i, key, at)
			if !yield(workload.Record{Topic: "browsing", Key: key, Time: workload.Start.UnixMilli(), Value: value}) {
				return
			}
		}
		// Those that make the history may be many more than were asked for, and the others last for many minutes.
		workload.Records(workload.Options{Events: max(20*customers, 1_000_000), Customers: customers})(yield)
	}
}

// ready tells whether all workers that are to live are.
func (s *site) ready() bool {
	return !slices.ContainsFunc(s.workers, func(w *worker) bool { return w.wanted && !w.ready() })
}

// recover breaks something and watches until all is well again.
func (s *site) recover(do func()) (r recovery) {
	s.t.Helper()
	began := time.Now()
	do()
	steady := time.Time{} // since when all is well
	s.await("the site to recover", func() bool {
		now := time.Now()
		if s.ready() {
			if r.Noticed > 0 && r.Ready == 0 {
				r.Ready = now.Sub(began)
			}
		} else {
			r.Ready, steady = 0, time.Time{}
			if r.Noticed == 0 {
				r.Noticed = now.Sub(began)
			}
		}
		if _, since := s.silences.Quietest(); now.Sub(since) > silent {
			steady = time.Time{}
		} else if steady.IsZero() {
			steady = now
		}
		return !steady.IsZero() && now.Sub(steady) > 10*time.Second && now.Sub(began) > 15*time.Second
	})
	// Silences that began when all were ready again have another cause.
	_, r.Change = s.silences.Judge(began, began.Add(max(r.Ready, silent)))
	return r
}
