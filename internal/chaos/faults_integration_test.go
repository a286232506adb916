//go:build integration

package chaos

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// kindsOf are what can happen to a site.
func kindsOf(cluster bool) []Kind {
	kinds := []Kind{WorkerKill, WorkerPause, WorkerAdd, WorkerRemove, KafkaCut, RedisCut, BrokerKill, RedisKill, RedisOld, RedisEmpty, RedisFlush, RedisKeys, RedisFull}
	if cluster {
		kinds = append(kinds, ClusterKill, ClusterMove)
	}
	return kinds
}

// possible gives what a fault of that kind would touch, and how it is done; nil: it cannot be now.
func (d *driver) possible(kind Kind) (resource string, do func(*active)) {
	switch kind {
	case WorkerKill, WorkerPause, WorkerRemove, KafkaCut, RedisCut:
		w := d.victim(true)
		if w == nil {
			return "", nil
		}
		do := map[Kind]func(*active, *worker){
			WorkerKill: d.killWorker, WorkerPause: d.pauseWorker, WorkerRemove: d.removeWorker, KafkaCut: d.cutKafka, RedisCut: d.cutRedis,
		}[kind]
		return place(w), func(a *active) {
			a.On = place(w)
			do(a, w)
		}
	case WorkerAdd:
		w := d.victim(false)
		if w == nil {
			return "", nil
		}
		return place(w), func(a *active) { d.addWorker(a, w) }
	case BrokerKill:
		return d.unlessTaken("kafka", d.killBroker)
	case RedisKill:
		return d.unlessTaken("redis", func(a *active) { d.killRedis(a, nil) })
	case RedisOld:
		return d.unlessTaken("redis", func(a *active) {
			cut := 1 + d.random.Int64N(1<<(10+d.random.IntN(15)))
			d.killRedis(a, &cut)
			a.On += fmt.Sprintf(", without its last %d bytes", cut)
		})
	case RedisEmpty:
		return d.unlessTaken("redis", func(a *active) { d.killRedis(a, new(int64)) })
	case RedisFlush:
		return d.unlessTaken("redis", d.flushRedis)
	case RedisKeys:
		return d.unlessTaken("redis", d.loseKeys)
	case RedisFull:
		return d.unlessTaken("redis", d.fillRedis)
	case ClusterKill:
		return d.unlessTaken("redis", d.killMaster)
	case ClusterMove:
		return d.unlessTaken("redis", d.moveMaster)
	}
	return "", nil
}

func (d *driver) unlessTaken(resource string, do func(*active)) (string, func(*active)) {
	if !d.free(resource) {
		return "", nil
	}
	return resource, do
}

func place(w *worker) string { return fmt.Sprintf("worker %d", w.number) }

// victim gives a place where a worker is, or where none is, that no fault touches; nil: there is none.
func (d *driver) victim(lives bool) *worker {
	for _, i := range d.random.Perm(len(d.workers)) {
		if w := d.workers[i]; w.alive() == lives && w.wanted == lives && d.free(place(w)) {
			return w
		}
	}
	return nil
}

func (d *driver) killWorker(a *active, w *worker) {
	w.kill()
	if d.random.IntN(3) > 0 {
		d.lasts(a, 0, 10*time.Second)
	}
	a.end = w.start
}

func (d *driver) pauseWorker(a *active, w *worker) {
	w.signal(syscall.SIGSTOP)
	if d.random.IntN(2) == 0 {
		d.lasts(a, sessionTimeout, transactionTimeout)
	} else {
		d.lasts(a, transactionTimeout, transactionTimeout+5*time.Second)
	}
	a.end = func() { w.signal(syscall.SIGCONT) }
}

func (d *driver) removeWorker(a *active, w *worker) {
	stopped := w.term()
	d.lasts(a, 0, 10*time.Second)
	a.whole = func() bool {
		if !stopped() {
			return false
		}
		w.start()
		return true
	}
}

func (d *driver) addWorker(a *active, w *worker) {
	a.On = place(w)
	w.start()
	d.lasts(a, 5*time.Second, 20*time.Second)
	var stopped func() bool
	a.end = func() {
		if w.alive() {
			stopped = w.term()
		}
	}
	a.whole = func() bool { return stopped == nil || stopped() }
}

func (d *driver) cutKafka(a *active, w *worker) { d.cut(a, w, "Kafka", d.net.kafka[w.number]) }
func (d *driver) cutRedis(a *active, w *worker) { d.cut(a, w, "Redis", d.net.redis[w.number]) }

func (d *driver) cut(a *active, w *worker, from string, its wire) {
	how := cuts[d.random.IntN(len(cuts))]
	a.On = fmt.Sprintf("%s and %s, %s", place(w), from, how)
	a.end = d.net.sever(its, how)
	d.lasts(a, time.Second, 15*time.Second)
}

func (d *driver) killBroker(a *active) {
	i := d.random.IntN(len(d.kafka.Nodes))
	node := d.kafka.Nodes[i]
	a.On = fmt.Sprintf("broker %d", i+1)
	node.Kill()
	d.lasts(a, 0, 10*time.Second)
	var asked, launched time.Time
	launch := func() { node.Launch(); launched = time.Now() }
	a.end = launch
	a.whole = func() bool {
		if time.Since(asked) < time.Second {
			return false
		}
		asked = time.Now()
		if !node.Answers() {
			return false
		}
		out := d.outOfSync()
		if out != "" && time.Since(launched) > brokerPatience {
			// A broker that does not find back among the others is what its operator starts again.
			d.t.Logf("%s is started again after %v: out of sync: %s\n%s", a.On, brokerPatience, out, node.Log())
			node.Kill()
			launch()
			return false
		}
		return out == ""
	}
}

