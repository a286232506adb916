package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

const (
	reportFile  = "docs/performance.md"
	plotFolder  = "docs/performance"
	reportBegin = "<!-- bench: begin, written by go run ./bench -report -->"
	reportEnd   = "<!-- bench: end -->"
)

// writeReport puts tables and plots of the results in a folder into the documentation.
func writeReport(folder string) error {
	r := reader{results: map[string]*results{}}
	s := store{folder: folder}
	for _, m := range measures {
		of, err := s.load(m.name)
		if err != nil {
			return err
		}
		r.results[m.name] = of
	}
	text, err := os.ReadFile(reportFile)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(text, []byte(reportBegin))
	_, after, ok2 := bytes.Cut(rest, []byte(reportEnd))
	if !ok || !ok2 {
		return fmt.Errorf("%s has no place for the report: %s and %s", reportFile, reportBegin, reportEnd)
	}
	plots, err := r.plot(plotFolder)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	out.Write(before)
	fmt.Fprintf(&out, "%s\n\n", reportBegin)
	r.write(&out, plots)
	out.WriteString(reportEnd)
	out.Write(after)
	return os.WriteFile(reportFile, out.Bytes(), 0o600)
}

// write writes tables, with plots by measure.
func (r reader) write(w io.Writer, plots map[string][]string) {
	fmt.Fprint(w, "### What must be, and what is\n\nMedians of the runs, with the least and the most.\n\n"+
		"| measure | measured | must be | met | aim | met |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, t := range targets() {
		fmt.Fprintln(w, t.line(r))
	}
	fmt.Fprintln(w)
	for _, d := range details {
		r.detail(w, d)
		for _, file := range plots[d.measure] {
			fmt.Fprintf(w, "![%s](%s)\n\n", d.title, filepath.ToSlash(filepath.Join("performance", file)))
		}
	}
	r.environments(w)
}

// column is of a measure's own table.
type column struct {
	title string
	unit  unit
	of    figure
}

// detail is a measure's own table: a row a series.
type detail struct {
	measure, title string
	columns        []column
}

var details = []detail{
	{"drain", "Draining", []column{
		{"events/s", plain, value(rate)}, {"worker, CPU s a million", plain, value(workerCPU)}, {"broker", plain, value(brokerCPU)},
		{"Redis", plain, value(redisCPU)}, {"peak memory", mebibytes, value(peakRSS)}, {"events", plain, value("events")}, {"changes", plain, value("changes")},
	}},
	{"latency", "Latency at a steady rate", []column{
		{"p50", milliseconds, value("p50_seconds")}, {"p99", milliseconds, value("p99_seconds")}, {"p99.9", milliseconds, value("p999_seconds")},
		{"events/s", plain, value(rate)}, {"worker, CPU s a million", plain, value(workerCPU)}, {"of a core", plain, value("worker_cpu_share")},
		{"broker", plain, value("broker_cpu_share")}, {"Redis", plain, value("redis_cpu_share")}, {"changes", plain, value("changes")},
	}},
	{"rules", "Many rules", []column{
		{"CPU µs an event and change", plain, value(perEventAndChange)}, {"worker, CPU s a million events", plain, value(workerCPU)},
		{"events", plain, value("events")}, {"changes", plain, value("changes")},
	}},
	{"memory", "State and memory", []column{
		{"customers", plain, value("customers")}, {"changelog, mean", bytesUnit, value("changelog_mean_bytes")},
		{"median", bytesUnit, value("changelog_median_bytes")}, {"Redis, a customer", bytesUnit, value("redis_bytes_per_customer")},
		{"worker, at rest", mebibytes, value("rss_bytes")}, {"peak", mebibytes, value(peakRSS)},
	}},
	{"scale", "What grows", []column{
		{"customers", plain, value("customers")}, {"events", plain, value("events")}, {"worker, CPU s a million", plain, value(workerCPU)},
		{"changelog, live", mebibytes, value("changelog_live_bytes")}, {"a customer, mean", bytesUnit, value("changelog_mean_bytes")},
		{"Redis, a customer", bytesUnit, value("redis_bytes_per_customer")}, {"worker, peak memory", mebibytes, value(peakRSS)},
		{"Redis built anew", seconds, value("rebuild_seconds")},
	}},
	{"time", "Deadlines", []column{
		{"deadlines", plain, value("deadlines")}, {"p50", milliseconds, value("p50_seconds")}, {"p99", milliseconds, value("p99_seconds")},
		{"worst", milliseconds, value("worst_seconds")}, {"worker, of a core", plain, value("worker_cpu_share")},
	}},
	{"recovery", "Recovery", []column{
		{"first change again", seconds, value("seconds")}, {"past the session time-out", seconds, value("past_session_seconds")}, {"customers", plain, value("customers")},
	}},
	{"replay", "Replay on one core", []column{
		{"events/s", plain, value(rate)}, {"CPU s a million", plain, value(workerCPU)}, {"peak memory", mebibytes, value(peakRSS)},
		{"CPU s", plain, value("cpu_seconds")},
	}},
	{"workers", "Workers that share the machine", []column{
		{"events/s", plain, value(rate)}, {"all workers, CPU s a million", plain, value(workerCPU)}, {"broker", plain, value(brokerCPU)},
		{"Redis", plain, value(redisCPU)}, {"peak memory, all told", mebibytes, value(peakRSS)},
	}},
	{"api", "The API beside the pipeline", []column{
		{"p50", milliseconds, value("p50_seconds")}, {"p99", milliseconds, value("p99_seconds")}, {"p99.9", milliseconds, value("p999_seconds")},
		{"requests/s", plain, value("requests_per_second")}, {"API, CPU s a million requests", plain, value(apiCPU)}, {"of a core", plain, value("api_cpu_share")},
		{"Redis", plain, value("redis_cpu_share")}, {"worker", plain, value("worker_cpu_share")}, {"broker", plain, value("broker_cpu_share")},
		{"events/s", plain, value(rate)}, {"API's peak memory", mebibytes, value("api_peak_rss_bytes")},
	}},
}

