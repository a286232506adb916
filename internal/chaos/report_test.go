package chaos

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	fault := func(kind Kind, silence, back time.Duration) *Fault {
		return &Fault{Kind: kind, Start: start, End: start.Add(3500 * time.Millisecond), Silence: silence, Return: back}
	}
	r := Report{Redis: "single", Seed: 7, Duration: time.Minute, Events: 300_000, Rate: 5000, Changes: 90_000, Faults: []*Fault{
		fault(WorkerKill, 4*time.Second, 5*time.Second), fault(RedisFlush, time.Second, 2*time.Second),
		fault(WorkerKill, 6*time.Second, 3*time.Second), fault(WorkerKill, time.Second, 4*time.Second),
	}, Differences: []string{"one is lost"}}
	r.Sum()
	var b strings.Builder
	if err := r.Print(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1m0s with 4 faults, 300000 events (5000 a second), 90000 changes", "1 differences", "DIFFERENCE one is lost",
		"redis-flush      1            1.0 s                       2.0 s  2.0 s                     0.0 s  0.0 s",
		"worker-kill      3            6.0 s                       4.0 s  5.0 s                     0.5 s  1.5 s",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}
