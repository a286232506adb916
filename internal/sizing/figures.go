package sizing

import (
	"bytes"
	_ "embed" // of figures.json
	"encoding/json"
	"fmt"
)

//go:generate go run ./generate -results ../../bench/results -figures figures.json
//go:generate go test ../../cmd/ruas -run ^TestSiz -update

//go:embed figures.json
var recorded []byte

// Figure is one measured number.
type Figure struct {
	What  string  `json:"what"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"`
	// Source says which measurement gave it, when, on what and how often.
	Source string `json:"source"`
}

// Figures are what was measured, all with the rules S10 of the benchmark where nothing else is said. Few and many customers are 200,000,
// who are all in the worker's cache, and 2,000,000, who are not.
type Figures struct {
	// CPU seconds a million events.
	WorkerCPU     Figure `json:"worker_cpu"`
	WorkerCPUMany Figure `json:"worker_cpu_many"`
	BrokerCPU     Figure `json:"broker_cpu"`
	BrokerCPUMany Figure `json:"broker_cpu_many"`
	RedisCPU      Figure `json:"redis_cpu"`
	RedisCPUMany  Figure `json:"redis_cpu_many"`
	// ReplayCPU is decoding, stepping and writing changes to a file.
	ReplayCPU Figure `json:"replay_cpu"`
	// At SteadyRate events a second over SteadyPartitions; batches are small there.
	SteadyWorker     Figure `json:"steady_worker_cpu"`
	SteadyBroker     Figure `json:"steady_broker_cpu"`
	SteadyRedis      Figure `json:"steady_redis_cpu"`
	SteadyRate       Figure `json:"steady_rate"`
	SteadyPartitions Figure `json:"steady_partitions"`
	// Rules1000 and Rules10000 are the CPU of an event and change, as multiples of S10's.
	Rules1000  Figure `json:"rules_1000"`
	Rules10000 Figure `json:"rules_10000"`
	// Changes1000 and Changes10000 are the changes an event.
	Changes1000  Figure `json:"changes_1000"`
	Changes10000 Figure `json:"changes_10000"`
	// Bytes a customer.
	StateBytes     Figure `json:"state_bytes"`
	RedisBytes     Figure `json:"redis_bytes"`
	WorkerCustomer Figure `json:"worker_bytes_per_customer"`
	// WorkerBase is what a worker takes without customers, with what it has read ahead of twelve partitions of sources.
	WorkerBase Figure `json:"worker_base_bytes"`
	// RebuildRate is in customers a second and core of the workers; Takeover in seconds past the session time-out.
	RebuildRate Figure `json:"rebuild_rate"`
	Takeover    Figure `json:"takeover_seconds"`
	// What S10 does to its events, exact for the seed.
	Changes      Figure `json:"changes_per_event"`
	Memberships  Figure `json:"memberships_per_customer"`
	WrittenBytes Figure `json:"written_bytes"`
	EventBytes   Figure `json:"event_bytes"`
	ChangeBytes  Figure `json:"change_bytes"`
	IDBytes      Figure `json:"id_bytes"`
	// StateLZ4 and ChangeLZ4 are sizes after compression, of those before.
	StateLZ4  Figure `json:"state_lz4"`
	ChangeLZ4 Figure `json:"change_lz4"`
}

// All lists the figures in their order.
func (f *Figures) All() []*Figure {
	return []*Figure{
		&f.WorkerCPU, &f.WorkerCPUMany, &f.BrokerCPU, &f.BrokerCPUMany, &f.RedisCPU, &f.RedisCPUMany, &f.ReplayCPU,
		&f.SteadyWorker, &f.SteadyBroker, &f.SteadyRedis, &f.SteadyRate, &f.SteadyPartitions, &f.Rules1000, &f.Rules10000, &f.Changes1000, &f.Changes10000,
		&f.StateBytes, &f.RedisBytes, &f.WorkerCustomer, &f.WorkerBase, &f.RebuildRate, &f.Takeover,
		&f.Changes, &f.Memberships, &f.WrittenBytes, &f.EventBytes, &f.ChangeBytes, &f.IDBytes, &f.StateLZ4, &f.ChangeLZ4,
	}
}

// Recorded gives the figures that this release was built with.
func Recorded() (*Figures, error) { return ParseFigures(recorded) }

// ParseFigures reads figures.json. Each figure must be there, with its source.
func ParseFigures(text []byte) (*Figures, error) {
	f := &Figures{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(f); err != nil {
		return nil, fmt.Errorf("reading the figures: %w", err)
	}
	for i, one := range f.All() {
		if one.What == "" || one.Source == "" || !(one.Value >= 0) {
			return nil, fmt.Errorf("reading the figures: number %d has no name, source or value: %+v", i+1, *one)
		}
	}
	return f, nil
}

// CPUOf is the CPU of an event and change under n segments, as a multiple of that under S10: on straight lines between the figures of S10,
// S1000 and S10000, and on along the last one.
func (f *Figures) CPUOf(n int) float64 {
	thousand := max(1, f.Rules1000.Value)
	return between(n, 1, thousand, max(thousand, f.Rules10000.Value))
}

// ChangesOf is the changes an event under n segments, found in the same way.
func (f *Figures) ChangesOf(n int) float64 {
	thousand := max(f.Changes.Value, f.Changes1000.Value)
	return between(n, f.Changes.Value, thousand, max(thousand, f.Changes10000.Value))
}

// between is a value for n segments, from those for 10, 1,000 and 10,000, none of which is less than the one before. Fewer than 10
// are taken for 10.
func between(n int, ten, thousand, tenThousand float64) float64 {
	from, to, a, b := 10., 1000., ten, thousand
	if n > 1000 {
		from, to, a, b = 1000, 10_000, thousand, tenThousand
	}
	return a + (b-a)*max(0, float64(n)-from)/(to-from)
}
