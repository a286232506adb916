package rule

import (
	"fmt"
	"strings"
	"testing"
)

// A zone means the same on every machine, whatever else its folder of zones holds.
func TestZonesOfRules(t *testing.T) {
	events := schema(t)
	for _, c := range []struct{ zone, wrong string }{
		{"Asia/Jakarta", ""}, {"UTC", ""}, {"+07:00", ""}, {"-23:59", ""}, {"07:30", ""},
		{"", "names no zone"}, {"Local", "names no zone"}, {"localtime", "names no zone"}, {"posix/Asia/Jakarta", "names no zone"},
		{"posixrules", "names no zone"}, {"./Asia/Jakarta", "names no zone"}, {"Asia//Jakarta", "names no zone"}, {"asia/jakarta", "names no zone"},
		{"+07:60", "is no offset"}, {"+24:00", "is no offset"},
	} {
		text := fmt.Sprintf("segments: {a: {when: 'now.getHours(%q) == 1'}}", c.zone)
		_, err := Parse(events, map[string][]byte{"a.yaml": []byte(text)})
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%q: %v, want %q", c.zone, err, c.wrong)
		}
	}
}
