package replay

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/workload"
)

const rules = `
segments:
  active:
    when: purchase.last("10s").size() > 0
  buyer:
    when: purchase.size() >= 1
  twice:
    when: in_segment("buyer") && purchase.size() >= 2
`

func newOptions(t testing.TB, yaml string) Options {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	set, err := rule.Parse(schema, map[string][]byte{"rules.yaml": []byte(yaml)})
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(set, engine.Options{DedupWindow: 24 * time.Hour, MaxLateness: 30 * 24 * time.Hour, SeriesBound: 4096})
	if err != nil {
		t.Fatal(err)
	}
	return Options{Engine: e, Schema: schema, Out: io.Discard, Rejects: Report{W: io.Discard}}
}

// purchase is a line; at is in seconds.
func purchase(id, customer string, at float64) string {
	return fmt.Sprintf(`{"id":%q,"type":"purchase","customer_id":%q,"time":%q,"amount":1}`,
		id, customer, time.UnixMilli(int64(at*1000)).UTC().Format("2006-01-02T15:04:05.000Z"))
}

func write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func lines(text ...string) []byte { return []byte(strings.Join(text, "\n") + "\n") }

func zipped(t *testing.T, content []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// changes runs a replay and gives each change as "second customer +segment event" or "second customer -segment".
func changes(t *testing.T, opt Options) ([]string, Result) {
	t.Helper()
	var out bytes.Buffer
	opt.Out = &out
	result, err := Run(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(out.String()) {
		var c struct {
			Customer string    `json:"customer_id"`
			Segment  string    `json:"segment"`
			Change   string    `json:"change"`
			Time     time.Time `json:"time"`
			EventID  string    `json:"event_id"`
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		sign := "+"
		if c.Change == "leave" {
			sign = "-"
		}
		got = append(got, strings.TrimSpace(fmt.Sprintf("%v %s %s%s %s",
			float64(c.Time.UnixMilli())/1000, c.Customer, sign, c.Segment, c.EventID)))
	}
	if int64(len(got)) != result.Changes {
		t.Errorf("%d changes written, %d counted", len(got), result.Changes)
	}
	return got, result
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestOrderOfChanges(t *testing.T) {
	opt := newOptions(t, rules)
	// At 20 both z and a leave by time, while b joins by an event; c only just keeps from leaving: its event is at its moment.
	opt.Files = []File{{Path: write(t, "a.jsonl", lines(
		purchase("1", "z", 10), purchase("2", "a", 10), purchase("3", "c", 10), purchase("4", "b", 20), purchase("5", "c", 20),
	))}}
	got, result := changes(t, opt)
	expect(t, got,
		"10 z +active 1", "10 z +buyer 1",
		"10 a +active 2", "10 a +buyer 2",
		"10 c +active 3", "10 c +buyer 3",
		"20 b +active 4", "20 b +buyer 4",
		"20 c +twice 5",
		"20 a -active", "20 z -active",
	)
	if result.Customers != 4 || result.Events != 5 || result.Clock != 20_000 {
		t.Errorf("result: %+v", result)
	}
}

func TestUntil(t *testing.T) {
	opt := newOptions(t, rules)
	opt.Files = []File{{Path: write(t, "a.jsonl", lines(
		purchase("1", "a", 10), purchase("2", "b", 26), purchase("3", "a", 12), purchase("4", "a", 30),
	))}}
	until := int64(25_000)
	opt.Until = &until
	got, result := changes(t, opt)
	expect(t, got, "10 a +active 1", "10 a +buyer 1", "12 a +twice 3", "22 a -active")
	if result.LeftOut != 2 || result.Clock != until {
		t.Errorf("result: %+v", result)
	}
	// An end after the last event lets happen what is due at it.
	until = 40_000
	got, _ = changes(t, opt)
	if last := got[len(got)-1]; last != "40 a -active" {
		t.Errorf("the last change is %q", last)
	}
}

func TestFilesAreMergedByTheirNextGoodEvent(t *testing.T) {
	opt := newOptions(t, `{segments: {buyer: {when: purchase.size() >= 1}}}`)
	a := write(t, "a.jsonl", lines("no good", purchase("a1", "a1", 5), purchase("a2", "a2", 5), purchase("a3", "a3", 1), purchase("a4", "a4", 9)))
	b := write(t, "b.jsonl", lines(purchase("b1", "b1", 4), purchase("b2", "b2", 5), purchase("b3", "b3", 7)))
	var report bytes.Buffer
	opt.Rejects = Report{W: &report}
	opt.Files = []File{{Path: a}, {Path: b}}
	got, _ := changes(t, opt)
	// a3 is late: its change has the clock as its time.
	expect(t, got, "4 b1 +buyer b1", "5 a1 +buyer a1", "5 a2 +buyer a2", "5 a3 +buyer a3", "5 b2 +buyer b2", "7 b3 +buyer b3", "9 a4 +buyer a4")
	opt.Files = []File{{Path: b}, {Path: a}}
	got, _ = changes(t, opt)
	expect(t, got, "4 b1 +buyer b1", "5 b2 +buyer b2", "5 a1 +buyer a1", "5 a2 +buyer a2", "5 a3 +buyer a3", "7 b3 +buyer b3", "9 a4 +buyer a4")
	if want := a + ":1: "; !strings.HasPrefix(report.String(), want) {
		t.Errorf("reported %q, want it to begin with %q", report.String(), want)
	}
}

func TestWaysToStoreLines(t *testing.T) {
	whole := purchase("1", "a", 1) + "\n" + purchase("2", "b", 2)
	long := strings.TrimSuffix(purchase("1", "a", 1), "}") + `,"note":"` + strings.Repeat("x", 2*bufferSize) + "\"}\n" + purchase("2", "b", 2)
	for name, content := range map[string][]byte{
		"no line end":         []byte(whole),
		"line end":            []byte(whole + "\n"),
		"blank lines":         []byte("\n \t\n" + strings.ReplaceAll(whole, "\n", "\n\n") + "\n\n"),
		"CRLF":                []byte(strings.ReplaceAll(whole, "\n", "\r\n") + "\r\n"),
		"byte order mark":     []byte("\ufeff" + whole),
		"gzip":                zipped(t, []byte(whole)),
		"gzip of two members": append(zipped(t, []byte(purchase("1", "a", 1)+"\n")), zipped(t, []byte(purchase("2", "b", 2)))...),
		"longer than buffers": []byte(long),
	} {
		t.Run(name, func(t *testing.T) {
			opt := newOptions(t, `{segments: {buyer: {when: purchase.size() >= 1}}}`)
			opt.Files = []File{{Path: write(t, "events", content)}}
			var report bytes.Buffer
			opt.Rejects = Report{W: &report}
			got, _ := changes(t, opt)
			expect(t, got, "1 a +buyer 1", "2 b +buyer 2")
			opt.Files = []File{{Path: "-"}}
			opt.Stdin = bytes.NewReader(content)
			got, _ = changes(t, opt)
			expect(t, got, "1 a +buyer 1", "2 b +buyer 2")
			if report.Len() > 0 {
				t.Errorf("reported: %s", report.String())
			}
		})
	}
}

func TestDeadLetters(t *testing.T) {
	opt := newOptions(t, rules)
	huge := `{"id":"` + strings.Repeat("x", event.MaxRecord) + `"}`
	longest := strings.Repeat("y", 3_000_000)
	path := write(t, "a.jsonl", lines(purchase("1", "a", 1), `{"id":"2"}`, "", huge, `<b>`, longest, "\xff", purchase("3", "b", 2)))
	opt.Files = []File{{Path: path}}
	var kept bytes.Buffer
	opt.Rejects = NewDeadLetters(&kept)
	_, result := changes(t, opt)
	if result.Events != 2 || result.Rejected != 5 {
		t.Errorf("result: %+v", result)
	}
	type letter struct {
		File, Reason, Record string
		Bytes                []byte
		Line, Cut            int
	}
	var got []letter
	for line := range strings.Lines(kept.String()) {
		var l letter
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		got = append(got, l)
	}
	if len(got) != 5 {
		t.Fatalf("%d dead letters", len(got))
	}
	for i, want := range []letter{
		{Line: 2, Reason: string(event.ReasonField), Record: `{"id":"2"}`},
		{Line: 4, Reason: string(event.ReasonSize), Record: huge[:maxRecord], Cut: len(huge)},
		{Line: 5, Reason: string(event.ReasonJSON), Record: `<b>`},
		{Line: 6, Reason: "too_large: 3000000 bytes", Record: longest[:maxRecord], Cut: len(longest)},
		{Line: 7, Reason: string(event.ReasonJSON), Record: "\ufffd", Bytes: []byte{0xff}},
	} {
		if g := got[i]; g.File != path || g.Line != want.Line || !strings.HasPrefix(g.Reason, want.Reason) || g.Record != want.Record ||
			g.Cut != want.Cut || !bytes.Equal(g.Bytes, want.Bytes) {
			t.Errorf("dead letter %d is of line %d, %s", i, g.Line, g.Reason)
		}
	}
}

func TestSourceMapsFields(t *testing.T) {
	opt := newOptions(t, `{segments: {viewer: {when: 'page_view.exists(p, p.page == "/x")'}}}`)
	opt.Sources = []event.Source{{
		Name: "app", Type: "page_view",
		Fields: map[string]string{"id": "event_id", "customer_id": "user.id", "time": "ts", "page": "data.path"},
	}}
	opt.Files = []File{{Source: "app", Path: write(t, "app.jsonl", lines(`{"event_id":"e1","user":{"id":"u"},"ts":3000,"data":{"path":"/x"}}`))}}
	got, _ := changes(t, opt)
	expect(t, got, "3 u +viewer e1")
	opt.Files[0].Source = "ap"
	if _, err := Run(t.Context(), opt); err == nil {
		t.Error("an unknown source is accepted")
	}
}

func TestMistakesWithFiles(t *testing.T) {
	opt := newOptions(t, rules)
	opt.Stdin = strings.NewReader("")
	cut := zipped(t, bytes.Repeat([]byte(purchase("1", "a", 1)+"\n"), 1000))
	for name, files := range map[string][]File{
		"missing":        {{Path: filepath.Join(t.TempDir(), "none.jsonl")}},
		"stdin twice":    {{Path: "-"}, {Path: "-"}},
		"gzip cut short": {{Path: write(t, "a.gz", cut[:len(cut)-20])}},
	} {
		opt.Files = files
		if _, err := Run(t.Context(), opt); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Divided or not, input in order of time gives the same lines in the same order.
func TestPartitionsAgree(t *testing.T) {
	yaml, err := workload.Rules(10)
	if err != nil {
		t.Fatal(err)
	}
	var data bytes.Buffer
	if err := workload.Write(&data, workload.Options{Events: 30_000, Customers: 700}); err != nil {
		t.Fatal(err)
	}
	opt := newOptions(t, string(yaml))
	opt.Files = []File{{Path: write(t, "a.jsonl", data.Bytes())}}
	replayed := func(partitions int) string {
		var out bytes.Buffer
		opt.Out, opt.Partitions = &out, partitions
		if _, err := Run(t.Context(), opt); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	want := replayed(1)
	if n := strings.Count(want, "\n"); n < 1000 {
		t.Fatalf("only %d changes", n)
	}
	for _, partitions := range []int{2, 4, 33} {
		if got := replayed(partitions); got != want {
			t.Errorf("%d partitions: %d bytes of changes, in one partition %d", partitions, len(got), len(want))
		}
	}
}

// Late events make partitions differ, for each has its own clock; the output stays in order of time.
func TestPartitionsKeepOrder(t *testing.T) {
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 0))
	var data []string
	for i := range 20_000 {
		at := float64(i)/10 - float64(random.IntN(300))/10
		data = append(data, purchase(fmt.Sprint("e", i), fmt.Sprint("c", random.IntN(200)), at+100))
	}
	opt := newOptions(t, rules)
	opt.Partitions = 5
	opt.Files = []File{{Path: write(t, "a.jsonl", lines(data...))}}
	got, _ := changes(t, opt)
	last := 0.0
	for _, line := range got {
		var at float64
		if _, err := fmt.Sscan(line, &at); err != nil {
			t.Fatal(err)
		}
		if at < last {
			t.Fatalf("seed %d: %q comes after %v", seed, line, last)
		}
		last = at
	}
}

// An interrupted replay writes what it has, also where standard input gives nothing more.
func TestInterrupt(t *testing.T) {
	opt := newOptions(t, `{segments: {buyer: {when: purchase.size() >= 1}}}`)
	r, w := io.Pipe()
	defer func() { _ = w.Close() }()
	var out bytes.Buffer
	opt.Files, opt.Stdin, opt.Out = []File{{Path: "-"}}, r, &out
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		_, _ = io.WriteString(w, purchase("1", "a", 1)+"\n")
		_, _ = io.WriteString(w, purchase("2", "b", 2)+"\n")
		time.Sleep(50 * time.Millisecond)
		cancel()
	}()
	result, err := Run(ctx, opt)
	if err != nil || !result.Interrupted || result.Changes != 2 {
		t.Fatalf("%+v, %v", result, err)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines written", n)
	}
}

// Murmur2 as Kafka's Java client computes it: the values of its own tests.
func TestMurmur2(t *testing.T) {
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		if got := int32(murmur2(key)); got != want {
			t.Errorf("murmur2(%q) is %d, want %d", key, got, want)
		}
	}
}

func BenchmarkReplay(b *testing.B) {
	yaml, err := workload.Rules(10)
	if err != nil {
		b.Fatal(err)
	}
	var data bytes.Buffer
	const events = 200_000
	if err := workload.Write(&data, workload.Options{Events: events, Customers: events / 20}); err != nil {
		b.Fatal(err)
	}
	opt := newOptions(b, string(yaml))
	opt.Files = []File{{Path: "-"}}
	b.SetBytes(int64(data.Len()))
	for b.Loop() {
		opt.Stdin = bytes.NewReader(data.Bytes())
		if _, err := Run(b.Context(), opt); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// queue is Records of which some are passed over.
type queue struct {
	lines []string
	next  int
}

func (q *queue) Next() ([]byte, error) {
	for q.next < len(q.lines) {
		q.next++
		if line := q.lines[q.next-1]; line != "passed over" {
			return []byte(line), nil
		}
	}
	return nil, io.EOF
}

func (q *queue) Ready() bool { return q.next < len(q.lines) }

func (*queue) Judge(ev *event.Event) error {
	if ev.Customer == "nobody" {
		return &event.Reject{Reason: event.ReasonKey}
	}
	return nil
}

// Records that others hand in are replayed as files are, and another engine is stepped beside.
func TestRecordsAndAnEngineBeside(t *testing.T) {
	opt := newOptions(t, rules)
	opt.Beside = newOptions(t, "segments: {quiet: {when: 'purchase.last(\"15s\").size() == 0 && purchase.all(p, has(p.currency) || p.amount == 1.0)'}}").Engine
	opt.Files = []File{
		{Path: "one", Records: &queue{lines: []string{purchase("1", "a", 10), purchase("2", "nobody", 11), purchase("3", "b", 30), "passed over"}}},
		{Path: "two", Records: &queue{lines: []string{"passed over", purchase("4", "c", 20)}}},
	}
	got, result := changes(t, opt)
	expect(t, got, "10 a +active 1", "10 a +buyer 1", "20 c +active 4", "20 c +buyer 4", "20 a -active", "30 b +active 3", "30 b +buyer 3", "30 c -active")
	if result.Events != 3 || result.Rejected != 1 || result.Earliest != 10_000 || result.Clock != 30_000 {
		t.Errorf("%+v", result)
	}
	var both []string
	for c, beside := range result.Both {
		both = append(both, fmt.Sprint(c.ID(), beside.ID(), " active ", c.In(0), " quiet ", beside.In(0)))
	}
	expect(t, both, "aa active false quiet true", "cc active false quiet false", "bb active true quiet false")

	opt.Out = nil
	opt.Files = []File{{Path: "one", Records: &queue{lines: []string{purchase("1", "a", 10)}}}}
	if quiet, err := Run(t.Context(), opt); err != nil || quiet.Changes != 2 {
		t.Errorf("%+v, %v", quiet, err)
	}
}