// brokerPatience is for how long a broker that answers may be out of sync.
const brokerPatience = 50 * time.Second

// killRedis kills a server, and starts it again before a replica takes over; cut is what of its data it loses.
func (d *driver) killRedis(a *active, cut *int64) {
	i := d.master()
	node := d.redis.Nodes[i]
	a.On = fmt.Sprintf("Redis %d", i)
	node.Kill()
	if cut != nil {
		node.LoseData(*cut)
	}
	if len(d.nodes) == 1 {
		d.lasts(a, 0, 12*time.Second)
	} else {
		d.lasts(a, 0, time.Second)
	}
	a.end = node.Launch
	a.whole = d.redisWhole
}

func (d *driver) flushRedis(a *active) {
	a.On = "Redis"
	for _, i := range d.masters() {
		if err := d.nodes[i].FlushAll(d.t.Context()).Err(); err != nil {
			d.t.Fatalf("emptying Redis: %v", err)
		}
		a.On += fmt.Sprintf(" %d", i)
		if d.random.IntN(3) == 0 {
			break
		}
	}
}

// loseKeys removes up to as many keys of one partition as it has of states.
func (d *driver) loseKeys(a *active) {
	p := int32(d.random.IntN(partitions))
	names := []string{"meta", "deadlines"}
	for i := range stateKeys {
		names = append(names, fmt.Sprintf("s:%d", i))
	}
	for i := range memberKeys {
		names = append(names, fmt.Sprintf("m:%d", i))
	}
	d.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	names = names[:1+d.random.IntN(1<<d.random.IntN(7))]
	a.On = fmt.Sprintf("%d keys of partition %d, as %s", len(names), p, strings.Join(names[:min(len(names), 5)], " "))
	for i := range names {
		names[i] = d.key(p, names[i])
	}
	if err := d.view.Unlink(d.t.Context(), names...).Err(); err != nil {
		d.t.Fatalf("removing keys from Redis: %v", err)
	}
}

func (d *driver) fillRedis(a *active) {
	masters := d.masters()
	limit := func(bytes func(*goredis.Client) string) {
		for _, i := range masters {
			if err := d.nodes[i].ConfigSet(d.t.Context(), "maxmemory", bytes(d.nodes[i])).Err(); err != nil {
				d.t.Fatalf("setting maxmemory: %v", err)
			}
		}
	}
	a.On = fmt.Sprintf("Redis %v", masters)
	limit(func(*goredis.Client) string { return "1mb" })
	d.lasts(a, 2*time.Second, 15*time.Second)
	a.end = func() { limit(func(*goredis.Client) string { return "0" }) }
}

func (d *driver) killMaster(a *active) {
	i := d.master()
	node := d.redis.Nodes[i]
	a.On = fmt.Sprintf("Redis %d", i)
	node.Kill()
	d.lasts(a, 6*time.Second, 15*time.Second)
	a.end = node.Launch
	a.whole = d.redisWhole
}

// moveMaster lets a replica take over, in one of three ways: in agreement with its master, without it, or without anybody.
func (d *driver) moveMaster(a *active) {
	masters := d.masters()
	replicas := make([]int, 0, len(d.nodes))
	for i := range d.nodes {
		is := false
		for _, m := range masters {
			is = is || m == i
		}
		if !is {
			replicas = append(replicas, i)
		}
	}
	i := replicas[d.random.IntN(len(replicas))]
	args := [][]any{{"cluster", "failover"}, {"cluster", "failover", "force"}, {"cluster", "failover", "takeover"}}[d.random.IntN(3)]
	a.On = fmt.Sprintf("Redis %d: %v", i, args)
	if err := d.nodes[i].Do(d.t.Context(), args...).Err(); err != nil {
		d.t.Fatalf("CLUSTER FAILOVER: %v", err)
	}
	d.lasts(a, time.Second, 2*time.Second)
	a.whole = d.redisWhole
}

// redisWhole tells whether all of Redis is there.
func (d *driver) redisWhole() bool {
	ctx, cancel := context.WithTimeout(d.t.Context(), 5*time.Second)
	defer cancel()
	for i, node := range d.redis.Nodes {
		if !node.Answers() || d.nodes[i].Ping(ctx).Err() != nil {
			return false
		}
	}
	return len(d.nodes) == 1 || d.redis.ClusterInOrder(ctx) == nil
}

// masters are the nodes that take writes.
func (d *driver) masters() []int {
	d.t.Helper()
	var list []int
	for i, c := range d.nodes {
		info, err := c.Info(d.t.Context(), "replication").Result()
		if err != nil {
			d.t.Fatalf("asking Redis %d for its role: %v\n%s", i, err, d.redis.Nodes[i].Log())
		}
		if strings.Contains(info, "role:master") {
			list = append(list, i)
		}
	}
	d.random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list
}

func (d *driver) master() int { return d.masters()[0] }
