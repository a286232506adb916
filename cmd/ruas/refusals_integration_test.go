//go:build integration

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/servers"
)

// trial is a ruas of the built command, with topics and a group of its own.
type trial struct {
	t       *testing.T
	binary  string
	folder  string
	suffix  string // of its topics and its group
	environ []string
	client  *kgo.Client // the test's own
	admin   *kadm.Client
	bought  int
}

// build gives the built command.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "ruas")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return binary
}

func newTrial(t *testing.T, binary string, client *kgo.Client, suffix string, environ ...string) *trial {
	t.Helper()
	tr := &trial{t: t, binary: binary, folder: t.TempDir(), suffix: suffix, environ: environ, client: client, admin: kadm.NewClient(client)}
	tr.write("segments.yaml", runSegments)
	tr.write("ruas.yaml", fmt.Sprintf(`
kafka: {session_timeout: 3s, group: %s}
segments: [segments.yaml]
sources: {purchases: {topic: %s}, browsing: {topic: %s}, devices: {topic: %s, optional: true}}
topics: {changes: %s, state: %s, dead_letters: %s}
admin: {listen: ""}
`, tr.group(), tr.topic("purchases"), tr.topic("browsing"), tr.topic("devices"), tr.topic("segment-changes"), tr.topic("segment-state"), tr.topic("dead-letters")))
	return tr
}

func (tr *trial) write(name, text string) {
	tr.t.Helper()
	if err := os.WriteFile(filepath.Join(tr.folder, name), []byte(text), 0o600); err != nil {
		tr.t.Fatal(err)
	}
}

func (tr *trial) topic(name string) string { return name + tr.suffix }
func (tr *trial) group() string            { return "ruas" + tr.suffix }

// start starts a worker with more in its environment; what comes later counts.
func (tr *trial) start(more ...string) *process {
	tr.t.Helper()
	p := &process{t: tr.t, http: "127.0.0.1:" + unusedPort(tr.t), ended: make(chan struct{})}
	p.cmd = exec.Command(tr.binary, "run", "-c", filepath.Join(tr.folder, "ruas.yaml"))
	p.cmd.Env = slices.Concat([]string{"RUAS_HTTP_LISTEN=" + p.http}, tr.environ, more)
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		tr.t.Fatalf("starting a worker: %v", err)
	}
	go func() {
		_ = p.cmd.Wait() // the process's state says how it ended
		close(p.ended)
	}()
	tr.t.Cleanup(func() {
		if p.alive() {
			p.kill()
		}
		if tr.t.Failed() {
			tr.t.Logf("the log of worker %d:\n%s", p.cmd.Process.Pid, p.log.String())
		}
	})
	return p
}

// refused starts a worker, which must end with the code, and say all of the texts in its last line.
func (tr *trial) refused(code int, texts []string, more ...string) {
	tr.t.Helper()
	began := time.Now()
	p := tr.start(more...)
	select {
	case <-p.ended:
	case <-time.After(40 * time.Second):
		tr.t.Fatalf("it does not end, wanted %q: %s", texts, p.readyz())
	}
	lines := strings.Split(strings.TrimSpace(p.log.String()), "\n")
	last := lines[len(lines)-1]
	if got := p.cmd.ProcessState.ExitCode(); got != code || slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(last, s) }) {
		tr.t.Errorf("exit code %d, want %d and %q in\n%s", got, code, texts, last)
	}
	tr.t.Logf("%v, exit code %d: %s", time.Since(began).Round(100*time.Millisecond), p.cmd.ProcessState.ExitCode(), last)
}

// readyz gives what the worker says of itself; "": it does not answer.
func (p *process) readyz() string {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get("http://" + p.http + "/readyz")
	if err != nil {
		return ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, _ := io.ReadAll(answer.Body)
	return strings.TrimSpace(string(text))
}

// awaitReadyz waits until the worker says all of the texts of itself.
func (p *process) awaitReadyz(texts ...string) {
	p.t.Helper()
	last := ""
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !p.alive() {
			p.t.Fatalf("waiting for %q: it ended with exit code %d", texts, p.cmd.ProcessState.ExitCode())
		}
		if last = p.readyz(); !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(last, s) }) {
			return
		}
	}
	p.t.Fatalf("it says %q, want %q", last, texts)
}

