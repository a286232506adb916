//go:build integration

package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ruas/ruas/internal/servers"
	"github.com/ruas/ruas/internal/workload"
)

// deployment is a ruas of several worker processes, with topics and a group of its own.
type deployment struct {
	t       *testing.T
	name    string // of the deployment, and the end of its topics' names
	binary  string
	brokers string
	config  string // the file
	admin   *kadm.Client
	workers []*process // that run
	all     []*process
	ends    kadm.ListedOffsets // of the sources
	total   int64              // what read gives at the ends
}

// newDeployment has the benchmark's rules, and one with a feature.
func newDeployment(t *testing.T, binary, broker, redisAddress, name string, batch int) *deployment {
	t.Helper()
	rules, err := workload.Rules(10)
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	segments := []string{filepath.Join(folder, "s10.yaml"), filepath.Join(folder, "spender.yaml")}
	for i, text := range []string{string(rules), spenderSegment} {
		if err := os.WriteFile(segments[i], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return deploy(t, binary, broker, redisAddress, name, batch, segments, nil, "")
}

// deploy has the rules and schemas of those files, and a topic of memberships if it is named.
func deploy(t *testing.T, binary, broker, redisAddress, name string, batch int, segments, schemas []string, memberships string) *deployment {
	t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.MetadataMinAge(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	d := &deployment{t: t, name: name, binary: binary, brokers: broker, admin: kadm.NewClient(client)}
	d.config = filepath.Join(t.TempDir(), "ruas.yaml")
	var sources strings.Builder
	for _, s := range acceptanceSources {
		fmt.Fprintf(&sources, "  %s: {topic: %s}\n", s, d.topic(s))
		createTopicWith(t, d.admin, d.topic(s), acceptancePartitions, nil)
	}
	text := fmt.Sprintf(`
kafka: {brokers: [%q], group: %s, session_timeout: 3s}
redis: {addresses: [%q]}
segments: [%s]
schemas: [%s]
sources:
%stopics: {changes: %s, state: %s, dead_letters: %s, memberships: %q, forget: ""}
clock: records
batch: {records: %d}
admin: {listen: ""}
`, broker, d.group(), redisAddress, strings.Join(segments, ", "), strings.Join(schemas, ", "), sources.String(),
		d.topic("segment-changes"), d.topic("segment-state"), d.topic("dead-letters"), memberships, batch)
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return d
}

func (d *deployment) topic(name string) string { return name + "-" + d.name }
func (d *deployment) group() string            { return "ruas-" + d.name }

// process is one worker, or one subscriber.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	http  string
	log   lockedBuffer
	peak  int           // of its resident memory in kB, when it was asked to end; 0: not known
	ended chan struct{} // closed when it is gone
}

// start starts a worker. Its environment holds nothing that the test's does.
func (d *deployment) start() *process {
	d.t.Helper()
	http := servers.Ports(d.t, 1)[0]
	cmd := exec.Command(d.binary, "run", "-c", d.config)
	cmd.Env = []string{"RUAS_HTTP_LISTEN=" + http}
	p := launch(d.t, "worker", cmd, http)
	d.all = append(d.all, p)
	return p
}

// launch starts a process, which answers at an address.
func launch(t *testing.T, name string, cmd *exec.Cmd, http string) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, http: http, ended: make(chan struct{})}
	cmd.Stderr = &p.log
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting a %s: %v", name, err)
	}
	go func() {
		_ = cmd.Wait() // the process's state says how it ended
		close(p.ended)
	}()
	t.Cleanup(func() {
		if p.alive() {
			p.kill()
		}
		if t.Failed() {
			t.Logf("the log of %s %d:\n%s", name, cmd.Process.Pid, p.log.String())
		}
	})
	return p
}

func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// look notes what only a living process tells. What its end reports of memory begins with that of the test, which it was forked from.
func (p *process) look() {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return // not Linux
	}
	if _, rest, ok := strings.Cut(string(status), "VmHWM:"); ok {
		_, _ = fmt.Sscan(rest, &p.peak)
	}
}

