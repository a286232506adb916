package pipeline

// arena gives the many small pieces of a batch room in few large ones, which live as long as any piece of theirs. The zero value is ready.
type arena struct{ free []byte }

const arenaChunk = 64 << 10

// open returns an empty slice with room for about n bytes. What was appended to it is to be kept before the next is opened.
func (a *arena) open(n int) []byte {
	if cap(a.free) < n {
		a.free = make([]byte, 0, max(n, arenaChunk))
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
