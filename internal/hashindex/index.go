// Package hashindex finds by its text what stands in a list of numbers. It owns the table of hashes and nothing else: not the texts, nor
// what they name.
package hashindex

import "hash/maphash"

// Index finds numbers, from 1, by the hashes of their texts: open addressing with linear probing in one array, of eight bytes a place, at
// most three quarters full. So whoever looks for many texts may have the processor fetch the places of all of them first. The zero value is
// not for use.
type Index struct {
	seed  maphash.Seed
	table []entry
	shift int // of a hash, to its place in the table
	n     int
}

type entry struct {
	hash   uint32
	number uint32 // 0: free
}

const leastBits = 10

// New returns an empty index.
func New() *Index {
	return &Index{seed: maphash.MakeSeed(), table: make([]entry, 1<<leastBits), shift: 32 - leastBits}
}

// Hash returns the hash of a text.
func (x *Index) Hash(text string) uint32 { return uint32(maphash.String(x.seed, text) >> 32) }

// Fetch reads the place where a hash is looked for, for those who will look for it soon. What it returns means nothing.
func (x *Index) Fetch(hash uint32) uint32 { return x.table[hash>>x.shift].number }

// First returns a number with a hash, and where to look for the next, as texts may share one; 0: there is none.
func (x *Index) First(hash uint32) (number, next uint32) { return x.Next(hash, hash>>x.shift) }

// Next goes on from where the number before said.
func (x *Index) Next(hash, from uint32) (number, next uint32) {
	mask := uint32(len(x.table) - 1)
	for i := from & mask; ; i = (i + 1) & mask {
		if e := x.table[i]; e.number == 0 || e.hash == hash {
			return e.number, i + 1
		}
	}
}

// Add adds a number that is not there yet.
func (x *Index) Add(hash, number uint32) {
	if x.n++; 4*x.n > 3*len(x.table) {
		old := x.table
		x.table = make([]entry, 2*len(old))
		x.shift--
		for _, e := range old {
			if e.number != 0 {
				x.put(e)
			}
		}
	}
	x.put(entry{hash, number})
}

func (x *Index) put(e entry) {
	mask := uint32(len(x.table) - 1)
	i := e.hash >> x.shift
	for x.table[i].number != 0 {
		i = (i + 1) & mask
	}
	x.table[i] = e
}

// Remove takes out a number that is there. What was put further than its place because of it moves up, so that nothing marks where it was
// (Knuth, The Art of Computer Programming, volume 3, section 6.4, algorithm R).
func (x *Index) Remove(hash, number uint32) {
	mask := uint32(len(x.table) - 1)
	i := hash >> x.shift
	for x.table[i].number != number {
		i = (i + 1) & mask
	}
	for next := (i + 1) & mask; x.table[next].number != 0; next = (next + 1) & mask {
		home := x.table[next].hash >> x.shift
		if (next-home)&mask >= (next-i)&mask {
			x.table[i] = x.table[next]
			i = next
		}
	}
	x.table[i] = entry{}
	x.n--
}
