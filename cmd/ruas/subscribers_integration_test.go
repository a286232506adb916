//go:build integration

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/servers"
	"github.com/ruas/ruas/subscribe"
)

// TestSubscribers runs the three examples beside a worker, kills each of them and the worker again and again while there is something to
// do, and compares what they did with what replay prints of the same events.
func TestSubscribers(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	binary, programs := build(t), t.TempDir()
	if out, err := exec.Command("go", "build", "-o", programs, "../../examples/...").CombinedOutput(); err != nil {
		t.Fatalf("building the examples: %v\n%s", err, out)
	}
	k, r := servers.Kafka(t), servers.Redis(t)
	d := deploy(t, binary, k.Addresses[0], r.Addresses[0], "examples", 20, absolute(t,
		"../../segments/cart_abandonment.yaml", "../../segments/loyal.yaml", "../../segments/birthdays.yaml", "../../examples/cartabandonment/segments.yaml",
	), absolute(t, "../../examples/cartabandonment/contact.json"), "segment-memberships")
	shop := newSubscribersShop(t)
	c := &cast{t: t, d: d, programs: programs, ledger: filepath.Join(t.TempDir(), "vouchers.jsonl")}
	for name := range c.running {
		c.start(name)
	}
	d.awaitWorkers()

	// Every kill finds its victim at work, but for a few who have already done it.
	victims := slices.Concat(slices.Repeat([]int{theWorker}, 2), slices.Repeat([]int{theReminder, theLedger, theBanners}, 4))
	random.Shuffle(len(victims), func(i, j int) { victims[i], victims[j] = victims[j], victims[i] })
	producer, err := kgo.NewClient(kgo.SeedBrokers(d.brokers), kgo.TransactionalID("shop"), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(producer.Close)
	for i, wave := range shop.waves {
		shop.produce(t, d, producer, wave)
		share := len(victims) / (len(shop.waves) - i)
		for _, name := range victims[:share] {
			c.awaitWork(name)
			c.running[name].kill()
			c.start(name)
		}
		victims = victims[share:]
	}
	shop.produce(t, d, producer, shop.closing)
	d.measure()
	d.await("everything to be read", 0, func() bool { return d.read() == d.total })
	want := shop.replayed(t, d)
	t.Logf("%d changes equal replay's", d.compare(want))
	c.compare(shop, want)
	d.workers = []*process{c.running[theWorker]}
	d.stop()
}

func absolute(t *testing.T, paths ...string) []string {
	t.Helper()
	for i, path := range paths {
		full, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		paths[i] = full
	}
	return paths
}

// The programs of the cast.
const (
	theWorker = iota
	theReminder
	theLedger
	theBanners
)

// cast is what runs, and is killed.
type cast struct {
	t        *testing.T
	d        *deployment
	programs string
	ledger   string
	running  [4]*process
	done     [4]int64 // what awaitWork saw last
}

func (c *cast) start(name int) {
	c.t.Helper()
	if name == theWorker {
		c.running[name] = c.d.start()
		c.d.workers = []*process{c.running[name]}
		return
	}
	http := servers.Ports(c.t, 1)[0]
	program, args := "", []string(nil)
	switch name {
	case theReminder:
		program, args = "cartabandonment", []string{"-changes", c.d.topic("segment-changes"), "-max-age", "0"}
	case theLedger:
		program, args = "loyalty", []string{"-changes", c.d.topic("segment-changes"), "-ledger", c.ledger, "-listen", http}
	case theBanners:
		program, args = "personalisation", []string{"-listen", http}
	}
	c.running[name] = launch(c.t, program, exec.Command(filepath.Join(c.programs, program), append(args, "-brokers", c.d.brokers)...), http)
}

// awaitWork waits until a program has begun on something new, for a while: there may be nothing.
func (c *cast) awaitWork(name int) {
	c.t.Helper()
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		now := c.done[name]
		switch name {
		case theWorker:
			c.d.measure()
			now = c.d.read()
		case theReminder:
			if ends, err := c.d.admin.ListEndOffsets(c.t.Context(), "cart-messages"); err == nil {
				now = 0
				for _, o := range ends.Offsets()["cart-messages"] {
					now += o.At
				}
			}
		case theLedger:
			if info, err := os.Stat(c.ledger); err == nil {
				now = info.Size()
			}
		case theBanners: // keeps nothing: any moment is good
			return
		}
		if now > c.done[name] {
			c.done[name] = now
			return
		}
	}
}

