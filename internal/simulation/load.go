package simulation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// sources, in the order that counts between events of one time.
var sources = []string{"purchases", "browsing", "devices"}

// rules are moved by events and by time alone, with windows that are short beside a run.
const rules = `features:
  spent: purchase.last("20s").sum(p, p.amount)

segments:
  active:
    when: purchase.last("7s").size() > 0
  big_spender:
    when: feature.spent > 500.0
    include: [spent]
  frequent:
    when: purchase.last("30s").size() >= 3
  cart_abandoner:
    when: cart_add.last("40s").not_followed_by(purchase, "5s").size() > 0
  open_cart:
    when: cart_add.last("5s").not_yet_followed_by(purchase, "5s").size() > 0
  lapsing:
    when: purchase.size() >= 2 && purchase.last("15s").size() == 0
  known_device:
    when: login.exists(l, l.os == "android")
  loyal:
    when: in_segment("frequent") && !in_segment("cart_abandoner")
    until: purchase.last("12s").size() == 0
`

// Load is what comes in.
type Load struct {
	Lasts     time.Duration
	Customers int
	Events    []Event
	// Stopped sources show nothing from one moment to another; then comes all at once what was held up.
	Stopped []Stopped
	// Transactions says that producers use them, some of which are aborted.
	Transactions bool
}

// Event is a record as it is produced.
type Event struct {
	// At is when it is produced, after the start of the load.
	At     time.Duration
	Source int
	Key    string
	Value  []byte
	// Aborted records belong to a transaction that is.
	Aborted bool
	// Forget makes it a request to forget the customer.
	Forget bool
}

// Stopped is a source that stands still.
type Stopped struct {
	Source      int
	From, Until time.Duration
}

// String says how much comes.
func (l Load) String() string {
	s := fmt.Sprintf("%d records of %d customers in %v", len(l.Events), l.Customers, l.Lasts)
	for _, stop := range l.Stopped {
		s += fmt.Sprintf(", %s stand still from %v to %v", sources[stop.Source], stop.From, stop.Until)
	}
	return s
}

// epoch is when the bubble's time begins; the load starts a little later.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// loadStarts is when the load begins, after epoch.
const loadStarts = 5 * time.Second

func newLoad(rnd *rand.Rand, records bool) Load {
	l := Load{Lasts: time.Duration(12+rnd.IntN(20)) * time.Second, Customers: 3 + rnd.IntN(30), Transactions: rnd.IntN(3) == 0}
	for range rnd.IntN(3) {
		from := time.Duration(rnd.Int64N(int64(l.Lasts)))
		l.Stopped = append(l.Stopped, Stopped{rnd.IntN(len(sources)), from, from + time.Duration(rnd.IntN(8_000))*time.Millisecond})
	}
	at, burst := time.Duration(0), 0
	every := l.Lasts / time.Duration(60+rnd.IntN(240))
	var ids []string
	for n := 0; at < l.Lasts; n++ {
		switch {
		case burst > 0:
			burst--
		case rnd.IntN(50) == 0:
			burst = rnd.IntN(60)
		default:
			at += time.Duration(rnd.Int64N(int64(2*every) + 1)).Truncate(time.Millisecond)
		}
		ev := Event{At: at, Source: rnd.IntN(len(sources)), Key: fmt.Sprintf("c%d", rnd.IntN(l.Customers))}
		moment := epoch.Add(loadStarts + at)
		switch rnd.IntN(12) {
		case 0: // late
			moment = moment.Add(-time.Duration(rnd.IntN(30_000)) * time.Millisecond)
		case 1: // a little ahead of the present
			moment = moment.Add(time.Duration(rnd.IntN(20_000)) * time.Millisecond)
		case 2: // ties
			moment = moment.Truncate(time.Second)
		}
		id := fmt.Sprintf("e%d", n)
		if len(ids) > 0 && rnd.IntN(15) == 0 {
			id = ids[rnd.IntN(len(ids))]
		}
		ids = append(ids, id)
		ev.Value = value(rnd, ev, id, moment)
		switch rnd.IntN(60) {
		case 0:
			ev.Value = ev.Value[:len(ev.Value)/2]
		case 1:
			if !records {
				ev.Value = value(rnd, ev, id, moment.Add(24*time.Hour)) // too far ahead
			}
		}
		ev.Aborted = l.Transactions && rnd.IntN(10) == 0
		l.Events = append(l.Events, ev)
	}
	for i := range l.Events {
		ev := &l.Events[i]
		for _, stop := range l.Stopped {
			if ev.Source == stop.Source && stop.From <= ev.At && ev.At < stop.Until {
				ev.At = stop.Until
			}
		}
	}
	slices.SortStableFunc(l.Events, func(a, b Event) int { return int(a.At - b.At) })
	return l
}

