// Package iana knows which names name a time zone: those of the IANA database that is part of the program, and no others, so that a rule
// means the same on every machine. It must not know what a zone is used for.
package iana

import (
	_ "embed"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // zones are known on machines and in images without a database
)

// Names that time.LoadLocation finds on some machines beside the database ("localtime", "posix/…", another case, "./…") are not in the list.
//
//go:generate go run ./generate
//go:embed names.txt
var list string

var names = sync.OnceValue(func() map[string]struct{} {
	all := make(map[string]struct{})
	for name := range strings.Lines(list) {
		all[strings.TrimSuffix(name, "\n")] = struct{}{}
	}
	return all
})

// IsZone tells whether a name is one of the database. "" and "Local" are none.
func IsZone(name string) bool {
	_, ok := names()[name]
	return ok
}

// Zone gives the zone; nil where the name is not known. It reads the zone each time: some microseconds.
func Zone(name string) *time.Location {
	if !IsZone(name) {
		return nil
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return loc
}
