package replay

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/ruas/ruas/internal/engine"
)

// output takes the changes of one event, or of one customer's moment (timed), from every partition.
type output interface {
	write(changes []engine.Change, timed bool) error
	// advance lets out what can no longer be preceded.
	advance() error
	// flush hands what is out to the writer below.
	flush() error
	// finish lets out and flushes everything.
	finish() error
	written() int64
}

const outputBuffer = 64 << 10

// direct writes the changes of one partition, which come in order.
type direct struct {
	engine *engine.Engine
	w      *bufio.Writer
	buf    []byte
	n      int64
}

func newDirect(w io.Writer, e *engine.Engine) *direct {
	return &direct{engine: e, w: bufio.NewWriterSize(w, outputBuffer)}
}

func (d *direct) write(changes []engine.Change, _ bool) error {
	for i := range changes {
		d.buf = append(d.engine.AppendJSON(d.buf[:0], &changes[i]), '\n')
		if _, err := d.w.Write(d.buf); err != nil {
			return writeError(err)
		}
		d.n++
	}
	return nil
}

func (d *direct) advance() error { return nil }
func (d *direct) flush() error   { return writeError(d.w.Flush()) }
func (d *direct) finish() error  { return d.flush() }
func (d *direct) written() int64 { return d.n }

func writeError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("writing changes: %w", err)
}

// silent counts changes and writes none.
type silent struct{ n int64 }

func (s *silent) write(changes []engine.Change, _ bool) error {
	s.n += int64(len(changes))
	return nil
}

func (*silent) advance() error   { return nil }
func (*silent) flush() error     { return nil }
func (*silent) finish() error    { return nil }
func (s *silent) written() int64 { return s.n }

// sequencer puts the changes of several partitions in order: it keeps each until every partition's clock has moved past it.
type sequencer struct {
	engine  *engine.Engine
	w       *bufio.Writer
	lowest  func() int64
	pending []line
	arrival uint64
	n       int64
}

// line is a change that waits: changes of one time in order of arrival where events made them, then by customer.
type line struct {
	time     int64
	timed    bool
	customer string // of a timed one
	arrival  uint64
	json     []byte
}

func (a line) compare(b line) int {
	if c := cmp.Compare(a.time, b.time); c != 0 {
		return c
	}
	if a.timed != b.timed {
		if b.timed {
			return -1
		}
		return 1
	}
	if c := cmp.Compare(a.customer, b.customer); c != 0 {
		return c
	}
	return cmp.Compare(a.arrival, b.arrival)
}

func newSequencer(w io.Writer, e *engine.Engine, lowest func() int64) *sequencer {
	return &sequencer{engine: e, w: bufio.NewWriterSize(w, outputBuffer), lowest: lowest}
}

func (s *sequencer) write(changes []engine.Change, timed bool) error {
	for i := range changes {
		ch := &changes[i]
		s.arrival++
		l := line{time: ch.Time, timed: timed, arrival: s.arrival, json: append(s.engine.AppendJSON(nil, ch), '\n')}
		if timed {
			l.customer = ch.Customer
		}
		s.pending = append(s.pending, l)
	}
	return nil
}

func (s *sequencer) advance() error {
	low := s.lowest()
	return s.release(func(l line) bool { return l.time < low })
}

// release writes the lines that may go, in order, and keeps the others.
func (s *sequencer) release(may func(line) bool) error {
	var out []line
	s.pending = slices.DeleteFunc(s.pending, func(l line) bool {
		if may(l) {
			out = append(out, l)
			return true
		}
		return false
	})
	slices.SortFunc(out, line.compare)
	for _, l := range out {
		if _, err := s.w.Write(l.json); err != nil {
			return writeError(err)
		}
		s.n++
	}
	return nil
}

func (s *sequencer) flush() error {
	if err := s.advance(); err != nil {
		return err
	}
	return writeError(s.w.Flush())
}

func (s *sequencer) finish() error {
	if err := s.release(func(line) bool { return true }); err != nil {
		return err
	}
	return writeError(s.w.Flush())
}

func (s *sequencer) written() int64 { return s.n }
