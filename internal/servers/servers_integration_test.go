//go:build integration

package servers

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

func TestKafka(t *testing.T) {
	s := Kafka(t)
	client := kafkaClient(t, s, kgo.TransactionalID("t"))
	createTopic(t, client, 1)
	commit(t, client, "a")

	s.Nodes[0].Kill()
	s.Nodes[0].Start()
	commit(t, client, "b")

	s.Nodes[0].Stop()
	s.Nodes[0].Start()
	commit(t, client, "c")
	if got := readAll(t, s, 3); got != "a b c" {
		t.Errorf("read back %q", got)
	}
}

func TestKafkaPaused(t *testing.T) {
	s := Kafka(t)
	client := kafkaClient(t, s)
	s.Nodes[0].Pause()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if err := client.Ping(ctx); err == nil {
		t.Error("a paused broker answers")
	}
	s.Nodes[0].Resume()
	if err := client.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestKafkaCluster(t *testing.T) {
	s := KafkaCluster(t)
	client := kafkaClient(t, s, kgo.TransactionalID("t"))
	createTopic(t, client, 3)
	commit(t, client, "a")
	s.Nodes[1].Kill()
	commit(t, client, "b") // two of three replicas are enough
	s.Nodes[1].Start()
	commit(t, client, "c")
	if got := readAll(t, s, 3); got != "a b c" {
		t.Errorf("read back %q", got)
	}
}

func TestKafkaSecure(t *testing.T) {
	s := KafkaSecure(t)
	as := func(m sasl.Mechanism) *kgo.Client { return kafkaClient(t, s, kgo.SASL(m)) }
	for _, m := range []sasl.Mechanism{
		plain.Auth{User: s.Admin.Name, Pass: s.Admin.Password}.AsMechanism(),
		scram.Auth{User: s.Admin.Name, Pass: s.Admin.Password}.AsSha256Mechanism(),
		scram.Auth{User: s.Admin.Name, Pass: s.Admin.Password}.AsSha512Mechanism(),
		oauth.Auth{Token: UnsignedToken(s.Admin.Name)}.AsMechanism(),
	} {
		if err := as(m).Ping(t.Context()); err != nil {
			t.Errorf("%s: %v", m.Name(), err)
		}
	}
	wrong := as(scram.Auth{User: s.Admin.Name, Pass: "wrong"}.AsSha512Mechanism())
	if err := wrong.Ping(t.Context()); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("a wrong password gives %v", err)
	}
	createTopic(t, as(scram.Auth{User: s.Admin.Name, Pass: s.Admin.Password}.AsSha512Mechanism()), 1)
	denied := as(scram.Auth{User: s.App.Name, Pass: s.App.Password}.AsSha512Mechanism())
	err := denied.ProduceSync(t.Context(), &kgo.Record{Topic: "t", Value: []byte("x")}).FirstErr()
	if !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("a user without rights gets %v", err)
	}
}

func kafkaClient(t *testing.T, s *Servers, options ...kgo.Opt) *kgo.Client {
	t.Helper()
	options = append([]kgo.Opt{
		kgo.SeedBrokers(s.Addresses...), kgo.MetadataMinAge(100 * time.Millisecond), kgo.RetryTimeout(30 * time.Second), kgo.DefaultProduceTopic("t"),
	}, options...)
	if s.CA != "" {
		options = append(options, kgo.DialTLSConfig(trust(t, s)))
	}
	client, err := kgo.NewClient(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func trust(t *testing.T, s *Servers) *tls.Config {
	t.Helper()
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in the CA file")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
}

func createTopic(t *testing.T, client *kgo.Client, replicas int16) {
	t.Helper()
	if r, err := kadm.NewClient(client).CreateTopic(t.Context(), 1, replicas, nil, "t"); err != nil || r.Err != nil {
		t.Fatal(err, r.Err)
	}
}

// commit produces a record in a transaction; a failure of the broker may abort one on the way, so it tries for a while.
func commit(t *testing.T, client *kgo.Client, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := poll(ctx, func() error {
		if err := client.BeginTransaction(); err != nil {
			return err
		}
		produced := client.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr()
		return errors.Join(produced, client.EndTransaction(ctx, kgo.TransactionEndTry(produced == nil)))
	})
	if err != nil {
		t.Fatalf("committing %q: %v", value, err)
	}
}

func readAll(t *testing.T, s *Servers, want int) string {
	t.Helper()
	client := kafkaClient(t, s, kgo.ConsumeTopics("t"), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var got []string
	for len(got) < want {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %v: %v", got, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { got = append(got, string(r.Value)) })
	}
	return strings.Join(got, " ")
}

func TestRedis(t *testing.T) {
	s := Redis(t)
	client := redis.NewClient(&redis.Options{Addr: s.Addresses[0]})
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Set(t.Context(), "a", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(1500 * time.Millisecond) // appendfsync everysec
	s.Nodes[0].Kill()
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Error("a killed server answers")
	}
	s.Nodes[0].Start()
	if got := get(t, client, "a"); got != "1" {
		t.Errorf("after a restart: %q", got)
	}
	policy, err := client.ConfigGet(t.Context(), "maxmemory-policy").Result()
	if err != nil || policy["maxmemory-policy"] != "noeviction" {
		t.Errorf("policy %v, %v", policy, err)
	}
}

func TestRedisSecure(t *testing.T) {
	s := RedisSecure(t)
	options := &redis.Options{Addr: s.Addresses[0], TLSConfig: trust(t, s), Username: s.App.Name, Password: s.App.Password}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	if err := client.Set(t.Context(), "ruas:a", "1", 0).Err(); err != nil {
		t.Error(err)
	}
	if err := client.Set(t.Context(), "a", "1", 0).Err(); err == nil || !strings.HasPrefix(err.Error(), "NOPERM") {
		t.Errorf("a key of others: %v", err)
	}
	wrong := *options
	wrong.Password = "wrong"
	other := redis.NewClient(&wrong)
	t.Cleanup(func() { _ = other.Close() })
	if err := other.Ping(t.Context()).Err(); err == nil || !strings.HasPrefix(err.Error(), "WRONGPASS") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestRedisCluster(t *testing.T) {
	s := RedisCluster(t)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: s.Addresses, ClusterStateReloadInterval: time.Second})
	t.Cleanup(func() { _ = client.Close() })
	for i := range 100 {
		if err := client.Set(t.Context(), "k"+strconv.Itoa(i), i, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	s.Nodes[0].Kill()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for i := range 100 { // the killed master's replica takes over
		if err := poll(ctx, func() error { return client.Set(ctx, "k"+strconv.Itoa(i), i, 0).Err() }); err != nil {
			t.Fatal(err)
		}
	}
}

func get(t *testing.T, client *redis.Client, key string) string {
	t.Helper()
	v, err := client.Get(t.Context(), key).Result()
	if err != nil {
		t.Error(err)
	}
	return v
}
