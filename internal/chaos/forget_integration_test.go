//go:build integration

package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// forgetting has customers forgotten through the API of whichever worker answers, while the site is broken. Half of them are not heard of
// again. Each is asked about until a worker says that it is done, or will be: how often that was done is not known.
type forgetting struct {
	site  *site
	every time.Duration

	mu     sync.Mutex
	random *rand.Rand
	counts map[string]int // events that were written, by customer
	recent []string       // customers who had one lately
	asked  map[string]*asked
}

// asked is what is known of one customer's requests.
type asked struct {
	away  bool    // no event is written any more
	tries int     // requests that may have been recorded
	done  []proof // answers that say what was done
}

// proof is what an answer says.
type proof struct {
	Clock     string
	Changes   *int
	Changelog *struct{ Offset int64 } // missing where there was nothing to forget
}

const (
	// askers is how many ask at a time: an answer may be waited for in vain.
	askers = 3
	// askTries is how often one customer is asked about.
	askTries = 8
	// askTimeout is for how long an answer is waited for.
	askTimeout = 8 * time.Second
	// fewEvents is what a customer may have when they are chosen: who has thousands takes long to check.
	fewEvents = 40
	// lately is how many customers are chosen from.
	lately = 5000
)

func newForgetting(s *site, seed uint64, every time.Duration) *forgetting {
	return &forgetting{site: s, every: every, random: rand.New(rand.NewPCG(seed, 2)), counts: make(map[string]int), asked: make(map[string]*asked)}
}

// writes is told of an event before it is written; false: it must not be.
func (f *forgetting) writes(customer string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if a := f.asked[customer]; a != nil && a.away {
		return false
	}
	f.counts[customer]++
	if len(f.recent) < lately {
		f.recent = append(f.recent, customer)
	} else {
		f.recent[f.random.IntN(lately)] = customer
	}
	return true
}

// choose gives somebody who was not asked about; "": nobody is there.
func (f *forgetting) choose() (customer string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for range 100 {
		if len(f.recent) == 0 {
			return ""
		}
		customer = f.recent[f.random.IntN(len(f.recent))]
		if f.asked[customer] == nil && f.counts[customer] <= fewEvents {
			f.asked[customer] = &asked{away: f.random.IntN(2) == 0}
			return customer
		}
	}
	return ""
}

// run asks until stop is closed, and returns when nobody asks any more.
func (f *forgetting) run(ctx context.Context, stop <-chan struct{}) {
	var all sync.WaitGroup
	for range askers {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-ctx.Done():
					return
				case <-time.After(f.every * askers):
				}
				if customer := f.choose(); customer != "" {
					f.forget(ctx, customer, stop)
				}
			}
		})
	}
	all.Wait()
}

// forget asks one worker after the other, until stop is closed.
func (f *forgetting) forget(ctx context.Context, customer string, stop <-chan struct{}) {
	for range askTries {
		f.mu.Lock()
		w := f.site.workers[f.random.IntN(len(f.site.workers))]
		f.asked[customer].tries++
		f.mu.Unlock()
		status, text, err := f.ask(ctx, w.http, customer)
		if errors.Is(err, syscall.ECONNREFUSED) { // nobody heard of it
			f.mu.Lock()
			f.asked[customer].tries--
			f.mu.Unlock()
		}
		if status == http.StatusOK || status == http.StatusAccepted {
			var p proof
			if err := json.Unmarshal(text, &p); err != nil {
				f.site.t.Errorf("an answer to a request to forget: %v in %s", err, text)
				return
			}
			if status == http.StatusOK {
				f.mu.Lock()
				f.asked[customer].done = append(f.asked[customer].done, p)
				f.mu.Unlock()
			}
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-stop:
			return
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// ask sends one request.
func (f *forgetting) ask(ctx context.Context, address, customer string) (status int, text []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, "http://"+address+"/v1/customers/"+customer, nil)
	if err != nil {
		return 0, nil, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err = io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, err
	}
	return answer.StatusCode, text, nil
}

// of gives what is known of a customer's requests; nil: there was none.
func (f *forgetting) of(customer string) *asked {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked[customer]
}

// ends are the offsets behind the requests.
func (s *site) forgetEnds() (ends [partitions]int64) {
	s.t.Helper()
	listed, err := s.admin.ListEndOffsets(s.t.Context(), forgets)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		s.t.Fatalf("asking for the end of %s: %v", forgets, err)
	}
	for p := range ends {
		end, _ := listed.Lookup(forgets, int32(p))
		ends[p] = end.Offset
	}
	return ends
}

// customerOf gives the customer of a change, as ruas writes it.
func customerOf(change string) string {
	_, rest, _ := strings.Cut(change, `"customer_id":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}
