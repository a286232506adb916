package sizing

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// round are figures by which sums are easily done by hand.
func round() *Figures {
	of := func(v float64) Figure { return Figure{What: "x", Value: v, Source: "by hand"} }
	return &Figures{
		WorkerCPU: of(2), WorkerCPUMany: of(3), BrokerCPU: of(1), BrokerCPUMany: of(1), RedisCPU: of(0.5), RedisCPUMany: of(1), ReplayCPU: of(1),
		SteadyWorker: of(6), SteadyBroker: of(9), SteadyRedis: of(0.5), SteadyRate: of(10_000), SteadyPartitions: of(4),
		Rules1000: of(1.5), Rules10000: of(3), Changes: of(0.5), Changes1000: of(5), Changes10000: of(30),
		StateBytes: of(100), RedisBytes: of(300), WorkerCustomer: of(1000), WorkerBase: of(100e6), RebuildRate: of(10_000), Takeover: of(1),
		Memberships: of(2), WrittenBytes: of(200), EventBytes: of(200), ChangeBytes: of(200), IDBytes: of(7), StateLZ4: of(0.5), ChangeLZ4: of(0.25),
	}
}

// S10's rules, as round's figures have them.
func s10() Rules {
	return Rules{
		Segments: 10, StateBytes: 100, WrittenBytes: 200, IDBytes: 7, EventBytes: 200, ChangeBytes: 200, Changes: 0.5, Memberships: 2,
	}
}

