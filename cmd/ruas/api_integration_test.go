//go:build integration

package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/ruas/ruas/client"
	"github.com/ruas/ruas/internal/servers"
)

// moreOfAPI asks more of operations than testAPI does: a file of tests adds to it when it is initialised. Each runs once on every kind of
// Redis, before a customer is forgotten.
var moreOfAPI []func(t *testing.T, site *apiSite)

// apiSite is a worker with a replica of the API beside it, of which the customer is a member of the segment "big".
type apiSite struct {
	*trial
	ruas     *client.Client
	customer string
}

// TestAPI asks each operation of openapi.yaml, of a replica beside a worker, on a real Kafka, and on a real Redis and a real Cluster.
func TestAPI(t *testing.T) {
	t.Parallel()
	k := servers.Kafka(t)
	for name, start := range map[string]func(servers.Owner) *servers.Servers{"redis": servers.Redis, "cluster": servers.RedisCluster} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testAPI(t, k, start(t), "-api-"+name)
		})
	}
}

func testAPI(t *testing.T, k, r *servers.Servers, suffix string) {
	t.Helper()
	hash := sha256.Sum256([]byte("s3cret"))
	tokens := "RUAS_HTTP_TOKENS=[{name: test, sha256: " + hex.EncodeToString(hash[:]) + ", scopes: [read, write, forget]}]"
	tr := newTrial(t, build(t), plain(t, k), suffix, "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+strings.Join(r.Addresses, ","),
		"RUAS_TOPICS_FORGET=ruas-forget"+suffix, "RUAS_TOPICS_MEMBERSHIPS=segment-memberships"+suffix, "RUAS_HTTP_RULES="+t.TempDir(), tokens)
	sent := receiveTraces(t)
	tr.environ = append(tr.environ, sent.environ()...)
	for _, topic := range []string{"purchases", "browsing"} {
		createTopicWith(t, tr.admin, tr.topic(topic), 2, nil)
	}
	tr.start().working()
	ruas := tr.replica()

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	seen := make(chan client.Change, 100)
	go func() {
		for change, err := range ruas.Watch(ctx, client.Filter{}) {
			if err != nil {
				return // the test says what it misses
			}
			seen <- change
		}
	}()
	// Nothing is missed of a stream that has begun; until then customers buy.
	var first client.Change
	for first.ID == "" {
		tr.buyOne()
		select {
		case first = <-seen:
		case <-time.After(time.Second):
		}
	}
	id := fmt.Sprintf("c%d", tr.bought)
	wait := func(what string, done func() bool) {
		t.Helper()
		for !done() {
			if ctx.Err() != nil {
				t.Fatalf("%s: not in time", what)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	var customer *client.Customer
	wait("a member", func() bool {
		var err error
		customer, err = ruas.Customer(ctx, id)
		return err == nil && customer.In("big")
	})
	partition, offset, _ := strings.Cut(customer.Offset, ":")
	at, err := strconv.ParseInt(offset, 10, 64)
	if err != nil || customer.Clock.IsZero() || customer.AsOf.Before(customer.Clock) {
		t.Fatalf("stands at %+v, as of %v: %v", customer.Standing, customer.AsOf, err)
	}
	if again, err := ruas.Customer(ctx, id, client.AtLeast(at)); err != nil || again.Offset != customer.Offset {
		t.Errorf("at least %d: %+v, %v", at, again, err)
	}
	if all, err := ruas.Customers(ctx, []string{"nobody", id}); err != nil || len(all) != 1 || all[0].ID != id {
		t.Errorf("many: %+v, %v", all, err)
	}
	x, err := ruas.Explain(ctx, id, "big")
	if err != nil || !x.Member || !x.Known || x.Next.IsZero() || x.NextMember || len(x.When) != 1 || string(x.When[0].Threshold) != "100" {
		t.Errorf("why: %+v, %v", x, err)
	}
	var members []string
	wait("all members", func() bool {
		members = nil
		for id, err := range ruas.Members(ctx, "big") {
			if err != nil {
				t.Fatal(err)
			}
			members = append(members, id)
		}
		return len(members) == tr.bought
	})
	if !slices.IsSorted(members) || !slices.Contains(members, id) {
		t.Errorf("members %v", members)
	}
	if all, err := ruas.Segments(ctx); err != nil || len(all) != 2 || all[0].Name != "big" || all[0].Members != int64(tr.bought) {
		t.Errorf("segments: %+v, %v", all, err)
	}
	if s, err := ruas.Segment(ctx, "big"); err != nil || s.Activity == nil || s.LastChange.IsZero() {
		t.Errorf("a segment: %+v, %v", s, err)
	}
	if o, err := ruas.Overlap(ctx, "big", "loyal"); err != nil || o.A.Members != int64(tr.bought) || o.Both != 0 || o.Either != o.A.Members {
		t.Errorf("overlap: %+v, %v", o, err)
	}
	for path, part := range map[string]string{
		"/v1/partitions": `"ready":true`, "/v1/schema": `"name":"purchase"`, "/openapi.json": `"openapi":"3.1`, "/docs/": "/v1/overlap",
		"/v1/segments/big/members?format=csv&limit=1": "customer_id\r\n" + members[0],
		"/readyz": "ready",
	} {
		if got := tr.raw(ctx, http.MethodGet, path, ""); !strings.Contains(got, part) {
			t.Errorf("%s: %s", path, got)
		}
	}
	if got := tr.raw(ctx, http.MethodPost, "/v1/rules:check", `{"files":{"a.yaml":"segments: {a: {when: nothing}}"}}`); !strings.Contains(got, `"ok":false`) {
		t.Errorf("check: %s", got)
	}

	askRules(ctx, t, ruas)
	askStudies(ctx, t, ruas, int64(tr.bought))
	tr.askLetters(ctx, ruas)
	for _, more := range moreOfAPI {
		more(t, &apiSite{trial: tr, ruas: ruas, customer: id})
	}
	tr.loseRedis(ctx, r, id, len(members))

	forgotten, err := ruas.Forget(ctx, id)
	if err != nil || !forgotten.Done || forgotten.Changes != 1 || forgotten.Changelog == nil || fmt.Sprint(forgotten.Request.Partition) != partition {
		t.Fatalf("forgetting: %+v, %v", forgotten, err)
	}
	if _, err := ruas.Customer(ctx, id); !client.IsNotFound(err) {
		t.Errorf("a forgotten customer: %v", err)
	}
	if again, err := ruas.Forget(ctx, id); err != nil || !again.Done || again.Changes != 0 || again.Changelog != nil {
		t.Errorf("forgetting again: %+v, %v", again, err)
	}
	// A replica that begins now has seen none of it: the topic tells what was.
	var causes []string
	for change, err := range tr.replica().Watch(ctx, client.Filter{Customer: id, From: "0:0,1:0"}) {
		if err != nil {
			t.Fatal(err)
		}
		if causes = append(causes, change.Change+" by "+change.Cause); len(causes) == 2 {
			break
		}
	}
	if want := []string{"join by event", "leave by forget"}; !slices.Equal(causes, want) {
		t.Errorf("changes %q, want %q", causes, want)
	}
	sent.await(t, "batch", "poll", "load", "step", "commit", "view", "GET /v1/customers/{id}", "POST /v1/dead-letters:replay")
	document := tr.raw(ctx, http.MethodGet, "/openapi.json", "")
	if got := tr.raw(ctx, http.MethodGet, "/metrics", ""); !strings.Contains(got, `ruas_http_requests_total{route="GET /openapi.json",status="200"} 1`) {
		t.Errorf("the replica does not count its requests: %s", got)
	}
	without, err := tr.witness.unseen([]byte(document))
	if err != nil || len(without) > 0 {
		t.Errorf("no test gets an answer from the operations %q: %v", without, err)
	}
}

// loseRedis empties Redis, and asks until everything is there again: what is answered meanwhile is the truth, or that it is being built.
func (tr *trial) loseRedis(ctx context.Context, r *servers.Servers, customer string, members int) {
	tr.t.Helper()
	cl := goredis.NewUniversalClient(&goredis.UniversalOptions{Addrs: r.Addresses})
	defer func() { _ = cl.Close() }()
	empty := func(ctx context.Context, node *goredis.Client) error { return node.FlushAll(ctx).Err() }
	var err error
	switch cl := cl.(type) {
	case *goredis.ClusterClient:
		err = cl.ForEachMaster(ctx, empty)
	case *goredis.Client:
		err = empty(ctx, cl)
	}
	if err != nil {
		tr.t.Fatalf("emptying Redis: %v", err)
	}
	truth := map[string]string{
		"/v1/customers/" + customer: `"segment":"big"`, "/v1/segments/big?window=none": fmt.Sprintf(`"members":%d,`, members),
		"/v1/segments/big/members?limit=1000": customer, "/v1/customers/" + customer + "/segments/big/explain": `"member":true`,
	}
	built := 0
	for len(truth) > 0 {
		for path, part := range truth {
			status, text := tr.ask(ctx, http.MethodGet, path, "")
			switch {
			case status == http.StatusServiceUnavailable:
				built++
			case status != http.StatusOK || !strings.Contains(text, part):
				tr.t.Fatalf("after Redis was emptied, %s: %d %s", path, status, text)
			default:
				delete(truth, path)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	if built == 0 {
		tr.t.Error("nobody noticed that Redis was emptied: the test proves nothing")
	}
}

// replica starts a process that serves the API alone, and returns what asks it.
func (tr *trial) replica() *client.Client {
	tr.t.Helper()
	address := servers.Ports(tr.t, 1)[0]
	cmd := exec.Command(tr.binary, "api", "-c", filepath.Join(tr.folder, "ruas.yaml"))
	cmd.Env = slices.Concat([]string{"RUAS_HTTP_LISTEN=" + address}, tr.environ)
	launch(tr.t, "replica", cmd, address).working()
	tr.http = "http://" + address
	if tr.witness == nil {
		tr.witness = &witness{}
	}
	c, err := client.New(tr.http, client.WithToken("s3cret"), client.WithHTTP(&http.Client{Transport: tr.witness}))
	if err != nil {
		tr.t.Fatal(err)
	}
	return c
}

// raw asks the newest replica for what the client has no word for.
func (tr *trial) raw(ctx context.Context, method, path, body string) string {
	tr.t.Helper()
	_, text := tr.ask(ctx, method, path, body)
	return text
}

func (tr *trial) ask(ctx context.Context, method, path, body string) (status int, text string) {
	tr.t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, tr.http+path, strings.NewReader(body))
	if err != nil {
		tr.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer s3cret")
	request.Header.Set("Content-Type", "application/json")
	answer, err := tr.witness.RoundTrip(request)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		tr.t.Fatal(err)
	}
	return answer.StatusCode, string(all)
}
