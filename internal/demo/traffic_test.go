package demo

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Traffic fills empty topics with the history, never sends an event ahead of the present, and when started again sends no history and
// no id twice.
func TestTraffic(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1))
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	ids := map[string]bool{}
	before := "" // what ids of the run before begin with
	starts := 0
	for _, history := range []bool{true, false} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		ready := make(chan struct{}, 2)
		begin := time.Now()
		go func() {
			done <- Traffic(ctx, TrafficOptions{
				Brokers: cluster.ListenAddrs(), Partitions: 2, Speed: 6000, Customers: 50, Report: func(message string) { t.Log(message) },
				Ready: func() { ready <- struct{}{} },
			})
		}()
		client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(topics...),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond), kgo.MetadataMinAge(50*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		old, fresh, now := 0, 0, ""
		for end := time.Now().Add(patience); fresh < 200; {
			if time.Now().After(end) {
				t.Fatalf("only %d events since the start after %v", fresh, patience)
			}
			for _, record := range client.PollFetches(t.Context()).Records() {
				var ev struct {
					ID       string
					Customer string `json:"customer_id"`
					Time     time.Time
				}
				if err := json.Unmarshal(record.Value, &ev); err != nil {
					t.Fatal(err)
				}
				if ev.Customer != string(record.Key) || ev.Time.After(time.Now()) {
					t.Fatalf("key %s: %s", record.Key, record.Value)
				}
				run, _, _ := strings.Cut(ev.ID, "-")
				if run == before {
					continue
				}
				if ids[ev.ID] {
					t.Fatalf("the id %s comes twice", ev.ID)
				}
				ids[ev.ID], now = true, run
				if ev.Time.Before(begin) {
					old++
				} else {
					fresh++
				}
			}
		}
		if history != (old > 0) {
			t.Errorf("start %d sent %d events of the history", starts, old)
		}
		if len(ready) != 1 {
			t.Errorf("start %d said %d times that it is ready", starts, len(ready))
		}
		starts++
		before = now
		client.Close()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the end: %v", err)
		}
	}
}
