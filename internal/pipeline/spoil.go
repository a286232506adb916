//go:build !race

package pipeline

// spoil does nothing: what is let go of is written over in time.
func spoil([]byte) {}
