package simulation

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// mode is what a link does with what is sent over it.
type mode uint8

const (
	open mode = iota
	// silent: what is written arrives when the link opens again, even where its sender gave up waiting. Time-outs take place.
	silent
	// frozen: as for a process that is stopped. Nothing is written or read, no time-out is seen, until the link opens again.
	frozen
	// broken: connections are reset, and new ones refused.
	broken
	// dead: the worker is gone. Nothing that it still does reaches anybody.
	dead
)

// verdict is what happens to one request.
type verdict uint8

const (
	pass verdict = iota
	// deaf: the request arrives, and its answer is lost with the connection.
	deaf
	// last: the request arrives, and the link is dead.
	last
	// hush: the request arrives, and then its server is silent.
	hush
)

var (
	errReset = errors.New("connection reset")
	errGone  = errors.New("the worker is gone")
)

// link is what one worker has to one kind of server.
type link struct {
	dialUnder func(ctx context.Context, network, address string) (net.Conn, error)
	// name names a request by its first bytes.
	name func(b []byte) string
	// request is told of each request before it is sent: it may change the link's mode.
	request func(name string) verdict
	// delay gives the virtual time that the next request, or answer, takes.
	delay func() time.Duration
	// slower makes requests take up to so much more.
	slower func(time.Duration)

	mu      sync.Mutex
	mode    mode
	away    map[string]mode // of single servers, by address, while the link is open
	changed chan struct{}   // closed when a mode changes
	conns   map[*conn]struct{}
}

func newLink(name func([]byte) string, dial func(context.Context, string, string) (net.Conn, error)) *link {
	return &link{dialUnder: dial, name: name, changed: make(chan struct{}), conns: make(map[*conn]struct{}), away: make(map[string]mode)}
}

// state gives the mode as it is for one server; "": for all.
func (l *link) state(address string) (mode, chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mode == open {
		return l.away[address], l.changed
	}
	return l.mode, l.changed
}

// set changes the mode. A dead link stays dead. An open one is open to every server.
func (l *link) set(m mode) { l.change(m, "") }

// part changes the mode for one server alone.
func (l *link) part(m mode, address string) { l.change(m, address) }

func (l *link) change(m mode, address string) {
	l.mu.Lock()
	if l.mode == dead || address == "" && l.mode == m && len(l.away) == 0 {
		l.mu.Unlock()
		return
	}
	if address == "" {
		l.mode = m
		clear(l.away)
	} else {
		l.away[address] = m
	}
	close(l.changed)
	l.changed = make(chan struct{})
	var conns []*conn
	for c := range l.conns {
		if address == "" || c.address == address {
			conns = append(conns, c)
		}
	}
	l.mu.Unlock()
	for _, c := range conns {
		switch m {
		case broken:
			_ = c.under.Close()
		case open:
			c.deliver()
		case silent, frozen, dead:
		}
	}
}

// close ends all connections at the servers' side too.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.conns {
		_ = c.under.Close()
	}
}

// await returns when the link is neither frozen nor, if silence counts, silent.
func (l *link) await(ctx context.Context, address string, silence bool) (mode, error) {
	for {
		m, changed := l.state(address)
		if m != frozen && (m != silent || !silence) {
			return m, nil
		}
		done := ctx.Done()
		if m == frozen {
			done = nil
		}
		select {
		case <-changed:
		case <-done:
			return m, ctx.Err()
		}
	}
}

