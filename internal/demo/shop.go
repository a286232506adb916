package demo

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Event is one event of the shop.
type Event struct {
	Topic    string
	Customer string
	Time     int64  // milliseconds since the epoch, in the shop's time
	JSON     []byte // without a line end
}

// ShopOptions says which shop to simulate. A zero field stands for its default.
type ShopOptions struct {
	Seed uint64 // 1
	// Customers is the number at the opening; more sign up later. 600.
	Customers int
	// Opening is the moment at which the rush begins; before it lies History (90 days). Browsing and devices are seen of its last day
	// only.
	Opening time.Time
	History time.Duration
	// IDs begins the ids of events, so that two shops on one Kafka do not take each other's events for duplicates. "e".
	IDs string
	// Squeeze divides the time after the opening, so that more happens in less: for a pipeline whose present cannot run faster. 1.
	Squeeze float64
}

// Shop is a simulated shop. The same options give the same events. It has no end. Not for concurrent use.
type Shop struct {
	random    *rand.Rand
	opening   time.Time
	begin     time.Time
	ids       string
	squeeze   float64
	emitted   int
	steps     steps
	order     uint64 // of steps scheduled, so that those of one moment stay in order
	out       []Event
	customers []*shopper
}

// rush is how many times as often customers come after the opening: the demo shows the day of a sale.
const rush = 12

// browsingSeen is the part of the history of which everything is seen.
const browsingSeen = 24 * time.Hour

// signUpEvery is the mean time between two new customers after the opening.
const signUpEvery = 12 * time.Minute

// NewShop returns the shop at the beginning of its history.
func NewShop(opt ShopOptions) *Shop {
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	if opt.Customers == 0 {
		opt.Customers = 600
	}
	if opt.History == 0 {
		opt.History = 90 * 24 * time.Hour
	}
	if opt.IDs == "" {
		opt.IDs = "e"
	}
	s := &Shop{
		random:  rand.New(rand.NewPCG(opt.Seed, 0x746f6b6f)),
		opening: opt.Opening.UTC().Truncate(time.Millisecond),
		ids:     opt.IDs,
		squeeze: max(opt.Squeeze, 1),
	}
	s.begin = s.opening.Add(-opt.History)
	for range opt.Customers {
		// Most were there before the history begins; the others signed up on the way.
		joined := s.begin
		if s.chance(0.3) {
			joined = joined.Add(time.Duration(s.random.Float64() * float64(opt.History)))
		}
		s.at(joined, func(now time.Time) { s.signUp(now, joined.Equal(s.begin)) })
	}
	s.at(s.opening.Add(20*time.Second), s.walkIn)
	s.at(s.begin.Add(time.Hour), s.campaign)
	return s
}

// Next returns the next event, in order of time.
func (s *Shop) Next() Event {
	for len(s.out) == 0 {
		next := heap.Pop(&s.steps).(step)
		next.do(next.at)
	}
	ev := s.out[0]
	s.out = s.out[1:]
	return ev
}

// step is something that will happen.
type step struct {
	at    time.Time
	order uint64
	do    func(now time.Time)
}

// steps is a heap, the earliest first.
type steps struct{ list []step }

// Len implements heap.Interface.
func (s *steps) Len() int { return len(s.list) }

// Less implements heap.Interface.
func (s *steps) Less(i, j int) bool {
	a, b := &s.list[i], &s.list[j]
	if a.at.Equal(b.at) {
		return a.order < b.order
	}
	return a.at.Before(b.at)
}

// Swap implements heap.Interface.
func (s *steps) Swap(i, j int) { s.list[i], s.list[j] = s.list[j], s.list[i] }

// Push implements heap.Interface.
func (s *steps) Push(x any) { s.list = append(s.list, x.(step)) }

// Pop implements heap.Interface.
func (s *steps) Pop() any {
	n := len(s.list) - 1
	last := s.list[n]
	s.list[n] = step{}
	s.list = s.list[:n]
	return last
}

func (s *Shop) at(t time.Time, do func(now time.Time)) {
	s.order++
	heap.Push(&s.steps, step{at: t.Truncate(time.Millisecond), order: s.order, do: do})
}

func (s *Shop) live(now time.Time) bool { return !now.Before(s.opening) }

// stamp is the time that events of a moment bear.
func (s *Shop) stamp(now time.Time) time.Time {
	if s.squeeze == 1 || !s.live(now) {
		return now
	}
	return s.opening.Add(time.Duration(float64(now.Sub(s.opening)) / s.squeeze))
}

// Customers is the number of customers so far.
func (s *Shop) Customers() int { return len(s.customers) }

// emit writes an event at the moment of the step under way. fields are names and values in turn.
func (s *Shop) emit(now time.Time, topic, kind string, c *shopper, fields ...any) {
	if (topic == "browsing" || topic == "devices") && now.Before(s.opening.Add(-browsingSeen)) {
		return
	}
	s.emitted++
	at := s.stamp(now).UTC()
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":"%s%d","type":%q,"customer_id":%q,"time":%q`,
		s.ids, s.emitted, kind, c.id, at.Format("2006-01-02T15:04:05.000Z"))
	for i := 0; i < len(fields); i += 2 {
		switch v := fields[i+1].(type) {
		case string:
			if v != "" {
				fmt.Fprintf(&b, `,%q:%q`, fields[i], v)
			}
		case []string:
			fmt.Fprintf(&b, `,%q:["%s"]`, fields[i], strings.Join(v, `","`))
		default:
			fmt.Fprintf(&b, `,%q:%v`, fields[i], v)
		}
	}
	b.WriteByte('}')
	s.out = append(s.out, Event{Topic: topic, Customer: c.id, Time: at.UnixMilli(), JSON: []byte(b.String())})
}

func (s *Shop) chance(p float64) bool { return s.random.Float64() < p }

// between draws a whole number of low to high.
func (s *Shop) between(low, high int) int { return low + s.random.IntN(high-low+1) }

func (s *Shop) span(low, high time.Duration) time.Duration {
	return low + time.Duration(s.random.Float64()*float64(high-low))
}

// wait draws from the exponential law with that mean.
func (s *Shop) wait(mean time.Duration) time.Duration {
	return time.Duration(s.random.ExpFloat64() * float64(mean))
}

func pick[T any](s *Shop, from []T) T { return from[s.random.IntN(len(from))] }

// some draws n different ones.
func some(s *Shop, from []string, n int) []string {
	out := make([]string, 0, n)
	for _, i := range s.random.Perm(len(from))[:n] {
		out = append(out, from[i])
	}
	return out
}

// price draws from a category's range, low prices more often, and rounds to 500 rupiah.
func (s *Shop) price(c category) int {
	span := math.Log(float64(c.high) / float64(c.low))
	// The mean of two draws keeps to the middle of the range.
	draw := (s.random.Float64() + s.random.Float64()) / 2
	return max(int(float64(c.low)*math.Exp(draw*span))/500*500, 500)
}
