package pipeline_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// wire is a worker's network. Once cut, the worker reaches nothing and nobody is told, as when its machine loses power: nothing is
// finished, and its connections stay open at the other end.
type wire struct {
	mu    sync.Mutex
	gone  bool
	conns []*conn
}

var errCut = errors.New("the wire is cut")

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		return nil, errCut
	}
	var d net.Dialer
	under, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: under, wire: w}
	w.conns = append(w.conns, c)
	return c, nil
}

func (w *wire) isCut() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gone
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
	for _, c := range w.conns {
		_ = c.Conn.SetDeadline(time.Unix(1, 0)) // wakes who waits
	}
}

// mend closes what a cut left open.
func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Conn.Close()
	}
}

// conn is a connection over a wire.
type conn struct {
	net.Conn
	wire *wire
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.wire.isCut() {
		return 0, errCut
	}
	return n, err
}

func (c *conn) Write(b []byte) (int, error) {
	if c.wire.isCut() {
		return 0, errCut
	}
	return c.Conn.Write(b)
}

func (c *conn) SetDeadline(t time.Time) error      { return c.deadline(c.Conn.SetDeadline, t) }
func (c *conn) SetReadDeadline(t time.Time) error  { return c.deadline(c.Conn.SetReadDeadline, t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return c.deadline(c.Conn.SetWriteDeadline, t) }

func (c *conn) deadline(set func(time.Time) error, t time.Time) error {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if c.wire.gone {
		return errCut
	}
	return set(t)
}

func (c *conn) Close() error {
	if c.wire.isCut() {
		return nil // mend does
	}
	return c.Conn.Close()
}
