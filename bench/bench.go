package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/bench/internal/shop"
	"github.com/ruas/ruas/internal/servers"
)

// partitions is how many each topic has.
const partitions = 4

// bench is everything that measures share: servers, data, programs, results.
type bench struct {
	*owner
	ctx   context.Context
	opt   options
	root  string // of the repository
	cache string // what is kept from run to run: files of events
	logs  string
	bin   string // what was built

	kafka, redis *servers.Servers
	client       *kgo.Client
	admin        *kadm.Client
	view         *goredis.Client
	datasets     map[string]*dataset
	store        *store
	session      string
	app          int // how many names were given
}

// newBench makes folders; servers come with the first measure that needs them.
func newBench(ctx context.Context, opt options) (*bench, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, "bench", "main.go")); err != nil {
		return nil, errors.New("run it in the repository's folder: go run ./bench")
	}
	b := &bench{
		ctx: ctx, opt: opt, root: root, cache: filepath.Join(root, ".servers", "bench"), datasets: map[string]*dataset{},
		session: time.Now().UTC().Format(time.RFC3339),
	}
	b.logs, b.bin = filepath.Join(b.cache, "logs"), filepath.Join(b.cache, "bin")
	runs := filepath.Join(b.cache, "run")
	b.owner = &owner{ctx: ctx, folder: runs}
	if err := os.RemoveAll(b.logs); err != nil { // those of the last run
		return nil, err
	}
	for _, folder := range []string{b.logs, b.bin, runs} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return nil, err
		}
	}
	b.store, err = openStore(opt.results, b.session, func() (environment, error) { return b.environment() })
	return b, err
}

// Context is also the owner's.
func (b *bench) Context() context.Context { return b.ctx }

// serve starts Kafka and Redis, where they do not run yet.
func (b *bench) serve() error {
	if b.kafka != nil {
		return nil
	}
	// Containers would be other processes' children: what they use could not be read.
	if err := os.Setenv("RUAS_TEST_BACKEND", "local"); err != nil {
		return err
	}
	progress("starting Kafka and Redis")
	b.kafka = servers.KafkaWith(b, servers.Setup{Throughput: true, DefaultTimings: true})
	b.redis = servers.RedisInMemory(b) // as docs/operations.md has it: it is built anew from the changelog
	var err error
	if b.client, err = b.newClient(shop.Batched()...); err != nil {
		return err
	}
	b.admin = kadm.NewClient(b.client)
	b.view = goredis.NewClient(&goredis.Options{Addr: b.redis.Addresses[0], ReadTimeout: time.Minute})
	b.Cleanup(func() { _ = b.view.Close() })
	return nil
}

func (b *bench) newClient(options ...kgo.Opt) (*kgo.Client, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(b.kafka.Addresses...), kgo.MetadataMinAge(100 * time.Millisecond), kgo.RetryTimeout(time.Minute),
	}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("connecting to Kafka: %w", err)
	}
	b.Cleanup(client.Close)
	return client, nil
}

// name gives an application a name of its own.
func (b *bench) name(of string) string {
	b.app++
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(of, " ", "-"), b.app)
}

// remove deletes the topics whose names begin with prefix, and everything in Redis.
func (b *bench) remove(prefix string) error {
	all, err := b.admin.ListTopics(b.ctx)
	if err != nil {
		return fmt.Errorf("listing topics: %w", err)
	}
	names := slices.DeleteFunc(all.Names(), func(name string) bool { return !strings.HasPrefix(name, prefix) })
	if len(names) > 0 {
		if _, err := b.admin.DeleteTopics(b.ctx, names...); err != nil {
			return fmt.Errorf("deleting topics: %w", err)
		}
	}
	if err := b.view.FlushAll(b.ctx).Err(); err != nil {
		return fmt.Errorf("emptying Redis: %w", err)
	}
	return nil
}

// pause waits, or until it is all to end.
func (b *bench) pause(d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-b.ctx.Done():
		return b.ctx.Err()
	}
}
