package pipeline

// arena gives the many small pieces of a batch room in few large ones, which live as long as any piece of theirs. The zero value is ready.
type arena struct {
	free   []byte
	chunks [][]byte // all that were made since the last reset, and those before the last reset that were not needed again
	used   int      // of chunks
}

const arenaChunk = 64 << 10

// open returns an empty slice with room for about n bytes. What was appended to it is to be kept before the next is opened. What is larger
// than a chunk gets room of its own, once: chunks that are skipped for it would add up.
func (a *arena) open(n int) []byte {
	if n > arenaChunk {
		return make([]byte, 0, n)
	}
	for cap(a.free) < n {
		if a.used == len(a.chunks) {
			a.chunks = append(a.chunks, make([]byte, 0, arenaChunk))
		}
		a.free = a.chunks[a.used]
		a.used++
	}
	return a.free
}

// keep takes what was opened and appended to. What outgrew its room has moved out by then, and the room stays free.
func (a *arena) keep(piece []byte) []byte {
	if n := len(piece); n <= cap(a.free) && cap(piece) == cap(a.free) {
		a.free = a.free[n:n:cap(a.free)]
	}
	return piece[:len(piece):len(piece)]
}

// reset takes all room back: every piece is done with.
func (a *arena) reset() {
	for _, chunk := range a.chunks[:a.used] {
		spoil(chunk[:cap(chunk)])
	}
	a.free, a.used = nil, 0
}
