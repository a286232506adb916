package iana

import (
	"strings"
	"testing"
)

func TestKnown(t *testing.T) {
	for name := range names() {
		if loc := Zone(name); loc == nil || loc.String() != name {
			t.Errorf("%s is %v", name, loc)
		}
	}
	if len(names()) < 500 {
		t.Errorf("only %d names", len(names()))
	}
	for _, name := range []string{"UTC", "Asia/Jakarta", "Etc/GMT+7", "America/Argentina/Ushuaia"} {
		if !IsZone(name) {
			t.Errorf("%s is not known", name)
		}
	}
	for _, none := range []string{
		"", "Local", "localtime", "posixrules", "posix/UTC", "right/Asia/Jakarta", "./Asia/Jakarta", "Asia//Jakarta", "Asia/./Jakarta", "/UTC", "asia/jakarta", "Asia", "asia",
		"Nowhere/Land", "../etc/passwd", "Asia/Jakarta\x00", "Asia/Jakarta\n", strings.Repeat("x", 5000),
	} {
		if IsZone(none) || Zone(none) != nil {
			t.Errorf("%.20q names a zone", none)
		}
	}
}
