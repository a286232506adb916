//go:build integration

package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/servers"
)

// TestPoison produces, between good events, records that are as bad as a record may be. Each goes to the dead letters or is an event; none
// stops its partition.
func TestPoison(t *testing.T) {
	t.Parallel()
	k, r := servers.Kafka(t), servers.Redis(t)
	tr := newTrial(t, build(t), plain(t, k), "", "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
	tr.segments(`
features:
  coupons: purchase.distinct(p, p.coupon)
  last: profile.lifestyle
segments:
  big: {when: "purchase.last('1h').sum(p, p.amount) >= 100", include: [coupons]}
  styled: {when: has(profile.lifestyle), include: [last]}
`)
	large := kadm.StringPtr("20000000")
	for _, topic := range []string{"purchases", "browsing"} { // as large as producers like
		createTopicWith(t, tr.admin, topic, 1, map[string]*string{"max.message.bytes": large})
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addresses...), kgo.ProducerBatchMaxBytes(18<<20), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	tr.client = client
	p := tr.start()
	p.working()
	event := func(id, customer, more string) []byte {
		return fmt.Appendf(nil, `{"id":%q,"type":"purchase","customer_id":%q,"time":%q,"amount":100%s}`, id, customer, time.Now().UTC().Format(time.RFC3339Nano), more)
	}
	long := strings.Repeat("x", 2_000_000)
	bad := []struct {
		name, reason string // no reason: it is an event
		record       kgo.Record
	}{
		{"no value", "not_json", kgo.Record{Key: []byte("c")}},
		{"no key and no value", "not_json", kgo.Record{}},
		{"no key", "key_mismatch", kgo.Record{Value: event("e", "c", "")}},
		{"zeros", "not_json", kgo.Record{Key: []byte("c"), Value: make([]byte, 1000)}},
		{"bytes", "not_json", kgo.Record{Key: []byte{0xff, 0xfe}, Value: []byte("\xff\xfe\x00{")}},
		{"half an object", "not_json", kgo.Record{Key: []byte("c"), Value: event("e", "c", "")[:40]}},
		{"deep", "too_deep", kgo.Record{Key: []byte("c"), Value: []byte(strings.Repeat("[", 900_000))}},
		{"a huge record", "too_large", kgo.Record{Key: []byte("c"), Value: event("e", "c", `,"coupon":"`+strings.Repeat(long, 8)+`"`)}},
		{"a huge key", "not_json", kgo.Record{Key: []byte(long), Value: []byte("{")}},
		{"huge headers", "not_json", kgo.Record{Key: []byte("c"), Value: []byte("{"), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte(long)}}}},
		{"a huge name of a header", "not_json", kgo.Record{Key: []byte("c"), Value: []byte("{"), Headers: []kgo.RecordHeader{{Key: long}}}},
		{"a huge id", "bad_field", kgo.Record{Key: []byte("c"), Value: event(long[:1_048_400], "c", "")}},
		{"a huge customer", "bad_field", kgo.Record{Key: []byte(long[:1_040_000]), Value: event("e", long[:1_040_000], "")}},
		{"a huge type", "bad_field", kgo.Record{Key: []byte("c"), Value: []byte(`{"id":"e","type":"` + long[:1_000_000] + `","customer_id":"c","time":"2026-01-01T00:00:00Z"}`)}},
		{"the longest ids", "", kgo.Record{Key: []byte(long[:32_768]), Value: event(long[:32_768], long[:32_768], "")}},
		{"ids of escapes", "", kgo.Record{Key: []byte(strings.Repeat("\b", 32_768)), Value: []byte(strings.Replace(string(event("e", "c", "")), `"customer_id":"c"`,
			`"customer_id":"`+strings.Repeat(`\b`, 32_768)+`"`, 1))}},
		{"a customer with a zero", "", kgo.Record{Key: []byte("a\x00b"), Value: []byte(strings.Replace(string(event("e", "c", "")), `"customer_id":"c"`, `"customer_id":"a\u0000b"`, 1))}},
		{"a huge feature", "", kgo.Record{Key: []byte("feature"), Value: event("e", "feature", `,"coupon":"`+long[:1_048_000]+`"`)}},
		{"a feature that grows as text", "", kgo.Record{Key: []byte("grows"), Value: event("e", "grows", `,"coupon":"`+strings.Repeat(`\b`, 500_000)+`"`)}},
		{"a huge attribute", "", kgo.Record{Key: []byte("attribute"), Value: []byte(strings.Replace(string(event("e", "attribute", `,"lifestyle":"`+long[:1_048_000]+`"`)), "purchase", "profile", 1))}},
		{"a time long ago", "", kgo.Record{Key: []byte("old"), Value: []byte(`{"id":"e","type":"purchase","customer_id":"old","time":"0001-01-01T00:00:00Z","amount":1}`)}},
		{"a time far ahead", "ahead_of_present", kgo.Record{Key: []byte("ahead"), Value: []byte(`{"id":"e","type":"purchase","customer_id":"ahead","time":"9999-12-31T23:59:59Z","amount":1}`)}},
		{"a number beyond", "number_out_of_range", kgo.Record{Key: []byte("c"), Value: []byte(strings.Replace(string(event("e", "c", "")), "100", "1e400", 1))}},
		{"an amount that is huge", "", kgo.Record{Key: []byte("rich"), Value: []byte(strings.Replace(string(event("e", "rich", "")), "100", "1.7976931348623157e308", 1))}},
		{"a control character in the type", "unknown_type", kgo.Record{Key: []byte("c"), Value: []byte(strings.Replace(string(event("e", "c", "")), "purchase", `\u0000`, 1))}},
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(k.Addresses...), kgo.ConsumeTopics("segment-changes"), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reader.Close)
	want := make(map[string]int)
	for i := range bad {
		if bad[i].reason != "" {
			want[bad[i].reason]++
		}
		bad[i].record.Topic = "purchases"
		if err := client.ProduceSync(t.Context(), &bad[i].record).FirstErr(); err != nil {
			t.Fatalf("%s: %v", bad[i].name, err)
		}
		tr.buyOne()
		for ctx, seen := deadline(t, time.Minute), false; !seen; {
			if ctx.Err() != nil {
				t.Fatalf("%s: the next event is not applied; %s", bad[i].name, p.readyz())
			}
			reader.PollFetches(ctx).EachRecord(func(rec *kgo.Record) { seen = seen || string(rec.Key) == fmt.Sprintf("c%d", tr.bought) })
		}
	}
	p.working()
	got := make(map[string]int)
	dead := 0
	for _, rec := range readAll(t, k.Addresses, "dead-letters") {
		dead++
		for _, h := range rec.Headers {
			if h.Key == "reason" {
				got[string(h.Value)]++
			}
		}
	}
	for reason, n := range want {
		if got[reason] != n {
			t.Errorf("%d dead letters with the reason %s, want %d", got[reason], reason, n)
		}
	}
	t.Logf("%d records, %d dead letters: %v", len(bad), dead, got)
	p.end()
}