func (l *link) dial(ctx context.Context, network, address string) (net.Conn, error) {
	m, err := l.await(ctx, address, true)
	switch {
	case err != nil:
		return nil, err
	case m == broken:
		return nil, errReset
	case m == dead:
		return nil, errGone
	}
	under, err := l.dialUnder(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &conn{link: l, under: under, address: address, closed: make(chan struct{}), changed: make(chan struct{})}
	l.mu.Lock()
	l.conns[c] = struct{}{}
	l.mu.Unlock()
	go c.takeIn()
	return c, nil
}

// conn is one connection over a link. A goroutine takes in what the server sends, as a kernel does: neither side waits for the other to
// read.
type conn struct {
	link    *link
	under   net.Conn
	address string

	once   sync.Once
	closed chan struct{}

	mu       sync.Mutex
	changed  chan struct{} // closed when something below changes
	inbox    []byte
	failed   error // of the server's side
	muted    bool  // the next answer is lost, and the connection with it
	deadline time.Time
	pending  [][]byte      // written while the link was silent
	sent     chan struct{} // closed when the newest request is on its way
}

// change changes what readers wait for.
func (c *conn) change(do func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	do()
	close(c.changed)
	c.changed = make(chan struct{})
}

// takeIn fills the inbox until the connection ends. What comes takes its time, so that answers race with whatever else a worker does, above
// all when it wakes up; but the server must not wait meanwhile.
func (c *conn) takeIn() {
	buf := make([]byte, 16<<10)
	var last time.Time
	for {
		n, err := c.under.Read(buf)
		came := append([]byte(nil), buf[:n]...)
		at := time.Now()
		if err == nil {
			at = at.Add(c.link.delay())
		}
		if !at.After(last) {
			at = last.Add(1)
		}
		last = at
		time.AfterFunc(time.Until(at), func() {
			c.change(func() { c.inbox, c.failed = append(c.inbox, came...), err })
		})
		if err != nil {
			return
		}
	}
}

// Write takes what is to be sent, and returns, as a kernel does: clients hold locks while they wait for it.
func (c *conn) Write(b []byte) (int, error) {
	if c.isClosed() {
		return 0, net.ErrClosed
	}
	switch m, _ := c.link.state(c.address); m {
	case dead:
		return 0, errGone
	case broken:
		return 0, errReset
	default:
	}
	sent := append([]byte(nil), b...)
	took, done := c.link.delay(), make(chan struct{})
	c.mu.Lock()
	before := c.sent
	c.sent = done
	c.mu.Unlock()
	go func() {
		defer close(done)
		time.Sleep(took)
		if before != nil {
			<-before
		}
		c.send(sent)
	}()
	return len(b), nil
}

// send sends a request when its time has come. Where that fails, reading does too.
func (c *conn) send(b []byte) {
	l := c.link
	verdict := l.request(l.name(b))
	m, _ := l.await(context.Background(), c.address, false)
	if c.isClosed() {
		return
	}
	switch m {
	case dead, broken:
		return
	case silent:
		c.mu.Lock()
		c.pending = append(c.pending, b)
		c.mu.Unlock()
		return
	case open, frozen:
	}
	switch verdict {
	case deaf:
		c.mu.Lock()
		c.muted = true
		c.mu.Unlock()
	case hush:
		l.part(silent, c.address)
	case pass, last:
	}
	_, _ = c.under.Write(b)
	if verdict == last {
		l.set(dead)
	}
}

// deliver sends what was held back, and then what the close held back.
func (c *conn) deliver() {
	c.mu.Lock()
	pending := c.pending
	c.pending = nil
	c.mu.Unlock()
	if len(pending) == 0 {
		if c.isClosed() {
			_ = c.end()
		}
		return
	}
	go func() {
		for _, b := range pending {
			if _, err := c.under.Write(b); err != nil {
				break
			}
		}
		if c.isClosed() {
			_ = c.end()
		}
	}()
}

func (c *conn) Read(b []byte) (int, error) {
	for {
		m, turned := c.link.state(c.address)
		if m == dead {
			return 0, errGone
		}
		c.mu.Lock()
		inbox, failed, muted, deadline, changed := c.inbox, c.failed, c.muted, c.deadline, c.changed
		if m == open || m == broken {
			switch {
			case len(inbox) > 0 && muted:
				c.mu.Unlock()
				_ = c.under.Close()
				return 0, errReset
			case len(inbox) > 0:
				n := copy(b, inbox)
				c.inbox = inbox[n:]
				c.mu.Unlock()
				return n, nil
			case failed != nil:
				c.mu.Unlock()
				return 0, failed
			}
		}
		c.mu.Unlock()
		var late <-chan time.Time
		if m != frozen && !deadline.IsZero() {
			t := time.NewTimer(time.Until(deadline))
			defer t.Stop()
			late = t.C
		}
		select {
		case <-turned:
		case <-changed:
		case <-late:
			return 0, os.ErrDeadlineExceeded
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
}

func (c *conn) isClosed() bool {
	select {
	case <-c.closed:
		return true
	default:
		return false
	}
}

// Close ends the connection. What is held back stays on its way.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	c.mu.Lock()
	held := len(c.pending) > 0
	c.mu.Unlock()
	// A worker that is dead tells nobody: as when a machine loses power, its connections stay open at the other end.
	if m, _ := c.link.state(c.address); m == dead || m == silent || m == frozen || held {
		return nil
	}
	return c.end()
}

func (c *conn) end() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	return c.under.Close()
}

func (c *conn) LocalAddr() net.Addr  { return c.under.LocalAddr() }
func (c *conn) RemoteAddr() net.Addr { return c.under.RemoteAddr() }

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.change(func() { c.deadline = t })
	return nil
}

// SetWriteDeadline has nothing to do: writing does not wait.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// kafkaRequest names a request by its key, in the header of each.
func kafkaRequest(b []byte) string {
	if len(b) < 6 {
		return "?"
	}
	return kmsg.NameForKey(int16(binary.BigEndian.Uint16(b[4:])))
}

// redisRequest names a request by its first command.
func redisRequest(b []byte) string {
	parts := strings.SplitN(string(b[:min(len(b), 64)]), "\r\n", 4)
	if len(parts) < 3 {
		return "?"
	}
	return strings.ToUpper(parts[2])
}
