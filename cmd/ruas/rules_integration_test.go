//go:build integration

package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/client"
	"github.com/ruas/ruas/internal/servers"
)

// TestRulesAreSavedAndTakenUp saves a rule through a worker on real servers, and starts it again: its customers are decided by it.
func TestRulesAreSavedAndTakenUp(t *testing.T) {
	t.Parallel()
	k, r := servers.Kafka(t), servers.Redis(t)
	tr := newTrial(t, build(t), plain(t, k), "-saved", "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+strings.Join(r.Addresses, ","),
		"RUAS_HTTP_RULES="+t.TempDir())
	for _, topic := range []string{"purchases", "browsing"} {
		createTopicWith(t, tr.admin, tr.topic(topic), 2, nil)
	}
	worker := tr.start()
	worker.working()
	const customers = 20
	for range customers {
		tr.buyOne()
	}
	tr.awaitJoins(customers)
	ask := func(p *process) (context.Context, *client.Client) {
		c, err := client.New("http://" + p.http)
		if err != nil {
			t.Fatal(err)
		}
		return deadline(t, time.Minute), c
	}
	ctx, ruas := ask(worker)
	if saved, err := ruas.SaveRules(ctx, "ever.yaml", "segments:\n  ever: {when: purchase.size() >= 1}\n", ""); err != nil || saved.InForce() {
		t.Fatalf("saved: %+v, %v", saved, err)
	}
	if _, err := ruas.Segment(ctx, "ever"); !client.IsNotFound(err) {
		t.Errorf("it is in force already: %v", err)
	}
	worker.end()
	worker = tr.start()
	worker.working()
	ctx, ruas = ask(worker)
	members := 0
	for _, err := range ruas.Members(ctx, "ever") {
		if err != nil {
			t.Fatal(err)
		}
		members++
	}
	if rules, err := ruas.Rules(ctx); err != nil || rules.Pending || members != customers {
		t.Errorf("%d members, want %d; %+v, %v", members, customers, rules, err)
	}
	worker.end()
}