// forget adds requests to forget customers, some of whom are unknown, and some of which are no good.
func (l Load) forget(rnd *rand.Rand) Load {
	for n := range rnd.IntN(12) {
		ev := Event{At: time.Duration(rnd.Int64N(int64(l.Lasts))), Forget: true, Key: fmt.Sprintf("c%d", rnd.IntN(l.Customers+2))}
		ev.Value = fmt.Appendf(nil, `{"id":"f%d","customer_id":%q,"requested_at":"2000-01-01T00:00:00.000Z"}`, n, ev.Key)
		if rnd.IntN(20) == 0 {
			ev.Value = ev.Value[:10]
		}
		ev.Aborted = l.Transactions && rnd.IntN(10) == 0
		l.Events = append(l.Events, ev)
	}
	slices.SortStableFunc(l.Events, func(a, b Event) int { return int(a.At - b.At) })
	return l
}

// forgetKnown adds requests to forget customers who have events, near one of these. Half of them have none that is produced later, some are
// asked about twice.
func (l Load) forgetKnown(rnd *rand.Rand) Load {
	away := make(map[string]time.Duration) // since when
	var requests []Event
	for n := range 6 + rnd.IntN(15) {
		of := l.Events[rnd.IntN(len(l.Events))]
		ev := Event{At: of.At + time.Duration(rnd.IntN(3000))*time.Millisecond, Forget: true, Key: of.Key}
		if rnd.IntN(2) == 0 {
			ev.At = of.At
		}
		if _, ok := away[ev.Key]; !ok && rnd.IntN(2) == 0 {
			away[ev.Key] = ev.At
		}
		ev.Value = fmt.Appendf(nil, `{"id":"f%d","customer_id":%q,"requested_at":"2000-01-01T00:00:00.000Z"}`, n, ev.Key)
		requests = append(requests, ev)
		if rnd.IntN(4) == 0 {
			ev.At += time.Duration(rnd.IntN(500)) * time.Millisecond
			requests = append(requests, ev)
		}
	}
	l.Events = slices.DeleteFunc(l.Events, func(ev Event) bool {
		since, ok := away[ev.Key]
		return ok && ev.At > since
	})
	l.Events = append(l.Events, requests...)
	slices.SortStableFunc(l.Events, func(a, b Event) int { return int(a.At - b.At) })
	return l
}

// value writes an event.
func value(rnd *rand.Rand, ev Event, id string, at time.Time) []byte {
	kind, more := "", ""
	switch sources[ev.Source] {
	case "purchases":
		kind, more = "purchase", fmt.Sprintf(`,"amount":%d.%02d`, rnd.IntN(300), rnd.IntN(100))
	case "browsing":
		kind = []string{"page_view", "cart_add"}[rnd.IntN(2)]
	case "devices":
		kind, more = "login", fmt.Sprintf(`,"os":%q`, []string{"android", "ios", "web"}[rnd.IntN(3)])
	}
	return fmt.Appendf(nil, `{"id":%q,"type":%q,"customer_id":%q,"time":%q%s}`, id, kind, ev.Key, at.UTC().Format("2006-01-02T15:04:05.000Z"), more)
}

// record is an event for a producer.
func (ev *Event) record() *kgo.Record {
	topic := sources[ev.Source]
	if ev.Forget {
		topic = forgets
	}
	return &kgo.Record{Topic: topic, Key: []byte(ev.Key), Value: ev.Value}
}
