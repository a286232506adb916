//go:build integration

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	segmentio "github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/servers"
	"github.com/ruas/ruas/internal/workload"
	"github.com/ruas/ruas/subscribe"
)

// acceptanceEvents is how many events each case reads; RUAS_ACCEPTANCE_EVENTS gives another number.
const acceptanceEvents = 60_000

const acceptancePartitions = 4

// acceptanceSources are in the configuration's order, which decides between events of one time.
var acceptanceSources = []string{"purchases", "browsing", "devices"}

// spenderSegment goes with the benchmark's ten: changes that bear a feature, and a membership that until ends.
const spenderSegment = `
features:
  spend_30d: purchase.last("30d").sum(p, p.amount)
segments:
  spender: {when: feature.spend_30d >= 500, until: feature.spend_30d < 400, include: [spend_30d]}
`

// TestRunEqualsReplay runs the built command as two workers on a real Kafka and a real Redis. What they publish, read back by a client
// that is not theirs, equals what replay prints of the same events in files: every field, in the same order, nothing lost or doubled.
func TestRunEqualsReplay(t *testing.T) {
	t.Parallel()
	events := acceptanceEvents
	if v := os.Getenv("RUAS_ACCEPTANCE_EVENTS"); v != "" {
		var err error
		if events, err = strconv.Atoi(v); err != nil || events < 1000 {
			t.Fatalf("RUAS_ACCEPTANCE_EVENTS is %q: want a number from 1000", v)
		}
	}
	binary := build(t)
	s := newAcceptanceShop(t, events)
	k := servers.Kafka(t)

	var left sync.Map // how many keys each case leaves in Redis, by name
	t.Cleanup(func() {
		plain, ok := left.Load("plain")
		if !ok {
			return // it has failed
		}
		left.Range(func(name, n any) bool {
			if n != plain || n == int64(0) {
				t.Errorf("%s: %d keys in Redis at the end, where nothing happens %d", name, n, plain)
			}
			return true
		})
	})
	small := min(5000, max(200, events/250)) // inputs in a transaction, so that faults find work under way
	for _, c := range []struct {
		name  string
		batch int
		// fault is what happens when a third of the events is read; nil: nothing.
		fault func(t *testing.T, d *deployment, view *goredis.Client)
	}{
		{"plain", 5000, nil},
		{"killed", small, func(_ *testing.T, d *deployment, _ *goredis.Client) {
			d.workers[0].kill()
			d.workers[0] = d.start()
		}},
		{"flushed", small, func(t *testing.T, _ *deployment, view *goredis.Client) {
			if err := view.FlushAll(t.Context()).Err(); err != nil {
				t.Fatalf("emptying Redis: %v", err)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := servers.Redis(t)
			view := viewOf(t, r)
			d := newDeployment(t, binary, k.Addresses[0], r.Addresses[0], c.name, c.batch)
			end := d.produce(s)
			d.workers = []*process{d.start(), d.start()}
			d.awaitWorkers()
			began := time.Now()
			end()
			if c.fault != nil {
				d.await("a third of the events to be read", events, func() bool { return d.read() >= int64(events)/3 })
				c.fault(t, d, view)
				if left := d.total - d.read(); left == 0 {
					t.Fatal("everything was read before the fault: the test proves nothing")
				}
			}
			d.await("everything to be read", events, func() bool { return d.read() == d.total })
			took := time.Since(began)
			d.stop()

			want := s.replayed(t, d)
			changes := d.compare(want)
			t.Logf("%d events and %d changes in %v: %.0f events a second; %s",
				events, changes, took.Round(time.Millisecond), float64(events)/took.Seconds(), d.usage(events))
			dead, _ := d.committed("dead-letters")
			for p := range dead {
				if len(dead[p]) > 0 {
					t.Errorf("partition %d: %d dead letters, the first is %s", p, len(dead[p]), dead[p][0].Value)
				}
			}
			keys, err := view.DBSize(t.Context()).Result()
			if err != nil {
				t.Fatal(err)
			}
			left.Store(c.name, keys)
		})
	}
}

// acceptanceShop is the benchmark's data: the records for Kafka are generated again where they are produced.
type acceptanceShop struct {
	opt       workload.Options
	arguments []string // of replay
	until     int64    // the time of the last event, before the closing ones
}

// closing are the events with which each partition ends.
func (s *acceptanceShop) closing(t *testing.T, yield func(workload.Record) bool) {
	t.Helper()
	partition := murmur2(t)
	workload.Closing(s.opt, acceptancePartitions, func(p int) string {
		for i := 0; ; i++ {
			if key := fmt.Sprintf("end%d", i); partition([]byte(key), acceptancePartitions) == int32(p) {
				return key
			}
		}
	})(yield)
}

func murmur2(t *testing.T) func(key []byte, n int32) int32 {
	t.Helper()
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		t.Fatal(err)
	}
	return partition
}

