package demo

import (
	"sync"

	"github.com/ruas/ruas/internal/metrics"
	"github.com/ruas/ruas/internal/pipeline"
)

// history tells when the pipeline has read the shop's history. It is told of the clocks as an observer of the pipeline, and lets the metrics
// know all that it is told.
type history struct {
	*metrics.Metrics
	opening int64 // in milliseconds since the epoch

	mu     sync.Mutex
	behind map[int32]bool
}

var _ pipeline.Observer = (*history)(nil)

func newHistory(opening int64, m *metrics.Metrics) *history {
	h := &history{Metrics: m, opening: opening, behind: map[int32]bool{}}
	for number := range int32(partitions) {
		h.behind[number] = true
	}
	return h
}

// Clock notes the partitions whose clocks have come to the opening.
func (h *history) Clock(number int32, clock int64, deadlines int) {
	h.Metrics.Clock(number, clock, deadlines)
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
