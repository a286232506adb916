package redis

import (
	"fmt"

	"github.com/cespare/xxhash/v2"
)

// A shard is a fixed set of keys under one hash tag, so that one MULTI covers them on one node of a Cluster:
//
//	<prefix><group>:{<p>}:meta       hash    fence and description
//	<prefix><group>:{<p>}:deadlines  zset    customer by moment
//	<prefix><group>:{<p>}:s:<n>      hash    customer to state, "\xff<customer>" to archive
//	<prefix><group>:{<p>}:m:<n>      zset    "<segment>\x00<customer>", all with the score 0
//
// Redis loses whole keys, and each but meta holds a member with an empty name from its making on: where that is missing, the key was
// lost, even if a later write made it anew.
const (
	stateKeys  = 64 // few enough to look for all of them, many enough that none is huge
	memberKeys = 16
)

// layoutVersion is raised when keys change their meaning; a shard with another one is built anew.
const layoutVersion = "1"

// mark is the member, or field, by which a key is known to be whole. No customer_id is empty.
const mark = ""

type keys struct {
	meta, deadlines string
	states          [stateKeys]string
	members         [memberKeys]string
}

func newKeys(prefix, group string, number int32) *keys {
	base := fmt.Sprintf("%s%s:{%d}:", prefix, group, number)
	k := &keys{meta: base + "meta", deadlines: base + "deadlines"}
	for i := range k.states {
		k.states[i] = fmt.Sprintf("%ss:%d", base, i)
	}
	for i := range k.members {
		k.members[i] = fmt.Sprintf("%sm:%d", base, i)
	}
	return k
}

func (k *keys) all() []string {
	all := append([]string{k.meta, k.deadlines}, k.states[:]...)
	return append(all, k.members[:]...)
}

func stateKey[T string | []byte](customer T) int {
	return int(xxhash.Sum64String(string(customer)) % stateKeys)
}

func memberKey(segment string) int { return int(xxhash.Sum64String(segment) % memberKeys) }

func member(segment, customer string) string { return segment + "\x00" + customer }
