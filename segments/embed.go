// Package segments holds the starter segments: one commented rule file a family. It knows nothing of how they are read.
package segments

import "embed"

// Files are the starter segments, *.yaml without folders.
//
//go:embed *.yaml
var Files embed.FS
