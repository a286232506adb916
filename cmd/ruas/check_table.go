package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ruas/ruas/internal/plan"
	"github.com/ruas/ruas/internal/rule"
)

// writeReport prints what segments keep: a table a segment, and a summary.
func writeReport(out io.Writer, r *plan.Report) error {
	var b strings.Builder
	for i := range r.Segments {
		s := &r.Segments[i]
		heading(&b, s.Name, s.Title, s.File, s.Line)
		fact(&b, "features", names(s.Features))
		fact(&b, "sent along", names(s.Included))
		fact(&b, "asks for", names(s.Asks))
		keptTable(&b, &s.Kept)
		if s.TimeMoves {
			fact(&b, "time", "alone can move customers in or out, without an event")
		} else {
			fact(&b, "time", "alone moves nobody: only events do")
		}
		fact(&b, "state", state(s.State))
		warnings(&b, s.Warnings)
		b.WriteByte('\n')
	}
	for i := range r.Features {
		f := &r.Features[i]
		if len(f.UsedBy) > 0 {
			continue
		}
		heading(&b, "feature "+f.Name, "no segment uses it; the API serves it", f.File, f.Line)
		fact(&b, "features", names(f.Features))
		keptTable(&b, &f.Kept)
		fact(&b, "state", state(f.State))
		warnings(&b, f.Warnings)
		b.WriteByte('\n')
	}
	summary(&b, r)
	_, err := io.WriteString(out, b.String())
	return err
}

func heading(b *strings.Builder, name, title, file string, line int) {
	b.WriteString(name)
	if title != "" {
		b.WriteString(": " + title)
	}
	fmt.Fprintf(b, " (%s:%d)\n", file, line)
}

func fact(b *strings.Builder, what, text string) {
	if text != "" {
		fmt.Fprintf(b, "  %-11s %s\n", what, text)
	}
}

func names(list []string) string { return strings.Join(list, ", ") }

func state(s plan.Size) string {
	return fmt.Sprintf("%s a customer typically, %s at most", bytesText(s.Typical), bytesText(s.AtMost))
}

func warnings(b *strings.Builder, list rule.Errors) {
	for _, w := range list {
		fact(b, "warning", strings.ReplaceAll(w.Error(), "\n", "\n"+strings.Repeat(" ", 14)))
	}
}

func summary(b *strings.Builder, r *plan.Report) {
	fmt.Fprintf(b, "%s, %s, %s of events; %s a customer typically, ", counted(len(r.Segments), "segment", "segments"),
		counted(len(r.Features), "feature", "features"), counted(r.Series, "series", "series"), bytesText(r.State.Typical))
	if r.Limit > 0 && r.State.AtMost > r.Limit {
		fmt.Fprintf(b, "%s at most (rules ask for up to %s: beyond %s a state sheds its oldest entries)\n", bytesText(r.Limit),
			bytesText(r.State.AtMost), bytesText(r.Limit))
	} else {
		fmt.Fprintf(b, "%s at most\n", bytesText(r.State.AtMost))
	}
	fmt.Fprintf(b, "  typically: %s\n  at most:   %s\n", r.TypicalMeans, r.AtMostMeans)
	b.WriteString("  what segments share is kept once, and counts in each of them\n")
}

func counted(n int, one, more string) string { return fmt.Sprintf("%d %s", n, plural(n, one, more)) }

// bytesText writes a number of bytes with two or three digits.
func bytesText(n int) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d B", n)
	case n < 10_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1000)
	case n < 1_000_000:
		return fmt.Sprintf("%d kB", n/1000)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}

// A table's cells wrap at so many characters.
const cellWidth = 56

// keptTable prints a row for each part that is kept.
func keptTable(b *strings.Builder, k *plan.Kept) {
	if len(k.Parts)+len(k.Attributes) == 0 {
		return
	}
	t := table{{cell("EVENTS"), cell("KEPT"), cell("VALUES"), cell("TYPICAL"), cell("AT MOST"), cell("SHARED WITH")}}
	for i := range k.Parts {
		p := &k.Parts[i]
		var kept []string
		for _, text := range p.Kept {
			kept = append(kept, cell(text)...)
		}
		for _, w := range p.Windows {
			if !strings.HasPrefix(w, "last ") {
				kept = append(kept, cell("looked at: "+w)...)
			}
		}
		t = append(t, row{cell(p.Events), kept, cell(names(p.Values)), cell(bytesText(p.State.Typical)), cell(bytesText(p.State.AtMost)),
			cell(sharers(&p.Shared))})
	}
	for _, a := range k.Attributes {
		t = append(t, row{cell("profile." + a.Name), cell("the latest value"), nil, cell(bytesText(a.State.Typical)), cell(bytesText(a.State.AtMost)),
			cell(sharers(&a.Shared))})
	}
	t.write(b)
}

// sharers names the first two segments that read the same part, and says how many more do.
func sharers(s *plan.Shared) string {
	if s.SharedBy <= 2 {
		return names(s.SharedWith)
	}
	return fmt.Sprintf("%s and %d more", names(s.SharedWith[:2]), s.SharedBy-2)
}

// table is rows of cells, each of any number of lines.
type (
	table []row
	row   [6][]string
)

// cell breaks a text at blanks into lines that fit.
func cell(text string) []string {
	var lines []string
	for _, word := range strings.Fields(text) {
		n := len(lines) - 1
		if n >= 0 && utf8.RuneCountInString(lines[n])+1+utf8.RuneCountInString(word) <= cellWidth {
			lines[n] += " " + word
			continue
		}
		lines = append(lines, word)
	}
	return lines
}

// rightAligned are the columns of sizes.
var rightAligned = map[int]bool{3: true, 4: true}

func (t table) write(b *strings.Builder) {
	var widths [len(row{})]int
	for _, r := range t {
		for i, lines := range r {
			for _, line := range lines {
				widths[i] = max(widths[i], utf8.RuneCountInString(line))
			}
		}
	}
	for _, r := range t {
		height := 1
		for _, lines := range r {
			height = max(height, len(lines))
		}
		for h := range height {
			var line strings.Builder
			for i, lines := range r {
				if widths[i] == 0 {
					continue
				}
				text := ""
				if h < len(lines) {
					text = lines[h]
				}
				pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(text))
				if rightAligned[i] {
					text, pad = pad+text, ""
				}
				line.WriteString("  " + text + pad)
			}
			b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
		}
	}
}
