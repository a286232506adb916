package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var errDuration = errors.New(`not a duration: write a number and ms, s, m, h, d or w, as "500ms", "24h" or "30d"`)

// units from the longest name to the shortest, so that ms is tried before s and m.
var units = []struct {
	name string
	size time.Duration
}{
	{"ms", time.Millisecond},
	{"s", time.Second},
	{"m", time.Minute},
	{"h", time.Hour},
	{"d", 24 * time.Hour},
	{"w", 7 * 24 * time.Hour},
}

// parseDuration reads one whole number and one unit. Days are 24 hours.
func parseDuration(s string) (time.Duration, error) {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil {
			break
		}
		if n > uint64(math.MaxInt64/u.size) {
			return 0, errors.New("too long a duration: at most 292 years")
		}
		return time.Duration(n) * u.size, nil
	}
	if s == "0" {
		return 0, nil
	}
	return 0, errDuration
}

// formatDuration is the shortest text that parseDuration reads as d.
func formatDuration(d time.Duration) string {
	best := units[0]
	for _, u := range units {
		// Two days read better as 48h, and 24h as the contract writes it; from there on days and weeks.
		if d%u.size == 0 && d != 0 && (u.size < 24*time.Hour || d > 48*time.Hour) && u.name != "w" {
			best = u
		}
	}
	if d == 0 {
		return "0s"
	}
	return strconv.FormatInt(int64(d/best.size), 10) + best.name
}