func setup() Setup {
	return Setup{Sources: 3, SessionTimeout: 10 * time.Second, Replication: 3, CacheCustomers: 50_000, ReadAhead: 10_000}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-6*max(1, math.Abs(want)) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// A million events a second, 1.2 million customers: half of the events miss caches of 12 × 50,000.
func TestByHand(t *testing.T) {
	n, err := Compute(Load{Events: 1e6, Customers: 1.2e6}, s10(), setup(), round(), Assumed())
	if err != nil {
		t.Fatal(err)
	}
	near(t, "missed", n.Missed, 0.5)
	near(t, "worker's CPU", n.WorkerCPU, 2.5)
	near(t, "Redis's CPU", n.RedisCPU, 0.75)
	near(t, "worker cores a partition", n.Partition.Worker, 0.01) // (6-2) s a million × 10,000/s over 4
	near(t, "broker cores a partition", n.Partition.Broker, 0.02)

	near(t, "a partition takes", n.Partitions.Capacity, 240_000) // 0.6 of a core at 2.5 µs
	near(t, "partitions for events", n.Partitions.ForEvents, 2e6/240e3)
	near(t, "partitions for customers", n.Partitions.ForCustomers, 0.6)
	near(t, "partitions for Redis", n.Partitions.ForRedis, 12) // 3 primaries
	near(t, "partitions", float64(n.Partitions.Number), 12)

	near(t, "busy worker cores", n.Workers.Busy, 2.5+0.12)
	near(t, "workers", float64(n.Workers.Number), 4) // 2.62/0.6/2 = 2.2, and one
	// While one of 4 is lost, 3 have 4 partitions each, which keep 200,000 customers: 200 MB; their 12 partitions of sources are in the base.
	near(t, "a worker's memory", n.Workers.Memory, (100e6+200e6)/0.75)

	near(t, "a customer in Redis", n.Redis.CustomerBytes, 300)
	near(t, "Redis's bytes", n.Redis.Bytes, 360e6)
	near(t, "primaries for memory", float64(n.Redis.ForBytes), 1)
	near(t, "primaries for CPU", float64(n.Redis.ForCPU), 2) // 0.75 core / 0.6
	near(t, "primaries", float64(n.Redis.Primaries), 3)
	near(t, "nodes", float64(n.Redis.Nodes()), 6)

	near(t, "busy broker cores", n.Brokers.Busy, (1+0.24)*2) // two followers for half each
	near(t, "replicas of partitions", n.Brokers.Replicas, 12*6*3)
	near(t, "brokers", float64(n.Brokers.Number), 3)

	near(t, "live state", n.State.Live, 1.2e6*(50+20))
	near(t, "state written", n.State.Written, 1.5e6*(100+20))
	near(t, "state on disk", n.State.Disk, 3*(84e6+12*64*1<<20))
	near(t, "compaction", n.Brokers.Cleaner, 2*180e6*3)
	near(t, "changes on disk", n.Changes.Disk, 500e3*(50+20)*7*86_400*3)

	near(t, "events on the network", n.Network.Events, 1e6*219)
	near(t, "written on the network", n.Network.Written, 180e6+35e6)
	near(t, "between brokers", n.Network.Replication, 2*215e6)
	near(t, "to Redis", n.Network.RedisWrites, 1.5e6*(200+14+60))
	near(t, "from Redis", n.Network.RedisReads, 0.5e6*207)

	near(t, "take-over", n.Recovery.Takeover, 11)
	near(t, "caught up", n.Recovery.CaughtUp, 11/(1-2.62/6))
	near(t, "Redis rebuilt", n.Recovery.Redis, 1.2e6/(10_000*8))
	near(t, "a node rebuilt", n.Recovery.Node, 5)

	near(t, "workers' cost", n.Cost.Workers, 4*730*(2*0.04+400e6/gib*0.005))
	near(t, "Redis's cost", n.Cost.Redis, 6*730*(2*0.04+0.005)) // nodes of 1 GiB
	near(t, "brokers' cost", n.Cost.Brokers, 730*(2.48/0.6)*(0.04+4*0.005))
	near(t, "disk's cost", n.Cost.Disk, (n.State.Disk+n.Changes.Disk)/gib*0.1)
	near(t, "cost", n.Cost.Total, n.Cost.Workers+n.Cost.Redis+n.Cost.Brokers+n.Cost.Disk)
}

func TestRulesCount(t *testing.T) {
	load := Load{Events: 1e5, Customers: 6e5} // nothing misses the caches
	compute := func(r Rules) Need {
		t.Helper()
		n, err := Compute(load, r, setup(), round(), Assumed())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	near(t, "S10", compute(s10()).WorkerCPU, 2)

	r := s10()
	r.CPU = 3 // stepping takes 1 of 2 s a million
	near(t, "with a sample", compute(r).WorkerCPU, 1+3)

	r = s10()
	r.Segments, r.Changes = 505, 2
	near(t, "with 505 segments and four times the changes", compute(r).WorkerCPU, 2*1.25*3/1.5)

	r = s10()
	r.WrittenBytes, r.StateBytes, r.Memberships, r.IDBytes = 1200, 600, 4, 17
	n := compute(r)
	near(t, "larger states", n.WorkerCPU, 2+1000*1.5*5e-9*1e6)
	near(t, "larger states in Redis", n.Redis.CustomerBytes, 200+600+10*6+2*120)

	f := round()
	near(t, "CPU of 5 segments", f.CPUOf(5), 1)
	near(t, "of 1,000", f.CPUOf(1000), 1.5)
	near(t, "of 5,500", f.CPUOf(5500), 2.25)
	near(t, "of 19,000", f.CPUOf(19_000), 4.5)
	near(t, "changes of 505", f.ChangesOf(505), 2.75)
}

// TestLinear: k times the events or the customers need at most k times as much. What is there at least once (a Cluster's three nodes, three
// brokers, a gibibyte) counts as had already.
func TestLinear(t *testing.T) {
	recorded, err := Recorded()
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20_000 {
		f, least := round(), 0.
		if random.IntN(2) == 0 {
			// The share of events that miss grows from none at 600,000 customers on: where a miss costs much, twice as fast as the customers at first.
			f, least = recorded, 1.2e6
		}
		load := Load{Events: math.Exp(random.Float64() * 18), Customers: least + math.Exp(random.Float64()*21)}
		r := s10()
		r.Segments, r.Changes, r.WrittenBytes = 1+random.IntN(20_000), 5*random.Float64(), 3000*random.Float64()
		k := float64(1 + random.IntN(30))
		more := load
		if random.IntN(2) == 0 {
			more.Events *= k
		} else {
			more.Customers *= k
		}
		a, err := Compute(load, r, setup(), f, Assumed())
		if err != nil {
			t.Fatal(err)
		}
		b, err := Compute(more, r, setup(), f, Assumed())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			what     string
			few, lot float64
		}{
			{"partitions", float64(a.Partitions.Number), float64(b.Partitions.Number)},
			{"busy worker cores", a.Workers.Busy, b.Workers.Busy},
			{"workers", float64(a.Workers.Number), float64(b.Workers.Number)},
			{"a worker's memory", a.Workers.Memory, b.Workers.Memory},
			{"Redis's bytes", a.Redis.Bytes, b.Redis.Bytes},
			{"Redis's primaries", float64(max(leastCluster, a.Redis.Primaries)), float64(b.Redis.Primaries)},
			{"broker cores", a.Brokers.Cores, b.Brokers.Cores},
			{"brokers", float64(a.Brokers.Number), float64(b.Brokers.Number)},
			{"state", a.State.Live, b.State.Live},
			{"state on disk", a.State.Disk, b.State.Disk},
			{"changes on disk", a.Changes.Disk, b.Changes.Disk},
			{"network written", a.Network.Written, b.Network.Written},
			{"recovery of a worker", a.Recovery.CaughtUp, b.Recovery.CaughtUp},
			{"recovery of Redis", a.Recovery.Redis, b.Recovery.Redis},
			{"brokers' and disk's cost", a.Cost.Brokers + a.Cost.Disk, b.Cost.Brokers + b.Cost.Disk},
		} {
			if c.lot > c.few*k*(1+1e-9) {
				t.Fatalf("seed %d: %s: %v of %+v, but %v of %+v, %v times as much", seed, c.what, c.few, load, c.lot, more, k)
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	good := Load{Events: 1, Customers: 1}
	for _, c := range []struct {
		load Load
		to   func(*Assumptions)
		want string
	}{
		{Load{Events: 0, Customers: 1}, func(*Assumptions) {}, "events a second"},
		{Load{Events: 1, Customers: math.NaN()}, func(*Assumptions) {}, "customers"},
		{good, func(a *Assumptions) { a.Headroom = 1 }, "headroom"},
		{good, func(a *Assumptions) { a.Growth = 0 }, "growth"},
		{good, func(a *Assumptions) { a.RedisNode = 0 }, "Redis node"},
		{good, func(a *Assumptions) { a.PriceRAM = -1 }, "prices"},
	} {
		a := Assumed()
		c.to(&a)
		if _, err := Compute(c.load, s10(), setup(), round(), a); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: want %q", err, c.want)
		}
	}
}

func TestFiguresAreWhole(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                   "number 1 has no name",
		`{"worker_cpus": 1}`:   "unknown field",
		`{"worker_cpu": "two"`: "reading the figures",
	} {
		if _, err := ParseFigures([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
