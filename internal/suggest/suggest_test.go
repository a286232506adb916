package suggest

import "testing"

func TestNearest(t *testing.T) {
	keys := []string{"brokers", "group", "addresses", "time_zone", "dedup_window", "id", "ip"}
	for name, want := range map[string]string{
		"brokres":     "brokers", // a swap counts once
		"broker":      "brokers",
		"TimeZone":    "time_zone",
		"timezone":    "time_zone",
		"dedupwindwo": "dedup_window",
		"adresses":    "addresses",
		"elephant":    "",
		"it":          "", // too short to guess
		"group":       "", // not a misspelling of itself
		"":            "",
	} {
		if got := Nearest(name, keys); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := Nearest("cart_addd", []string{"cart_addx", "cart_add", "cart_addb"}); got != "cart_add" {
		t.Errorf("of several at one distance the first in the alphabet: got %q", got)
	}
	if got := Hint("brokres", keys); got != `; did you mean "brokers"?` {
		t.Errorf("the hint is %q", got)
	}
	if got := Hint("elephant", keys); got != "" {
		t.Errorf("a hint where nothing is near: %q", got)
	}
}
