// Package replay runs the engine over files, or over records that others hand it: it reads events, merges the inputs by time, moves the
// clock and writes the changes in order of time. It owns no rule's meaning and knows neither Kafka nor Redis. Its memory grows with the
// customers, not with the events; with several partitions, also with the changes of those that are ahead of the slowest.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
)

// File is one input.
type File struct {
	// Source names one of Options.Sources; empty: the file may hold events of every type, with the default names.
	Source string
	// Path is a file of JSON lines, plain or gzip; "-" is standard input.
	Path string
	// Records, where it is not nil, is read in the place of a file, and Path is its name.
	Records Records
}

// Records is an input that is no file.
type Records interface {
	// Next waits for the next record; io.EOF is the end, however often it is asked. What it returns is not changed any more.
	Next() ([]byte, error)
	// Ready tells whether Next will probably not wait.
	Ready() bool
	// Judge says why the event of the newest record is no good; nil: it is.
	Judge(ev *event.Event) error
}

// Options says what to replay and where the results go.
type Options struct {
	Engine *engine.Engine
	// Beside is stepped by the same events, and its changes are written nowhere; nil: nothing is.
	Beside  *engine.Engine
	Schema  *event.Schema
	Sources []event.Source
	Files   []File
	// Until ends the replay: later events are left out, and the clock moves there at the end. nil: the greatest time of any event.
	Until *int64
	// Partitions divides the customers as Kafka would, each part with a clock of its own. 0 is 1.
	Partitions int
	// Out receives the changes as JSON lines; nil: nobody does, and they are only counted.
	Out io.Writer
	// Rejects is told of every line that is no good.
	Rejects Rejects
	// Progress receives a line that is written over and over, for a terminal; nil: none.
	Progress io.Writer
	// Stdin is what the path "-" reads.
	Stdin io.Reader
}

// Result counts what a replay did.
type Result struct {
	Events      int64 // applied
	LeftOut     int64 // later than Until
	Rejected    int64
	Bytes       int64 // of the lines that are events, without their ends
	Changes     int64
	Customers   int
	Earliest    int64 // the least time of an event that was applied, in milliseconds since the epoch; math.MaxInt64: there was none
	Clock       int64 // where the clock ended, in milliseconds since the epoch; math.MinInt64: no event
	Interrupted bool  // the context was cancelled: the clock did not move to the end
	// Each gives the customers as they are at the end, a partition after another, each in the order of their first events, with the number of events that were applied to each.
	Each iter.Seq2[*engine.Customer, int64]
	// Both gives the customers of Options.Engine in that order, each with the same one of Options.Beside; nil where there is none.
	Both iter.Seq2[*engine.Customer, *engine.Customer]
}

// Run replays the files. A cancelled context ends it early, without an error: what was decided until then is written. An error
// is of reading or writing; lines that are no good go to Options.Rejects.
func Run(ctx context.Context, opt Options) (Result, error) {
	r, err := newRun(ctx, opt)
	if err != nil {
		return Result{}, err
	}
	defer r.close()
	err = r.loop()
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		r.result.Interrupted = true
		err = nil
	}
	err = errors.Join(err, r.out.finish(), r.rejects.Flush())
	r.result.Changes = r.out.written()
	r.result.Clock = math.MinInt64
	for _, p := range r.parts {
		r.result.Customers += p.customers.n
		r.result.Clock = max(r.result.Clock, p.now)
	}
	r.progress.finish(&r.result)
	r.result.Each = r.each
	if opt.Beside != nil {
		r.result.Both = r.both
	}
	return r.result, err
}

func (r *run) each(yield func(*engine.Customer, int64) bool) {
	for _, p := range r.parts {
		for c := range p.customers.all {
			if !yield(&c.Customer, c.events) {
				return
			}
		}
	}
}

func (r *run) both(yield func(c, beside *engine.Customer) bool) {
	for _, p := range r.parts {
		// Both saw the same events, so that they hold the same customers in one order.
		for number := range uint32(p.customers.n) {
			if !yield(&p.customers.at(number+1).Customer, &p.beside.customers.at(number+1).Customer) {
				return
			}
		}
	}
}

// checkEvery is the number of events between two looks at the context, the progress and the output.
const checkEvery = 4096

type run struct {
	ctx      context.Context
	until    int64
	bounded  bool // until was given
	files    merge
	inputs   []*input
	parts    []*partition
	out      output
	rejects  Rejects
	progress *progress
	result   Result
	fetched  uint64 // what was fetched ahead of its use; nobody reads it
}

func newRun(ctx context.Context, opt Options) (*run, error) {
	r := &run{ctx: ctx, until: math.MinInt64, rejects: opt.Rejects, result: Result{Earliest: math.MaxInt64}}
	if opt.Until != nil {
		r.until, r.bounded = *opt.Until, true
	}
	n := max(opt.Partitions, 1)
	switch {
	case opt.Out == nil:
		r.out = &silent{}
	case n == 1:
		r.out = newDirect(opt.Out, opt.Engine)
	default:
		r.out = newSequencer(opt.Out, opt.Engine, r.lowest)
	}
	for range n {
		p := newPartition(ctx, opt.Engine, r.out)
		if opt.Beside != nil {
			p.beside = newPartition(ctx, opt.Beside, &silent{})
		}
		r.parts = append(r.parts, p)
	}
	if err := r.open(opt); err != nil {
		r.close()
		return nil, err
	}
	r.progress = newProgress(opt.Progress, r.inputs)
	return r, nil
}