// working waits until the worker is ready.
func (p *process) working() {
	p.t.Helper()
	last := ""
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if !p.alive() {
			p.t.Fatalf("it ended with exit code %d", p.cmd.ProcessState.ExitCode())
		}
		if last = p.readyz(); last == "ready" {
			return
		}
	}
	p.t.Fatalf("it is not ready: %s", last)
}

// buy produces a purchase of a new customer, and a record that is no event.
func (tr *trial) buy() {
	tr.t.Helper()
	tr.buyOne()
	tr.produce("nonsense")
}

// buyOne produces a purchase of a new customer.
func (tr *trial) buyOne() {
	tr.t.Helper()
	tr.buyOneMore("e")
}

// buyOneMore produces a purchase with an id of the next customer.
func (tr *trial) buyOneMore(id string) {
	tr.t.Helper()
	tr.bought++
	tr.produce(fmt.Sprintf(`{"id":%q,"type":"purchase","customer_id":"c%d","time":%q,"amount":100}`, id, tr.bought, time.Now().UTC().Format(time.RFC3339Nano)))
}

// produce produces a record with the key of the newest customer.
func (tr *trial) produce(value string) {
	tr.t.Helper()
	rec := &kgo.Record{Topic: tr.topic("purchases"), Key: fmt.Appendf(nil, "c%d", tr.bought), Value: []byte(value)}
	if err := tr.client.ProduceSync(tr.t.Context(), rec).FirstErr(); err != nil {
		tr.t.Fatalf("producing: %v", err)
	}
}

// right is something that ACLs allow.
type right struct {
	operation kadm.ACLOperation
	// one of these
	topic, group, id string
}

func (r right) builder(user string) *kadm.ACLBuilder {
	b := kadm.NewACLs().Operations(r.operation).ResourcePatternType(kadm.ACLPatternLiteral).Allow("User:" + user).AllowHosts("*")
	switch {
	case r.topic != "":
		return b.Topics(r.topic)
	case r.group != "":
		return b.Groups(r.group)
	}
	return b.TransactionalIDs(r.id).ResourcePatternType(kadm.ACLPatternPrefixed)
}

func (tr *trial) allow(user string, rights ...right) {
	tr.t.Helper()
	for _, r := range rights {
		if _, err := tr.admin.CreateACLs(tr.t.Context(), r.builder(user)); err != nil {
			tr.t.Fatalf("allowing %+v: %v", r, err)
		}
	}
	time.Sleep(300 * time.Millisecond) // until the broker knows
}

func (tr *trial) forbid(user string, r right) {
	tr.t.Helper()
	gone, err := tr.admin.DeleteACLs(tr.t.Context(), r.builder(user))
	if err != nil || len(gone) != 1 || len(gone[0].Deleted) != 1 {
		tr.t.Fatalf("forbidding %+v: %v, %+v", r, err, gone)
	}
	time.Sleep(300 * time.Millisecond)
}

// least is what ruas needs on Kafka where its topics exist; the words are those by which a missing one is named.
var least = []struct {
	right
	words string
}{
	{right{operation: kadm.OpRead, topic: "purchases"}, "Read on the topic purchases"},
	{right{operation: kadm.OpRead, topic: "browsing"}, "Read on the topic browsing"},
	{right{operation: kadm.OpRead, topic: "devices"}, "Read on the topic devices"},
	{right{operation: kadm.OpRead, topic: "segment-state"}, "Read on the topic segment-state"},
	{right{operation: kadm.OpWrite, topic: "segment-state"}, "Write on the topic segment-state"},
	{right{operation: kadm.OpWrite, topic: "segment-changes"}, "Write on the topic segment-changes"},
	{right{operation: kadm.OpRead, topic: "segment-changes"}, "Read on the topic segment-changes"},
	{right{operation: kadm.OpWrite, topic: "dead-letters"}, "Write on the topic dead-letters"},
	{right{operation: kadm.OpRead, group: "ruas"}, "Read on the group ruas"},
	{right{operation: kadm.OpWrite, id: "ruas-"}, "Write on the transactional id ruas-"},
}

