//go:build integration

package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/servers"
	"github.com/ruas/ruas/internal/workload"
)

// Names within the site.
const (
	group       = "chaos"
	changes     = "segment-changes"
	state       = "segment-state"
	deadLetters = "dead-letters"
	memberships = "segment-memberships"
	forgets     = "ruas-forget"
	prefix      = "ruas:"
)

// sessionTimeout and transactionTimeout are those of quick settings.
const (
	sessionTimeout     = 3 * time.Second
	transactionTimeout = 6 * time.Second
)

// spenderSegment goes with the benchmark's ten: changes that bear a feature, and a membership that until ends.
const spenderSegment = `
features:
  spend_30d: purchase.last("30d").sum(p, p.amount)
segments:
  spender: {when: feature.spend_30d >= 500, until: feature.spend_30d < 400, include: [spend_30d]}
`

// site is a whole deployment: Kafka, Redis, a network, and places for workers.
type site struct {
	t       *testing.T
	kafka   *servers.Servers
	redis   *servers.Servers
	net     *network
	workers []*worker
	admin   *kadm.Client
	view    goredis.UniversalClient
	nodes   []*goredis.Client // of Redis
	binary  string
	folder  string // of rules and configurations
	logs    string

	forgotten *forgetting // nil: nobody is
	silences  *Silences
	read      atomic.Int64 // how much of the sources the group has committed
	written   atomic.Int64 // how much there is
}

// plan says what a site is like.
type plan struct {
	binary  string
	logs    string
	cluster bool // of Redis
	workers int  // places
	// defaults are the broker's timings, and the worker's.
	defaults bool
}

func newSite(t *testing.T, p plan) *site {
	t.Helper()
	if err := os.MkdirAll(p.logs, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, binary: p.binary, folder: t.TempDir(), logs: p.logs, silences: NewSilences(partitions)}
	startRedis, redisNodes := servers.Redis, 1
	if p.cluster {
		startRedis, redisNodes = servers.RedisCluster, 6
	}
	s.net = newNetwork(t, p.workers, 3, redisNodes)
	s.kafka = servers.KafkaClusterWith(t, servers.Setup{Doors: s.net.doors(), DefaultTimings: p.defaults})
	s.redis = startRedis(t)
	s.net.lead(s.kafka, s.redis)

	client := s.client()
	s.admin = kadm.NewClient(client)
	s.view = goredis.NewUniversalClient(&goredis.UniversalOptions{Addrs: s.redis.Addresses, ReadTimeout: time.Minute})
	t.Cleanup(func() { _ = s.view.Close() })
	for _, a := range s.redis.Addresses {
		c := goredis.NewClient(&goredis.Options{Addr: a, DialTimeout: 2 * time.Second, ReadTimeout: 10 * time.Second, DialerRetries: 1, MaxRetries: -1})
		t.Cleanup(func() { _ = c.Close() })
		s.nodes = append(s.nodes, c)
	}
	s.createTopics()
	s.configure(p)
	return s
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// client makes a client that comes to the brokers directly.
func (s *site) client(options ...kgo.Opt) *kgo.Client {
	s.t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(s.kafka.Addresses...), kgo.MetadataMinAge(100 * time.Millisecond), kgo.RetryTimeout(time.Minute),
	}, options...)...)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func (s *site) createTopics() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	for _, source := range sources {
		for { // brokers that have only just started may not know each other
			made, err := s.admin.CreateTopic(ctx, partitions, 3, nil, source.topic)
			if err = errors.Join(err, made.Err); err == nil {
				break
			}
			if ctx.Err() != nil {
				s.t.Fatalf("creating a topic: %v", err)
			}
			time.Sleep(500 * time.Millisecond)
		}
	}
}

func (s *site) file(name string) string { return filepath.Join(s.folder, name) }

