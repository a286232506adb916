package kafka

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The partitions of franz-go's own partitioners, which are tested against the clients that they imitate.
func TestPartitioner(t *testing.T) {
	java := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	murmur, err := Partitioner("murmur2")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		key := []byte(fmt.Sprintf("%0*d", i%9, i))
		if got, want := murmur(key, 7), int32(java.Partition(&kgo.Record{Key: key}, 7)); got != want {
			t.Fatalf("murmur2 of %q: %d, want %d", key, got, want)
		}
	}
	for _, c := range []struct {
		name, key string
		want      int32
	}{
		{"crc32", "123456789", int32(0xcbf43926 % 7)},  // the check value of CRC-32/ISO-HDLC
		{"fnv1a", "foobar", -(int32(-0x40630698) % 7)}, // the published FNV-1a of "foobar", 0xbf9cf968, is negative
	} {
		f, err := Partitioner(c.name)
		if err != nil {
			t.Fatal(err)
		}
		if got := f([]byte(c.key), 7); got != c.want {
			t.Errorf("%s of %q: %d, want %d", c.name, c.key, got, c.want)
		}
	}
	if _, err := Partitioner("random"); err == nil {
		t.Error("a partitioner that does not exist is accepted")
	}
}
