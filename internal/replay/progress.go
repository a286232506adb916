package replay

import (
	"fmt"
	"io"
	"strconv"
	"time"
)

// progress shows on a terminal how far the replay is: one line, written over itself twice a second.
type progress struct {
	w      io.Writer
	inputs []*input
	start  time.Time
	shown  time.Time
	events int64
}

func newProgress(w io.Writer, inputs []*input) *progress {
	now := time.Now()
	return &progress{w: w, inputs: inputs, start: now, shown: now}
}

const clearLine = "\r\x1b[K"

func (p *progress) show(r *Result, customers func() int) {
	if p.w == nil {
		return
	}
	now := time.Now()
	since := now.Sub(p.shown)
	if since < time.Second/2 {
		return
	}
	rate := float64(r.Events-p.events) / since.Seconds()
	p.shown, p.events = now, r.Events
	line := fmt.Sprintf("%s events, %s/s, %s customers", grouped(r.Events), grouped(int64(rate)), grouped(int64(customers())))
	if percent, ok := p.position(); ok {
		line += fmt.Sprintf(", %.0f %%", percent)
	}
	// The terminal may be gone: the changes are what matters.
	_, _ = io.WriteString(p.w, clearLine+line)
}

// position is the share of the files that was read, where all sizes are known.
func (p *progress) position() (percent float64, ok bool) {
	var read, size int64
	for _, in := range p.inputs {
		if in.size < 0 {
			return 0, false
		}
		read += in.read.Load()
		size += in.size
	}
	if size == 0 {
		return 0, false
	}
	return 100 * float64(read) / float64(size), true
}

func (p *progress) finish(r *Result) {
	if p.w == nil {
		return
	}
	elapsed := time.Since(p.start)
	line := fmt.Sprintf("%s events of %s customers, %s changes, in %s (%s/s)", grouped(r.Events), grouped(int64(r.Customers)),
		grouped(r.Changes), elapsed.Round(10*time.Millisecond), grouped(int64(float64(r.Events)/elapsed.Seconds())))
	if r.Rejected > 0 {
		line += fmt.Sprintf("; %s lines were no good", grouped(r.Rejected))
	}
	if r.LeftOut > 0 {
		line += fmt.Sprintf("; %s events after the end were left out", grouped(r.LeftOut))
	}
	if r.Interrupted {
		line += "; interrupted"
	}
	_, _ = io.WriteString(p.w, clearLine+line+"\n")
}

// grouped writes a number with its thousands apart.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