// TestSecuredRefusals takes away, one after another, what Kafka and Redis must allow: before a worker starts, and while it runs.
func TestSecuredRefusals(t *testing.T) {
	k, r := servers.KafkaSecure(t), servers.RedisSecure(t)
	binary := build(t)
	client := secureClient(t, k, k.Admin)
	on := func(t *testing.T) *trial {
		return newTrial(t, binary, client, "",
			"RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_KAFKA_TLS_ENABLED=true", "RUAS_KAFKA_TLS_CA="+k.CA,
			"RUAS_KAFKA_SASL_MECHANISM=SCRAM-SHA-512", "RUAS_KAFKA_SASL_USER="+k.App.Name, "RUAS_KAFKA_SASL_PASSWORD="+k.App.Password,
			"RUAS_REDIS_ADDRESSES="+r.Addresses[0], "RUAS_REDIS_TLS_ENABLED=true", "RUAS_REDIS_TLS_CA="+r.CA,
			"RUAS_REDIS_USERNAME="+r.App.Name, "RUAS_REDIS_PASSWORD="+r.App.Password)
	}
	tr := on(t)
	for _, topic := range []string{"purchases", "browsing", "devices"} {
		createTopic(t, client, topic)
	}
	user := k.App.Name
	for _, l := range least {
		tr.allow(user, l.right)
	}

	t.Run("Create is missing", func(t *testing.T) {
		tr := on(t)
		tr.refused(exitUnreachable, []string{`user "app"`, "Create on the topic segment-state"})
		for _, topic := range []string{"segment-state", "segment-changes", "dead-letters"} {
			createTopic(t, client, topic)
		}
	})
	t.Run("passwords", func(t *testing.T) {
		tr := on(t)
		tr.refused(exitUnreachable, []string{"Kafka does not accept the user or the password", `user "app"`}, "RUAS_KAFKA_SASL_PASSWORD=wrong-one")
		tr.refused(exitUnreachable, []string{"Kafka does not accept the user or the password", `user "nobody"`}, "RUAS_KAFKA_SASL_USER=nobody")
		tr.refused(exitUnreachable, []string{"Redis does not accept the user or the password", "WRONGPASS"}, "RUAS_REDIS_PASSWORD=wrong-one")
		tr.refused(exitUnreachable, []string{"no Kafka broker answers at " + k.Addresses[0], "certificate"}, "RUAS_KAFKA_TLS_CA="+r.CA)
		tr.refused(exitUnreachable, []string{"Redis does not answer at " + r.Addresses[0], "certificate"}, "RUAS_REDIS_TLS_CA="+k.CA)
	})
	for _, l := range least {
		t.Run("at the start without "+l.words, func(t *testing.T) {
			tr := on(t)
			tr.forbid(user, l.right)
			defer tr.allow(user, l.right)
			tr.refused(exitUnreachable, []string{`user "app"`, l.words})
		})
	}
	t.Run("all that is missing is said at once", func(t *testing.T) {
		tr := on(t)
		for _, l := range least[:6] {
			tr.forbid(user, l.right)
			defer tr.allow(user, l.right)
		}
		tr.refused(exitUnreachable, []string{"Read on the topic purchases", "Read on the topic browsing", "Read on the topic devices", "Read and Write on the topic segment-state", "Write on the topic segment-changes"})
	})
	t.Run("while it runs", func(t *testing.T) {
		tr := on(t)
		p := tr.start()
		p.working()
		for _, l := range least {
			began := time.Now()
			tr.forbid(user, l.right)
			tr.buy()
			p.awaitReadyz("not ready", l.words)
			t.Logf("%v after it was taken away: %s", time.Since(began).Round(100*time.Millisecond), p.readyz())
			began = time.Now()
			tr.allow(user, l.right)
			p.working()
			t.Logf("%v after it was given back: %s", time.Since(began).Round(100*time.Millisecond), p.readyz())
			tr.buy()
			tr.awaitJoins(tr.bought)
		}
		p.end()
	})
}

