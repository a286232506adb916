// Package segments holds the starter segments: one commented rule file a family. It knows nothing of how they are read.
package segments

import (
	"embed"
	"fmt"
)

// Files are the starter segments, *.yaml without folders.
//
//go:embed *.yaml
var Files embed.FS

// Read gives each file's content by its name, as rule.Parse takes it.
func Read() (map[string][]byte, error) {
	entries, err := Files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("reading the starter segments: %w", err)
	}
	out := make(map[string][]byte, len(entries))
	for _, entry := range entries {
		if out[entry.Name()], err = Files.ReadFile(entry.Name()); err != nil {
			return nil, fmt.Errorf("reading the starter segments: %w", err)
		}
	}
	return out, nil
}
