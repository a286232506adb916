// Package suggest finds what a misspelt name was probably meant to be, for "did you mean" in messages. It knows nothing of what
// the names name.
package suggest

import (
	"fmt"
	"slices"
	"strings"
)

// Nearest gives the candidate that name was probably meant to be, or "" where none is near: the one at the least edit distance, at
// most 1 to 3 by length; one that differs by case, underscores, hyphens and blanks alone is at distance 0. Ties go to the candidate
// first in alphabetical order.
func Nearest(name string, candidates []string) string {
	best, least := "", 0
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		if c == name || c == "" {
			continue
		}
		d := distance(name, c)
		if plain(name) == plain(c) {
			d = 0
		}
		if d <= allowed(name, c) && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

// Hint is the end of a message about a name: "; did you mean …?" with the nearest candidate, or "" where none is near.
func Hint(name string, candidates []string) string {
	if near := Nearest(name, candidates); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// plain is a name without what people leave out or add by habit.
func plain(s string) string {
	return strings.NewReplacer("_", "", "-", "", " ", "").Replace(strings.ToLower(s))
}

// allowed is the greatest distance at which two names still look alike.
func allowed(a, b string) int {
	switch n := min(len([]rune(a)), len([]rune(b))); {
	case n <= 2:
		return 0
	case n <= 4:
		return 1
	case n <= 8:
		return 2
	default:
		return 3
	}
}

// distance is the optimal string alignment distance (Damerau-Levenshtein without overlapping edits; Boytsov 2011, section 2.1):
// insertions, deletions, substitutions and swaps of neighbours count one each.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, above := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(row[j-1]+1, above[j]+1, above[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above = above, row
	}
	return above[len(y)]
}