// compare waits until everything is done that follows from the changes, and compares it.
func (c *cast) compare(shop *subscribersShop, want [acceptancePartitions][]string) {
	c.t.Helper()
	var (
		messages [acceptancePartitions][]string
		vouchers = map[string][]string{} // by customer
		segments = map[string][]string{} // by customer
		open     = map[[2]string]string{}
		count    = map[string]int{}
	)
	offers := map[string]bool{"loyal": true, "gold_or_better": true, "birthday_today": true}
	for p, changes := range want {
		for _, line := range changes {
			ch, err := subscribe.ParseChange(&subscribe.Record{Value: []byte(line)})
			if err != nil {
				c.t.Fatal(err)
			}
			of, in := [2]string{ch.CustomerID, ch.Segment}, ch.Kind == subscribe.Join
			if in {
				segments[ch.CustomerID] = append(segments[ch.CustomerID], ch.Segment)
			} else {
				segments[ch.CustomerID] = slices.DeleteFunc(segments[ch.CustomerID], func(s string) bool { return s == ch.Segment })
			}
			switch {
			case ch.Segment == "cart_reminder" && in:
				open[of] = ch.ID + " " + shop.channel[ch.CustomerID]
				status := "send"
				if shop.channel[ch.CustomerID] == "" {
					status = "withheld"
				}
				messages[p] = append(messages[p], status+" "+open[of])
				count[status]++
			case ch.Segment == "cart_reminder":
				messages[p] = append(messages[p], "cancelled "+open[of])
				count["cancelled"]++
			case offers[ch.Segment] && in:
				open[of] = fmt.Sprint(ch.Segment, " ", ch.Time)
				vouchers[ch.CustomerID] = append(vouchers[ch.CustomerID], open[of]+" good")
				count["issued"]++
			case offers[ch.Segment]:
				list := vouchers[ch.CustomerID]
				list[slices.Index(list, open[of]+" good")] = fmt.Sprint(open[of], " until ", ch.Time)
				count["taken back"]++
			}
		}
	}
	for _, what := range []string{"send", "withheld", "cancelled", "issued", "taken back"} {
		if count[what] < 50 {
			c.t.Errorf("%d times %s: the test proves little", count[what], what)
		}
	}
	c.t.Logf("what follows from the changes: %v", count)

	late := 0
	c.until("messages", messages, func() any {
		var list [acceptancePartitions][]string
		list, late = c.messages()
		return list
	})
	// A request may be under way at each kill; who forgets what was written writes all of it again.
	if c.t.Logf("%d records of the outbox came late, and count for nothing", late); late > 50 {
		c.t.Errorf("%d messages are in the outbox once more", late)
	}
	codes := map[string]bool{}
	for customer := range segments {
		slices.Sort(segments[customer])
		slices.Sort(vouchers[customer])
		c.until("vouchers of "+customer, vouchers[customer], func() any {
			var got []string
			for _, v := range ask[[]voucher](c, theLedger, "/vouchers?customer="+customer) {
				text := fmt.Sprint(v.Segment, " ", v.Issued, " good")
				if !v.TakenBack.IsZero() {
					text = fmt.Sprint(v.Segment, " ", v.Issued, " until ", v.TakenBack)
				}
				got = append(got, text)
				codes[v.Code] = true
			}
			slices.Sort(got)
			return got
		})
		c.until("segments of "+customer, segments[customer], func() any {
			return ask[struct{ Segments []string }](c, theBanners, "/banner?customer="+customer).Segments
		})
	}
	if len(codes) != count["issued"] {
		c.t.Errorf("%d vouchers have %d codes", count["issued"], len(codes))
	}
}

