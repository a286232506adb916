package kafka

import (
	"fmt"
	"hash/crc32"
	"hash/fnv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Partitioner gives the partition of a key among n, as producers choose it. name is murmur2 (Kafka's Java clients and most others),
// crc32 (librdkafka's consistent partitioner) or fnv1a (Sarama's hash partitioner).
func Partitioner(name string) (func(key []byte, n int32) int32, error) {
	switch name {
	case "murmur2", "":
		hash := kgo.KafkaHasher(nil)
		return func(key []byte, n int32) int32 { return int32(hash(key, int(n))) }, nil
	case "crc32":
		return func(key []byte, n int32) int32 { return int32(crc32.ChecksumIEEE(key) % uint32(n)) }, nil
	case "fnv1a":
		return func(key []byte, n int32) int32 {
			h := fnv.New32a()
			_, _ = h.Write(key) // never fails
			p := int32(h.Sum32()) % n
			if p < 0 {
				p = -p
			}
			return p
		}, nil
	}
	return nil, fmt.Errorf("there is no partitioner %q: murmur2, crc32 or fnv1a", name)
}
