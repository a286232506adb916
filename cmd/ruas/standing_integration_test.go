//go:build integration

package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/servers"
)

// plain gives a client of servers without passwords.
func plain(t *testing.T, k *servers.Servers) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addresses...), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func (tr *trial) create(topics ...string) {
	tr.t.Helper()
	for _, topic := range topics {
		createTopic(tr.t, tr.client, tr.topic(topic))
		tr.awaitTopic(topic, true)
	}
}

// awaitTopic waits until the broker lists a topic, or does so no longer.
func (tr *trial) awaitTopic(topic string, there bool) {
	tr.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		found, err := tr.admin.ListTopics(tr.t.Context(), tr.topic(topic))
		if err == nil && found.Has(tr.topic(topic)) == there {
			return
		}
		if time.Now().After(end) {
			tr.t.Fatalf("the topic %s: want it there: %v; %v", tr.topic(topic), there, err)
		}
	}
}

func (tr *trial) delete(topic string) {
	tr.t.Helper()
	if _, err := tr.admin.DeleteTopics(tr.t.Context(), tr.topic(topic)); err != nil {
		tr.t.Fatalf("deleting %s: %v", topic, err)
	}
	tr.client.PurgeTopicsFromClient(tr.topic(topic))
	tr.awaitTopic(topic, false)
}

func (p *process) awaitLog(text string) {
	p.t.Helper()
	for end := time.Now().Add(90 * time.Second); !strings.Contains(p.log.String(), text); time.Sleep(20 * time.Millisecond) {
		if !p.alive() || time.Now().After(end) {
			p.t.Fatalf("the log does not say %q", text)
		}
	}
}

