// Package redis is Redis behind the interfaces of pipeline and of the API: for each partition number a shard, a fenced copy of the
// committed state. It owns every use of go-redis, the keys and their meaning, and how a loss is noticed. It knows neither rules nor
// Kafka, and does not look into the states that it holds.
package redis

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/ruas/ruas/internal/pipeline"
)

// Options says how Redis is reached. The zero value of a field is its default.
type Options struct {
	// Addresses: one is a single server, several are nodes of a Cluster to start from.
	Addresses []string
	// Cluster says that a single address is that of a Cluster's node.
	Cluster            bool
	Username, Password string
	DB                 int // 0 in a Cluster
	// Prefix is what all keys begin with. Group keeps the keys of several pipelines apart.
	Prefix, Group string
	// Timeout (3 s) is how long one round trip may take.
	Timeout time.Duration
	// Patience (10 s) is for how long a server that does not answer is asked again at the start.
	Patience time.Duration
	TLS      *tls.Config
	// Dialer replaces the network, for tests; nil: the network.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
	Logger *zap.Logger
}

// Redis is a server or a Cluster. It implements pipeline.View.
type Redis struct {
	opt Options
	cl  goredis.UniversalClient
}

// New makes the client; it does not connect.
func New(opt Options) (*Redis, error) {
	if len(opt.Addresses) == 0 {
		return nil, errors.New("redis: no addresses")
	}
	if opt.Timeout <= 0 {
		opt.Timeout = 3 * time.Second
	}
	if opt.Patience <= 0 {
		opt.Patience = 10 * time.Second
	}
	if opt.Logger == nil {
		opt.Logger = zap.NewNop()
	}
	goredis.SetLogger(quiet{})
	r := &Redis{opt: opt}
	if len(opt.Addresses) > 1 || opt.Cluster {
		r.cl = goredis.NewClusterClient(&goredis.ClusterOptions{
			Addrs: opt.Addresses, Username: opt.Username, Password: opt.Password, TLSConfig: opt.TLS, Dialer: opt.Dialer,
			DialTimeout: opt.Timeout, ReadTimeout: opt.Timeout, WriteTimeout: opt.Timeout,
			// Watch does not look for a new master by itself when the old one is gone.
			ClusterStateReloadInterval: time.Second,
			DialerRetries:              1,
		})
		return r, nil
	}
	r.cl = goredis.NewClient(&goredis.Options{
		Addr: opt.Addresses[0], Username: opt.Username, Password: opt.Password, DB: opt.DB, TLSConfig: opt.TLS, Dialer: opt.Dialer,
		DialTimeout: opt.Timeout, ReadTimeout: opt.Timeout, WriteTimeout: opt.Timeout,
		DialerRetries: 1,
		MaxRetries:    -1, // the pipeline retries, and knows what a write whose answer was lost has done
	})
	return r, nil
}

// Close ends the connections.
func (r *Redis) Close() error { return r.cl.Close() }

// Prepare implements pipeline.View. A server that does not answer, or stops answering meanwhile, is asked again until patience ends.
func (r *Redis) Prepare(ctx context.Context) error {
	where := strings.Join(r.opt.Addresses, ", ")
	told := false
	for end := time.Now().Add(r.opt.Patience); ; {
		err := r.inspect(ctx)
		var refusal *pipeline.Refusal
		switch {
		case err == nil || ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &refusal):
			return fmt.Errorf("connecting to %s: %w", where, refusal)
		case !strings.Contains(err.Error(), "LOADING") && !time.Now().Before(end):
			return &pipeline.Refusal{Reason: fmt.Sprintf("Redis does not answer at %s (redis.addresses): %v", where, err), Unreachable: true}
		}
		if !told {
			told = true
			r.opt.Logger.Warn("Redis does not answer yet", zap.Strings("addresses", r.opt.Addresses), zap.Duration("asking_for", r.opt.Patience), zap.Error(err))
		}
		wait := time.NewTimer(200 * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return ctx.Err()
		case <-wait.C:
		}
	}
}

// inspect asks once, every master, whether the server is one to keep states in. What is not a Refusal may be otherwise at the next time.
func (r *Redis) inspect(ctx context.Context) error {
	if err := r.cl.Ping(ctx).Err(); err != nil {
		if refusal := refused(err); refusal != nil {
			return refusal
		}
		return err
	}
	if cluster, ok := r.cl.(*goredis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, master *goredis.Client) error { return r.checkEviction(ctx, master) })
	}
	return r.checkEviction(ctx, r.cl)
}

// checkEviction refuses a server that throws keys away when it is full. Where the user may not ask, that is said: a key that goes
// missing is noticed in any case.
func (r *Redis) checkEviction(ctx context.Context, cl goredis.Cmdable) error {
	const setting = "maxmemory-policy"
	got, err := cl.ConfigGet(ctx, setting).Result()
	switch {
	case err != nil && strings.HasPrefix(err.Error(), "NOPERM"):
		r.opt.Logger.Warn("this user may not read Redis's maxmemory-policy: make sure that it is noeviction", zap.Error(err))
		return nil
	case err != nil && strings.Contains(err.Error(), "unknown command"):
		return nil // a server without the command has no such setting
	case err != nil:
		return fmt.Errorf("reading Redis's %s: %w", setting, err)
	case got[setting] != "noeviction":
		return &pipeline.Refusal{Reason: fmt.Sprintf("Redis throws keys away when it is full (its maxmemory-policy is %s): set it to noeviction", got[setting])}
	}
	return nil
}

// refused gives what no retry mends until somebody changes the server's settings, or ours; nil: err is something else.
func refused(err error) *pipeline.Refusal {
	var what string
	switch text := err.Error(); {
	case strings.HasPrefix(text, "WRONGPASS"), strings.HasPrefix(text, "NOAUTH"):
		what = "does not accept the user or the password (redis.username, redis.password)"
	case strings.HasPrefix(text, "NOPERM"):
		what = "does not allow this user what ruas needs (docs/operations.md)"
	default:
		return nil
	}
	return &pipeline.Refusal{Reason: fmt.Sprintf("Redis %s: %v", what, err), Unreachable: true}
}

// explain says of a server's error what there is to do about it, where that is known.
func explain(doing string, err error) error {
	if refusal := refused(err); refusal != nil {
		return fmt.Errorf("%s in Redis: %w", doing, refusal)
	}
	if strings.HasPrefix(err.Error(), "OOM") {
		return fmt.Errorf("%s: Redis is full (maxmemory): give it more memory; nothing is lost meanwhile: %w", doing, err)
	}
	return fmt.Errorf("%s in Redis: %w", doing, err)
}

// quiet drops what go-redis logs by itself: every error that matters is returned.
type quiet struct{}

func (quiet) Printf(context.Context, string, ...any) {}
