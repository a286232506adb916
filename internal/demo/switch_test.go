package demo

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/ruas/ruas/client"
	"github.com/ruas/ruas/internal/engine"
	"github.com/ruas/ruas/internal/event"
	"github.com/ruas/ruas/internal/rule"
	"github.com/ruas/ruas/internal/rulefiles"
)

// shown is a demo whose rules are in a folder.
type shown struct {
	*demo
	t      *testing.T
	ruas   *client.Client
	folder string
}

// showing starts a demo of few customers with one file of rules.
func showing(t *testing.T, rules string) *shown {
	t.Helper()
	schema, err := event.LoadSchema()
	if err != nil {
		t.Fatal(err)
	}
	compile := func(files map[string][]byte) (*engine.Engine, error) {
		set, err := rule.Parse(schema, files)
		if err != nil {
			return nil, err
		}
		return engine.New(set, engine.Options{})
	}
	x := &shown{t: t, folder: t.TempDir()}
	if err := os.WriteFile(filepath.Join(x.folder, "first.yaml"), []byte(rules), 0o600); err != nil {
		t.Fatal(err)
	}
	opt := Options{
		Schema: schema, Customers: 120, Speed: 60, Listen: "127.0.0.1:0", Switch: NewSwitch(), Out: io.Discard,
		Logger: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)),
	}
	opt.Rules, err = rulefiles.Open(rulefiles.Options{
		Folder: x.folder, Compile: func(files map[string][]byte) (func(context.Context), error) {
			e, err := compile(files)
			return func(ctx context.Context) { opt.Switch.Put(ctx, e) }, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	texts, err := opt.Rules.Load()
	if err != nil {
		t.Fatal(err)
	}
	if opt.Engine, err = compile(texts); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if x.demo, err = start(ctx, opt); err != nil {
		t.Fatal(err)
	}
	x.screen, _ = newDisplay(opt.Out)
	done := make(chan error, 1)
	go func() { done <- x.run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the end: %v", err)
		}
		x.stop()
	})
	if x.ruas, err = client.New(x.url, client.WithPatience(patience)); err != nil {
		t.Fatal(err)
	}
	return x
}

// buyers counts the events of the topic of purchases itself, and names who has bought at least so many times.
func (x *shown) buyers(least int) []string {
	x.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(x.cluster.ListenAddrs()...), kgo.ConsumeTopics("purchases"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		x.t.Fatal(err)
	}
	defer cl.Close()
	times := map[string]int{}
	for {
		// What comes at once is all there is.
		ctx, cancel := context.WithTimeout(x.t.Context(), 300*time.Millisecond)
		fetches := cl.PollFetches(ctx)
		cancel()
		if fetches.NumRecords() == 0 {
			break
		}
		for _, r := range fetches.Records() {
			var ev struct{ Type string }
			if err := json.Unmarshal(r.Value, &ev); err != nil {
				x.t.Fatal(err)
			}
			if ev.Type == "purchase" {
				times[string(r.Key)]++
			}
		}
	}
	var out []string
	for id, n := range times {
		if n >= least {
			out = append(out, id)
		}
	}
	slices.Sort(out)
	return out
}

func (x *shown) members(segment string) (out []string) {
	x.t.Helper()
	for id, err := range x.ruas.Members(x.t.Context(), segment) {
		if err != nil {
			x.t.Fatal(err)
		}
		out = append(out, id)
	}
	return out
}

// expect waits until the members of a segment are those who have bought at least so many times.
func (x *shown) expect(segment string, least int) {
	x.t.Helper()
	var got, want []string
	for end := time.Now().Add(patience); time.Now().Before(end); { // the shop goes on meanwhile
		if got, want = x.members(segment), x.buyers(least); len(want) > 0 && slices.Equal(got, want) {
			return
		}
	}
	x.t.Errorf("%s: %d members, want the %d who bought %d times", segment, len(got), len(want), least)
}

func (x *shown) save(file, text string) {
	x.t.Helper()
	seen := ""
	if f, err := x.ruas.RuleFile(x.t.Context(), file); err == nil {
		seen = f.Hash
	}
	saved, err := x.ruas.SaveRules(x.t.Context(), file, text, seen)
	if err != nil || !saved.InForce() {
		x.t.Fatalf("saving %s: %+v, %v", file, saved, err)
	}
}

func (x *shown) names() string {
	x.t.Helper()
	all, err := x.ruas.Segments(x.t.Context())
	if err != nil {
		x.t.Fatal(err)
	}
	var out []string
	for i := range all {
		out = append(out, all[i].Name)
	}
	return strings.Join(out, " ")
}

// heard keeps changes that came over one connection.
type heard struct {
	mu      sync.Mutex
	changes []client.Change
}