// kill ends a process as a crash does.
func (p *process) kill() {
	p.look()
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("killing process %d: %v", p.cmd.Process.Pid, err)
	}
	<-p.ended
}

// stop asks all workers to end, and checks that they end well and leave the group.
func (d *deployment) stop() {
	d.t.Helper()
	for _, p := range d.workers {
		p.look()
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			d.t.Fatalf("stopping a worker: %v", err)
		}
	}
	for _, p := range d.workers {
		select {
		case <-p.ended:
		case <-time.After(time.Minute):
			d.t.Fatal("a worker does not stop")
		}
		if code := p.cmd.ProcessState.ExitCode(); code != exitFine {
			d.t.Errorf("a worker that was asked to stop has exit code %d", code)
		}
	}
	if g := d.describe(); g.State != "Empty" {
		d.t.Errorf("the group is %s after its workers stopped, with %d members", g.State, len(g.Members))
	}
}

// describe asks for the group; where the broker does not tell, it has no state.
func (d *deployment) describe() kadm.DescribedGroup {
	groups, err := d.admin.DescribeGroups(d.t.Context(), d.group())
	if err != nil {
		return kadm.DescribedGroup{}
	}
	return groups[d.group()]
}

// awaitWorkers waits until every worker has partitions, and is ready.
func (d *deployment) awaitWorkers() {
	d.t.Helper()
	client := http.Client{Timeout: time.Second}
	d.await("the workers to be ready", 0, func() bool {
		g := d.describe()
		if g.State != "Stable" || len(g.Members) != len(d.workers) {
			return false
		}
		for _, m := range g.Members {
			if a, ok := m.Assigned.AsConsumer(); !ok || len(a.Topics) == 0 {
				return false
			}
		}
		for _, p := range d.workers {
			answer, err := client.Get("http://" + p.http + "/readyz")
			if err != nil {
				return false
			}
			_ = answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return false
			}
		}
		return true
	})
}

// await waits for something that takes longer with more events. Workers that end meanwhile fail the test.
func (d *deployment) await(what string, events int, done func() bool) {
	d.t.Helper()
	within := 90*time.Second + time.Duration(events)*200*time.Microsecond
	for deadline := time.Now().Add(within); !done(); time.Sleep(10 * time.Millisecond) {
		for _, p := range d.workers {
			if !p.alive() {
				d.t.Fatalf("waiting for %s: a worker ended with exit code %d", what, p.cmd.ProcessState.ExitCode())
			}
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("waited %v for %s: %d of %d are read", within, what, d.read(), d.total)
		}
	}
}

// measure notes where the sources end.
func (d *deployment) measure() {
	d.t.Helper()
	var topics []string
	for _, s := range acceptanceSources {
		topics = append(topics, d.topic(s))
	}
	var err error
	if d.ends, err = d.admin.ListEndOffsets(d.t.Context(), topics...); err != nil || d.ends.Error() != nil {
		d.t.Fatalf("reading ends: %v, %v", err, d.ends.Error())
	}
	d.total = 0
	d.ends.Each(func(o kadm.ListedOffset) { d.total += o.Offset })
}

// read gives how much of the sources the group has committed: records, and the markers of transactions.
func (d *deployment) read() (sum int64) {
	offsets, err := d.admin.FetchOffsets(d.t.Context(), d.group())
	if err != nil {
		return 0 // the group moves: it is asked again
	}
	d.ends.Each(func(o kadm.ListedOffset) {
		if c, ok := offsets.Lookup(o.Topic, o.Partition); ok {
			sum += max(0, min(c.At, o.Offset))
		}
	})
	return sum
}

// usage says what all workers together took, those that were killed too.
func (d *deployment) usage(events int) string {
	var cpu time.Duration
	peak := 0
	for _, p := range d.all {
		cpu += p.cmd.ProcessState.UserTime() + p.cmd.ProcessState.SystemTime()
		peak = max(peak, p.peak)
	}
	return fmt.Sprintf("workers took %.1f s of CPU a million events, their start included, and up to %d MB of memory each",
		cpu.Seconds()*1e6/float64(events), peak>>10)
}
