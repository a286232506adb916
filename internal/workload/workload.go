// Package workload owns the benchmark's data and rules: the events of a shop drawn from a seed, and the rule sets S10, S1000
// and S10000. The same options give the same bytes on every machine. It knows neither the engine nor Kafka.
package workload

import (
	"bufio"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"
)

// Span is the time over which the events are spread evenly.
const Span = 60 * 24 * time.Hour

// Start is the time of the first event.
var Start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// The numbers that a zero Options stands for.
const (
	DefaultEvents    = 4_000_000
	DefaultCustomers = 200_000
	DefaultSeed      = 1
)

const (
	categories = 20
	products   = 5_000
	minCents   = 500
	maxCents   = 25_000
	zipfS      = 1.1
	zipfV      = 50
)

// Options says which data to generate. A zero field stands for its default.
type Options struct {
	Events    int
	Customers int
	Seed      uint64
	// At gives event i's time, in milliseconds since the epoch; nil: spread over Span from Start on.
	At func(i int) int64
}

func (o Options) withDefaults() Options {
	if o.Events == 0 {
		o.Events = DefaultEvents
	}
	if o.Customers == 0 {
		o.Customers = DefaultCustomers
	}
	if o.Seed == 0 {
		o.Seed = DefaultSeed
	}
	if o.At == nil {
		o.At = func(i int) int64 { return eventTime(i, o.Events) }
	}
	return o
}

// Last is the time of the last event, in milliseconds since the epoch.
func (o Options) Last() int64 {
	o = o.withDefaults()
	return o.At(o.Events - 1)
}

// Record is one event as it is produced.
type Record struct {
	Topic string
	Key   string // the customer_id
	Time  int64  // milliseconds since the epoch
	Value []byte // one JSON object, without a line end; reused for the next record
}

// Records yields the events in order of time.
func Records(opt Options) iter.Seq[Record] {
	opt = opt.withDefaults()
	return func(yield func(Record) bool) {
		g := newGenerator(opt)
		for i := range opt.Events {
			if !yield(g.record(i)) {
				return
			}
		}
	}
}

// Write writes the events as JSON lines in order of time.
func Write(w io.Writer, opt Options) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	for record := range Records(opt) {
		// A bufio.Writer keeps its first error, and Flush returns it.
		_, _ = buffered.Write(record.Value)
		_ = buffered.WriteByte('\n')
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("writing events: %w", err)
	}
	return nil
}

// Closing yields what each partition of each topic ends with on Kafka: one event 1 ms past the last, of a type that no rule
// looks at, so that every clock passes every moment up to the last event. customer names a customer of a partition.
func Closing(opt Options, partitions int, customer func(partition int) string) iter.Seq[Record] {
	opt = opt.withDefaults()
	last := opt.Last() + 1
	return func(yield func(Record) bool) {
		for _, end := range []struct{ topic, kind, rest string }{
			{"purchases", "refund", `,"amount":1`},
			{"browsing", "checkout", ""},
			{"devices", "login", ""},
		} {
			for p := range partitions {
				key := customer(p)
				value := fmt.Appendf(nil, `{"id":"end-%s-%d","type":"%s","customer_id":"%s","time":"%s"%s}`,
					end.kind, p, end.kind, key, time.UnixMilli(last).UTC().Format(timeLayout), end.rest)
				if !yield(Record{Topic: end.topic, Key: key, Time: last, Value: value}) {
					return
				}
			}
		}
	}
}

const timeLayout = "2006-01-02T15:04:05.000Z"

// eventTime is start + i × (60 days / n), cut to the millisecond.
func eventTime(i, n int) int64 {
	return Start.UnixMilli() + int64(i)*Span.Milliseconds()/int64(n)
}

type generator struct {
	at        func(i int) int64
	random    *rand.Rand
	zipf      *rand.Zipf
	purchases []int32 // by customer: so far
	customers []string
	buf       []byte
}

func newGenerator(opt Options) *generator {
	random := rand.New(rand.NewPCG(opt.Seed, 0x72756173))
	return &generator{
		at:        opt.At,
		random:    random,
		zipf:      rand.NewZipf(random, zipfS, zipfV, uint64(opt.Customers-1)),
		purchases: make([]int32, opt.Customers),
		customers: make([]string, opt.Customers),
	}
}

