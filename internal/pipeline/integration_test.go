//go:build integration

package pipeline_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/ruas/ruas/internal/kafka"
	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/redis"
	"github.com/ruas/ruas/internal/servers"
)

// onServers gives a rig on servers that run, with topics of its own.
func onServers(t *testing.T, brokers, redisAddresses []string, name string) *rig {
	t.Helper()
	r := newRig(t, brokers, redisAddresses, "-"+name, s10(t))
	r.makeSources()
	return r
}

func (r *rig) makeSources() {
	r.t.Helper()
	for _, topic := range sourceNames {
		if _, err := kadm.NewClient(r.client).CreateTopic(r.t.Context(), partitions, -1, nil, topic+r.suffix); err != nil {
			r.t.Fatalf("creating a topic: %v", err)
		}
	}
}

func flushAll(t *testing.T, address string) func() {
	cl := goredis.NewClient(&goredis.Options{Addr: address})
	t.Cleanup(func() { _ = cl.Close() })
	return func() {
		if err := cl.FlushAll(context.WithoutCancel(t.Context())).Err(); err != nil {
			t.Errorf("emptying Redis: %v", err)
		}
	}
}

func TestRealServers(t *testing.T) {
	k, rd := servers.Kafka(t), servers.Redis(t)
	t.Run("drain", func(t *testing.T) {
		n := 50_000
		if v := os.Getenv("RUAS_TEST_EVENTS"); v != "" {
			if _, err := fmt.Sscan(v, &n); err != nil {
				t.Fatal(err)
			}
		}
		drain(onServers(t, k.Addresses, rd.Addresses, "drain"), newShop(t, n, n/20))
	})
	t.Run("faults", func(t *testing.T) {
		r := onServers(t, k.Addresses, rd.Addresses, "faults")
		r.change = small
		faults(r, newShop(t, 30_000, 500), flushAll(t, rd.Addresses[0]), 12)
	})
	t.Run("dead letters", func(t *testing.T) {
		r := newRig(t, k.Addresses, rd.Addresses, "-letters", buyerRule)
		r.makeSources()
		sendAgain(r)
	})
}

func TestRealClusters(t *testing.T) {
	k, rd := servers.KafkaCluster(t), servers.RedisCluster(t)
	r := onServers(t, k.Addresses, rd.Addresses, "clusters")
	r.change = small
	nodes, turn := append(slices.Clone(k.Nodes), rd.Nodes...), 0
	faults(r, newShop(t, 20_000, 500), func() { // a node of either is killed, and comes back
		n := nodes[turn*4%len(nodes)]
		turn++
		n.Kill()
		time.Sleep(2500 * time.Millisecond)
		n.Start()
	}, 10)
}

// TestSecuredServers drains with TLS, as users that may do no more than ruas needs.
func TestSecuredServers(t *testing.T) {
	k, rd := servers.KafkaSecure(t), servers.RedisSecure(t)
	trust := func(file string) *tls.Config {
		pem, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	r := newRig(t, k.Addresses, rd.Addresses, "-secured", s10(t), kgo.DialTLSConfig(trust(k.CA)),
		kgo.SASL(scram.Auth{User: k.Admin.Name, Pass: k.Admin.Password}.AsSha512Mechanism()))
	r.makeSources()
	mechanism := kafka.SASL{Mechanism: "SCRAM-SHA-512", User: k.App.Name, Password: k.App.Password}
	r.connect = func(ko *kafka.Options, ro *redis.Options) {
		ko.Dialer, ko.TLS, ko.SASL = nil, trust(k.CA), mechanism
		ro.Dialer, ro.TLS, ro.Username, ro.Password = nil, trust(rd.CA), rd.App.Name, rd.App.Password
	}
	refused := func(want string) {
		t.Helper()
		err := <-r.start().done
		if refusal := new(pipeline.Refusal); !errors.As(err, &refusal) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want a refusal that says %q", err, want)
		}
	}
	refused("an ACL is missing")

	admin := kadm.NewClient(r.client)
	user := "User:" + k.App.Name
	allow := func(b *kadm.ACLBuilder) {
		t.Helper()
		if err := b.ValidateCreate(); err != nil {
			t.Fatal(err)
		}
		if _, err := admin.CreateACLs(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	var sources []string
	for _, name := range sourceNames {
		sources = append(sources, name+r.suffix)
	}
	acl := func() *kadm.ACLBuilder {
		return kadm.NewACLs().Allow(user).AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral)
	}
	allow(acl().Topics(sources...).Operations(kadm.OpRead, kadm.OpDescribe))
	allow(acl().Topics("segment-changes"+r.suffix, "dead-letters"+r.suffix).Operations(kadm.OpCreate, kadm.OpWrite, kadm.OpDescribe))
	allow(acl().Topics("segment-state"+r.suffix).Operations(kadm.OpCreate, kadm.OpWrite, kadm.OpRead, kadm.OpDescribe))
	allow(acl().Groups(r.group).Operations(kadm.OpRead, kadm.OpDescribe))
	allow(kadm.NewACLs().Allow(user).AllowHosts("*").ResourcePatternType(kadm.ACLPatternPrefixed).
		TransactionalIDs(r.group+"-").Operations(kadm.OpWrite, kadm.OpDescribe))
	time.Sleep(time.Second) // until the broker knows

	drain(r, newShop(t, 5_000, 300))

	mechanism.Password = "wrong"
	refused("does not accept the user or the password")
	for _, m := range []kafka.SASL{
		{Mechanism: "PLAIN", User: k.Admin.Name, Password: k.Admin.Password},
		{Mechanism: "SCRAM-SHA-256", User: k.Admin.Name, Password: k.Admin.Password},
		{Mechanism: "OAUTHBEARER", Token: func() (string, error) { return servers.UnsignedToken(k.Admin.Name), nil }},
	} {
		t.Run(m.Mechanism, func(*testing.T) {
			mechanism = m
			w := r.start()
			r.ready(w)
			w.end()
		})
	}
}

// TestLateness measures, on quiet topics, how long after its moment a leave that time alone causes is published.
func TestLateness(t *testing.T) {
	k, rd := servers.Kafka(t), servers.Redis(t)
	r := newRig(t, k.Addresses, rd.Addresses, "-lateness", activeRule)
	r.makeSources()
	r.change = present
	w := r.start()
	r.ready(w)
	const customers = 400
	for i := range customers {
		now := time.Now().UnixMilli()
		r.produce(record("purchases", fmt.Sprintf("c%d", i), "e", "purchase", now, `,"amount":5`))
		time.Sleep(5 * time.Millisecond)
	}
	var late, answer []time.Duration
	for _, ch := range r.published(2 * customers) {
		if ch.Cause == "time" {
			late = append(late, ch.published.Sub(ch.Time))
		} else {
			answer = append(answer, ch.published.Sub(ch.Time))
		}
	}
	w.end()
	slices.Sort(late)
	slices.Sort(answer)
	p := func(list []time.Duration, q float64) time.Duration { return list[int(q*float64(len(list)-1))] }
	t.Logf("leaves by time: p50 %v, p99 %v, worst %v after their moment", p(late, .5), p(late, .99), p(late, 1))
	t.Logf("joins by events: p50 %v, p99 %v after the event's time", p(answer, .5), p(answer, .99))
	// How late the latest are is the benchmark's to say: here a machine may have other things to do for a while.
	if len(late) != customers || p(late, .5) > time.Second {
		t.Errorf("%d leaves, half of them within %v of their moment: want %d, half within 1 s", len(late), p(late, .5), customers)
	}
}
