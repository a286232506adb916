package main

import (
	"math"
	"slices"
)

// stat is what a few runs gave.
type stat struct {
	median, least, most float64
	runs                int
	// apart says that a ratio's two sides were not taken in one session: they do not compare.
	apart bool
}

func statOf(values []float64) (stat, bool) {
	if len(values) == 0 {
		return stat{}, false
	}
	slices.Sort(values)
	middle := len(values) / 2
	median := values[middle]
	if len(values)%2 == 0 {
		median = (values[middle-1] + values[middle]) / 2
	}
	return stat{median: median, least: values[0], most: values[len(values)-1], runs: len(values)}, true
}

// figure is what one sample says.
type figure func(sample) float64

// value is the sum of values by their names.
func value(names ...string) figure {
	return func(s sample) (sum float64) {
		for _, name := range names {
			v, ok := s.Values[name]
			if !ok {
				return math.NaN()
			}
			sum += v
		}
		return sum
	}
}

// reader reads results for a report.
type reader struct {
	results map[string]*results // by measure
}

func (r reader) series(measure, series string) []sample {
	if r.results[measure] == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.results[measure].Series[series]), func(s sample) bool { return s.Void != "" })
}

// stat gives a figure of a series; false: there is none that counts.
func (r reader) stat(measure, series string, of figure) (stat, bool) {
	var values []float64
	for _, s := range r.series(measure, series) {
		if v := of(s); !math.IsNaN(v) {
			values = append(values, v)
		}
	}
	return statOf(values)
}

// ratio gives a figure of one series over one of another: the medians' ratio, and the least and most of the same runs.
func (r reader) ratio(measure, above string, a figure, below string, b figure) (stat, bool) {
	x, ok := r.stat(measure, above, a)
	y, ok2 := r.stat(measure, below, b)
	if !ok || !ok2 || y.median == 0 {
		return stat{}, false
	}
	result := stat{median: x.median / y.median, runs: min(x.runs, y.runs)}
	var pairs []float64
	for _, s := range r.series(measure, above) {
		for _, t := range r.series(measure, below) {
			if s.Session != t.Session {
				result.apart = true
			} else if s.Run == t.Run {
				pairs = append(pairs, a(s)/b(t))
			}
		}
	}
	result.least, result.most = result.median, result.median
	if of, ok := statOf(pairs); ok {
		result.least, result.most = of.least, of.most
	}
	return result, true
}
