//go:build integration

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/ruas/ruas/internal/servers"
)

const runSegments = `
segments:
  loyal: {when: purchase.size() >= 2}
  big: {when: "purchase.last('1h').sum(p, p.amount) >= 100"}
`

// TestRunOnSecuredServers runs the command as a user would: TLS and SCRAM to a Kafka whose ACLs allow what ruas needs and no
// more, TLS and an ACL user to Redis, passwords in the environment. What it publishes equals what replay prints.
func TestRunOnSecuredServers(t *testing.T) {
	t.Parallel()
	k, r := servers.KafkaSecure(t), servers.RedisSecure(t)
	admin := secureClient(t, k, k.Admin)
	for _, topic := range []string{"purchases", "browsing"} {
		createTopic(t, admin, topic)
	}
	grant(t, admin, k.App.Name)

	folder := t.TempDir()
	address := servers.Ports(t, 1)[0]
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("segments.yaml", runSegments)
	file := write("ruas.yaml", fmt.Sprintf(`
kafka:
  brokers: [%q]
  tls: {enabled: true, ca: %q}
  sasl: {mechanism: SCRAM-SHA-512, user: %s}
redis:
  addresses: [%q]
  username: %s
  tls: {enabled: true, ca: %q}
segments: [segments.yaml]
sources: {purchases: , browsing: , devices: {optional: true}}
clock: records
http: {listen: %q}
admin: {listen: ""}
`, k.Addresses[0], k.CA, k.App.Name, r.Addresses[0], r.App.Name, r.CA, address))
	environ := []string{"RUAS_KAFKA_SASL_PASSWORD=" + k.App.Password, "RUAS_REDIS_PASSWORD=" + r.App.Password}

	var events bytes.Buffer
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 400 {
		customer := fmt.Sprintf("c%d", i%37)
		event := fmt.Sprintf(`{"id":"e%d","type":"purchase","customer_id":%q,"time":%q,"amount":%d}`,
			i, customer, start.Add(time.Duration(i)*7*time.Minute).Format(time.RFC3339), i%90)
		events.WriteString(event + "\n")
		admin.Produce(t.Context(), &kgo.Record{Topic: "purchases", Key: []byte(customer), Value: []byte(event)}, nil)
	}
	if err := admin.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventsFile := write("events.jsonl", events.String())
	var replayed, replayErr bytes.Buffer
	if code := execute(t.Context(), []string{"replay", "-c", file, "purchases=" + eventsFile}, streams{nil, &replayed, &replayErr, environ}); code != exitFine {
		t.Fatalf("replay: %s", replayErr.String())
	}
	// The clock of a partition passes only moments before its last event; what is due later is not published.
	want := slices.DeleteFunc(byCustomer(t, strings.Split(strings.TrimSpace(replayed.String()), "\n")), func(c string) bool { return strings.Contains(c, " leave ") })

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var log lockedBuffer
	ended := make(chan int, 1)
	go func() { ended <- execute(ctx, []string{"run", "-c", file}, streams{nil, io.Discard, &log, environ}) }()
	got := joins(t, admin, "segment-changes", len(want), &log)
	if !slices.Equal(got, want) {
		t.Errorf("published %d joins, replay has %d\n%s\n%s", len(got), len(want), strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for path, part := range map[string]string{
		"/readyz": "ready", "/healthz": "alive", "/metrics": "ruas_transaction_seconds_count", "/v1/segments": `"name":"loyal"`, "/": "<html",
	} {
		if text := page(t, "http://"+address+path); !strings.Contains(text, part) {
			t.Errorf("%s: %s", path, text)
		}
	}
	stop()
	select {
	case code := <-ended:
		if code != exitFine {
			t.Errorf("exit code %d\n%s", code, log.String())
		}
	case <-time.After(time.Minute):
		t.Fatalf("it does not stop\n%s", log.String())
	}
	for _, secret := range []string{k.App.Password, r.App.Password} {
		if strings.Contains(log.String(), secret) {
			t.Error("a password is in the log")
		}
	}
}

func TestRunSaysWhatItCannotReach(t *testing.T) {
	t.Parallel()
	k, r := servers.KafkaSecure(t), servers.RedisSecure(t)
	base := []string{
		"RUAS_KAFKA_BROKERS=" + k.Addresses[0], "RUAS_KAFKA_TLS_ENABLED=true", "RUAS_KAFKA_TLS_CA=" + k.CA,
		"RUAS_KAFKA_SASL_MECHANISM=SCRAM-SHA-512", "RUAS_KAFKA_SASL_USER=" + k.App.Name, "RUAS_KAFKA_SASL_PASSWORD=" + k.App.Password,
		"RUAS_REDIS_ADDRESSES=" + r.Addresses[0], "RUAS_REDIS_TLS_ENABLED=true", "RUAS_REDIS_TLS_CA=" + r.CA,
		"RUAS_REDIS_USERNAME=" + r.App.Name, "RUAS_REDIS_PASSWORD=" + r.App.Password,
		"RUAS_HTTP_LISTEN=", "RUAS_ADMIN_LISTEN=",
	}
	segments := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(segments, []byte(runSegments), 0o600); err != nil {
		t.Fatal(err)
	}
	base = append(base, "RUAS_SEGMENTS="+segments)
	for _, c := range []struct {
		name    string
		environ []string
		want    string
	}{
		{"a wrong password of Redis", []string{"RUAS_REDIS_PASSWORD=wrong-one"}, "Redis"},
		{"a wrong password of Kafka", []string{"RUAS_KAFKA_SASL_PASSWORD=wrong-one"}, "Kafka"},
		{"no rights on Kafka", nil, "ACL"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			code := execute(t.Context(), []string{"run", "--no-api"}, streams{strings.NewReader(""), io.Discard, &log, slices.Concat(base, c.environ)})
			message := log.String()
			if code != exitUnreachable || !strings.Contains(message, c.want) || strings.Contains(message, "wrong-one") {
				t.Errorf("exit code %d\n%s", code, message)
			}
		})
	}
}

func secureClient(t *testing.T, k *servers.Servers, as servers.Account) *kgo.Client {
	t.Helper()
	pem, err := os.ReadFile(k.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addresses...), kgo.DialTLSConfig(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}),
		kgo.SASL(scram.Auth{User: as.Name, Pass: as.Password}.AsSha512Mechanism()),
		kgo.ConsumeTopics("segment-changes"), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.MetadataMinAge(100*time.Millisecond), kgo.UnknownTopicRetries(-1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func createTopic(t *testing.T, client *kgo.Client, topic string) {
	t.Helper()
	createTopicWith(t, kadm.NewClient(client), topic, 2, nil)
}

// createTopicWith returns when a broker tells of the topic: it may know of it some time after the controller has made it.
func createTopicWith(t *testing.T, admin *kadm.Client, topic string, partitions int32, config map[string]*string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		_, err := admin.CreateTopic(t.Context(), partitions, 1, config, topic)
		if err == nil || errors.Is(err, kerr.TopicAlreadyExists) { // by the first of two requests, whose answer was lost
			var told kadm.TopicDetails
			if told, err = admin.ListTopics(t.Context(), topic); err == nil && told.Has(topic) {
				return
			}
			err = errors.Join(err, told.Error())
		}
		// The only broker is none for a moment where a busy machine keeps it from telling its controller in time that it lives.
		passes := errors.Is(err, kerr.InvalidReplicationFactor) || errors.Is(err, kerr.UnknownTopicOrPartition)
		if !passes || time.Now().After(end) {
			t.Fatalf("creating the topic %s: %v", topic, err)
		}
	}
}

// grant allows a user what ruas needs.
func grant(t *testing.T, client *kgo.Client, user string) {
	t.Helper()
	for _, b := range []*kadm.ACLBuilder{
		kadm.NewACLs().Topics("purchases", "browsing", "devices").Operations(kadm.OpRead, kadm.OpDescribe),
		kadm.NewACLs().Topics("segment-changes", "segment-state", "dead-letters", "segment-memberships", "ruas-forget").Operations(kadm.OpCreate, kadm.OpRead, kadm.OpWrite, kadm.OpDescribe),
		kadm.NewACLs().Groups("ruas").Operations(kadm.OpRead),
		kadm.NewACLs().TransactionalIDs("ruas-").ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpWrite, kadm.OpDescribe),
	} {
		made, err := kadm.NewClient(client).CreateACLs(t.Context(), b.Allow("User:"+user).AllowHosts("*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range made {
			if m.Err != nil {
				t.Fatal(m.Err)
			}
		}
	}
}

// joins reads changes until it has so many joins.
func joins(t *testing.T, client *kgo.Client, topic string, want int, log fmt.Stringer) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var lines []string
	for count := 0; count < want; {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d joins on %s\n%s", count, want, topic, log)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			if strings.Contains(string(r.Value), `"change":"join"`) {
				lines = append(lines, string(r.Value))
				count++
			}
		})
	}
	return byCustomer(t, lines)
}

// byCustomer gives each change as a short text, in an order that does not depend on partitions.
func byCustomer(t *testing.T, lines []string) []string {
	t.Helper()
	list := make([]string, len(lines))
	for i, line := range lines {
		var c struct {
			ID, Segment, Change, Time string
			Customer                  string `json:"customer_id"`
			Seq                       int
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		list[i] = fmt.Sprintf("%s %s %03d %s %s %s", c.Customer, c.Segment, c.Seq, c.Change, c.Time, c.ID)
	}
	slices.Sort(list)
	return list
}

func page(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// lockedBuffer is written by the command while the test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
