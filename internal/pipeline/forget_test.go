package pipeline_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/pipeline"
)

const (
	listsTopic  = "segment-memberships"
	forgetTopic = "ruas-forget"
)

// lists reads the newest list of each customer, and how many records there are.
func (r *rig) lists() (newest map[string]string, records int) {
	r.t.Helper()
	newest = make(map[string]string)
	for _, rec := range r.read(listsTopic) {
		records++
		if rec.Value == nil {
			delete(newest, string(rec.Key))
			continue
		}
		newest[string(rec.Key)] = string(rec.Value)
	}
	return newest, records
}

// TestForgetting forgets a customer who is known and one who is not: the leaves, the state, the lists and Redis say so, also after all of
// Redis was lost; and the task's record tells who waits for it.
func TestForgetting(t *testing.T) {
	r, mini := fakes(t, "segments:\n  buyer:\n    when: purchase.size() >= 1\n  active:\n    when: purchase.last(\"1h\").size() > 0\n")
	r.change = func(o *pipeline.Options) { o.Memberships, o.Forget = listsTopic, forgetTopic }
	w := r.start()
	r.produce(record("purchases", "ann", "a", "purchase", 1000, `,"amount":5`), record("purchases", "ben", "a", "purchase", 1000, `,"amount":5`))
	r.settle()
	if got, n := r.lists(); n != 2 || !strings.Contains(got["ann"], `"segments":["active","buyer"]`) {
		t.Errorf("the lists are %v, %d records", got, n)
	}
	for i, id := range []string{"ann", "nobody", "ann"} {
		r.produce(&kgo.Record{Topic: forgetTopic, Key: []byte(id), Value: fmt.Appendf(nil, `{"id":"f%d","customer_id":%q,"requested_at":"2026-01-01T00:00:00.000Z"}`, i, id)})
	}
	r.produce(&kgo.Record{Topic: forgetTopic, Key: []byte("ben"), Value: []byte(`{"id":"f","customer_id":"other"}`)})
	forgotten := r.forgotten(3)
	changes, known := 0, 0
	for _, f := range forgotten {
		changes += f.Changes
		if f.Known {
			known++
		}
	}
	if changes != 2 || known != 1 {
		t.Errorf("what was done is %+v, want one customer with two memberships", forgotten)
	}
	check := func(when string) {
		t.Helper()
		got := r.changes()["ann"]
		if len(got) != 4 || !strings.Contains(got[2], `"cause":"forget"`) || !strings.Contains(got[3], `"cause":"forget"`) {
			t.Errorf("%s the changes of ann are\n%s", when, strings.Join(got, "\n"))
		}
		if got, _ := r.lists(); len(got) != 1 || got["ben"] == "" {
			t.Errorf("%s the lists are %v", when, got)
		}
		if dump := mini.Dump(); strings.Contains(dump, "ann") || !strings.Contains(dump, "ben") {
			t.Errorf("%s Redis holds\n%s", when, dump)
		}
	}
	check("forgotten,")
	if rejected := r.read("dead-letters"); len(rejected) != 1 {
		t.Errorf("%d dead letters, want the request whose key is another customer's", len(rejected))
	}
	w.end()
	mini.FlushAll()
	w = r.start()
	r.ready(w)
	check("after Redis was lost,")
	r.produce(record("purchases", "ann", "a", "purchase", 2000, `,"amount":5`))
	r.settle()
	if got := r.changes()["ann"]; len(got) != 6 || !strings.Contains(got[5], `"seq":1,`) {
		t.Errorf("afterwards the changes of ann are\n%s", strings.Join(got, "\n"))
	}
	w.end()
}

// forgotten waits until the view tells of so many requests that were done.
func (r *rig) forgotten(n int) (all []pipeline.Forgotten) {
	r.t.Helper()
	view := r.view(new(wire))
	defer func() { _ = view.Close() }()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		all = nil
		for p := range int32(partitions) {
			meta, err := view.Shard(p).Meta(r.t.Context())
			if err != nil {
				r.t.Fatal(err)
			}
			record, err := pipeline.ParseTaskRecord(meta.Task)
			if err != nil {
				r.t.Fatal(err)
			}
			all = append(all, record.Forgotten...)
		}
		if len(all) >= n {
			return all
		}
	}
	r.t.Fatalf("%d requests were done, want %d", len(all), n)
	return nil
}

// TestListsBeginLater turns the lists on where there are customers already: each gets one, once; a change of rules writes them anew.
func TestListsBeginLater(t *testing.T) {
	r, _ := fakes(t, "segments:\n  buyer:\n    when: purchase.size() >= 1\n")
	w := r.start()
	for i := range 20 {
		r.produce(record("purchases", fmt.Sprintf("c%d", i), "a", "purchase", 1000, `,"amount":5`))
	}
	r.settle()
	w.end()
	r.change = func(o *pipeline.Options) { o.Memberships = listsTopic }
	for range 2 { // the second time there is nothing to fill
		w = r.start()
		r.ready(w)
		w.end()
	}
	got, n := r.lists()
	if len(got) != 20 || n != 20 {
		t.Errorf("%d customers have lists, in %d records; want 20 and 20", len(got), n)
	}
	r.engine = r.compile("segments:\n  customer:\n    when: purchase.size() >= 1\n")
	w = r.start()
	r.ready(w)
	w.end()
	got, _ = r.lists()
	for id, text := range got {
		var list struct {
			Segments []string `json:"segments"`
		}
		if err := json.Unmarshal([]byte(text), &list); err != nil || len(list.Segments) != 1 || list.Segments[0] != "customer" {
			t.Errorf("after the rules changed the list of %s is %s", id, text)
		}
	}
	if got := r.changes()["c1"]; len(got) != 2 || !strings.Contains(got[1], engine.CauseRules.String()) {
		t.Errorf("the changes of c1 are %s", got)
	}
}
