// Package sizing computes what an installation of ruas needs, from the load, the user's rules, measured figures and stated assumptions. It
// owns the arithmetic and the figures; it runs nothing, reads nothing and knows neither rules nor servers.
//
// All is linear, but for rounding up to whole machines and for what is there once: no need grows faster than events or customers do.
package sizing

import (
	"errors"
	"math"
	"time"
)

const (
	mega        = 1e6
	day         = 24 * 60 * 60.
	hoursAMonth = 730.
)

// Load is what is asked for.
type Load struct {
	// Events a second at the peak, over all sources.
	Events float64 `json:"events_per_second"`
	// Customers is how many have a state: all that ever had an event.
	Customers float64 `json:"customers"`
}

// Setup is what the configuration says.
type Setup struct {
	Sources int `json:"sources"`
	// SessionTimeout is for how long nobody can know that a worker is gone.
	SessionTimeout time.Duration `json:"-"`
	// Replication of the topics that ruas writes.
	Replication int `json:"replication"`
	// CacheCustomers are those that a partition keeps decoded.
	CacheCustomers int `json:"cache_customers"`
	// ReadAhead is in records, a source and partition.
	ReadAhead int `json:"read_ahead"`
}

// Rules is what the user's rules do to the user's events.
type Rules struct {
	Segments int `json:"segments"`
	// StateBytes is the mean size of a customer's encoded state, WrittenBytes that of a state as it is written: customers with many events
	// are written more often, and have more.
	StateBytes   float64 `json:"state_bytes"`
	WrittenBytes float64 `json:"written_bytes"`
	// IDBytes is the mean length of a customer_id, EventBytes of an event's record, ChangeBytes of a change's.
	IDBytes     float64 `json:"id_bytes"`
	EventBytes  float64 `json:"event_bytes"`
	ChangeBytes float64 `json:"change_bytes"`
	// Changes an event, Memberships a customer.
	Changes     float64 `json:"changes_per_event"`
	Memberships float64 `json:"memberships_per_customer"`
	// CPU is what decoding and stepping one of the user's events takes, as a multiple of what one of S10's takes on the same machine. 0: not
	// known; the number of segments and of changes stands in for it.
	CPU float64 `json:"cpu_of_s10,omitempty"`
	// Hottest is the share of all events that the customer with the most has; 0: not known.
	Hottest float64 `json:"hottest_share,omitempty"`
}

// Need is what it takes.
type Need struct {
	// Missed is the share of events whose customer no worker has in memory, at most.
	Missed float64 `json:"missed_share"`
	// CPU seconds of workers, brokers and Redis for a million events, beside what each partition takes by itself.
	WorkerCPU float64      `json:"worker_cpu_seconds_per_million"`
	BrokerCPU float64      `json:"broker_cpu_seconds_per_million"`
	RedisCPU  float64      `json:"redis_cpu_seconds_per_million"`
	Partition PerPartition `json:"cores_per_partition"`

	Partitions Partitions `json:"partitions"`
	Workers    Machines   `json:"workers"`
	Redis      Redis      `json:"redis"`
	Brokers    Brokers    `json:"brokers"`
	State      State      `json:"state"`
	Changes    Changes    `json:"changes"`
	Network    Network    `json:"network_bytes_per_second"`
	Recovery   Recovery   `json:"recovery_seconds"`
	Cost       Cost       `json:"cost_per_month"`
}

// PerPartition is what a partition's transactions take, in cores, at most: while cores are short, there are fewer and larger ones.
type PerPartition struct {
	Worker float64 `json:"worker"`
	Broker float64 `json:"broker"`
	Redis  float64 `json:"redis"`
}

// Partitions of each source and of segment-state: the greatest of three numbers, rounded up to a multiple that divides well.
type Partitions struct {
	Number int `json:"number"`
	// Capacity is how many events a second one partition takes.
	Capacity float64 `json:"capacity_events_per_second"`
	// What each reason asks for.
	ForEvents    float64 `json:"for_events"`
	ForCustomers float64 `json:"for_customers"`
	ForRedis     float64 `json:"for_redis"`
}