// until waits until what is there is what is to be.
func (c *cast) until(what string, want any, look func() any) {
	c.t.Helper()
	got := look()
	for end := time.Now().Add(30 * time.Second); fmt.Sprint(got) != fmt.Sprint(want); got = look() {
		if time.Now().After(end) {
			c.t.Fatalf("%s:\n got %v\nwant %v", what, got, want)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// messages reads the outbox as who sends them does: a record whose source does not grow is none.
func (c *cast) messages() (list [acceptancePartitions][]string, late int) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	transport := new(segmentio.Transport)
	defer transport.CloseIdleConnections()
	source := [acceptancePartitions]int64{-1, -1, -1, -1}
	topic := subscribe.Topic{Brokers: segmentio.TCP(c.d.brokers), Transport: transport, Name: "cart-messages"}
	if _, err := topic.ReadToEnd(ctx, nil, func(_ context.Context, batch []*subscribe.Record) error {
		for _, r := range batch {
			s, err := strconv.ParseInt(r.Header("source"), 10, 64)
			if err != nil {
				return err
			}
			if s <= source[r.Partition] {
				late++
				continue
			}
			source[r.Partition] = s
			var m struct{ ID, Status, Channel string }
			if err := json.Unmarshal(r.Value, &m); err != nil {
				return err
			}
			if m.Status != "position" {
				list[r.Partition] = append(list[r.Partition], m.Status+" "+m.ID+" "+m.Channel)
			}
		}
		return nil
	}); err != nil {
		c.t.Fatal(err)
	}
	return list, late
}

type voucher struct {
	Code, Segment string
	Issued        time.Time
	TakenBack     time.Time `json:"taken_back"`
}

// ask asks a program, which may still be at its start.
func ask[T any](c *cast, name int, path string) (answer T) {
	c.t.Helper()
	response, err := http.Get("http://" + c.running[name].http + path)
	if err != nil {
		return answer
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode == http.StatusOK {
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			c.t.Errorf("%s: %v", path, err)
		}
	}
	return answer
}

// subscribersShop is a shop with much coming and going: carts that are left and not, birthdays, tiers that change.
type subscribersShop struct {
	acceptanceShop
	waves   [][]shopEvent // a day each
	closing []shopEvent
	channel map[string]string // by which a customer may be reached; "": by none
}

type shopEvent struct {
	source, customer, value string
	time                    time.Time
}

func newSubscribersShop(t *testing.T) *subscribersShop {
	t.Helper()
	const days, customers = 7, 120
	s := &subscribersShop{waves: make([][]shopEvent, days), channel: map[string]string{}}
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for day := range days {
		add := func(source, kind string, customer int, at time.Duration, rest string) {
			moment, id := begin.AddDate(0, 0, day).Add(at+time.Duration(customer)*10*time.Second), fmt.Sprint("c", customer)
			s.waves[day] = append(s.waves[day], shopEvent{source, id, fmt.Sprintf(`{"id":"%s-%d-%d-%d","type":%q,"customer_id":%q,"time":%q%s}`,
				kind, day, customer, at/time.Minute, kind, id, moment.Format(time.RFC3339), rest), moment})
		}
		for i := range customers {
			if day == 0 {
				contact := []struct{ attributes, channel string }{
					{`"preferred_channel":"sms","consents":["email","sms"]`, "sms"},
					{`"preferred_channel":"email","consents":["whatsapp"]`, "whatsapp"},
					{`"preferred_channel":"email","consents":[]`, ""},
					{`"consents":["email"]`, "email"},
				}[i%4]
				s.channel[fmt.Sprint("c", i)] = contact.channel
				add("devices", "profile", i, 0, fmt.Sprintf(`,%s,"birth_date":"1990-01-0%d"`, contact.attributes, 2+i%6))
			}
			if (i+day)%3 != 0 {
				add("browsing", "cart_add", i, 10*time.Hour, `,"price":10`)
			}
			if (i+day)%4 == 0 {
				add("purchases", "purchase", i, 10*time.Hour+15*time.Minute, `,"amount":10`)
			}
			tier := "gold"
			if (i+day)%2 == 0 {
				tier = "bronze"
			}
			add("devices", "profile", i, 12*time.Hour, fmt.Sprintf(`,"loyalty_tier":%q`, tier))
			for n := range 1 + i%3 {
				add("purchases", "purchase", i, 14*time.Hour+time.Duration(n)*time.Hour, `,"amount":10`)
			}
		}
		slices.SortStableFunc(s.waves[day], func(a, b shopEvent) int { return a.time.Compare(b.time) })
	}
	last := s.waves[days-1][len(s.waves[days-1])-1].time
	s.until = last.UnixMilli()
	partition := murmur2(t)
	for p := range int32(acceptancePartitions) {
		n := 0
		for partition(fmt.Append(nil, "end", n), acceptancePartitions) != p {
			n++
		}
		for _, source := range acceptanceSources {
			at := last.Add(time.Millisecond)
			s.closing = append(s.closing, shopEvent{source, fmt.Sprint("end", n), fmt.Sprintf(`{"id":"end-%s","type":"login","customer_id":"end%d","time":%q}`,
				source, n, at.Format(time.RFC3339Nano)), at})
		}
	}

	files, folder := map[string]*bytes.Buffer{}, t.TempDir()
	for _, source := range acceptanceSources {
		files[source] = new(bytes.Buffer)
	}
	for _, wave := range append(slices.Clone(s.waves), s.closing) {
		for _, e := range wave {
			files[e.source].WriteString(e.value + "\n")
		}
	}
	for _, source := range acceptanceSources {
		path := filepath.Join(folder, source+".jsonl")
		if err := os.WriteFile(path, files[source].Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		s.arguments = append(s.arguments, source+"="+path)
	}
	return s
}

// produce writes events in one transaction: until it ends, none can be read, and no source is at its end. That is known of a source for up
// to a second, so it ends when this is over: else what comes first of one source would be taken for all that there is.
func (s *subscribersShop) produce(t *testing.T, d *deployment, client *kgo.Client, events []shopEvent) {
	t.Helper()
	records := make([]*kgo.Record, len(events))
	for i, e := range events {
		records[i] = &kgo.Record{Topic: d.topic(e.source), Key: []byte(e.customer), Value: []byte(e.value)}
	}
	err := client.BeginTransaction()
	if err == nil {
		err = client.ProduceSync(t.Context(), records...).FirstErr()
	}
	time.Sleep(1100 * time.Millisecond)
	err = cmp.Or(err, client.EndTransaction(t.Context(), kgo.TryCommit))
	if err != nil {
		t.Fatalf("producing: %v", err)
	}
}
