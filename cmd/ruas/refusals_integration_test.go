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
	http    string   // the address of the newest replica
	witness *witness // of what was asked of it
}

func newTrial(t *testing.T, binary string, client *kgo.Client, suffix string, environ ...string) *trial {
	t.Helper()
	tr := &trial{t: t, binary: binary, folder: t.TempDir(), suffix: suffix, environ: environ, client: client, admin: kadm.NewClient(client)}
	tr.write("segments.yaml", runSegments)
	tr.write("ruas.yaml", fmt.Sprintf(`
kafka: {session_timeout: 3s, group: %s}
segments: [segments.yaml]
sources: {purchases: {topic: %s}, browsing: {topic: %s}, devices: {topic: %s, optional: true}}
topics: {changes: %s, state: %s, dead_letters: %s, memberships: "", forget: ""}
admin: {listen: ""}
`, tr.group(), tr.topic("purchases"), tr.topic("browsing"), tr.topic("devices"), tr.topic("segment-changes"), tr.topic("segment-state"), tr.topic("dead-letters")))
	return tr
}

// in gives the trial as one of a subtest.
func (tr *trial) in(t *testing.T) *trial {
	inner := *tr
	inner.t = t
	return &inner
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
	p := &process{t: tr.t, http: servers.Ports(tr.t, 1)[0], ended: make(chan struct{})}
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
	case <-time.After(90 * time.Second):
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
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
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
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
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
	for _, r := range rights {
		tr.awaitRight(user, r, 1)
	}
}

func (tr *trial) forbid(user string, r right) {
	tr.t.Helper()
	tr.awaitRight(user, r, 1)
	gone, err := tr.admin.DeleteACLs(tr.t.Context(), r.builder(user))
	if err != nil || len(gone) != 1 || gone[0].Err != nil {
		tr.t.Fatalf("forbidding %+v: %v, %+v", r, err, gone)
	}
	tr.awaitRight(user, r, 0)
}

// awaitRight waits until the broker goes by so many ACLs of a right: the controller has them first.
func (tr *trial) awaitRight(user string, r right, want int) {
	tr.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		got, err := tr.admin.DescribeACLs(tr.t.Context(), r.builder(user))
		if err == nil && len(got) == 1 && got[0].Err == nil && len(got[0].Described) == want {
			return
		}
		if time.Now().After(end) {
			tr.t.Fatalf("the broker has not %d of %+v: %+v, %v", want, r, got, err)
		}
	}
}

// user makes a user with the password of App, to whom nothing is allowed, and waits until the broker knows it.
func user(t *testing.T, k *servers.Servers, client *kgo.Client, name string) {
	t.Helper()
	made, err := kadm.NewClient(client).AlterUserSCRAMs(t.Context(), nil,
		[]kadm.UpsertSCRAM{{User: name, Mechanism: kadm.ScramSha512, Iterations: 4096, Password: k.App.Password}})
	if err == nil {
		err = made.Error()
	}
	if err != nil {
		t.Fatalf("making the user %s: %v", name, err)
	}
	as := secureClient(t, k, servers.Account{Name: name, Password: k.App.Password})
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if err = as.Ping(t.Context()); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the broker does not know the user %s: %v", name, err)
		}
	}
}

// named is a right, and the words by which a worker names it where it is missing.
type named struct {
	right
	words string
}

// least is what ruas needs on Kafka where its topics exist.
func (tr *trial) least() []named {
	list := []named{
		{right: right{operation: kadm.OpRead, topic: tr.topic("purchases")}},
		{right: right{operation: kadm.OpRead, topic: tr.topic("browsing")}},
		{right: right{operation: kadm.OpRead, topic: tr.topic("devices")}},
		{right: right{operation: kadm.OpRead, topic: tr.topic("segment-state")}},
		{right: right{operation: kadm.OpWrite, topic: tr.topic("segment-state")}},
		{right: right{operation: kadm.OpWrite, topic: tr.topic("segment-changes")}},
		{right: right{operation: kadm.OpRead, topic: tr.topic("segment-changes")}},
		{right: right{operation: kadm.OpWrite, topic: tr.topic("dead-letters")}},
		{right: right{operation: kadm.OpRead, group: tr.group()}},
		{right: right{operation: kadm.OpWrite, id: tr.group() + "-"}},
	}
	for i := range list {
		n := &list[i]
		verb := "Read"
		if n.operation == kadm.OpWrite {
			verb = "Write"
		}
		switch {
		case n.topic != "":
			n.words = verb + " on the topic " + n.topic
		case n.group != "":
			n.words = verb + " on the group " + n.group
		default:
			n.words = verb + " on the transactional id " + n.id
		}
	}
	return list
}