// Machines are equal machines of one kind.
type Machines struct {
	// Busy is how many cores' worth of work there is.
	Busy   float64 `json:"busy_cores"`
	Number int     `json:"number"`
	Cores  float64 `json:"cores_each"`
	Memory float64 `json:"memory_bytes_each"`
}

// Redis is primaries and as many replicas of each.
type Redis struct {
	CustomerBytes float64 `json:"customer_bytes"`
	// Bytes that customers take in all; a node is filled to a part.
	Bytes     float64 `json:"bytes"`
	Busy      float64 `json:"busy_cores"`
	ForBytes  int     `json:"primaries_for_memory"`
	ForCPU    int     `json:"primaries_for_cpu"`
	Primaries int     `json:"primaries"`
	Replicas  int     `json:"replicas_each"`
	Cores     float64 `json:"cores_each"`
	Memory    float64 `json:"memory_bytes_each"`
}

// Nodes counts primaries and replicas.
func (r Redis) Nodes() int { return r.Primaries * (1 + r.Replicas) }

// Brokers is what ruas adds to the Kafka cluster, beside what producers of the sources take.
type Brokers struct {
	Busy   float64 `json:"busy_cores"`
	Cores  float64 `json:"cores"`
	Memory float64 `json:"memory_bytes"`
	// Replicas of partitions of all topics: sources, state, changes, dead letters.
	Replicas float64 `json:"partition_replicas"`
	Number   int     `json:"number_at_least"`
	// Cleaner is how many bytes a second compaction must read to keep up, over all brokers; it writes half of them.
	Cleaner float64 `json:"compaction_bytes_per_second"`
}

// State is the topic segment-state.
type State struct {
	Live    float64 `json:"live_bytes"`
	Written float64 `json:"written_bytes_per_second"`
	// Disk is at most, with what is not compacted yet, over all replicas.
	Disk float64 `json:"disk_bytes"`
}

// Changes is the topic segment-changes.
type Changes struct {
	PerSecond float64 `json:"per_second"`
	Disk      float64 `json:"disk_bytes"`
}

// Network is in bytes a second, at the peak.
type Network struct {
	Events      float64 `json:"brokers_to_workers"`
	Written     float64 `json:"workers_to_brokers"`
	Replication float64 `json:"between_brokers"`
	RedisWrites float64 `json:"workers_to_redis"`
	RedisReads  float64 `json:"redis_to_workers"`
}

// Recovery is in seconds.
type Recovery struct {
	// Takeover is from the loss of a worker to the first change of its partitions by others; CaughtUp to their having no lag.
	Takeover float64 `json:"worker_lost"`
	CaughtUp float64 `json:"worker_lost_caught_up"`
	// Node is the loss of what one primary held, without a replica; Redis that of everything.
	Node  float64 `json:"redis_node_lost"`
	Redis float64 `json:"redis_lost"`
}

// Cost is a month's, in the currency of the prices.
type Cost struct {
	Workers float64 `json:"workers"`
	Redis   float64 `json:"redis"`
	Brokers float64 `json:"brokers"`
	Disk    float64 `json:"disk"`
	Total   float64 `json:"total"`
}

// Compute gives what a load needs. An error says which input is out of its range.
func Compute(load Load, rules Rules, setup Setup, f *Figures, a Assumptions) (Need, error) {
	if err := errors.Join(load.validate(), a.validate()); err != nil {
		return Need{}, err
	}
	c := computer{load: load, rules: rules, setup: setup, f: f, a: a}
	c.cpu()
	c.sizeRedis()
	c.partitions()
	c.workers()
	c.topics()
	c.network()
	c.recovery()
	c.cost()
	return c.need, nil
}

func (l Load) validate() error {
	switch {
	case !(l.Events > 0) || math.IsInf(l.Events, 0):
		return errors.New("the number of events a second must be more than 0")
	case !(l.Customers >= 1) || math.IsInf(l.Customers, 0):
		return errors.New("the number of customers must be at least 1")
	}
	return nil
}