func (s *site) configure(p plan) {
	s.t.Helper()
	rules, err := workload.Rules(10)
	if err != nil {
		s.t.Fatal(err)
	}
	files := map[string]string{"s10.yaml": string(rules), "spender.yaml": spenderSegment}
	var list strings.Builder
	for _, source := range sources {
		fmt.Fprintf(&list, "  %s: {}\n", source.topic)
	}
	timings := fmt.Sprintf(", session_timeout: %v, transaction_timeout: %v", sessionTimeout, transactionTimeout)
	if p.defaults {
		timings = ""
	}
	ports := servers.Ports(s.t, p.workers)
	for i := range p.workers {
		w := &worker{t: s.t, number: i, binary: s.binary, config: s.file(fmt.Sprintf("worker-%d.yaml", i)), http: ports[i], logs: s.logs}
		s.workers = append(s.workers, w)
		files[filepath.Base(w.config)] = fmt.Sprintf(`
kafka: {brokers: [%s], group: %s%s}
redis: {addresses: [%s]}
segments: [s10.yaml, spender.yaml]
sources:
%sclock: records
cache: {customers: 1000}
http: {listen: %q}
admin: {listen: ""}
`, strings.Join(s.net.kafka[i].addresses(), ", "), group, timings, strings.Join(s.net.redis[i].addresses(), ", "), list.String(), w.http)
		s.t.Cleanup(func() {
			if w.alive() {
				w.signal(9)
				<-w.ended
			}
			if s.t.Failed() && w.starts > 0 {
				s.t.Log(w.tail())
			}
		})
	}
	for name, text := range files {
		if err := os.WriteFile(s.file(name), []byte(text), 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// buildRuas builds the command that is tested.
func buildRuas(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "ruas")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/ruas").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return binary
}

// await waits, on a machine with far more to do than it can.
func (s *site) await(what string, done func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(3 * time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		for _, w := range s.workers {
			if w.wanted && !w.alive() {
				s.t.Fatalf("waiting for %s: worker %d ended with exit code %d\n%s", what, w.number, w.state.ExitCode(), w.tail())
			}
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("waited 3 minutes for %s", what)
		}
	}
}

// listen notes all changes as a reader with isolation level read_committed sees them, until ctx is done.
func (s *site) listen(ctx context.Context) {
	client := s.client(kgo.ConsumeTopics(changes), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.UnknownTopicRetries(-1),
		kgo.FetchMaxWait(100*time.Millisecond), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.MetadataMaxAge(5*time.Second))
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) { s.silences.Heard(r.Partition, now) })
	}
}

// measure compares what the group has committed with what there is, every two seconds, until ctx is done.
func (s *site) measure(ctx context.Context, lag *atomic.Int64) {
	var topics []string
	for _, source := range sources {
		topics = append(topics, source.topic)
	}
	for tick := time.NewTicker(2 * time.Second); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
		}
		ask, cancel := context.WithTimeout(ctx, 20*time.Second)
		ends, err := s.admin.ListEndOffsets(ask, topics...)
		if err == nil && ends.Error() == nil {
			committed, err := s.admin.FetchOffsets(ask, group)
			if err == nil {
				var read, written int64
				ends.Each(func(o kadm.ListedOffset) {
					written += o.Offset
					if c, ok := committed.Lookup(o.Topic, o.Partition); ok {
						read += max(0, min(c.At, o.Offset))
					}
				})
				s.read.Store(read)
				s.written.Store(written)
				if lag != nil {
					lag.Store(written - read)
				}
			}
		}
		cancel()
	}
}

// drained tells whether the group has committed everything up to the given offsets.
func (s *site) drained(ends map[string][partitions]int64) bool {
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	committed, err := s.admin.FetchOffsets(ctx, group)
	if err != nil {
		return false
	}
	for topic, list := range ends {
		for p, end := range list {
			if c, ok := committed.Lookup(topic, int32(p)); !ok || c.At < end {
				return false
			}
		}
	}
	return true
}

// outOfSync names the partitions that do not have all their replicas; "": all have.
func (s *site) outOfSync() string {
	ctx, cancel := context.WithTimeout(s.t.Context(), 3*time.Second)
	defer cancel()
	topics, err := s.admin.ListTopicsWithInternal(ctx)
	if err := cmp.Or(err, topics.Error()); err != nil {
		return err.Error()
	}
	var out []string
	topics.EachPartition(func(p kadm.PartitionDetail) {
		if p.Err != nil || len(p.ISR) < len(p.Replicas) {
			out = append(out, fmt.Sprintf("%s/%d: leader %d, in sync %v of %v, error %v", p.Topic, p.Partition, p.Leader, p.ISR, p.Replicas, p.Err))
		}
	})
	slices.Sort(out)
	return strings.Join(out, "; ")
}
