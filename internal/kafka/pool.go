package kafka

import (
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetchPool keeps the room of records that were polled, and of the bytes that they were decompressed to, for the next ones: half of what a
// worker that drains would allocate. Unlike a sync.Pool it is not emptied by the garbage collector.
type fetchPool struct {
	mu      sync.Mutex
	records free[kgo.Record]
	bytes   free[byte]
}

// At most so much lies idle, of each kind; a record takes 170 bytes.
const (
	idleSlices  = 256
	idleRecords = 24 << 10
	idleBytes   = 6 << 20
)

// GetRecords implements kgo.PoolRecords.
func (p *fetchPool) GetRecords(n int) []kgo.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	if room := p.records.take(n, n); room != nil {
		return room
	}
	return make([]kgo.Record, 0, n+n/8) // the next batch has a few more, or fewer
}

// PutRecords implements kgo.PoolRecords.
func (p *fetchPool) PutRecords(room []kgo.Record) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.records.give(room, idleRecords)
}

// GetDecompressBytes implements kgo.PoolDecompressBytes. Where there is none, or too little, the client makes
// more, and gives that back.
func (p *fetchPool) GetDecompressBytes(compressed []byte, _ kgo.CompressionCodecType) []byte {
	const usual, least = 4, 2 // times larger is what was compressed
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes.take(usual*len(compressed), least*len(compressed))
}

// PutDecompressBytes implements kgo.PoolDecompressBytes.
func (p *fetchPool) PutDecompressBytes(room []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes.give(room, idleBytes)
}

// slack is how many times larger than need be room may be.
const slack = 4

// free is room that lies idle.
type free[T any] struct {
	idle [][]T
	size int // of all, in T
}

// take gives the smallest empty slice with room for n, and none with room for many more: the client wipes all of it each time. Where there is
// none, it gives the largest with room for least. nil: there is none of these either.
func (f *free[T]) take(n, least int) []T {
	best, large := -1, -1
	for i, room := range f.idle {
		c := cap(room)
		if c >= n && c <= slack*n && (best < 0 || c < cap(f.idle[best])) {
			best = i
		}
		if c >= least && c < n && (large < 0 || c > cap(f.idle[large])) {
			large = i
		}
	}
	if best < 0 {
		best = large
	}
	if best < 0 {
		return nil
	}
	room := f.idle[best]
	f.idle = slices.Delete(f.idle, best, best+1)
	f.size -= cap(room)
	return room
}

// give takes room back, as long as no more than most lies idle: what lies longest makes way.
func (f *free[T]) give(room []T, most int) {
	f.idle = append(f.idle, room[:0])
	f.size += cap(room)
	for f.size > most || len(f.idle) > idleSlices {
		f.size -= cap(f.idle[0])
		f.idle = slices.Delete(f.idle, 0, 1)
	}
}
