package pipeline_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/pipeline"
)

// change is a published change, as a reader sees it.
type change struct {
	Customer  string    `json:"customer_id"`
	Segment   string    `json:"segment"`
	Change    string    `json:"change"`
	Time      time.Time `json:"time"`
	Cause     string    `json:"cause"`
	EventID   string    `json:"event_id"`
	Seq       uint64    `json:"seq"`
	published time.Time
}

// published waits until there are n changes.
func (r *rig) published(n int) []change {
	r.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		records := r.read("segment-changes")
		if len(records) < n {
			if time.Now().After(end) {
				r.t.Fatalf("%d changes are published, want %d", len(records), n)
			}
			continue
		}
		list := make([]change, len(records))
		for i, rec := range records {
			if err := json.Unmarshal(rec.Value, &list[i]); err != nil {
				r.t.Fatalf("a change is no JSON: %v", err)
			}
			list[i].published = rec.Timestamp
		}
		return list
	}
}

func present(opt *pipeline.Options) { opt.Records = false }

const activeRule = `segments:
  active:
    when: purchase.last("2s").size() > 0
`

func TestTimeAlonePublishes(t *testing.T) {
	r, _ := fakes(t, activeRule)
	r.change = present
	w := r.start()
	r.ready(w)
	now := time.Now().UnixMilli()
	r.produce(record("purchases", "c1", "e1", "purchase", now, `,"amount":5`))
	got := r.published(2)
	w.end()
	join, leave := got[0], got[1]
	if join.Change != "join" || join.Cause != "event" || join.EventID != "e1" || join.Seq != 1 || join.Time.UnixMilli() < now {
		t.Errorf("the join is %+v", join)
	}
	if leave.Change != "leave" || leave.Cause != "time" || leave.Seq != 2 || leave.Time.UnixMilli() != now+2000 {
		t.Errorf("the leave is %+v, want it at %d", leave, now+2000)
	}
	if late := leave.published.Sub(leave.Time); late > time.Second {
		t.Errorf("the leave was published %v after its moment", late)
	}
}

func TestEventsAheadOfThePresent(t *testing.T) {
	r, _ := fakes(t, activeRule)
	r.change = present
	w := r.start()
	r.ready(w)
	now := time.Now().UnixMilli()
	r.produce(
		record("purchases", "c1", "soon", "purchase", now+1500, `,"amount":5`),
		record("purchases", "c1", "never", "purchase", now+600_000, `,"amount":5`),
		record("purchases", "c2", "other", "purchase", now, `,"amount":5`), // is held up by nobody
	)
	r.settle()
	w.end() // what is set aside outlives a worker
	w = r.start()
	got := r.published(4)
	w.end()
	by := make(map[string][]change)
	for _, ch := range got {
		by[ch.Customer] = append(by[ch.Customer], ch)
	}
	c1 := by["c1"]
	if len(c1) != 2 || c1[0].Time.UnixMilli() < now+1500 || c1[0].Time.UnixMilli() > now+3000 || c1[0].EventID != "soon" ||
		c1[1].Time.UnixMilli() != now+3500 || c1[1].Cause != "time" {
		t.Errorf("the event ahead gave %+v, want a join at %d and a leave at %d", c1, now+1500, now+3500)
	}
	if c2 := by["c2"]; len(c2) != 2 || c2[0].EventID != "other" {
		t.Errorf("the other customer's event gave %+v", c2)
	}
	dead := r.read("dead-letters")
	if len(dead) != 1 || header(dead[0], "reason") != "ahead_of_present" {
		t.Errorf("dead letters: %+v, want one of an event too far ahead", dead)
	}
}

func header(rec *kgo.Record, key string) string {
	for _, h := range rec.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// ready waits until a worker is.
func (r *rig) ready(w *worker) {
	r.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		ok, why := w.Ready()
		if ok {
			return
		}
		select {
		case err := <-w.done:
			r.t.Fatalf("the worker ended with %v", err)
		default:
		}
		if time.Now().After(end) {
			r.t.Fatalf("the worker is not ready: %s", why)
		}
	}
}

func TestDeadLetters(t *testing.T) {
	r, _ := fakes(t, activeRule)
	partition, err := kafka.Partitioner("murmur2")
	if err != nil {
		t.Fatal(err)
	}
	good := record("purchases", "c1", "e1", "purchase", 1000, `,"amount":5`)
	bad := &kgo.Record{
		Topic: "purchases", Key: []byte("c1"), Value: []byte(`{"id":`),
		Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("t1")}},
	}
	key := record("purchases", "c1", "e2", "purchase", 1000, `,"amount":5`)
	key.Key = []byte("c2")
	large := record("purchases", "c1", "e3", "purchase", 1000, `,"amount":"`+strings.Repeat("x", 950_000)+`"`)
	elsewhere := record("purchases", "c1", "e4", "purchase", 1000, `,"amount":5`)
	elsewhere.Partition = (partition([]byte("c1"), partitions) + 1) % partitions
	r.produce(good, bad, key, large)
	manual, err := kgo.NewClient(kgo.SeedBrokers(r.brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer manual.Close()
	if err := manual.ProduceSync(t.Context(), elsewhere).FirstErr(); err != nil {
		t.Fatal(err)
	}
	w := r.start()
	r.settle()
	w.end()
	if got := r.published(1); len(got) != 1 || got[0].EventID != "e1" {
		t.Errorf("changes: %+v, want that of the good record alone", got)
	}
	reasons := make(map[string]*kgo.Record)
	for _, rec := range r.read("dead-letters") {
		reasons[header(rec, "reason")] = rec
	}
	if len(reasons) != 4 {
		t.Errorf("reasons %v, want four", reasons)
	}
	if rec := reasons["not_json"]; rec == nil || string(rec.Value) != `{"id":` || string(rec.Key) != "c1" || header(rec, "trace") != "t1" ||
		header(rec, "topic") != "purchases" || header(rec, "offset") != "1" {
		t.Errorf("the malformed record's dead letter is %+v", rec)
	}
	if rec := reasons["wrong_property_type"]; rec == nil || len(rec.Value) > 900_000 || header(rec, "cut") == "" {
		t.Error("the large record's dead letter is not cut")
	}
	if reasons["key_mismatch"] == nil || reasons["wrong_partition"] == nil {
		t.Errorf("reasons %v: a key or a partition that is wrong is missing", reasons)
	}
}
