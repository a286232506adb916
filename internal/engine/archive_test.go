package engine

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/feature"
)

// stored is what is kept of a customer between steps.
type stored struct {
	state, archive []byte
	written        int // bytes, in all
}

// store writes a customer as a task does: the archive where it is due, and away where it is of no more use.
func (k *stored) store(e *Engine, c *Customer) {
	if e.ArchiveDue(c) > 0 {
		k.archive = e.Archive(c, nil)
		k.written += len(k.archive)
	}
	if !e.Archived(c) {
		k.archive = nil
	}
	k.state = e.Encode(c, nil)
	k.written += len(k.state)
}

// idsOf lists the ids that whatever comes next may find remembered.
func idsOf(e *Engine, c *Customer) (list []string) {
	var s feature.Series
	from, _ := e.remembered(c, &s)
	for i := from; i < s.Len(); i++ {
		list = append(list, fmt.Sprintf("%d %x", s.Time(i), s.Value(i, 0).N))
	}
	return list
}

// TestArchive stores a customer every few events, reads it again, and finds the same ids, through bursts, pauses and the bound.
func TestArchive(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := newBench(t, []byte(anyPurchase), Options{DedupWindow: time.Minute, ArchiveFrom: 1 + r.IntN(40)})
		c, clock, number, archives := b.eng.NewCustomer("c1"), int64(1_000_000), 0, 0
		var k stored
		for range 200 {
			switch r.IntN(20) {
			case 0:
				clock += 61_000
			case 1, 2:
				clock += int64(r.IntN(30_000))
			}
			for range r.IntN(60) {
				number++
				clock += int64(r.IntN(3)) * int64(r.IntN(100))
				if !b.eng.accept(c, b.eng.identity(b.event(purchase(fmt.Sprint("e", number), clock, ""))), clock) {
					t.Fatalf("seed %d: e%d is a duplicate", seed, number)
				}
				c.born, c.at = true, clock
			}
			k.store(b.eng, c)
			if Divided(k.state) != (k.archive != nil) || Divided(k.state) != b.eng.Archived(c) {
				t.Fatalf("seed %d: divided %v, archived %v, an archive of %d bytes", seed, Divided(k.state), b.eng.Archived(c), len(k.archive))
			}
			read := new(Customer)
			if err := b.eng.DecodeInto(read, "c1", k.state, k.archive); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			if is, want := fmt.Sprint(idsOf(b.eng, read)), fmt.Sprint(idsOf(b.eng, c)); is != want {
				t.Fatalf("seed %d: after e%d\n%s\nare remembered, want\n%s", seed, number, is, want)
			}
			if again := b.eng.Encode(read, nil); !bytes.Equal(again, k.state) {
				t.Fatalf("seed %d: the state is written anew as\n%s, was\n%s", seed, dump(again), dump(k.state))
			}
			if k.archive != nil {
				archives++
			}
			if r.IntN(2) == 0 {
				c = read
			}
		}
		if archives == 0 {
			t.Errorf("seed %d: nothing was archived", seed)
		}
	}
}

// TestArchiveSpares holds what an archive is for: of who has many events, each does not write the ids of all the others again.
func TestArchiveSpares(t *testing.T) {
	written := func(from int) int {
		b := newBench(t, []byte(anyPurchase), Options{ArchiveFrom: from})
		c, clock := b.eng.NewCustomer("c1"), int64(0)
		var k stored
		for i := range int64(2000) {
			b.step(c, &clock, purchase(fmt.Sprint("e", i), 1000*i, ""))
			k.store(b.eng, c)
		}
		return k.written
	}
	if whole, divided := written(maxSeen), written(0); divided*8 > whole {
		t.Errorf("2,000 events wrote %d bytes, and without archives %d", divided, whole)
	}
}

// goldenArchive is the golden customer of version 3, as it is stored.
func goldenArchive(t *testing.T, b *bench) *stored {
	t.Helper()
	c, clock, _ := goldenCustomer(t, b)
	for i := range int64(40) {
		b.step(c, &clock, purchase(fmt.Sprint("more", i), clock+i%3, ""))
	}
	k := new(stored)
	k.store(b.eng, c)
	b.step(c, &clock, purchase("fresh", clock+1, ""))
	k.store(b.eng, c)
	return k
}

// TestGoldenArchive holds version 3 of the encoding, and archives, to their bytes.
func TestGoldenArchive(t *testing.T) {
	const folder = "testdata/state-v3"
	b := stateBench(t)
	made := goldenArchive(t, b)
	if *update {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	state := undump(t, strings.Fields(string(Golden(t, filepath.Join(folder, "state.hex"), dump(made.state)))))
	archive := undump(t, strings.Fields(string(Golden(t, filepath.Join(folder, "archive.hex"), dump(made.archive)))))
	if state[0] != 3 {
		t.Fatalf("the golden state of version 3 is of version %d", state[0])
	}
	read := new(Customer)
	if err := b.eng.DecodeInto(read, "c1", state, archive); err != nil {
		t.Fatal(err)
	}
	if again := b.eng.Encode(read, nil); !bytes.Equal(again, state) {
		t.Errorf("the golden state is written anew as\n%s", dump(again))
	}
	if n := len(idsOf(b.eng, read)); n < 41 {
		t.Errorf("%d ids are remembered", n)
	}
}

// TestDamagedArchives cuts archives short, leaves them out, and flips bits.
func TestDamagedArchives(t *testing.T) {
	b := stateBench(t)
	good := goldenArchive(t, b)
	c := new(Customer)
	if err := b.eng.DecodeInto(c, "c1", good.state, nil); !errors.Is(err, errNoArchive) {
		t.Errorf("without its archive a state gives %v", err)
	}
	newer := append([]byte{archiveVersion + 1}, good.archive[1:]...)
	if err := b.eng.DecodeInto(c, "c1", good.state, newer); !errors.Is(err, ErrVersion) {
		t.Errorf("an archive of a newer version gives %v", err)
	}
	for n := range good.archive {
		if err := b.eng.DecodeInto(c, "c1", good.state, good.archive[:n:n]); err == nil {
			t.Fatalf("%d of %d bytes of an archive are enough", n, len(good.archive))
		}
	}
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 0))
		bad := bytes.Clone(good.archive)
		for range 1 + r.IntN(3) {
			bad[r.IntN(len(bad))] ^= 1 << r.IntN(8)
		}
		func() {
			defer func() {
				if p := recover(); p != nil {
					t.Fatalf("seed %d: %v\n%s", seed, p, dump(bad))
				}
			}()
			read := new(Customer)
			if err := b.eng.DecodeInto(read, "c1", good.state, bad); err != nil {
				return
			}
			b.eng.accept(read, seed, read.at+1)
			var again stored
			if again.store(b.eng, read); b.eng.ArchiveDue(read) == 0 {
				again.archive = b.eng.Archive(read, nil)
				again.state = b.eng.Encode(read, nil)
			}
			if err := b.eng.DecodeInto(new(Customer), "c1", again.state, again.archive); err != nil {
				t.Fatalf("seed %d: what was stored again gives %v\n%s", seed, err, dump(bad))
			}
		}()
	}
}