func (r *run) open(opt Options) error {
	stdin := false
	needs := opt.Engine.Needs()
	if opt.Beside != nil {
		needs = needs.With(opt.Beside.Needs())
	}
	for _, file := range opt.Files {
		source, err := findSource(opt.Sources, file.Source)
		if err != nil {
			return err
		}
		// A decoder a file: an event may alias its decoder's memory, and one event of every file is held at a time.
		decoder, err := event.NewDecoder(opt.Schema, source, needs)
		if err != nil {
			return fmt.Errorf("source %q: %w", file.Source, err)
		}
		var in *input
		switch {
		case file.Records != nil:
			in = &input{name: file.Path, size: -1, records: file.Records}
		case file.Path == "-":
			if stdin {
				return errors.New("standard input (-) is named twice")
			}
			stdin = true
			in = openStdin(r.ctx, opt.Stdin, r.out.flush)
		default:
			if in, err = openFile(file.Path); err != nil {
				return err
			}
		}
		in.decoder = decoder
		r.inputs = append(r.inputs, in)
	}
	return nil
}

func findSource(sources []event.Source, name string) (event.Source, error) {
	if name == "" {
		return event.Source{}, nil
	}
	for _, s := range sources {
		if s.Name == name {
			return s, nil
		}
	}
	return event.Source{}, fmt.Errorf("there is no source %q", name)
}

func (r *run) close() {
	for _, in := range r.inputs {
		in.close()
	}
}

func (r *run) loop() error {
	for i, in := range r.inputs {
		ok, err := r.next(in)
		if err != nil {
			return err
		}
		if ok {
			r.files.push(i, in)
		}
	}
	// Where the end is not given, it is the greatest time of any event, which the clock has then reached.
	end := r.until
	for n := 1; !r.files.empty(); n++ {
		in := r.files.top()
		x := in.next()
		if ev := &x.event; r.bounded && ev.Time > r.until {
			r.result.LeftOut++
		} else {
			if !r.bounded {
				end = max(end, ev.Time)
			}
			if err := x.part.apply(x); err != nil {
				return err
			}
			if beside := x.part.beside; beside != nil {
				if err := beside.apply(beside.upcoming(ev)); err != nil {
					return err
				}
			}
			r.result.Events++
			r.result.Earliest = min(r.result.Earliest, ev.Time)
		}
		ok, err := r.next(in)
		if err != nil {
			return err
		}
		if ok {
			r.files.fixTop()
		} else {
			r.files.popTop()
		}
		if n%checkEvery == 0 {
			if err := r.check(); err != nil {
				return err
			}
		}
	}
	if end == math.MinInt64 {
		return nil
	}
	for _, p := range r.parts {
		if err := p.finish(end); err != nil {
			return err
		}
		if p.beside != nil {
			if err := p.beside.finish(end); err != nil {
				return err
			}
		}
	}
	return nil
}

// check is done now and then.
func (r *run) check() error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	r.progress.show(&r.result, r.customers)
	return r.out.advance()
}

// next moves on to the file's next good event. It is false at the end of the file.
func (r *run) next(in *input) (bool, error) {
	if in.pos++; in.pos < len(in.batch) {
		return true, nil
	}
	// The events alias their file's lines: the next ones are read only when all are done.
	in.batch, in.pos = in.events[:0], 0
	for len(in.batch) == 0 || len(in.batch) < batchSize && in.holdsLine() {
		line, err := in.readLine()
		if errors.Is(err, io.EOF) {
			if len(in.batch) > 0 {
				break // what was ready was no record of an event
			}
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if len(line) == 0 {
			continue
		}
		n := len(in.batch)
		err = in.decoder.Decode(line, &in.events[n].event)
		if err == nil && in.records != nil {
			err = in.records.Judge(&in.events[n].event)
		}
		if err == nil {
			r.result.Bytes += int64(len(line))
			in.batch = in.events[:n+1]
			continue
		}
		r.result.Rejected++
		size := len(line) + in.dropped
		if in.dropped > 0 {
			err = event.TooLarge(size)
		}
		if err := r.rejects.Reject(in.name, in.line, err, line, size); err != nil {
			return false, err
		}
		if r.result.Rejected%checkEvery == 0 {
			if err := r.ctx.Err(); err != nil {
				return false, err
			}
		}
	}
	r.lookUp(in.batch)
	return true, nil
}

// lookUp finds the customers of a batch. Each step is done for all of them before the next, so that they wait for memory together.
func (r *run) lookUp(batch []upcoming) {
	for i := range batch {
		x := &batch[i]
		x.part = r.parts[0]
		if len(r.parts) > 1 {
			x.part = r.parts[partitionOf(x.event.Customer, len(r.parts))]
		}
		x.hash = x.part.customers.hash(x.event.Customer)
		r.fetched += uint64(x.part.customers.fetch(x.hash))
	}
	for i := range batch {
		x := &batch[i]
		x.customer = x.part.customers.find(x.hash, x.event.Customer)
	}
	for i := range batch {
		if c := batch[i].customer; c != nil {
			r.fetched += c.Fetch()
		}
	}
}

// lowest is the clock of the partition that is furthest behind.
func (r *run) lowest() int64 {
	low := int64(math.MaxInt64)
	for _, p := range r.parts {
		low = min(low, p.now)
	}
	return low
}

func (r *run) customers() int {
	n := 0
	for _, p := range r.parts {
		n += p.customers.n
	}
	return n
}
