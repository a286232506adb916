package replay

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"unicode/utf8"
)

// Rejects is told of lines that are no good. size is the record's in bytes; of one that is very long, record is only the beginning.
type Rejects interface {
	Reject(file string, line int64, reason error, record []byte, size int) error
	Flush() error
}

// maxRecord is what a dead letter keeps of a record, in bytes.
const maxRecord = 900_000

// Report writes a line for people about each: FILE:LINE: reason.
type Report struct {
	W io.Writer
	// Terminal says that a progress line may stand where the report goes.
	Terminal bool
}

// Reject writes the line.
func (r Report) Reject(file string, line int64, reason error, _ []byte, _ int) error {
	before := ""
	if r.Terminal {
		before = clearLine
	}
	if _, err := fmt.Fprintf(r.W, "%s%s:%d: %v\n", before, file, line, reason); err != nil {
		return fmt.Errorf("reporting a line that is no good: %w", err)
	}
	return nil
}

// Flush does nothing: every line is written at once.
func (Report) Flush() error { return nil }

// DeadLetters keeps each as a JSON line {"file","line","reason","record"}. A record is cut at 900 kB: then "cut" is the size that it had. A
// whole one that is not UTF-8, which JSON cannot hold, is in "bytes" too, in base64.
type DeadLetters struct{ w *bufio.Writer }

// NewDeadLetters writes to w, which the caller closes after Flush.
func NewDeadLetters(w io.Writer) *DeadLetters {
	return &DeadLetters{w: bufio.NewWriterSize(w, outputBuffer)}
}

type deadLetter struct {
	File   string `json:"file"`
	Line   int64  `json:"line"`
	Reason string `json:"reason"`
	Record string `json:"record"`
	Bytes  []byte `json:"bytes,omitempty"`
	Cut    int    `json:"cut,omitempty"`
}

// Reject keeps the record.
func (d *DeadLetters) Reject(file string, line int64, reason error, record []byte, size int) error {
	encoder := json.NewEncoder(d.w)
	encoder.SetEscapeHTML(false)
	record = record[:min(len(record), maxRecord)]
	letter := deadLetter{File: file, Line: line, Reason: reason.Error(), Record: string(record)}
	switch {
	case len(record) < size:
		letter.Cut = size
	case !utf8.Valid(record):
		letter.Bytes = record
	}
	if err := encoder.Encode(letter); err != nil {
		return fmt.Errorf("writing a dead letter: %w", err)
	}
	return nil
}

// Flush writes out what is buffered.
func (d *DeadLetters) Flush() error {
	if err := d.w.Flush(); err != nil {
		return fmt.Errorf("writing dead letters: %w", err)
	}
	return nil
}