// TestSecuredRefusals takes away, one after another, what Kafka and Redis must allow: before a worker starts, and while it runs.
func TestSecuredRefusals(t *testing.T) {
	t.Parallel()
	k, r := servers.KafkaSecure(t), servers.RedisSecure(t)
	binary := build(t)
	client := secureClient(t, k, k.Admin)
	// on gives a trial by a user who may do the least, and all that it needs.
	on := func(t *testing.T, name string, topics ...string) *trial {
		tr := newTrial(t, binary, client, "-"+name,
			"RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_KAFKA_TLS_ENABLED=true", "RUAS_KAFKA_TLS_CA="+k.CA,
			"RUAS_KAFKA_SASL_MECHANISM=SCRAM-SHA-512", "RUAS_KAFKA_SASL_USER="+name, "RUAS_KAFKA_SASL_PASSWORD="+k.App.Password,
			"RUAS_REDIS_ADDRESSES="+r.Addresses[0], "RUAS_REDIS_TLS_ENABLED=true", "RUAS_REDIS_TLS_CA="+r.CA,
			"RUAS_REDIS_USERNAME="+r.App.Name, "RUAS_REDIS_PASSWORD="+r.App.Password)
		tr.create(append([]string{"purchases", "browsing", "devices"}, topics...)...)
		user(t, k, client, name)
		for _, l := range tr.least() {
			tr.allow(name, l.right)
		}
		return tr
	}
	written := []string{"segment-state", "segment-changes", "dead-letters"}

	t.Run("Create is missing", func(t *testing.T) {
		t.Parallel()
		on(t, "creator").refused(exitUnreachable, []string{`user "creator"`, "Create on the topic segment-state-creator"})
	})
	t.Run("passwords", func(t *testing.T) {
		t.Parallel()
		tr := on(t, "owner", written...)
		tr.refused(exitUnreachable, []string{"Kafka does not accept the user or the password", `user "owner"`}, "RUAS_KAFKA_SASL_PASSWORD=wrong-one")
		tr.refused(exitUnreachable, []string{"Kafka does not accept the user or the password", `user "nobody"`}, "RUAS_KAFKA_SASL_USER=nobody")
		tr.refused(exitUnreachable, []string{"Redis does not accept the user or the password", "WRONGPASS"}, "RUAS_REDIS_PASSWORD=wrong-one")
		t.Run("of Kafka's authority", func(t *testing.T) {
			t.Parallel()
			tr.in(t).refused(exitUnreachable, []string{"no Kafka broker answers at " + k.Addresses[0], "certificate"}, "RUAS_KAFKA_TLS_CA="+r.CA)
		})
		t.Run("of Redis's authority", func(t *testing.T) {
			t.Parallel()
			tr.in(t).refused(exitUnreachable, []string{"Redis does not answer at " + r.Addresses[0], "certificate"}, "RUAS_REDIS_TLS_CA="+k.CA)
		})
	})
	t.Run("at the start", func(t *testing.T) {
		t.Parallel()
		tr := on(t, "starter", written...)
		least := tr.least()
		for _, l := range least {
			t.Run("without "+l.words, func(t *testing.T) {
				tr := tr.in(t)
				tr.forbid("starter", l.right)
				defer tr.allow("starter", l.right)
				tr.refused(exitUnreachable, []string{`user "starter"`, l.words})
			})
		}
		t.Run("all that is missing is said at once", func(t *testing.T) {
			tr := tr.in(t)
			for _, l := range least[:6] {
				tr.forbid("starter", l.right)
			}
			tr.refused(exitUnreachable, []string{"Read on the topic purchases-", "Read on the topic browsing-", "Read on the topic devices-", "Read and Write on the topic segment-state-", "Write on the topic segment-changes-"})
		})
	})
	t.Run("while it runs", func(t *testing.T) {
		t.Parallel()
		tr := on(t, "runner", written...)
		p := tr.start()
		p.working()
		for _, l := range tr.least() {
			began := time.Now()
			tr.forbid("runner", l.right)
			tr.buy()
			p.awaitReadyz("not ready", l.words)
			t.Logf("%v after it was taken away: %s", time.Since(began).Round(100*time.Millisecond), p.readyz())
			began = time.Now()
			tr.allow("runner", l.right)
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
	case <-time.After(90 * time.Second):
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
	t.Parallel()
	k, r := servers.Kafka(t), servers.Redis(t)
	binary, client, silent := build(t), plain(t, k), silentServer(t)
	on := func(t *testing.T, name string, topics ...string) *trial {
		tr := newTrial(t, binary, client, "-"+name, "RUAS_KAFKA_BROKERS="+k.Addresses[0], "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
		tr.create(topics...)
		return tr
	}
	t.Run("topics", func(t *testing.T) {
		t.Parallel()
		tr := on(t, "topics")
		tr.refused(exitUnreachable, []string{"the topic purchases-topics does not exist: create it"})
		tr.create("purchases")
		createTopicWith(t, tr.admin, tr.topic("browsing"), 3, nil)
		tr.refused(exitInput, []string{"partition counts differ: purchases-topics has 2, browsing-topics has 3"})
	})
	for name, nobody := range map[string]string{"nobody": servers.Ports(t, 1)[0], "silent": silent} {
		t.Run("Kafka is "+name, func(t *testing.T) {
			t.Parallel()
			tr := on(t, "kafka-"+name, "purchases", "browsing")
			tr.refused(exitUnreachable, []string{"no Kafka broker answers at " + nobody}, "RUAS_KAFKA_BROKERS="+nobody)
		})
		t.Run("Redis is "+name, func(t *testing.T) {
			t.Parallel()
			tr := on(t, "redis-"+name, "purchases", "browsing")
			tr.refused(exitUnreachable, []string{"Redis does not answer at " + nobody}, "RUAS_REDIS_ADDRESSES="+nobody)
		})
	}
	t.Run("Redis throws keys away", func(t *testing.T) {
		t.Parallel()
		tr := on(t, "policy", "purchases", "browsing")
		r := servers.Redis(t)
		if err := viewOf(t, r).ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
			t.Fatal(err)
		}
		tr.refused(exitInput, []string{"throws keys away", "allkeys-lru", "set it to noeviction"}, "RUAS_REDIS_ADDRESSES="+r.Addresses[0])
	})
	t.Run("Redis allows too little", func(t *testing.T) {
		t.Parallel()
		tr := on(t, "user", "purchases", "browsing")
		for user, rules := range map[string][]any{
			"reader": {"~*", "+@all", "-hset"}, "elsewhere": {"~other:*", "+@all"},
		} {
			if err := viewOf(t, r).Do(t.Context(), append([]any{"acl", "setuser", user, "on", ">secret"}, rules...)...).Err(); err != nil {
				t.Fatal(err)
			}
			tr.refused(exitUnreachable, []string{"Redis does not allow this user what ruas needs", "NOPERM"}, "RUAS_REDIS_USERNAME="+user, "RUAS_REDIS_PASSWORD=secret")
		}
	})
	t.Run("the session is too long", func(t *testing.T) {
		t.Parallel()
		tr := on(t, "session", "purchases", "browsing")
		tr.refused(exitUnreachable, []string{"session_timeout"}, "RUAS_KAFKA_SESSION_TIMEOUT=1h")
	})
}

// viewOf gives a client of a Redis without passwords.
func viewOf(t *testing.T, r *servers.Servers) *goredis.Client {
	t.Helper()
	view := goredis.NewClient(&goredis.Options{Addr: r.Addresses[0]})
	t.Cleanup(func() { _ = view.Close() })
	return view
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