// TestDeletedTopics deletes each kind of topic under a running worker, and creates it again.
func TestDeletedTopics(t *testing.T) {
	t.Parallel()
	k, r := servers.Kafka(t), servers.Redis(t)
	binary, client := build(t), plain(t, k)
	running := func(t *testing.T, name string, more ...string) (*trial, *process) {
		tr := newTrial(t, binary, client, "-"+name, "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
		tr.create(append([]string{"purchases", "browsing"}, more...)...)
		p := tr.start()
		p.working()
		for range 10 {
			tr.buy()
		}
		tr.awaitJoins(10)
		return tr, p
	}
	const lost, again = "RUAS_ON_DATA_LOSS=continue", "was made anew: what is left of the old one"

	t.Run("a source", func(t *testing.T) {
		t.Parallel()
		tr, p := running(t, "source")
		tr.delete("purchases")
		p.awaitReadyz("not ready", "the topic purchases-source does not exist: create it")
		tr.refused(exitUnreachable, []string{"the topic purchases-source does not exist: create it"})
		tr.create("purchases")
		tr.buy()
		p.awaitReadyz("not ready", "topic purchases-source "+again, "set on_data_loss: continue")
		p.end()
		p = tr.start(lost)
		p.working()
		tr.awaitJoins(11)
		p.end()
	})
	t.Run("an optional source", func(t *testing.T) {
		t.Parallel()
		tr, p := running(t, "optional", "devices")
		tr.delete("devices")
		p.awaitLog("joining the group anew")
		p.working()
		tr.buy()
		tr.awaitJoins(11)
		tr.create("devices")
		p.end()
		p = tr.start()
		p.working()
		tr.buy()
		tr.awaitJoins(12)
		p.end()
	})
	t.Run("the state", func(t *testing.T) {
		t.Parallel()
		tr, p := running(t, "state")
		tr.delete("segment-state")
		tr.buy()
		p.awaitReadyz("not ready", "the topic segment-state-state was deleted, and with it what ruas knew of its customers")
		refusal := []string{"the group ruas-state has committed offsets in partition", "the topic segment-state-state holds no state of it", "start once with on_data_loss: continue"}
		tr.refused(exitUnreachable, refusal)
		if _, err := tr.admin.ListTopics(t.Context(), "segment-state-state"); err != nil {
			t.Fatal(err)
		}
		tr.create("segment-state")
		p.awaitReadyz("not ready", "the topic segment-state-state was deleted and made anew")
		tr.refused(exitUnreachable, refusal)
		p.end()
		tr.delete("segment-changes") // what follows tells everything again
		p = tr.start(lost)
		p.working()
		tr.awaitJoins(11)
		p.end()
		p = tr.start() // with its state, as ever
		p.working()
		p.end()
	})
	for _, topic := range []string{"segment-changes", "dead-letters"} {
		t.Run("the "+topic, func(t *testing.T) {
			t.Parallel()
			tr, p := running(t, topic)
			tr.delete(topic)
			tr.buy()
			p.awaitReadyz("not ready", fmt.Sprintf("the topic %s was deleted: create it again", tr.topic(topic)))
			time.Sleep(5 * time.Second)
			if found, err := tr.admin.ListTopics(t.Context(), tr.topic(topic)); err != nil || found.Has(tr.topic(topic)) {
				t.Errorf("ruas created it again while it ran: %v, %v", found.Names(), err)
			}
			tr.create(topic)
			p.working()
			tr.buy()
			if topic == "segment-changes" {
				tr.awaitJoins(2)
			} else {
				tr.awaitJoins(12)
			}
			p.end()
		})
	}
	t.Run("more partitions", func(t *testing.T) {
		t.Parallel()
		tr, p := running(t, "more")
		if _, err := tr.admin.CreatePartitions(t.Context(), 1, tr.topic("purchases"), tr.topic("browsing")); err != nil {
			t.Fatal(err)
		}
		select {
		case <-p.ended:
		case <-time.After(90 * time.Second):
			t.Fatalf("it goes on: %s", p.readyz())
		}
		if code := p.cmd.ProcessState.ExitCode(); code != exitInput || !strings.Contains(p.log.String(), "partitions each") {
			t.Errorf("exit code %d", code)
		}
		tr.refused(exitInput, []string{"the sources have 3 partitions each, but segment-state-more has 2"})
	})
}

// TestTransactionalIDInUse has another producer take the transactional id of a partition again and again.
func TestTransactionalIDInUse(t *testing.T) {
	t.Parallel()
	k, r := servers.Kafka(t), servers.Redis(t)
	tr := newTrial(t, build(t), plain(t, k), "", "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
	tr.create("purchases", "browsing")
	p := tr.start()
	p.working()
	tr.buy()
	tr.awaitJoins(1)

	ctx, stop := context.WithCancel(t.Context())
	ended, takes := make(chan struct{}), 0
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			for _, id := range []string{"ruas-0", "ruas-1"} {
				other, err := kgo.NewClient(kgo.SeedBrokers(k.Addresses...), kgo.TransactionalID(id))
				if err != nil {
					t.Error(err)
					return
				}
				_, _, _ = other.ProducerID(ctx)
				other.Close()
			}
			takes++
			time.Sleep(100 * time.Millisecond)
		}
	}()
	began := time.Now()
	for time.Since(began) < 15*time.Second {
		tr.buy()
		time.Sleep(100 * time.Millisecond)
	}
	p.awaitReadyz("not ready", "the transactional id is in use: ruas-", "although the group gives this worker the partition", "Give one of them another id")
	text := p.log.String()
	sessions := strings.Count(text, "partition at work")
	if most := 2 * (4 + int(time.Since(began)/time.Second)); sessions > most {
		t.Errorf("%d sessions in %v: want a back-off", sessions, time.Since(began))
	}
	if lines := strings.Count(text, "the partition is fought over"); lines == 0 || lines > 6 {
		t.Errorf("it is said %d times", lines)
	}
	t.Logf("%d sessions of 2 partitions in %v, while the id was taken %d times: %s", sessions, time.Since(began).Round(time.Second), takes, p.readyz())
	stop()
	<-ended
	p.working()
	tr.awaitJoins(tr.bought)
	p.end()
}

