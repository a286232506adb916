package study

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/ruas/ruas/internal/event"
)

// Scan is what topics held at one moment, committed, to be read from its beginning, one partition number after another. Topics go by their
// places among those that it was opened for. Its methods are called by one goroutine.
type Scan interface {
	// Partitions is the number of partitions of each topic that there is.
	Partitions() int32
	// Bounds gives the first offset that a topic holds of a partition number, and the one after the last; 0 and 0: there is no such topic.
	Bounds(topic int, partition int32) (from, to int64)
	// Begin begins to read a partition number, and gives up the one before.
	Begin(partition int32) error
	// Next waits for the next record of a topic in the partition number that was begun; io.EOF is the end. The timestamp is in milliseconds
	// since the epoch, next the offset that follows. What it returns is not changed any more.
	Next(ctx context.Context, topic int) (key, value []byte, timestamp, next int64, err error)
	// Ready tells whether Next need not wait.
	Ready(topic int) bool
	// Cut names the topics whose beginning was deleted while they were read.
	Cut() []int
	Close()
}

// reading is one partition number that is read.
type reading struct {
	ctx       context.Context
	scan      Scan
	partition func(key []byte, n int32) int32
	number    int32
	forgotten map[string]int64 // when a customer was last asked to be forgotten, in milliseconds since the epoch
	pace      *pace
	read      *atomic.Int64
	rejected  int64 // records without a value
}

// forget reads the requests to forget of the partition number. What is left of a customer who was forgotten is what came later.
func (r *reading) forget(topic int) error {
	r.forgotten = map[string]int64{}
	from, _ := r.scan.Bounds(topic, r.number)
	for {
		key, _, at, next, err := r.scan.Next(r.ctx, topic)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading requests to forget: %w", err)
		}
		r.read.Add(next - from)
		from = next
		r.forgotten[string(key)] = max(at, r.forgotten[string(key)])
	}
}

// source is one topic of a reading, as replay reads it.
type source struct {
	*reading
	topic int
	next  int64
	key   []byte
}

func (r *reading) source(topic int) *source {
	from, _ := r.scan.Bounds(topic, r.number)
	return &source{reading: r, topic: topic, next: from}
}

// Next implements replay.Records.
func (s *source) Next() ([]byte, error) {
	for {
		key, value, at, next, err := s.scan.Next(s.ctx, s.topic)
		if err != nil {
			return nil, err // as it is: io.EOF is the end
		}
		s.read.Add(next - s.next)
		s.next = next
		if err := s.pace.step(s.ctx); err != nil {
			return nil, err
		}
		if asked, ok := s.forgotten[string(key)]; ok && at <= asked {
			continue
		}
		if len(value) == 0 {
			s.rejected++
			continue
		}
		s.key = key
		return value, nil
	}
}

// Ready implements replay.Records.
func (s *source) Ready() bool { return s.scan.Ready(s.topic) }

// Judge implements replay.Records: by the same reasons as the pipeline.
func (s *source) Judge(ev *event.Event) error {
	switch {
	case string(s.key) != ev.Customer:
		return &event.Reject{Reason: event.ReasonKey}
	case s.partition != nil && s.partition(s.key, s.scan.Partitions()) != s.number:
		return &event.Reject{Reason: event.ReasonPartition}
	}
	return nil
}

// unheard is told of records that are no good, and keeps nothing of them: the pipeline made dead letters of them.
type unheard struct{}

func (unheard) Reject(string, int64, error, []byte, int) error { return nil }
func (unheard) Flush() error                                   { return nil }

// pace leaves time to others: after each stretch of work it rests.
type pace struct {
	now   func() time.Time
	share float64 // of the time that is worked; 1: always
	count int
	began time.Time
}

// pauseEvery is the number of records between two looks at the clock, restLeast what is worth a rest.
const (
	pauseEvery = 256
	restLeast  = 5 * time.Millisecond
)

func (p *pace) step(ctx context.Context) error {
	if p.share <= 0 || p.share >= 1 {
		return nil
	}
	if p.began.IsZero() {
		p.began = p.now()
	}
	if p.count++; p.count%pauseEvery != 0 {
		return nil
	}
	worked := p.now().Sub(p.began)
	if worked < restLeast {
		return nil
	}
	rest := time.NewTimer(min(time.Duration(float64(worked)*(1-p.share)/p.share), time.Second))
	defer rest.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-rest.C:
	}
	p.began = p.now()
	return nil
}
