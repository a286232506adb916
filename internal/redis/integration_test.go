//go:build integration

package redis

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/ruas/ruas/internal/pipeline"
	"github.com/ruas/ruas/internal/servers"
)

func TestShardOnRedis(t *testing.T) {
	shards(t, Options{Addresses: servers.Redis(t).Addresses, Prefix: "ruas:", Group: "shards"})
}

func TestShardOnCluster(t *testing.T) {
	shards(t, Options{Addresses: servers.RedisCluster(t).Addresses, Prefix: "ruas:", Group: "shards"})
}

func TestShardWithTLSAndUser(t *testing.T) {
	s := servers.RedisSecure(t)
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	opt := Options{
		Addresses: s.Addresses, Prefix: "ruas:", Group: "shards", Username: s.App.Name, Password: s.App.Password,
		TLS: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}
	shards(t, opt)
	opt.Password = "wrong"
	r, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	refusal := new(pipeline.Refusal)
	if err := r.Prepare(t.Context()); !errors.As(err, &refusal) || !strings.Contains(err.Error(), "password") {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestEvictingServerIsRefused(t *testing.T) {
	s := servers.Redis(t)
	cl := goredis.NewClient(&goredis.Options{Addr: s.Addresses[0]})
	defer func() { _ = cl.Close() }()
	if err := cl.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	r, err := New(Options{Addresses: s.Addresses, Group: "g", Patience: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if err := r.Prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "noeviction") {
		t.Errorf("got %v, want a refusal that names noeviction", err)
	}
}