// TestUnreadableState puts states that no ruas wrote where a state should be. In Redis it is noticed, and the truth is read from Kafka; in
// Kafka the partition stands, and says whose it is.
func TestUnreadableState(t *testing.T) {
	t.Parallel()
	k, r := servers.Kafka(t), servers.Redis(t)
	view := viewOf(t, r)
	tr := newTrial(t, build(t), plain(t, k), "", "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
	tr.create("purchases", "browsing")
	p := tr.start()
	p.working()
	for range 20 {
		tr.buy()
	}
	tr.awaitJoins(20)
	p.end()
	spoiled := 0
	keys, err := view.Keys(t.Context(), "ruas:ruas:*:s:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		fields, err := view.HKeys(t.Context(), key).Result()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range fields {
			if f != "" {
				spoiled++
				if err := view.HSet(t.Context(), key, f, "\x00no state at all").Err(); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if spoiled != 20 {
		t.Fatalf("%d states in Redis", spoiled)
	}
	p = tr.start()
	p.working()
	for i := range 20 { // of the same customers again: not a second join
		tr.bought = i
		tr.buyOneMore("again")
	}
	p.awaitLog("cannot be read")
	p.working()
	tr.bought = 20
	tr.buy()
	tr.awaitJoins(21)
	p.end()

	bad := &kgo.Record{Topic: "segment-state", Key: []byte("cc1"), Value: []byte("\x00no state at all")}
	if err := tr.client.ProduceSync(t.Context(), bad).FirstErr(); err != nil {
		t.Fatal(err)
	}
	p = tr.start()
	p.awaitReadyz("not ready", `customer "c1"`)
	p.end()
}

func (tr *trial) segments(text string) { tr.write("segments.yaml", text) }

// readAll gives what a read_committed reader sees of a topic, as far as its transactions have ended.
func readAll(t *testing.T, brokers []string, topic string) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxBytes(100<<20), kgo.FetchMaxPartitionBytes(100<<20), kgo.KeepControlRecords())
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListCommittedOffsets(t.Context(), topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		t.Fatalf("reading the end of %s: %v", topic, err)
	}
	open := make(map[int32]int64)
	ends.Each(func(o kadm.ListedOffset) {
		if o.Offset > 0 {
			open[o.Partition] = o.Offset
		}
	})
	var all []*kgo.Record
	for ctx := deadline(t, time.Minute); len(open) > 0; {
		if ctx.Err() != nil {
			t.Fatalf("%s is not read to its end: %v are open", topic, open)
		}
		cl.PollFetches(ctx).EachRecord(func(rec *kgo.Record) {
			if !rec.Attrs.IsControl() {
				all = append(all, rec)
			}
			if rec.Offset+1 >= open[rec.Partition] {
				delete(open, rec.Partition)
			}
		})
	}
	return all
}
