package sizing

import (
	"errors"
	"fmt"
)

const gib = 1 << 30

// What is taken for granted, and cannot be set.
const (
	granule        = 12       // partitions come in multiples of it: it divides among 2, 3, 4, 6 or 12 workers
	shardsANode    = 4        // shards of a Redis node, so that nodes are about equally full
	leastCluster   = 3        // primaries of a Redis Cluster
	redisCores     = 2.       // one for the thread that works, one for what goes on beside it
	recordOverhead = 12.      // bytes of a record in Kafka beside key and value
	redisCommand   = 60.      // bytes of the commands about a customer, beside ids and state
	segmentBytes   = 64 << 20 // of segment-state, as ruas creates it: what is younger is not compacted
	brokerCores    = 8.       // that one broker has at most
	brokerMemory   = 4. * gib // a core
	aheadInBase    = 12.      // partitions of sources whose read-ahead is in the figure of a worker without customers
	// replicasABroker is how many replicas of partitions a broker is commonly given at most.
	replicasABroker = 4000.
)

// Assumptions are what no figure says. Byte and seconds are the units where a name does not tell.
type Assumptions struct {
	// Headroom is how busy a core may be at the peak.
	Headroom float64 `json:"headroom"`
	// Growth is how many times the load partitions are meant for: they cannot be added while there is state.
	Growth float64 `json:"growth"`
	// PartitionCustomers is how many customers a partition has at most: so many come back together.
	PartitionCustomers float64 `json:"partition_customers"`
	WorkerCores        float64 `json:"worker_cores"`
	// MemoryFill is how full a worker's memory may be, RedisFill that of a Redis node: the rest is for fragmentation, buffers and copies on
	// write.
	MemoryFill float64 `json:"memory_fill"`
	RedisFill  float64 `json:"redis_fill"`
	// RedisNode is the memory of a node, RedisReplicas how many each primary has.
	RedisNode     float64 `json:"redis_node_bytes"`
	RedisReplicas int     `json:"redis_replicas"`
	// MembershipBytes is what Redis takes for one membership.
	MembershipBytes float64 `json:"membership_bytes"`
	// WorkerByte, BrokerByte and RedisByte are CPU seconds for a byte of state beyond those of S10.
	WorkerByte float64 `json:"worker_cpu_seconds_per_byte"`
	BrokerByte float64 `json:"broker_cpu_seconds_per_byte"`
	RedisByte  float64 `json:"redis_cpu_seconds_per_byte"`
	// EventOverhead is what an event that was read ahead takes beside its record.
	EventOverhead float64 `json:"event_overhead_bytes"`
	// FollowerShare is what a follower spends on a record, of what its leader does.
	FollowerShare float64 `json:"follower_share"`
	// ChangesKept is in days.
	ChangesKept float64 `json:"changes_kept_days"`
	// PriceCPU is a vCPU-hour's, PriceRAM a GiB-hour's, PriceDisk a GiB-month's.
	PriceCPU  float64 `json:"price_vcpu_hour"`
	PriceRAM  float64 `json:"price_gib_ram_hour"`
	PriceDisk float64 `json:"price_gib_disk_month"`
}

// Assumed gives the defaults.
func Assumed() Assumptions {
	return Assumptions{
		Headroom: 0.6, Growth: 2, PartitionCustomers: 4 * mega, WorkerCores: 2, MemoryFill: 0.75, RedisFill: 0.7, RedisNode: 16 * gib, RedisReplicas: 1,
		MembershipBytes: 120, WorkerByte: 5e-9, BrokerByte: 2e-9, RedisByte: 2e-9, EventOverhead: 300, FollowerShare: 0.5, ChangesKept: 7,
		PriceCPU: 0.04, PriceRAM: 0.005, PriceDisk: 0.1,
	}
}

