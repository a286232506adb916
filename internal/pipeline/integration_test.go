//go:build integration

package pipeline_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/ruas/ruas/internal/servers"
)

// real gives a rig on servers that run, with topics of its own.
func real(t *testing.T, brokers, redisAddresses []string, name string) *rig {
	t.Helper()
	r := newRig(t, brokers, redisAddresses, "-"+name, s10(t))
	for _, topic := range sourceNames {
		if _, err := kadm.NewClient(r.client).CreateTopic(t.Context(), partitions, -1, nil, topic+r.suffix); err != nil {
			t.Fatalf("creating a topic: %v", err)
		}
	}
	return r
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
		drain(real(t, k.Addresses, rd.Addresses, "drain"), newShop(t, n, n/20))
	})
	t.Run("faults", func(t *testing.T) {
		r := real(t, k.Addresses, rd.Addresses, "faults")
		r.change = small
		faults(r, newShop(t, 30_000, 500), flushAll(t, rd.Addresses[0]), 12)
	})
}

func TestRealClusters(t *testing.T) {
	k, rd := servers.KafkaCluster(t), servers.RedisCluster(t)
	r := real(t, k.Addresses, rd.Addresses, "clusters")
	r.change = small
	faults(r, newShop(t, 20_000, 500), func() {}, 8)
}
