package sizing

import "math"

// computer fills need, step by step; each step uses what those before it found.
type computer struct {
	load  Load
	rules Rules
	setup Setup
	f     *Figures
	a     Assumptions
	need  Need
}

// cpu is what a million events take. Between the figures of few and of many customers stands the share of events that miss the workers'
// caches, if all customers were equally busy: few are, so that it is less.
func (c *computer) cpu() {
	n := &c.need
	cached := float64(granule * c.setup.CacheCustomers)
	n.Missed = max(0, 1-cached/c.load.Customers)
	between := func(few, many Figure) float64 { return few.Value + n.Missed*max(0, many.Value-few.Value) }
	n.WorkerCPU = between(c.f.WorkerCPU, c.f.WorkerCPUMany)
	n.BrokerCPU = between(c.f.BrokerCPU, c.f.BrokerCPUMany)
	n.RedisCPU = between(c.f.RedisCPU, c.f.RedisCPUMany)

	perEvent := (1 + c.rules.Changes) / (1 + c.f.Changes.Value)
	if c.rules.CPU > 0 {
		n.WorkerCPU = max(0, n.WorkerCPU-c.f.ReplayCPU.Value) + c.f.ReplayCPU.Value*c.rules.CPU
	} else {
		n.WorkerCPU *= perEvent * c.f.CPUOf(c.rules.Segments)
	}
	// A state's bytes are encoded, compressed, sent twice and stored twice: of those beyond S10's no figure knows.
	more := max(0, c.rules.WrittenBytes-c.f.WrittenBytes.Value) * (1 + c.rules.Changes)
	n.WorkerCPU += more * c.a.WorkerByte * mega
	n.BrokerCPU = n.BrokerCPU*max(1, perEvent) + more*c.a.BrokerByte*mega
	n.RedisCPU = n.RedisCPU*max(1, perEvent) + more*c.a.RedisByte*mega
	// What transactions cost depends on time more than on events, which with half of them are only a third fewer: taken as at the steady rate.
	partition := func(steady, drained Figure) float64 {
		return max(0, steady.Value-drained.Value) * c.f.SteadyRate.Value / mega / c.f.SteadyPartitions.Value
	}
	n.Partition = PerPartition{
		Worker: partition(c.f.SteadyWorker, c.f.WorkerCPU), Broker: partition(c.f.SteadyBroker, c.f.BrokerCPU), Redis: partition(c.f.SteadyRedis, c.f.RedisCPU),
	}
}

// sizeRedis finds the nodes of Redis.
func (c *computer) sizeRedis() {
	r := &c.need.Redis
	ids := max(0, c.rules.IDBytes-c.f.IDBytes.Value) * (2 + c.rules.Memberships) // in a hash and in sorted sets
	r.CustomerBytes = max(0, c.f.RedisBytes.Value-c.f.StateBytes.Value) + c.rules.StateBytes + ids +
		max(0, c.rules.Memberships-c.f.Memberships.Value)*c.a.MembershipBytes
	r.Bytes = c.load.Customers * r.CustomerBytes
	r.ForBytes = whole(r.Bytes / c.a.RedisFill / c.a.RedisNode)
	r.Replicas, r.Cores = c.a.RedisReplicas, redisCores
	c.redisBusy(0)
}

// redisBusy adds what so many partitions take.
func (c *computer) redisBusy(partitions int) {
	r := &c.need.Redis
	r.Busy = c.load.Events*c.need.RedisCPU/mega + float64(partitions)*c.need.Partition.Redis
	r.ForCPU = whole(r.Busy / c.a.Headroom) // one thread does the work
	if r.Primaries = max(r.ForBytes, r.ForCPU); r.Primaries > 1 {
		r.Primaries = max(r.Primaries, leastCluster)
	}
	r.Memory = min(c.a.RedisNode, max(gib, r.Bytes/c.a.RedisFill/float64(r.Primaries)))
}

// partitions finds their number, by what Redis needs without them; then Redis is looked at again.
func (c *computer) partitions() {
	p := &c.need.Partitions
	defer func() { c.redisBusy(p.Number) }()
	p.Capacity = c.a.Headroom * mega / c.need.WorkerCPU
	p.ForEvents = c.load.Events * c.a.Growth / p.Capacity
	p.ForCustomers = c.load.Customers * c.a.Growth / c.a.PartitionCustomers
	if c.need.Redis.Primaries > 1 {
		p.ForRedis = float64(shardsANode * c.need.Redis.Primaries)
	}
	p.Number = granule * whole(max(p.ForEvents, p.ForCustomers, p.ForRedis)/granule)
}