// newAcceptanceShop writes the events, the closing ones too, into a file a source.
func newAcceptanceShop(t *testing.T, events int) *acceptanceShop {
	t.Helper()
	s := &acceptanceShop{opt: workload.Options{Events: events, Customers: events / 20}}
	files := make(map[string]*bytes.Buffer)
	for _, name := range acceptanceSources {
		files[name] = new(bytes.Buffer)
	}
	write := func(rec workload.Record) bool {
		files[rec.Topic].Write(rec.Value)
		files[rec.Topic].WriteByte('\n')
		return true
	}
	for rec := range workload.Records(s.opt) {
		s.until = rec.Time
		write(rec)
	}
	s.closing(t, write)
	folder := t.TempDir()
	for _, name := range acceptanceSources {
		path := filepath.Join(folder, name+".jsonl")
		if err := os.WriteFile(path, files[name].Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
		s.arguments = append(s.arguments, name+"="+path)
	}
	return s
}

// replayed gives what replay prints, by partition. The clock of a partition on Kafka passes every moment before the closing events, a
// millisecond after the last one: that is where replay is to end.
func (s *acceptanceShop) replayed(t *testing.T, d *deployment) [acceptancePartitions][]string {
	t.Helper()
	until := time.UnixMilli(s.until).UTC().Format("2006-01-02T15:04:05.000Z")
	var out, message bytes.Buffer
	args := append([]string{"replay", "-c", d.config, "--strict", "--partitions", strconv.Itoa(acceptancePartitions), "--until", until}, s.arguments...)
	cmd := exec.CommandContext(t.Context(), d.binary, args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = []string{}, &out, &message
	if err := cmd.Run(); err != nil {
		t.Fatalf("replay: %v\n%s", err, message.String())
	}
	var by [acceptancePartitions][]string
	partition := murmur2(t)
	for line := range strings.Lines(out.String()) {
		line = strings.TrimSuffix(line, "\n")
		p := partition([]byte(parseChange(t, line).Customer), acceptancePartitions)
		by[p] = append(by[p], line)
	}
	return by
}

// publishedChange is what of a change is elsewhere in its record too.
type publishedChange struct {
	Customer string `json:"customer_id"`
	Segment  string
	Change   string
	Features json.RawMessage
}

func parseChange(t *testing.T, line string) publishedChange {
	t.Helper()
	var c publishedChange
	if err := json.Unmarshal([]byte(line), &c); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	return c
}

// compare fails where what was published differs from what was to be. It gives the number of changes.
func (d *deployment) compare(want [acceptancePartitions][]string) (changes int) {
	d.t.Helper()
	got, aborted := d.committed("segment-changes")
	d.t.Logf("%d records of aborted transactions are no changes", aborted)
	featured := 0
	for p := range want {
		changes += len(want[p])
		if len(want[p]) == 0 {
			d.t.Fatalf("partition %d: no change is expected: the test proves nothing", p)
		}
		if len(got[p]) != len(want[p]) {
			d.t.Errorf("partition %d: %d changes are published, %d by replay", p, len(got[p]), len(want[p]))
		}
		for i, rec := range got[p] {
			if i == len(want[p]) {
				d.t.Errorf("partition %d, offset %d: one too many: %s", p, rec.Offset, rec.Value)
				break
			}
			if string(rec.Value) != want[p][i] {
				d.t.Errorf("partition %d, offset %d, change %d:\n got %s\nwant %s", p, rec.Offset, i, rec.Value, want[p][i])
				break
			}
			c := parseChange(d.t, want[p][i])
			if string(rec.Key) != c.Customer || len(rec.Headers) != 2 || rec.Header("segment") != c.Segment || rec.Header("change") != c.Change {
				d.t.Errorf("partition %d, offset %d: key %q and headers %q of %s", p, rec.Offset, rec.Key, rec.Headers, rec.Value)
				break
			}
			if c.Features != nil {
				featured++
			}
		}
	}
	if featured == 0 {
		d.t.Error("no change bears features")
	}
	return changes
}

// committed reads a topic by segmentio/kafka-go, a client that shares no code with ours, up to its end. aborted counts the records of
// transactions that were aborted.
func (d *deployment) committed(topic string) (records [acceptancePartitions][]*subscribe.Record, aborted int64) {
	d.t.Helper()
	transport := new(segmentio.Transport)
	d.t.Cleanup(transport.CloseIdleConnections)
	ctx, cancel := context.WithTimeout(d.t.Context(), 2*time.Minute)
	defer cancel()
	for p := range records {
		r := subscribe.Reader{Brokers: segmentio.TCP(d.brokers), Transport: transport, Topic: d.topic(topic), Partition: int32(p)}
		if err := r.ToEnd(ctx, func(rec *subscribe.Record) error {
			records[p] = append(records[p], rec)
			return nil
		}); err != nil {
			d.t.Fatal(err)
		}
		aborted += r.Aborted
	}
	return records, aborted
}

// produce writes the events to the sources, in a transaction that it leaves open: until end commits it, workers may neither read them
// nor take the sources to be at their ends. So all events are there before the first is read, whenever workers start.
func (d *deployment) produce(s *acceptanceShop) (end func()) {
	d.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(d.brokers), kgo.TransactionalID("shop-"+d.name), kgo.TransactionTimeout(15*time.Minute),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), kgo.ProducerLinger(20*time.Millisecond), kgo.MaxBufferedRecords(50_000),
		kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(client.Close)
	ctx, cancel := context.WithCancelCause(d.t.Context())
	defer cancel(nil)
	if err := client.BeginTransaction(); err != nil {
		d.t.Fatalf("producing: %v", err)
	}
	send := func(r workload.Record) bool {
		record := &kgo.Record{Topic: d.topic(r.Topic), Key: []byte(r.Key), Value: bytes.Clone(r.Value)}
		client.Produce(ctx, record, func(_ *kgo.Record, err error) {
			if err != nil {
				cancel(err)
			}
		})
		return ctx.Err() == nil
	}
	workload.Records(s.opt)(send)
	s.closing(d.t, send)
	if err := client.Flush(ctx); err != nil {
		d.t.Fatalf("producing: %v", context.Cause(ctx))
	}
	return func() {
		d.t.Helper()
		if err := client.EndTransaction(d.t.Context(), kgo.TryCommit); err != nil {
			d.t.Fatalf("producing: %v", err)
		}
		d.measure()
	}
}
