package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/ruas/ruas/internal/api"
)

// display shows what happens.
type display interface {
	// change is called for every change; news says that it is not history.
	change(c *api.Change, news bool)
	// draw is called several times a second.
	draw(b *board, s state)
	close()
}

// state is what the display shows beside the segments.
type state struct {
	now       time.Time // the shop's
	speed     float64
	customers int
	events    int64
	rate      float64 // events a second
	url       string  // of the console; empty: none
	loading   bool
	joins     func(segment string) (joins, leaves int)
}

// newDisplay is a table where out is a terminal, else plain lines.
func newDisplay(out io.Writer) (d display, isTable bool) {
	f, ok := out.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return &lines{w: out}, false
	}
	t := &table{f: f, size: func() (int, int, error) { return term.GetSize(int(f.Fd())) }, colour: os.Getenv("NO_COLOR") == ""} //nolint:misspell // the variable's name is a convention: no-color.org
	// The alternate screen, so that the terminal is as it was at the end; no cursor.
	t.write("\x1b[?1049h\x1b[?25l\x1b[2J")
	return t, true
}

// lines writes a line a change, after a heading.
type lines struct {
	w     io.Writer
	past  int
	early strings.Builder // the first changes, which wait for the heading
	next  time.Time       // when to sum up; zero before the heading
}

func (l *lines) change(c *api.Change, news bool) {
	if !news {
		l.past++
		return
	}
	verb := "leaves"
	if c.Join() {
		verb = "joins"
	}
	w := l.w
	if l.next.IsZero() {
		w = &l.early
	}
	say(w, "%s  %s %s %s (%s)\n", c.Time.UTC().Format(time.DateTime), c.Customer, verb, c.Segment, c.Cause)
}

// summaries is how often plain lines sum up.
const summaries = 30 * time.Second

func (l *lines) draw(b *board, s state) {
	now := time.Now()
	if s.loading || now.Before(l.next) {
		return
	}
	if l.next.IsZero() {
		say(l.w, "The shop opens at %s UTC, time runs %v times as fast; %d changes of its history were read.\n",
			b.opening.UTC().Format(time.DateTime), s.speed, l.past)
		if s.url != "" {
			say(l.w, "Console and API: %s\n", s.url)
		}
		say(l.w, "%s", l.early.String())
		l.early.Reset()
	} else {
		say(l.w, "%s  %d customers, %d events, %d changes\n", s.now.UTC().Format(time.DateTime), s.customers, s.events, b.changes)
	}
	l.next = now.Add(summaries)
}

func (l *lines) close() {}

// say ignores errors: whoever read may be gone, which the demo survives.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// table draws over itself on a terminal.
type table struct {
	f      io.Writer
	size   func() (width, height int, err error)
	colour bool
	buf    strings.Builder

	shown  []*row // stay for a while, so that the table can be read
	chosen time.Time
	room   int
}

// chooseEvery is how often the table takes other segments, where there is no room for all.
const chooseEvery = 4 * time.Second

func (t *table) change(*api.Change, bool) {}

// write ignores errors: the terminal may be gone.
func (t *table) write(s string) { _, _ = io.WriteString(t.f, s) }

func (t *table) close() { t.write("\x1b[?25h\x1b[?1049l") }

// The colours, of the terminal's own palette.
const (
	bold   = "1"
	faint  = "2"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// paint returns text in a colour; its width stays that of the text.
func (t *table) paint(code, text string) string {
	if !t.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *table) draw(b *board, s state) {
	width, height, err := t.size()
	if err != nil {
		width, height = 80, 24
	}
	width, height = max(width, 40), max(height, 6)
	t.buf.Reset()
	// One write, drawn at once where the terminal knows how (mode 2026), each line cleared behind its text: nothing flickers.
	t.buf.WriteString("\x1b[?2026h\x1b[H")
	t.head(s, width)
	room := height - 5
	if now := time.Now(); room != t.room || now.Sub(t.chosen) >= chooseEvery {
		t.shown, t.chosen, t.room = b.top(room), now, room
	}
	t.rows(t.shown, s, width)
	for range room - len(t.shown) {
		t.line("")
	}
	foot := ""
	if rest := len(b.rows) - len(t.shown); rest > 0 {
		foot = fmt.Sprintf("%d more segments changed less recently; a taller window shows them. ", rest)
	}
	t.buf.WriteString(t.paint(faint, cut(foot+"Ctrl-C ends the demo.", width)) + "\x1b[K\x1b[J\x1b[?2026l")
	t.write(t.buf.String())
}

func (t *table) line(text string) { t.buf.WriteString(text + "\x1b[K\r\n") }

func (t *table) head(s state, width int) {
	title := fmt.Sprintf("ruas demo  %s UTC  %v× ", s.now.UTC().Format("Mon 2 Jan 2006 15:04:05"), s.speed)
	if s.loading {
		title = "ruas demo  reading the shop's history…"
	}
	t.line(t.paint(bold, cut(title, width)))
	about := fmt.Sprintf("%d customers, %d events, %.0f a second", s.customers, s.events, s.rate)
	if s.url != "" {
		about += "; console and API at " + s.url
	}
	t.line(t.paint(cyan, cut(about, width)))
	t.line("")
}

func (t *table) rows(rows []*row, s state, width int) {
	name := len("segment")
	for _, r := range rows {
		name = max(name, len(r.name))
	}
	name = min(name, max(width-32, 10))
	t.line(t.paint(faint, cut(fmt.Sprintf("%-*s %8s %7s %7s  %s", name, "segment", "members", "+/min", "-/min", "last customers"), width)))
	for _, r := range rows {
		joins, leaves := s.joins(r.name)
		line := fmt.Sprintf("%s %s %s %s  ", pad(cut(r.name, name), name), t.paint(bold, fmt.Sprintf("%8d", r.members)),
			t.rate(green, "+", joins), t.rate(yellow, "-", leaves))
		line += t.visitors(r.last, width-name-27)
		t.line(line)
	}
}

// rate is a number of joins or leaves, faint where it is none.
func (t *table) rate(colour, sign string, n int) string {
	if n == 0 {
		return t.paint(faint, "      0")
	}
	return t.paint(colour, fmt.Sprintf("%7s", fmt.Sprintf("%s%d", sign, n)))
}

func (t *table) visitors(last []visitor, width int) string {
	var out strings.Builder
	for _, v := range last {
		if width -= len(v.id) + 2; width < 0 {
			break
		}
		if v.join {
			out.WriteString(t.paint(green, "+"+v.id) + " ")
		} else {
			out.WriteString(t.paint(yellow, "-"+v.id) + " ")
		}
	}
	return out.String()
}

// cut shortens text to a width; every text here is one column a character.
func cut(text string, width int) string {
	r := []rune(text)
	if len(r) <= width {
		return text
	}
	return string(r[:max(width-1, 0)]) + "…"
}

func pad(text string, width int) string {
	return text + strings.Repeat(" ", max(width-len([]rune(text)), 0))
}
