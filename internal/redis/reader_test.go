package redis

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/ruas/ruas/internal/pipeline"
)

// counted is a connection that counts what is sent: a round trip is one.
type counted struct {
	net.Conn
	sent *atomic.Int64
}

func (c *counted) Write(b []byte) (int, error) {
	c.sent.Add(1)
	return c.Conn.Write(b)
}

// TestCustomersInOneRoundTrip reads one customer, and many of all partitions: whoever was asked for comes in the place of the question, and
// the server is asked once.
func TestCustomersInOneRoundTrip(t *testing.T) {
	t.Parallel()
	mini := miniredis.RunT(t)
	var sent atomic.Int64
	r, err := New(Options{
		Addresses: []string{mini.Addr()}, Prefix: "ruas:", Group: "trips", Timeout: 5 * time.Second,
		Dialer: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return &counted{conn, &sent}, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	const partitions, customers = 3, 50
	partition := func(key []byte, n int32) int32 { return int32(key[len(key)-1]) % n }
	var ids []string
	for p := range int32(partitions) {
		s := r.Shard(p)
		meta := pipeline.ShardMeta{Fence: pipeline.Fence{Epoch: 1, Applied: 1}, Changes: int64(p), Task: []byte(`{"version":1,"clock":7}`)}
		if err := s.Reset(t.Context(), meta); err != nil {
			t.Fatal(err)
		}
		u := &pipeline.Update{From: meta.Fence, To: meta}
		u.To.Applied++
		for i := range customers {
			id := fmt.Sprintf("c%d", i)
			if ids = append(ids, id); partition([]byte(id), partitions) == p && i%5 > 0 { // every fifth is unknown
				u.States = append(u.States, pipeline.StateRecord{Key: []byte(id), Value: []byte("\x00" + id)})
			}
		}
		if err := s.Write(t.Context(), u); err != nil {
			t.Fatal(err)
		}
	}
	reader := r.Reader(partitions, partition)
	for _, asked := range [][]string{ids[7:8], ids[10:11], ids, slices.Repeat(ids[:3], 2)} {
		before := sent.Load()
		found, err := reader.Customers(t.Context(), asked)
		if trips := sent.Load() - before; err != nil || trips != 1 || len(found) != len(asked) {
			t.Errorf("%d customers: %d found in %d round trips, %v", len(asked), len(found), trips, err)
			continue
		}
		for i, id := range asked {
			var number int
			_, _ = fmt.Sscanf(id, "c%d", &number)
			want := id
			if number%5 == 0 {
				want = ""
			}
			p := partition([]byte(id), partitions)
			if got := found[i]; got.ID != id || string(got.State) != want || got.Partition != p || got.Changes != int64(p) || got.Clock != 7 {
				t.Errorf("%s: %+v", id, got)
			}
		}
	}
}
