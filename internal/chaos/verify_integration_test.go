//go:build integration

package chaos

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/ruas/ruas/subscribe"
)

// verify holds what was published to a replay of what is in the sources, and what Redis holds to the changelog. until is the time of
// the last event, before those that end each partition.
func (s *site) verify(r *Report, until int64) {
	s.t.Helper()
	for p := range int32(partitions) {
		began := time.Now()
		before := len(r.Differences)
		folder := s.replay(p, until)
		want := filepath.Join(folder, expected)
		lines, theirs := s.compare(r, "franz-go", s.franz, p, want)
		r.Changes += lines
		if _, again := s.compare(r, "kafka-go", s.segmentio(&r.Aborted), p, want); !maps.EqualFunc(theirs, again, slices.Equal) {
			s.differ(r, "partition %d: of who was forgotten, franz-go reads %q and kafka-go %q", p, theirs, again)
		}
		l, lists := s.fold(p), s.newestLists(p)
		s.checkView(r, p, l)
		s.checkLists(r, p, lists, l)
		if s.forgotten != nil {
			s.checkForgotten(r, p, folder, until, theirs, l, lists)
		}
		if len(r.Differences) > before {
			s.keep(p, folder)
		}
		if err := os.RemoveAll(folder); err != nil { // an hour's events take room
			s.t.Fatal(err)
		}
		s.t.Logf("partition %d is compared: %d changes, in %v", p, lines, time.Since(began).Round(time.Millisecond))
		if lines == 0 {
			s.t.Fatal("there are no changes: the run proves nothing")
		}
	}
	for p := range int32(partitions) {
		if err := s.franz(deadLetters, p, func(c *subscribe.Record) error {
			r.DeadLetters++
			if r.DeadLetters == 1 {
				s.differ(r, "a dead letter: %s %q", c.Value, c.Headers)
			}
			return nil
		}); err != nil {
			s.t.Fatal(err)
		}
	}
	if s.forgotten != nil && (r.Forgotten == 0 || r.Gone == 0) {
		s.t.Fatalf("%d requests to forget were answered, and %d customers are gone: the run proves nothing", r.Forgotten, r.Gone)
	}
}

func (s *site) differ(r *Report, format string, args ...any) {
	if len(r.Differences) < 100 {
		r.Differences = append(r.Differences, fmt.Sprintf(format, args...))
	}
	s.t.Errorf("DIFFERENCE "+format, args...)
}

// expected is the file of a folder that holds what a replay printed.
const expected = "changes.jsonl"

// replay gives a folder with one partition's events, and with the changes that a replay of them prints. The clock of a partition on Kafka
// passes every moment before the last events, a millisecond after until: that is where replay is to end.
func (s *site) replay(p int32, until int64) string {
	s.t.Helper()
	folder := s.t.TempDir()
	args := []string{
		"replay", "-c", s.workers[0].config, "--strict", "--partitions", strconv.Itoa(partitions),
		"--until", time.UnixMilli(until).UTC().Format("2006-01-02T15:04:05.000Z"),
	}
	for _, source := range sources {
		path := filepath.Join(folder, source.topic+".jsonl")
		s.write(path, source.topic, p)
		args = append(args, source.topic+"="+path)
	}
	out, err := os.Create(filepath.Join(folder, expected))
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), s.binary, args...)
	log := s.file("replay.log")
	message, err := os.Create(log)
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Env, cmd.Stdout, cmd.Stderr = []string{}, out, message
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log)
		s.t.Fatalf("replay: %v\n%s", err, text)
	}
	for _, f := range []*os.File{out, message} {
		if err := f.Close(); err != nil {
			s.t.Fatal(err)
		}
	}
	return folder
}

// keep puts what tells of a difference beside the logs: the events, what was expected, what was published, and the task's records.
func (s *site) keep(p int32, folder string) {
	s.t.Helper()
	to := filepath.Join(s.logs, fmt.Sprintf("partition-%d", p))
	s.must(os.RemoveAll(to))
	s.must(os.CopyFS(to, os.DirFS(folder)))
	for topic, wanted := range map[string]func(*subscribe.Record) bool{
		changes: func(*subscribe.Record) bool { return true },
		state:   func(c *subscribe.Record) bool { return string(c.Key) == "t" },
	} {
		file, err := os.Create(filepath.Join(to, topic+".txt"))
		s.must(err)
		s.must(s.franz(topic, p, func(c *subscribe.Record) (err error) {
			if wanted(c) {
				_, err = fmt.Fprintf(file, "%d %s\n", c.Offset, c.Value)
			}
			return err
		}))
		s.must(file.Close())
	}
	s.t.Logf("the events and changes of partition %d are kept in %s", p, to)
}

