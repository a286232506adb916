//go:build race

package pipeline

// spoil writes over what was let go of, so that who still reads it is found out where data races are.
func spoil(b []byte) {
	for i := range b {
		b[i] = '#'
	}
}
