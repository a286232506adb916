package replay

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"github.com/ruas/ruas/internal/event"
)

const (
	bufferSize = 256 << 10
	// maxLine is what is kept of a line: more than the largest record that a decoder accepts, so that it says why not.
	maxLine = event.MaxRecord + 3
)

var (
	gzipMagic = []byte{0x1f, 0x8b}
	utf8Mark  = []byte{0xef, 0xbb, 0xbf}
)

// batchSize is how many events are decoded and looked up together.
const batchSize = 64

// upcoming is an event that was read and waits for its turn. It aliases its input's buffer.
type upcoming struct {
	event    event.Event
	hash     uint32    // of its customer's id
	customer *customer // nil: not there when the event was read
	part     *partition
}

// input is a file that is being read, with the events that are next.
type input struct {
	name    string
	line    int64 // of the line last read, from 1
	events  [batchSize]upcoming
	batch   []upcoming // of events, of which those from pos on wait
	pos     int
	decoder *event.Decoder
	records Records       // read in the place of what follows; nil: it is a file
	stored  io.Reader     // the bytes as stored
	lines   *bufio.Reader // the content; nil before the first read
	long    []byte        // holds a line that is longer than the buffer
	dropped int           // how many bytes of the line last read were not kept
	size    int64         // in bytes as stored; -1: not known
	read    atomic.Int64
	closers []io.Closer
}

// openFile opens a file; its first bytes are read with the first line.
func openFile(path string) (*input, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	in := &input{name: path, size: -1, stored: f, closers: []io.Closer{f}}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		in.size = info.Size()
	}
	return in, nil
}

// next returns the next event. There must be one.
func (in *input) next() *upcoming { return &in.batch[in.pos] }

// openStdin reads r so that a cancelled context ends a read that waits; idle is called before each such wait.
func openStdin(ctx context.Context, r io.Reader, idle func() error) *input {
	return &input{name: "-", size: -1, stored: newInterruptible(ctx, r, idle)}
}

// start finds out whether the content is gzip, whatever the name says, and skips a byte order mark.
func (in *input) start() error {
	in.lines = bufio.NewReaderSize(&counted{r: in.stored, n: &in.read}, bufferSize)
	if head, _ := in.lines.Peek(len(gzipMagic)); bytes.Equal(head, gzipMagic) {
		unzipped, err := gzip.NewReader(in.lines)
		if err != nil {
			return fmt.Errorf("reading %s: %w", in.name, err)
		}
		in.closers = append(in.closers, unzipped)
		in.lines = bufio.NewReaderSize(unzipped, bufferSize)
	}
	if head, _ := in.lines.Peek(len(utf8Mark)); bytes.Equal(head, utf8Mark) {
		_, _ = in.lines.Discard(len(utf8Mark))
	}
	return nil
}

// readLine returns the next line without its end, or an empty one where it is blank. It is valid until the next call. The last
// line need not have an end. io.EOF tells the end of the file.
func (in *input) readLine() ([]byte, error) {
	if in.records != nil {
		in.line++
		return in.records.Next()
	}
	in.dropped = 0
	if in.lines == nil {
		if err := in.start(); err != nil {
			return nil, err
		}
	}
	line, err := in.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		line, err = in.readLong(line)
	}
	switch {
	case errors.Is(err, io.EOF):
		if len(line) == 0 {
			return nil, io.EOF
		}
	case err != nil:
		return nil, fmt.Errorf("reading %s after line %d: %w", in.name, in.line, err)
	}
	in.line++
	if len(line) == 0 || line[0] != '{' {
		if len(bytes.Trim(line, " \t\r\n")) == 0 {
			return nil, nil
		}
	}
	if n := len(line); n > 0 && line[n-1] == '\n' {
		line = line[:n-1]
	}
	return bytes.TrimSuffix(line, []byte{'\r'}), nil
}

// holdsLine tells whether a whole line was read from the file and waits in the buffer. Reading it leaves those before it valid.
func (in *input) holdsLine() bool {
	if in.records != nil {
		return in.records.Ready()
	}
	waiting, _ := in.lines.Peek(in.lines.Buffered()) // which cannot fail
	return bytes.IndexByte(waiting, '\n') >= 0
}

// readLong reads the rest of a line whose beginning fills the buffer; what is beyond maxLine is only counted.
func (in *input) readLong(begin []byte) (line []byte, err error) {
	in.long = append(in.long[:0], begin...)
	for {
		part, err := in.lines.ReadSlice('\n')
		kept := min(len(part), maxLine-len(in.long))
		in.long = append(in.long, part[:kept]...)
		in.dropped += len(bytes.TrimRight(part[kept:], "\r\n"))
		if !errors.Is(err, bufio.ErrBufferFull) {
			return in.long, err
		}
	}
}

func (in *input) close() {
	for _, c := range in.closers {
		// Nothing was written, so nothing is lost.
		_ = c.Close()
	}
}

// counted counts the bytes read.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// interruptible is a reader whose reads end when a context is cancelled. The read under way then is left behind: its goroutine
// ends with the process or with the data.
type interruptible struct {
	ctx    context.Context
	idle   func() error
	ask    chan []byte
	answer chan readResult
	rest   []byte
	buf    []byte
}

type readResult struct {
	n   int
	err error
}

func newInterruptible(ctx context.Context, r io.Reader, idle func() error) *interruptible {
	i := &interruptible{
		ctx: ctx, idle: idle, buf: make([]byte, bufferSize),
		ask: make(chan []byte), answer: make(chan readResult, 1),
	}
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case buf := <-i.ask:
				n, err := r.Read(buf)
				i.answer <- readResult{n, err}
			}
		}
	}()
	return i
}

func (i *interruptible) Read(p []byte) (int, error) {
	if len(i.rest) == 0 {
		if err := i.idle(); err != nil {
			return 0, err
		}
		select {
		case <-i.ctx.Done():
			return 0, i.ctx.Err()
		case i.ask <- i.buf:
		}
		select {
		case <-i.ctx.Done():
			return 0, i.ctx.Err()
		case got := <-i.answer:
			if got.err != nil && got.n == 0 {
				return 0, got.err
			}
			i.rest = i.buf[:got.n]
		}
	}
	n := copy(p, i.rest)
	i.rest = i.rest[n:]
	return n, nil
}