// write puts a partition's events into a file.
func (s *site) write(path, topic string, p int32) {
	s.t.Helper()
	file, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	to := bufio.NewWriterSize(file, 1<<20)
	err = s.franz(topic, p, func(c *subscribe.Record) error {
		_, _ = to.Write(c.Value)
		return to.WriteByte('\n')
	})
	if err == nil {
		err = to.Flush()
	}
	if err == nil {
		err = file.Close()
	}
	if err != nil {
		s.t.Fatalf("writing a partition's events: %v", err)
	}
}

// published is what of a change is elsewhere in its record too.
type published struct {
	ID       string
	Customer string `json:"customer_id"`
	Segment  string
	Change   string
}

// compare reads a partition's changes and holds them to a file of those that were to be. It gives their number, and by customer those of
// who was to be forgotten, of which a replay knows nothing: these are left out on both sides.
func (s *site) compare(r *Report, by string, read reader, p int32, want string) (count int64, theirs map[string][]string) {
	s.t.Helper()
	file, err := os.Open(want)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	scan := func() bool {
		for lines.Scan() {
			if s.forgotten.of(customerOf(lines.Text())) == nil {
				return true
			}
		}
		return false
	}
	theirs = make(map[string][]string)
	at := int64(0)
	var rest []string // what was published from the first difference on
	err = read(changes, p, func(c *subscribe.Record) error {
		count++
		if s.forgotten.of(string(c.Key)) != nil {
			theirs[string(c.Key)] = append(theirs[string(c.Key)], string(c.Value))
			return nil
		}
		if rest != nil {
			rest = append(rest, string(c.Value))
			return nil
		}
		var is published
		switch {
		case !scan():
			s.differ(r, "partition %d by %s, offset %d: one too many: %s", p, by, c.Offset, c.Value)
			rest = []string{string(c.Value)}
		case string(c.Value) != lines.Text():
			s.differ(r, "partition %d by %s, offset %d, change %d:\n got %s\nwant %s", p, by, c.Offset, at, c.Value, lines.Text())
			rest = []string{string(c.Value)}
		case json.Unmarshal(c.Value, &is) != nil || string(c.Key) != is.Customer ||
			len(c.Headers) != 2 || c.Header("segment") != is.Segment || c.Header("change") != is.Change:
			s.differ(r, "partition %d by %s, offset %d: key %q and headers %q of %s", p, by, c.Offset, c.Key, c.Headers, c.Value)
		}
		at++
		return nil
	})
	if err != nil {
		s.t.Fatalf("reading changes by %s: %v", by, err)
	}
	missing := []string{}
	if rest != nil && lines.Text() != "" {
		missing = append(missing, lines.Text())
	}
	for scan() {
		missing = append(missing, lines.Text())
	}
	if rest == nil && len(missing) > 0 {
		s.differ(r, "partition %d by %s: %d changes, and these are lost behind them: %d, the first is %s", p, by, count, len(missing), missing[0])
	}
	if rest != nil {
		s.classify(r, by, p, rest, missing)
	}
	return count, theirs
}

// classify says what became of the changes behind a first difference.
func (s *site) classify(r *Report, by string, p int32, got, want []string) {
	times := make(map[string]int)
	for _, line := range want {
		times[line]--
	}
	for _, line := range got {
		times[line]++
	}
	var lost, more []string
	for line, n := range times {
		if n < 0 {
			lost = append(lost, line)
		}
		if n > 0 {
			more = append(more, line)
		}
	}
	first := func(list []string) string {
		slices.Sort(list)
		if len(list) == 0 {
			return ""
		}
		return list[0]
	}
	s.differ(r, "partition %d by %s: behind it %d are lost %s\n%d are too many %s\nof %d published and %d expected; with none of both the order differs",
		p, by, len(lost), first(lost), len(more), first(more), len(got), len(want))
}