// Explained lists the assumptions in words, with what each is for.
func (a Assumptions) Explained() []Explained {
	share := func(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }
	return []Explained{
		{"a core's load at the peak", share(a.Headroom), "the rest is for peaks within the peak, for garbage and for catching up"},
		{"growth that partitions are meant for", fmt.Sprintf("%g times", a.Growth), "they cannot be added while there is state"},
		{"customers a partition, at most", fmt.Sprintf("%g million", a.PartitionCustomers/mega), "a shard of Redis comes back as a whole; more partitions would cost more CPU"},
		{"partitions come in multiples of", fmt.Sprint(granule), "divides among 2, 3, 4, 6 or 12 workers"},
		{"cores of a worker", fmt.Sprintf("%g", a.WorkerCores), "the machine that was measured had 2; and one worker more than needed, for the loss of one"},
		{"a worker's memory is filled to", share(a.MemoryFill), ""},
		{"a Redis node", fmt.Sprintf("%g GiB, %g cores; replicas of a primary: %d", a.RedisNode/gib, redisCores, a.RedisReplicas), "without replicas a lost node is built anew from Kafka"},
		{"a Redis node is filled to", share(a.RedisFill), "fragmentation, buffers, copies on write"},
		{"shards a Redis node, at least", fmt.Sprint(shardsANode), "a partition's keys are all on one node: so nodes are about equally full"},
		{"a membership in Redis", fmt.Sprintf("%g B", a.MembershipBytes), "an entry of a sorted set; only those beyond S10's are reckoned so"},
		{
			"CPU for a byte of state beyond S10's",
			fmt.Sprintf("worker %g ns, broker %g ns, Redis %g ns", a.WorkerByte*1e9, a.BrokerByte*1e9, a.RedisByte*1e9),
			"encoding, compression, copies",
		},
		{"an event that was read ahead", fmt.Sprintf("its record and %g B", a.EventOverhead), "while a worker is behind, all that may be read ahead is"},
		{"a record in Kafka", fmt.Sprintf("key, value and %g B", recordOverhead), ""},
		{"a follower's work for a record", share(a.FollowerShare) + " of the leader's", "one broker was measured"},
		{"a broker", fmt.Sprintf("up to %g cores, %g GiB a core, %g replicas of partitions", brokerCores, brokerMemory/gib, replicasABroker), "what is commonly advised"},
		{"segment-state before it is compacted", "64 MiB a partition, or as much again as is live", "segment.bytes, as ruas creates the topic; and compaction that reads twice what is written"},
		{"segment-changes is kept for", fmt.Sprintf("%g days", a.ChangesKept), "the broker's default; at the peak's rate"},
		{"a vCPU-hour, a GiB-hour of memory, a GiB-month of disk", fmt.Sprintf("%g, %g, %g", a.PriceCPU, a.PriceRAM, a.PriceDisk), "put in your own; a month has 730 hours"},
	}
}

// Explained is an assumption in words.
type Explained struct{ What, Value, Why string }

func (a Assumptions) validate() error {
	var errs []error
	for _, c := range []struct {
		ok   bool
		text string
	}{
		{a.Headroom > 0 && a.Headroom <= 0.95, "headroom must be more than 0, and at most 0.95"},
		{a.Growth >= 1, "growth must be at least 1"},
		{a.PartitionCustomers >= 1, "customers a partition must be at least 1"},
		{a.WorkerCores >= 1, "a worker must have at least 1 core"},
		{a.MemoryFill > 0 && a.MemoryFill <= 1, "the memory's filling must be more than 0, and at most 1"},
		{a.RedisFill > 0 && a.RedisFill <= 1, "Redis's filling must be more than 0, and at most 1"},
		{a.RedisNode >= gib, "a Redis node must have at least 1 GiB"},
		{a.RedisReplicas >= 0, "replicas must not be fewer than 0"},
		{a.ChangesKept >= 0, "changes cannot be kept for less than 0 days"},
		{a.PriceCPU >= 0 && a.PriceRAM >= 0 && a.PriceDisk >= 0, "prices must not be less than 0"},
	} {
		if !c.ok {
			errs = append(errs, errors.New(c.text))
		}
	}
	return errors.Join(errs...)
}
