package kafka

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"hash/fnv"
)

// Partitioner gives the partition of a key among n, as producers choose it. name is murmur2 (Kafka's Java clients and most others),
// crc32 (librdkafka's consistent partitioner) or fnv1a (Sarama's hash partitioner).
func Partitioner(name string) (func(key []byte, n int32) int32, error) {
	switch name {
	case "murmur2", "":
		return javaPartition, nil
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

// javaPartition is how Kafka's Java clients choose.
func javaPartition(key []byte, n int32) int32 { return int32(murmur2(key)&0x7fffffff) % n }

// murmur2 is Austin Appleby's MurmurHash2, 32 bits, with the seed of Kafka's clients.
func murmur2(key []byte) uint32 {
	const (
		seed  = 0x9747b28c
		m     = 0x5bd1e995
		shift = 24
	)
	h := seed ^ uint32(len(key))
	for ; len(key) >= 4; key = key[4:] {
		k := binary.LittleEndian.Uint32(key) * m
		k = (k ^ k>>shift) * m
		h = h*m ^ k
	}
	if len(key) > 0 {
		for i := len(key) - 1; i >= 0; i-- {
			h ^= uint32(key[i]) << (8 * i)
		}
		h *= m
	}
	h = (h ^ h>>13) * m
	return h ^ h>>15
}