func (h *heard) count(segment, cause, change string) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.changes {
		if c := &h.changes[i]; c.Segment == segment && c.Cause == cause && c.Change == change {
			n++
		}
	}
	return n
}

// listen opens one stream, which is to last.
func (x *shown) listen() *heard {
	x.t.Helper()
	h := &heard{}
	ctx, cancel := context.WithCancel(x.t.Context())
	begun, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		if err := h.read(ctx, x.url+"/v1/changes", begun); ctx.Err() == nil {
			x.t.Errorf("the stream broke: %v", err)
		}
	}()
	x.t.Cleanup(func() {
		cancel()
		<-done
	})
	select {
	case <-begun:
	case <-done:
	}
	return h
}

// read keeps what comes over one connection until it breaks.
func (h *heard) read(ctx context.Context, url string, begun chan struct{}) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	close(begun)
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var c client.Change
		if err := json.Unmarshal([]byte(data), &c); err != nil {
			return err
		}
		h.mu.Lock()
		h.changes = append(h.changes, c)
		h.mu.Unlock()
	}
	return lines.Err()
}

// Rules that are saved are in force at once: who was there is decided by them, the shop and the page go on, and no stream breaks.
func TestSavedRulesAreTakenUp(t *testing.T) {
	// As long as this one is there, it is known of everybody how often they bought, up to that.
	const most = "segments:\n  most: {when: purchase.size() >= 9}\n"
	x := showing(t, most+"  often: {when: purchase.size() >= 5}\n  gone: {when: purchase.size() >= 2}\n")
	waitFor(t, "an answer", func() bool { return members(t, x.url+"/v1/segments") > 0 })
	x.expect("often", 5)
	stream := x.listen()

	start := time.Now()
	x.save("first.yaml", most+"  often: {title: Buys often, when: purchase.size() >= 3}\n")
	t.Logf("in force after %v", time.Since(start))
	if got := x.names(); got != "most often" {
		t.Errorf("segments: %s", got)
	}
	x.expect("often", 3)
	if n := stream.count("often", "rules", "join"); n == 0 {
		t.Error("the stream told of no join by the rules")
	}

	x.save("second.yaml", "segments:\n  buyer: {when: purchase.size() >= 1}\n  quiet: {when: purchase.size() >= 1 && login.last(\"80d\").size() == 0}\n")
	if got := x.names(); got != "buyer most often quiet" {
		t.Errorf("segments: %s", got)
	}
	x.expect("buyer", 1)
	x.expect("often", 3)
	if s, err := x.ruas.Segment(t.Context(), "quiet"); err != nil || !s.Warming {
		t.Errorf("what nobody kept is taken for known: %+v, %v", s, err)
	}

	// Back again: who joined by the rules leaves by them, and the numbers go on.
	joined := stream.count("often", "rules", "join")
	x.save("first.yaml", most+"  often: {when: purchase.size() >= 5}\n")
	x.expect("often", 5)
	if n := stream.count("often", "rules", "leave"); n == 0 || n > joined {
		t.Errorf("%d leaves of %d joins by the rules", n, joined)
	}
	if err := inOrder(stream); err != nil {
		t.Error(err)
	}
	if answer, err := http.Get(x.url + "/"); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("the page: %v, %v", answer, err)
	} else {
		_ = answer.Body.Close()
	}
	if got := page(t, x.url+"/metrics"); !strings.Contains(got, `ruas_changes_total{change="join",segment="buyer"}`) || strings.Contains(got, `segment="gone"`) {
		t.Error("the metrics are not those of the rules in force")
	}
	waitFor(t, "an event after it all", func() bool { return stream.count("often", "event", "join")+stream.count("buyer", "event", "join") > 0 })
	rules, err := x.ruas.Rules(t.Context())
	if err != nil || rules.Pending || len(rules.Files) != 2 {
		t.Errorf("%+v, %v", rules, err)
	}
	if _, err := x.ruas.RemoveRules(t.Context(), "second.yaml", rules.Files[1].Hash); err != nil {
		t.Error(err)
	}
	if got := x.names(); got != "most often" {
		t.Errorf("segments at the end: %s", got)
	}
	// The board in the terminal counts the same.
	waitFor(t, "the same number on the board", func() bool {
		n := len(x.members("often"))
		x.mu.Lock()
		defer x.mu.Unlock()
		return len(x.board.rows) == 2 && x.board.rows["often"].members == n
	})
}

// inOrder looks whether each customer's changes of a segment follow each other without a gap or a repeat.
func inOrder(h *heard) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	last := map[string]uint64{}
	for i := range h.changes {
		c := &h.changes[i]
		key := c.Customer + " " + c.Segment
		if before := last[key]; before != 0 && c.Seq != before+1 {
			return errors.New(key + ": a gap or a repeat")
		}
		last[key] = c.Seq
	}
	return nil
}

func page(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
