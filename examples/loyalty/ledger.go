package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/ruas/ruas/subscribe"
)

// Ledger keeps vouchers in a file, and beside them how far the changes were read. Each line is one entry, which is there whole or not at
// all: what a transaction is in a database, where a shop would keep them.
type Ledger struct {
	mu       sync.Mutex
	file     *os.File
	failed   error // the end of the file is unknown since
	next     subscribe.Positions
	vouchers map[string][]*Voucher // by customer, oldest first
}

// entry is a line: the vouchers that came of a batch of changes, and the position behind it.
type entry struct {
	Partition int32      `json:"partition"`
	Next      int64      `json:"next"`
	Vouchers  []*Voucher `json:"vouchers,omitempty"`
}

// openLedger reads the file, or makes it. A last line that a crash left half written is removed: its changes are read again. Another
// program that has the ledger open is an error.
func openLedger(path string) (*Ledger, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	l := &Ledger{file: file, next: subscribe.Positions{}, vouchers: map[string][]*Voucher{}}
	if err := l.read(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, errors.Join(err, file.Close()))
	}
	return l, nil
}

func (l *Ledger) read() error {
	if err := lock(l.file); err != nil {
		return fmt.Errorf("another program writes to it: %w", err)
	}
	good := int64(0)
	for lines := bufio.NewReader(l.file); ; {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("at byte %d: %w", good, err)
		}
		l.take(&e)
		good += int64(len(line))
	}
	if err := l.file.Truncate(good); err != nil {
		return err
	}
	_, err := l.file.Seek(good, io.SeekStart)
	return err
}

func (l *Ledger) take(e *entry) {
	l.next[e.Partition] = e.Next
	for _, v := range e.Vouchers {
		list := l.vouchers[v.CustomerID]
		if i := slices.IndexFunc(list, func(old *Voucher) bool { return old.Code == v.Code }); i >= 0 {
			list[i] = v
		} else {
			l.vouchers[v.CustomerID] = append(list, v)
		}
	}
}

// Next are the positions from which on changes are still to be booked.
func (l *Ledger) Next() subscribe.Positions {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := subscribe.Positions{}
	for p, offset := range l.next {
		next[p] = offset
	}
	return next
}

// Last gives the newest voucher of a customer for a segment; nil: there is none.
func (l *Ledger) Last(customer, segment string) *Voucher {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range slices.Backward(l.vouchers[customer]) {
		if v.Segment == segment {
			return v
		}
	}
	return nil
}

// Of gives all vouchers of a customer, oldest first.
func (l *Ledger) Of(customer string) []*Voucher {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.vouchers[customer])
}

// Book writes vouchers and the position behind their changes, all or nothing, and returns when they are on the disk. After an error
// nothing more can be booked.
func (l *Ledger) Book(partition int32, next int64, vouchers []*Voucher) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return l.failed
	}
	e := entry{partition, next, vouchers}
	var line bytes.Buffer
	if err := json.NewEncoder(&line).Encode(&e); err != nil { // ends it with a line feed
		return err
	}
	_, err := l.file.Write(line.Bytes())
	if err == nil {
		err = l.file.Sync()
	}
	if err != nil {
		l.failed = fmt.Errorf("writing to the ledger: %w", err)
		return l.failed
	}
	l.take(&e)
	return nil
}

// Close closes the file.
func (l *Ledger) Close() error { return l.file.Close() }
