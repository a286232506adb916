package api

import (
	"encoding/json"
	"testing"
)

// A whole number may be written with a point; what is none is refused, not rounded.
func TestWhole(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "17": 17, "17.0": 17, "1e3": 1000, "9007199254740993": 9007199254740993, "-1": -1, "1.5": -100, "1e300": -100, `"1"`: -100} {
		n := whole(-100)
		err := json.Unmarshal([]byte(text), &n)
		if int64(n) != want || (err != nil) != (want == -100) {
			t.Errorf("%s is %d, %v; want %d", text, n, err, want)
		}
	}
}