func (r reader) detail(w io.Writer, d detail) {
	all := r.results[d.measure].Series
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "### %s\n\n| |", d.title)
	for _, c := range d.columns {
		fmt.Fprintf(w, " %s |", c.title)
	}
	fmt.Fprintf(w, "\n| --- |%s\n", strings.Repeat(" ---: |", len(d.columns)))
	for _, series := range slices.SortedFunc(maps.Keys(all), inOrder) {
		fmt.Fprintf(w, "| %s |", series)
		for _, c := range d.columns {
			got, ok := r.stat(d.measure, series, c.of)
			switch {
			case !ok:
				fmt.Fprint(w, " |")
			case got.least == got.most:
				fmt.Fprintf(w, " %s |", c.unit.write(got.median))
			default:
				fmt.Fprintf(w, " %s (%s–%s) |", c.unit.write(got.median), number(got.least/c.unit.scale), number(got.most/c.unit.scale))
			}
		}
		fmt.Fprintln(w)
		for _, s := range all[series] {
			if s.Void != "" {
				fmt.Fprintf(w, "| %s, run %d: **VOID** | %s |%s\n", series, s.Run+1, s.Void, strings.Repeat(" |", len(d.columns)-1))
			}
		}
	}
	fmt.Fprintln(w)
}

// inOrder puts ruas first, and numbers in names by their size.
func inOrder(a, b string) int {
	rank := func(name string) string {
		if name == "ruas" {
			return ""
		}
		name = strings.ReplaceAll(name, ",", "") // of thousands
		digits := 0
		for i, c := range name + " " {
			if c < '0' || c > '9' {
				if i > digits {
					return name[:digits] + strings.Repeat("0", max(0, 12-(i-digits))) + name[digits:]
				}
				digits = i + 1
			}
		}
		return name
	}
	return strings.Compare(rank(a), rank(b))
}

// environments says what the figures depend on.
func (r reader) environments(w io.Writer) {
	sessions := map[string]environment{}
	of := map[string][]string{} // measures by session
	for _, m := range measures {
		for session, e := range r.results[m.name].Sessions {
			sessions[session] = e
			of[session] = append(of[session], m.name)
		}
	}
	if len(sessions) == 0 {
		return
	}
	fmt.Fprint(w, "### Where and when\n\n| taken | measures | options | commit | machine | versions |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, session := range slices.Sorted(maps.Keys(sessions)) {
		e := sessions[session]
		var versions []string
		for _, name := range slices.Sorted(maps.Keys(e.Versions)) {
			versions = append(versions, name+" "+e.Versions[name])
		}
		fmt.Fprintf(w, "| %s | %s | %s | %s | %s, %d cores, %s, Linux %s | %s |\n", session, strings.Join(of[session], ", "),
			code(e.Options), e.Commit, e.CPU, e.Cores, e.Memory, e.Kernel, strings.Join(versions, ", "))
	}
	fmt.Fprintln(w)
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

var errNoPlot = errors.New("nothing to plot")
