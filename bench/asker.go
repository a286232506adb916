package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// askConnections are open throughout. A request that finds all of them busy waits, and the wait counts.
	askConnections = 64
	// askMost is how many requests may wait: behind that the answers do not keep up.
	askMost = 60 * askRate
	// askTimeout is for how long an answer is waited for.
	askTimeout = time.Minute
)

// asker asks for customers at moments that no answer moves (an open loop): how long an answer took is counted from when its request was due,
// so that requests behind a slow one count their wait too (no coordinated omission).
type asker struct {
	address   string
	customers int
	began     time.Time

	mu       sync.Mutex
	answered []answered
}

// answered is a request that was answered.
type answered struct {
	due  time.Duration // since the asker began
	took time.Duration // from then to the answer's last byte
	late time.Duration // from then to the request's first byte
}

// question is a request as it is due.
type question struct {
	due      time.Duration
	customer int
}

func (a *asker) now() time.Duration { return time.Since(a.began) }

// run asks until stop is closed, and returns when everything is answered. Any answer but the customer's is an error.
func (a *asker) run(ctx context.Context, stop <-chan struct{}) error {
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan question, askMost)
	for range askConnections {
		group.Go(func() error { return a.ask(ctx, queue) })
	}
	group.Go(func() error {
		defer close(queue)
		return a.pace(ctx, stop, queue)
	})
	return group.Wait()
}

// pace hands out requests at their moments.
func (a *asker) pace(ctx context.Context, stop <-chan struct{}, queue chan<- question) error {
	// A thread of its own sleeps by the kernel's clock: Go's timers, on a machine with nothing else to do, are up to a millisecond late.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	random := rand.New(rand.NewPCG(8, 8))
	const step = time.Second / askRate
	for due := time.Duration(0); ; due += step {
		if wait := due - a.now(); wait > 0 {
			rest := syscall.NsecToTimespec(int64(wait))
			_ = syscall.Nanosleep(&rest, nil) // a signal cuts it short: then the request is early by less than a step
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-stop:
			return nil
		default:
		}
		select {
		case queue <- question{due, random.IntN(a.customers)}:
		default:
			return fmt.Errorf("%d requests wait for an answer", askMost)
		}
	}
}

// ask sends what is due over one connection.
func (a *asker) ask(ctx context.Context, queue <-chan question) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", a.address)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = conn.Close() }() // nothing is left to be written
	in := bufio.NewReader(conn)
	var out []byte
	var body bytes.Buffer
	for q := range queue {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		out = fmt.Appendf(out[:0], "GET /v1/customers/c%d HTTP/1.1\r\nHost: %s\r\n\r\n", q.customer, a.address)
		sent := a.now()
		if err := conn.SetDeadline(time.Now().Add(askTimeout)); err != nil {
			return err
		}
		if _, err := conn.Write(out); err != nil {
			return fmt.Errorf("sending a request: %w", err)
		}
		if err := readAnswer(in, &body, q.customer); err != nil {
			return err
		}
		got := answered{due: q.due, took: a.now() - q.due, late: sent - q.due}
		a.mu.Lock()
		a.answered = append(a.answered, got)
		a.mu.Unlock()
	}
	return nil
}

// readAnswer reads an answer, which must be about the customer.
func readAnswer(in *bufio.Reader, body *bytes.Buffer, customer int) error {
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	body.Reset()
	_, err = io.Copy(body, answer.Body)
	if closed := answer.Body.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("reading an answer: %w", err)
	}
	if want := fmt.Appendf(nil, `{"customer_id":"c%d",`, customer); answer.StatusCode != http.StatusOK || !bytes.HasPrefix(body.Bytes(), want) {
		return fmt.Errorf("asked for customer c%d: %s: %s", customer, answer.Status, body.Bytes())
	}
	return nil
}
