package redis

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/ruas/ruas/internal/pipeline"
)

// dying is a connection to a server that ends as soon as it is asked for its settings, as often as there is something left.
type dying struct {
	net.Conn
	left *atomic.Int64
}

func (c *dying) Write(b []byte) (int, error) {
	if bytes.Contains(bytes.ToLower(b), []byte("maxmemory-policy")) && c.left.Add(-1) >= 0 {
		_ = c.Close()
		return 0, io.EOF
	}
	return c.Conn.Write(b)
}

// TestPrepareOutlivesAServerThatEnds: a server that ends between two questions is one that does not answer yet, not a wrong one.
func TestPrepareOutlivesAServerThatEnds(t *testing.T) {
	t.Parallel()
	mini := miniredis.RunT(t)
	prepare := func(times int64, patience time.Duration) (asked int64, err error) {
		var left atomic.Int64
		left.Store(times)
		r, err := New(Options{
			Addresses: []string{mini.Addr()}, Prefix: "ruas:", Group: "dying", Timeout: 5 * time.Second, Patience: patience,
			Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, address)
				return &dying{conn, &left}, err
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Close() })
		err = r.Prepare(t.Context())
		return times - left.Load(), err
	}
	if asked, err := prepare(2, time.Minute); err != nil || asked != 3 {
		t.Errorf("a server that ended twice: asked %d times, %v; want an answer at the third", asked, err)
	}
	var refusal *pipeline.Refusal
	if _, err := prepare(1_000_000, time.Millisecond); !errors.As(err, &refusal) || !refusal.Unreachable {
		t.Errorf("a server that always ends: got %v, want that it does not answer", err)
	}
}