// end asks a worker to end, and checks that it ends well.
func (p *process) end() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.ended:
	case <-time.After(40 * time.Second):
		p.t.Fatal("it does not stop")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != exitFine {
		p.t.Errorf("a worker that was asked to stop has exit code %d", code)
	}
}

// awaitJoins waits until each customer has joined once, and checks that none joined twice.
func (tr *trial) awaitJoins(customers int) {
	tr.t.Helper()
	seen := make(map[string]int)
	cl, err := kgo.NewClient(append(tr.client.Opts(), kgo.ConsumeTopics(tr.topic("segment-changes")), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))...)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer cl.Close()
	for end, last := time.Now().Add(60*time.Second), 0; len(seen) < customers; {
		if len(seen) > last {
			end, last = time.Now().Add(60*time.Second), len(seen)
		}
		if time.Now().After(end) {
			tr.t.Fatalf("%d of %d customers joined", len(seen), customers)
		}
		fetches := cl.PollFetches(deadline(tr.t, 5*time.Second))
		fetches.EachRecord(func(rec *kgo.Record) {
			if strings.Contains(string(rec.Value), `"segment":"big","change":"join"`) {
				seen[string(rec.Key)]++
			}
		})
	}
	for id, n := range seen {
		if n != 1 {
			tr.t.Errorf("%s joined %d times", id, n)
		}
	}
}

// TestRefusals is what is wrong with servers that need no password.
func TestRefusals(t *testing.T) {
	k, r := servers.Kafka(t), servers.Redis(t)
	binary := build(t)
	client, err := kgo.NewClient(kgo.SeedBrokers(k.Addresses...), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	view := goredis.NewClient(&goredis.Options{Addr: r.Addresses[0]})
	t.Cleanup(func() { _ = view.Close() })
	tr := newTrial(t, binary, client, "", "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])

	silent := silentServer(t)
	tr.refused(exitUnreachable, []string{"the topic purchases does not exist: create it"})
	createTopic(t, client, "purchases")
	if made, err := tr.admin.CreateTopic(t.Context(), 3, 1, nil, "browsing"); err != nil || made.Err != nil {
		t.Fatal(err, made.Err)
	}
	tr.refused(exitInput, []string{"partition counts differ: purchases has 2, browsing has 3"})
	if _, err := tr.admin.DeleteTopics(t.Context(), "browsing"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	createTopic(t, client, "browsing")
	for _, nobody := range []string{"127.0.0.1:" + unusedPort(t), silent} {
		tr.refused(exitUnreachable, []string{"no Kafka broker answers at " + nobody}, "RUAS_KAFKA_BROKERS="+nobody)
		tr.refused(exitUnreachable, []string{"Redis does not answer at " + nobody}, "RUAS_REDIS_ADDRESSES="+nobody)
	}
	if err := view.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	tr.refused(exitInput, []string{"throws keys away", "allkeys-lru", "set it to noeviction"})
	if err := view.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
		t.Fatal(err)
	}
	for user, rules := range map[string][]any{
		"reader": {"~*", "+@all", "-hset"}, "elsewhere": {"~other:*", "+@all"},
	} {
		if err := view.Do(t.Context(), append([]any{"acl", "setuser", user, "on", ">secret"}, rules...)...).Err(); err != nil {
			t.Fatal(err)
		}
		tr.refused(exitUnreachable, []string{"Redis does not allow this user what ruas needs", "NOPERM"}, "RUAS_REDIS_USERNAME="+user, "RUAS_REDIS_PASSWORD=secret")
	}
	tr.refused(exitUnreachable, []string{"session_timeout"}, "RUAS_KAFKA_SESSION_TIMEOUT=1h")
}

// silentServer takes connections, and says nothing.
func silentServer(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	return l.Addr().String()
}