// TestFullRedis starts a worker on a Redis that is full, and has it run full under one.
func TestFullRedis(t *testing.T) {
	t.Parallel()
	k, r := servers.Kafka(t), servers.Redis(t)
	tr := newTrial(t, build(t), plain(t, k), "", "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
	view := viewOf(t, r)
	set := func(setting, value string) {
		t.Helper()
		if err := view.ConfigSet(t.Context(), setting, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	tr.create("purchases", "browsing")
	set("maxmemory", "100kb") // less than it takes empty
	p := tr.start()
	p.awaitReadyz("not ready", "Redis is full (maxmemory): give it more memory")
	tr.buy()
	set("maxmemory", "0")
	p.working()
	for tr.bought < 20 {
		tr.buy()
	}
	tr.awaitJoins(20)

	set("maxmemory", "100kb")
	for range 20 {
		tr.buy()
		time.Sleep(100 * time.Millisecond)
	}
	p.awaitReadyz("not ready", "Redis is full (maxmemory): give it more memory")
	tr.awaitJoins(21) // publishing goes on while Redis is full
	p.awaitReadyz("not ready", "Redis is full (maxmemory): give it more memory")
	set("maxmemory", "0")
	p.working()
	tr.awaitJoins(tr.bought)
	if lines := strings.Count(p.log.String(), "Redis is full"); lines > 8 {
		t.Errorf("it is said %d times", lines)
	}

	set("maxmemory-policy", "volatile-lru")
	p.awaitReadyz("not ready", "Redis throws keys away", "volatile-lru")
	set("maxmemory-policy", "noeviction")
	p.working()
	tr.buy()
	tr.awaitJoins(tr.bought)
	p.end()
}

// resident gives a worker's resident memory in MB; 0: not known.
func (p *process) resident() int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0 // not Linux
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kB := 0
	_, _ = fmt.Sscan(rest, &kB)
	return kB >> 10
}

// TestServersAway takes Redis, then Kafka, away under a worker for a while. Nothing is lost or skipped, it is said once when that begins and
// once when it is over, and what waits stays bounded. RUAS_TEST_AWAY gives another while.
func TestServersAway(t *testing.T) {
	t.Parallel()
	away := 10 * time.Second
	if v := os.Getenv("RUAS_TEST_AWAY"); v != "" {
		var err error
		if away, err = time.ParseDuration(v); err != nil {
			t.Fatal(err)
		}
	}
	binary := build(t)
	for _, name := range []string{"Redis", "Kafka"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, r := servers.Kafka(t), servers.Redis(t)
			tr := newTrial(t, binary, plain(t, k), "", "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
			tr.create("purchases", "browsing")
			p := tr.start()
			p.working()
			tr.buyMany(100)
			tr.awaitJoins(tr.bought)
			node, waiting := k.Nodes[0], 0
			if name == "Redis" {
				node, waiting = r.Nodes[0], 30_000 // more than a worker reads ahead
			}
			t.Run("does not answer", func(t *testing.T) { tr.away(t, p, name, away, waiting, node.Pause, node.Resume) })
			t.Run("is killed", func(t *testing.T) { tr.away(t, p, name, away, waiting, node.Kill, node.Start) })
			p.end()
		})
	}
}

// away takes a server away under a worker, while so many customers buy.
func (tr *trial) away(t *testing.T, p *process, name string, away time.Duration, customers int, begin, end func()) {
	outer := tr.t
	defer func() { p.t, tr.t = outer, outer }()
	p.t, tr.t = t, t
	said := func() int { return strings.Count(p.log.String(), "\n") }
	lines := said()
	begin()
	began, most, before := time.Now(), 0, p.resident()
	p.awaitReadyz("not ready")
	noticed := time.Since(began)
	for all := tr.bought + customers; time.Since(began) < away || tr.bought < all; {
		if n := min(500, all-tr.bought); n > 0 {
			tr.buyMany(n)
		}
		most = max(most, p.resident())
		time.Sleep(50 * time.Millisecond)
	}
	p.awaitReadyz("not ready", name)
	text := p.readyz()
	end()
	began = time.Now()
	p.working()
	back := time.Since(began)
	tr.awaitJoins(tr.bought)
	lines = said() - lines
	t.Logf("not ready after %v, ready %v after it was back; all %d customers joined once %v after; %d lines of log; resident %d MB before, at most %d MB; %s",
		noticed.Round(time.Millisecond), back.Round(time.Millisecond), tr.bought, time.Since(began).Round(time.Millisecond), lines, before, most, text)
	if lines > 40 {
		t.Errorf("%d lines of log:\n%s", lines, p.log.String())
	}
}

// deadline gives a context that ends so soon.
func deadline(t *testing.T, within time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	return ctx
}

// buyMany produces purchases of new customers.
func (tr *trial) buyMany(n int) {
	tr.t.Helper()
	for range n {
		tr.bought++
		id := fmt.Sprintf("c%d", tr.bought)
		value := fmt.Sprintf(`{"id":"e","type":"purchase","customer_id":%q,"time":%q,"amount":100}`, id, time.Now().UTC().Format(time.RFC3339Nano))
		tr.client.Produce(tr.t.Context(), &kgo.Record{Topic: tr.topic("purchases"), Key: []byte(id), Value: []byte(value)}, nil)
	}
	if err := tr.client.Flush(tr.t.Context()); err != nil {
		tr.t.Fatal(err)
	}
}
