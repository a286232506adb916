package demo

import (
	"sync"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/pipeline"
)

// history tells when the pipeline has read the shop's history. It is told of the clocks as an observer of the pipeline.
type history struct {
	opening int64 // in milliseconds since the epoch

	mu     sync.Mutex
	behind map[int32]bool
}

var _ pipeline.Observer = (*history)(nil)

func newHistory(opening int64) *history {
	h := &history{opening: opening, behind: map[int32]bool{}}
	for number := range int32(partitions) {
		h.behind[number] = true
	}
	return h
}

// Clock notes the partitions whose clocks have come to the opening.
func (h *history) Clock(number int32, clock int64, _ int) {
	if clock < h.opening {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.behind, number)
}

// read is true when all have.
func (h *history) read() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.behind) == 0
}

// Committed does nothing, like the rest of an observer.
func (h *history) Committed(int32, pipeline.Committed) {}

// Written does nothing.
func (h *history) Written(int32, time.Duration) {}

// Lag does nothing.
func (h *history) Lag(int32, string, int64) {}

// Warming does nothing.
func (h *history) Warming(int32, []engine.Warming) {}

// Released does nothing.
func (h *history) Released(int32) {}