func (c *computer) workers() {
	w, p := &c.need.Workers, float64(c.need.Partitions.Number)
	w.Busy = c.load.Events*c.need.WorkerCPU/mega + p*c.need.Partition.Worker
	w.Cores = c.a.WorkerCores
	w.Number = whole(w.Busy/c.a.Headroom/w.Cores) + 1 // one may be lost
	each := math.Ceil(p / float64(w.Number-1))        // partitions, while one is lost
	cached := min(each*float64(c.setup.CacheCustomers), c.load.Customers)
	customer := c.f.WorkerCustomer.Value * max(1, c.rules.StateBytes/c.f.StateBytes.Value)
	ahead := max(0, each*float64(c.setup.Sources)-aheadInBase) * float64(c.setup.ReadAhead) * (c.rules.EventBytes + c.a.EventOverhead)
	w.Memory = (c.f.WorkerBase.Value + cached*customer + ahead) / c.a.MemoryFill
}

// topics sizes what ruas writes to Kafka, and the brokers' work for it.
func (c *computer) topics() {
	n, p := &c.need, float64(c.need.Partitions.Number)
	replication := float64(c.setup.Replication)
	record := c.rules.IDBytes + 1 + recordOverhead

	s := &n.State
	s.Live = c.load.Customers * (c.rules.StateBytes*c.f.StateLZ4.Value + record)
	// At most one state an event, and one a change: of a customer who comes twice in a batch only the last is written.
	writes := c.load.Events * (1 + c.rules.Changes)
	s.Written = writes * (c.rules.WrittenBytes*c.f.StateLZ4.Value + record)
	// Where compaction reads twice what is written, there is as much again that it has not come to: a cycle reads both, and takes as long as
	// the new half takes to be written.
	s.Disk = (s.Live + max(p*segmentBytes, s.Live)) * replication

	n.Changes.PerSecond = c.load.Events * c.rules.Changes
	changes := n.Changes.PerSecond * (c.rules.ChangeBytes*c.f.ChangeLZ4.Value + record)
	n.Changes.Disk = changes * c.a.ChangesKept * day * replication

	b := &n.Brokers
	b.Cleaner = 2 * s.Written * replication
	b.Busy = (c.load.Events*n.BrokerCPU/mega + p*n.Partition.Broker) * (1 + c.a.FollowerShare*(replication-1))
	b.Cores = b.Busy / c.a.Headroom
	b.Memory = b.Cores * brokerMemory
	b.Replicas = p * (float64(c.setup.Sources) + 3) * replication
	b.Number = max(3, whole(b.Replicas/replicasABroker), whole(b.Cores/brokerCores))
}

func (c *computer) network() {
	n, record := &c.need.Network, c.rules.IDBytes+1+recordOverhead
	n.Events = c.load.Events * (c.rules.EventBytes + c.rules.IDBytes + recordOverhead)
	n.Written = c.need.State.Written + c.need.Changes.PerSecond*(c.rules.ChangeBytes*c.f.ChangeLZ4.Value+record)
	n.Replication = n.Written * float64(c.setup.Replication-1)
	n.RedisWrites = c.load.Events * (1 + c.rules.Changes) * (c.rules.WrittenBytes + 2*c.rules.IDBytes + redisCommand)
	n.RedisReads = c.load.Events * c.need.Missed * (c.rules.WrittenBytes + c.rules.IDBytes)
}

func (c *computer) recovery() {
	r, w := &c.need.Recovery, &c.need.Workers
	r.Takeover = c.setup.SessionTimeout.Seconds() + c.f.Takeover.Value
	// While one worker is lost the others do its work, and what it left lying.
	busy := w.Busy / (float64(w.Number-1) * w.Cores)
	r.CaughtUp = r.Takeover / max(1-busy, 1-c.a.Headroom)
	r.Redis = c.load.Customers / (c.f.RebuildRate.Value * float64(w.Number) * w.Cores)
	r.Node = r.Redis / float64(c.need.Redis.Primaries)
}

func (c *computer) cost() {
	n, k := &c.need, &c.need.Cost
	machine := func(cores, memory float64) float64 {
		return hoursAMonth * (cores*c.a.PriceCPU + memory/gib*c.a.PriceRAM)
	}
	k.Workers = float64(n.Workers.Number) * machine(n.Workers.Cores, n.Workers.Memory)
	k.Redis = float64(n.Redis.Nodes()) * machine(n.Redis.Cores, n.Redis.Memory)
	k.Brokers = machine(n.Brokers.Cores, n.Brokers.Memory)
	k.Disk = (n.State.Disk + n.Changes.Disk) / gib * c.a.PriceDisk
	k.Total = k.Workers + k.Redis + k.Brokers + k.Disk
}

// whole rounds up, to at least 1. What floating point adds to a whole number is not a further machine.
func whole(x float64) int { return max(1, int(math.Ceil(x-1e-9))) }
