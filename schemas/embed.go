// Package schemas holds the event types and profile attributes that ship with ruas, one JSON Schema a file. It owns only the
// files: what they mean is README.md's to say and package event's to read.
package schemas

import "embed"

// Files holds every shipped schema file, *.json, in one folder.
//
//go:embed *.json
var Files embed.FS
