//go:build integration

package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// driver breaks a site, one fault after another and now and then several at once. All runs in the test's own goroutine.
type driver struct {
	*site
	load     *load
	random   *rand.Rand
	kinds    []Kind
	deck     []Kind // what is left of a round in which every kind comes once
	active   []*active
	group    []*Fault // that began since the site was last at rest
	report   *Report
	began    time.Time
	said     time.Time // when progress was last told
	healed   time.Time // when the last fault was over
	failures chan error
}

// active is a fault under way.
type active struct {
	*Fault
	resource string // what no other fault may touch meanwhile
	until    time.Time
	end      func()      // nil: nothing is to be done
	whole    func() bool // after end: everything is there again; nil: at once
	ending   bool
}

const (
	// patience is for how long a partition may be silent, or something take to be whole again, when all is mended.
	patience = 3 * time.Minute
	// together is how many faults there may be at once.
	together = 3
)

// run breaks the site for so long, and leaves it whole.
func (d *driver) run(lasts time.Duration) {
	d.t.Helper()
	d.began, d.said, d.healed = time.Now(), time.Now(), time.Now()
	next := d.began.Add(3 * time.Second)
	atRest := true
	for end := d.began.Add(lasts); ; time.Sleep(30 * time.Millisecond) {
		d.look()
		d.finish()
		now := time.Now()
		if !atRest && len(d.active) == 0 {
			if quiet, since := d.silences.Quietest(); since.After(d.healed) {
				d.rest(now)
				atRest = true
				next = now.Add(d.between(500*time.Millisecond, 8*time.Second))
			} else if now.Sub(d.healed) > patience {
				d.t.Fatalf("partition %d has published nothing since %v, %v after the last fault was over", quiet, since.Format(time.TimeOnly), patience)
			}
		}
		if atRest && now.After(end) {
			return
		}
		if now.After(next) && now.Before(end) && len(d.active) < together {
			next = now.Add(time.Hour) // until the site is at rest
			if d.begin() {
				atRest = false
			}
			if d.random.IntN(4) == 0 {
				next = now.Add(d.between(0, 5*time.Second))
			}
		}
	}
}

// look sees whether everything goes on that should.
func (d *driver) look() {
	d.t.Helper()
	select {
	case err := <-d.failures:
		d.t.Fatal(err)
	default:
	}
	for _, w := range d.workers {
		if !w.wanted || w.alive() {
			continue
		}
		// A worker that finds no Kafka or no Redis when it starts says so and ends: who runs workers starts them again.
		if code := w.state.ExitCode(); code == 3 && time.Since(w.started) < time.Minute && d.wasAway(w) {
			d.report.Restarts++
			d.t.Logf("worker %d found no server, and is started again", w.number)
			w.start()
			continue
		}
		d.t.Fatalf("worker %d ended by itself: %v\n%s", w.number, w.state, w.tail())
	}
	if time.Since(d.said) > 15*time.Second {
		d.progress()
	}
}

// wasAway tells whether a worker may have missed a server since it started.
func (d *driver) wasAway(w *worker) bool {
	return slices.ContainsFunc(d.report.Faults, func(f *Fault) bool {
		switch f.Kind {
		case WorkerKill, WorkerPause, WorkerAdd, WorkerRemove:
			return false
		default:
			return f.End.IsZero() || f.End.After(w.started)
		}
	})
}

func (d *driver) progress() {
	d.said = time.Now()
	var now []string
	for _, a := range d.active {
		now = append(now, fmt.Sprintf("%s on %s", a.Kind, a.On))
	}
	passed := time.Since(d.began)
	events := d.load.events.Load()
	d.t.Logf("%v: %d events (%.0f a second), %d records read, lag %d, %d changes, %d faults; now: %s", passed.Round(time.Second), events,
		float64(events)/passed.Seconds(), d.read.Load(), d.written.Load()-d.read.Load(), d.silences.Count(), len(d.report.Faults), strings.Join(now, ", "))
}

// finish ends the faults whose time has come, and notes which are over.
func (d *driver) finish() {
	d.t.Helper()
	d.active = slices.DeleteFunc(d.active, func(a *active) bool {
		now := time.Now()
		if now.Before(a.until) {
			return false
		}
		if !a.ending {
			a.ending = true
			if a.end != nil {
				a.end()
			}
		}
		if a.whole != nil && !a.whole() {
			if now.Sub(a.until) > patience {
				d.t.Fatalf("%s on %s: not everything is there again after %v", a.Kind, a.On, patience)
			}
			return false
		}
		d.healed = time.Now()
		a.End = d.healed
		return true
	})
}

// rest judges the faults since the last rest.
func (d *driver) rest(now time.Time) {
	for _, f := range d.group {
		f.Silence, f.Return = d.silences.Judge(f.Start, now)
	}
	d.group = nil
}

// begin starts a fault of the next kind that is possible now.
func (d *driver) begin() bool {
	d.t.Helper()
	if len(d.deck) == 0 {
		d.deck = slices.Clone(d.kinds)
		d.random.Shuffle(len(d.deck), func(i, j int) { d.deck[i], d.deck[j] = d.deck[j], d.deck[i] })
	}
	for i, kind := range d.deck {
		resource, do := d.possible(kind)
		if do == nil {
			continue
		}
		d.deck = slices.Delete(d.deck, i, i+1)
		a := &active{Fault: &Fault{Kind: kind, Start: time.Now()}, resource: resource, until: time.Now()}
		d.report.Faults = append(d.report.Faults, a.Fault)
		d.group = append(d.group, a.Fault)
		d.active = append(d.active, a)
		do(a)
		d.t.Logf("fault %d at %v: %s on %s", len(d.report.Faults), a.Start.Format("15:04:05.000"), kind, a.On)
		return true
	}
	return false
}

// lasts sets how long a fault lasts.
func (d *driver) lasts(a *active, least, most time.Duration) {
	a.until = time.Now().Add(d.between(least, most))
}

func (d *driver) between(least, most time.Duration) time.Duration {
	return least + time.Duration(d.random.Int64N(int64(most-least)))
}

func (d *driver) free(resource string) bool {
	return !slices.ContainsFunc(d.active, func(a *active) bool { return a.resource == resource })
}
