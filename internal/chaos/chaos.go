// Package chaos breaks a running ruas in every way that a production cluster breaks, and holds what it published meanwhile to a replay of
// the same events: worker processes on a real Kafka of three brokers and a real Redis, of which a driver kills, freezes, empties, fills
// and cuts off one after another, at random. It owns the faults, the load, the measurements and the comparison; how servers are run is
// internal/servers's, what events look like is internal/workload's.
//
// The package is for tests: what needs servers is behind the build tag integration. `make chaos` runs it.
package chaos

import "time"

// Kind is what a fault does.
type Kind string

// The kinds of faults.
const (
	WorkerKill   Kind = "worker-kill"   // kill -9, and a new start
	WorkerPause  Kind = "worker-pause"  // frozen for longer than the session or the transaction may last, then let go: a zombie
	WorkerAdd    Kind = "worker-add"    // one more worker for a while
	WorkerRemove Kind = "worker-remove" // asked to end, and started again later
	KafkaCut     Kind = "kafka-cut"     // one worker does not reach Kafka
	RedisCut     Kind = "redis-cut"     // one worker does not reach Redis
	BrokerKill   Kind = "broker-kill"   // kill -9 of a broker, and a new start
	RedisKill    Kind = "redis-kill"    // kill -9 of Redis, or of a Cluster's master, and a new start on its append-only file
	RedisOld     Kind = "redis-old"     // the same, with the end of the append-only file cut off: Redis is as it was a while ago
	RedisEmpty   Kind = "redis-empty"   // the same, with nothing
	RedisFlush   Kind = "redis-flush"   // FLUSHALL
	RedisKeys    Kind = "redis-keys"    // some keys are gone
	RedisFull    Kind = "redis-full"    // maxmemory is reached: Redis refuses writes
	ClusterKill  Kind = "cluster-kill"  // a Cluster's master is killed, and started again when its replica has taken over
	ClusterMove  Kind = "cluster-move"  // CLUSTER FAILOVER: a replica takes over from a master that lives
)

// Fault is one thing that went wrong.
type Fault struct {
	Kind Kind `json:"kind"`
	// On says what it happened to, and how.
	On string `json:"on"`
	// Start is when it began. End is when everything was there again; the zero time while it is not.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Silence is the longest time without a change on one partition that overlaps the fault and what followed it.
	Silence time.Duration `json:"silence"`
	// Return is the time from Start to the first change behind a partition's silence, on the partition where it came last.
	Return time.Duration `json:"return"`
}

// after is the time from the fault's end to that change; 0: it came before, or there was no end.
func (f *Fault) after() time.Duration {
	if f.End.IsZero() {
		return 0
	}
	return max(0, f.Start.Add(f.Return).Sub(f.End))
}
