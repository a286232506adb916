package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const redisImage = "redis:7-alpine"

// Redis starts one server without a password, with an append-only file and noeviction.
func Redis(t Owner) *Servers {
	t.Helper()
	return redisNodes(t, 1, func(_ int, port int, _ string) (string, map[string][]byte) {
		return fmt.Sprintf("port %d\n", port), nil
	})
}

// RedisInMemory starts one server as Redis does, but that writes no file.
func RedisInMemory(t Owner) *Servers {
	t.Helper()
	return redisNodes(t, 1, func(_ int, port int, _ string) (string, map[string][]byte) {
		return fmt.Sprintf("port %d\nappendonly no\n", port), nil
	})
}

// RedisSecure starts one server that speaks TLS only. Its default user's password is Admin's; App is an ACL user for keys that begin
// with "ruas:", without dangerous commands.
func RedisSecure(t Owner) *Servers {
	t.Helper()
	c := newCertificates(t)
	s := redisNodes(t, 1, func(_ int, port int, folder string) (string, map[string][]byte) {
		files := map[string][]byte{
			filepath.Join(folder, "ca.pem"):     c.ca,
			filepath.Join(folder, "server.crt"): c.cert,
			filepath.Join(folder, "server.key"): c.key,
		}
		return fmt.Sprintf(`port 0
tls-port %d
tls-cert-file %s/server.crt
tls-key-file %s/server.key
tls-ca-cert-file %s/ca.pem
tls-auth-clients no
requirepass %s
user %s on >%s ~ruas:* &ruas:* +@all -@admin -@dangerous +info +config|get
`, port, folder, folder, folder, admin.Password, app.Name, app.Password), files
	})
	s.CA, s.Admin, s.App = c.caFile, Account{"default", admin.Password}, app
	return s
}

// RedisCluster starts three masters, then a replica of each: Nodes[3] replicates Nodes[0], and so on. A master that is gone is
// replaced after some four seconds.
func RedisCluster(t Owner) *Servers {
	t.Helper()
	const masters, nodes = 3, 6
	bus := mustPorts(t, nodes)
	s := redisNodes(t, nodes, func(i, port int, _ string) (string, map[string][]byte) {
		return fmt.Sprintf(`port %d
cluster-enabled yes
cluster-config-file nodes.conf
cluster-node-timeout 2000
cluster-port %d
cluster-announce-ip 127.0.0.1
repl-diskless-sync-delay 0
`, port, bus[i]), nil
	})
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := joinCluster(ctx, s.Addresses, bus, masters); err != nil {
		t.Fatalf("making a Redis Cluster: %v", err)
	}
	return s
}

// redisNodes starts n servers; more gives what is a server's own: lines of its configuration, and files.
func redisNodes(t Owner, n int, more func(i, port int, folder string) (string, map[string][]byte)) *Servers {
	t.Helper()
	ports := mustPorts(t, n)
	specs := make([]spec, n)
	for i, port := range ports {
		folder := t.TempDir()
		lines, files := more(i, port, folder)
		if files == nil {
			files = map[string][]byte{}
		}
		conf := filepath.Join(folder, "redis.conf")
		files[conf] = fmt.Appendf(nil, "bind 127.0.0.1\ndir %s\nsave \"\"\nappendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\ndaemonize no\n%s", folder, lines)
		specs[i] = spec{
			name:   fmt.Sprintf("redis-%d", i),
			folder: folder,
			files:  files,
			local:  []string{"redis-server", conf},
			image:  setting("RUAS_TEST_REDIS_IMAGE", redisImage),
			boxed:  "exec redis-server " + conf,
		}
	}
	nodes := launch(t, specs, ports)
	return &Servers{Addresses: addresses(nodes), Nodes: nodes}
}

// LoseData takes from a Redis that does not run what it would start with: it starts empty, or, with cut, as it was before it wrote the
// last so many bytes of its append-only file. A Cluster's node still knows its place. Only local processes can.
func (n *Node) LoseData(cut int64) {
	n.t.Helper()
	folder, err := n.runs.data()
	n.must("finding the data of", err)
	folder = filepath.Join(folder, "appendonlydir")
	if cut == 0 {
		n.must("emptying", os.RemoveAll(folder))
		return
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.incr.aof"))
	n.must("finding the append-only file of", err)
	var newest os.FileInfo // an earlier one is there only while the file is rewritten
	for _, file := range files {
		info, err := os.Stat(file)
		n.must("looking at the append-only file of", err)
		if newest == nil || info.ModTime().After(newest.ModTime()) {
			newest = info
		}
	}
	if newest == nil {
		return // nothing was ever written
	}
	n.must("cutting the append-only file of", os.Truncate(filepath.Join(folder, newest.Name()), max(0, newest.Size()-cut)))
}

// ClusterInOrder tells whether every node of a Redis Cluster serves and sees all others, and every master has a replica in step.
func (s *Servers) ClusterInOrder(ctx context.Context) error {
	for _, a := range s.Addresses {
		c := redis.NewClient(&redis.Options{Addr: a, DialerRetries: 1, MaxRetries: -1})
		err := clusterReady(ctx, c, len(s.Addresses))
		if err := errors.Join(err, c.Close()); err != nil {
			return fmt.Errorf("the node at %s: %w", a, err)
		}
	}
	return nil
}

const slots = 16384

// joinCluster makes the first masters share the slots, and each of the rest replicate one of them.
func joinCluster(ctx context.Context, addresses []string, bus []int, masters int) error {
	clients := make([]*redis.Client, len(addresses))
	ids := make([]string, len(addresses))
	for i, a := range addresses {
		clients[i] = redis.NewClient(&redis.Options{Addr: a})
		defer func() { _ = clients[i].Close() }()
		var err error
		if ids[i], err = clients[i].Do(ctx, "cluster", "myid").Text(); err != nil {
			return err
		}
		if i < masters {
			if err := clients[i].ClusterAddSlotsRange(ctx, slots*i/masters, slots*(i+1)/masters-1).Err(); err != nil {
				return err
			}
		}
	}
	for i, a := range addresses[1:] {
		port := a[strings.LastIndexByte(a, ':')+1:]
		if err := clients[0].Do(ctx, "cluster", "meet", "127.0.0.1", port, bus[i+1]).Err(); err != nil {
			return err
		}
	}
	for i := masters; i < len(clients); i++ { // until the node has heard of its master by gossip, it refuses
		if err := poll(ctx, func() error { return clients[i].ClusterReplicate(ctx, ids[i-masters]).Err() }); err != nil {
			return err
		}
	}
	for _, c := range clients {
		if err := poll(ctx, func() error { return clusterReady(ctx, c, len(clients)) }); err != nil {
			return err
		}
	}
	return nil
}

// clusterReady tells whether a node sees all others, serves, and is in step with its master.
func clusterReady(ctx context.Context, c *redis.Client, nodes int) error {
	info, err := c.ClusterInfo(ctx).Result()
	if err != nil {
		return err
	}
	replication, err := c.Info(ctx, "replication").Result()
	if err != nil {
		return err
	}
	if !strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", nodes)) ||
		strings.Contains(replication, "master_link_status:down") ||
		(strings.Contains(replication, "role:master") && !strings.Contains(replication, "connected_slaves:1")) {
		return fmt.Errorf("not in order yet: %s %s", info, replication)
	}
	return nil
}

// poll repeats until it succeeds or ctx ends, whose error then holds the last one.
func poll(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