// record draws in one fixed order; a draw added or moved changes the data of every seed.
func (g *generator) record(i int) Record {
	k := int(g.zipf.Uint64())
	if g.customers[k] == "" {
		g.customers[k] = "c" + strconv.Itoa(k)
	}
	customer := g.customers[k]
	at := g.at(i)

	switch draw := g.random.IntN(100); {
	case draw < 70:
		g.begin(i, "product_view", customer, at)
		g.product()
		g.money("price")
		g.text("referrer", "https://search.example/shoes")
		g.text("channel", "web")
		return g.end("browsing", customer, at)
	case draw < 83:
		g.begin(i, "cart_add", customer, at)
		g.product()
		g.money("price")
		g.cart(customer, k)
		g.number("quantity", 1+g.random.IntN(3))
		return g.end("browsing", customer, at)
	case draw < 86:
		g.begin(i, "page_view", customer, at)
		g.text("page", "/category/"+strconv.Itoa(g.random.IntN(categories)))
		g.text("referrer", "https://search.example/shoes")
		g.text("channel", "web")
		return g.end("browsing", customer, at)
	case draw < 96:
		g.begin(i, "purchase", customer, at)
		g.money("amount")
		g.text("currency", "USD")
		g.text("order_id", "o"+strconv.Itoa(i))
		g.product()
		g.cart(customer, k)
		g.text("channel", "web")
		g.purchases[k]++
		return g.end("purchases", customer, at)
	default:
		g.begin(i, "device_seen", customer, at)
		kind, os := "tablet", "ipados"
		switch draw := g.random.IntN(100); {
		case draw < 60:
			kind, os = "phone", "android"
		case draw < 90:
			kind, os = "desktop", "windows"
		}
		g.text("device_id", "d-"+customer+"-"+kind)
		g.text("device_type", kind)
		g.text("os", os)
		g.text("app_version", "8.4.1")
		return g.end("devices", customer, at)
	}
}

func (g *generator) begin(i int, kind, customer string, at int64) {
	g.buf = append(g.buf[:0], `{"id":"e`...)
	g.buf = strconv.AppendInt(g.buf, int64(i), 10)
	g.buf = append(g.buf, '"')
	g.text("type", kind)
	g.text("customer_id", customer)
	g.buf = append(g.buf, `,"time":"`...)
	g.buf = time.UnixMilli(at).UTC().AppendFormat(g.buf, timeLayout)
	g.buf = append(g.buf, '"')
}

func (g *generator) end(topic, customer string, at int64) Record {
	g.buf = append(g.buf, '}')
	return Record{Topic: topic, Key: customer, Time: at, Value: g.buf}
}

func (g *generator) name(name string) {
	g.buf = append(g.buf, ',', '"')
	g.buf = append(g.buf, name...)
	g.buf = append(g.buf, '"', ':')
}

// text appends a property; every text of the workload is plain ASCII that JSON need not escape.
func (g *generator) text(name, value string) {
	g.name(name)
	g.buf = append(g.buf, '"')
	g.buf = append(g.buf, value...)
	g.buf = append(g.buf, '"')
}

func (g *generator) number(name string, value int) {
	g.name(name)
	g.buf = strconv.AppendInt(g.buf, int64(value), 10)
}

func (g *generator) money(name string) {
	cents := minCents + g.random.IntN(maxCents-minCents+1)
	g.name(name)
	g.buf = strconv.AppendInt(g.buf, int64(cents/100), 10)
	g.buf = append(g.buf, '.', byte('0'+cents/10%10), byte('0'+cents%10))
}

func (g *generator) product() {
	g.text("category", "cat"+strconv.Itoa(g.random.IntN(categories)))
	g.text("product_id", "p"+strconv.Itoa(g.random.IntN(products)))
}

func (g *generator) cart(customer string, k int) {
	g.text("cart_id", "k"+customer+"-"+strconv.Itoa(int(g.purchases[k])))
}
