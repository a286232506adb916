//go:build integration

package chaos

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

	"github.com/ruas/ruas/internal/servers"
)

// worker is a place for a worker process, with a configuration and a network of its own.
type worker struct {
	t      *testing.T
	number int
	binary string
	config string // file
	http   string
	logs   string // folder

	starts  int
	process *os.Process // nil: there is none
	state   *os.ProcessState
	started time.Time
	ended   chan struct{} // closed when the process is gone
	// wanted says that the process is to live: an end of its own is a failure.
	wanted bool
}

// start starts the process. Its environment holds nothing that the test's does.
func (w *worker) start() {
	w.t.Helper()
	w.starts++
	log, err := os.Create(w.logFile())
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(w.binary, "run", "-c", w.config)
	cmd.Env = []string{}
	cmd.Stderr = log
	if err := errors.Join(servers.Spawn(cmd), log.Close()); err != nil {
		w.t.Fatalf("starting worker %d: %v", w.number, err)
	}
	ended := make(chan struct{})
	w.process, w.ended, w.started, w.wanted = cmd.Process, ended, time.Now(), true
	go func() {
		_ = cmd.Wait() // the process's state says how it ended
		w.state = cmd.ProcessState
		close(ended)
	}()
}

func (w *worker) logFile() string {
	return filepath.Join(w.logs, fmt.Sprintf("worker-%d-%03d.log", w.number, w.starts))
}

func (w *worker) alive() bool {
	if w.process == nil {
		return false
	}
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

// signal is for a process that lives, as far as is known.
func (w *worker) signal(s syscall.Signal) {
	w.t.Helper()
	if err := w.process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		w.t.Fatalf("sending %v to worker %d: %v", s, w.number, err)
	}
}

// kill ends the process as a crash does.
func (w *worker) kill() {
	w.t.Helper()
	w.wanted = false
	w.signal(syscall.SIGKILL)
	<-w.ended
	w.process = nil
}

// stopTimeout is how long a worker may take to end when it is asked to, on a machine with far more to do than it can.
const stopTimeout = 90 * time.Second

// term asks the process to end; stopped tells whether it has. One that does not, or ends badly, fails the test.
func (w *worker) term() (stopped func() bool) {
	w.t.Helper()
	w.wanted = false
	w.signal(syscall.SIGTERM)
	asked := time.Now()
	return func() bool {
		w.t.Helper()
		if w.process == nil {
			return true
		}
		if w.alive() {
			if time.Since(asked) > stopTimeout {
				w.t.Fatalf("worker %d does not end %v after it was asked to\n%s", w.number, stopTimeout, w.tail())
			}
			return false
		}
		if code := w.state.ExitCode(); code != 0 {
			w.t.Fatalf("worker %d was asked to end, and has exit code %d\n%s", w.number, code, w.tail())
		}
		w.process = nil
		return true
	}
}

// ready asks the worker whether all its partitions are at work.
func (w *worker) ready() bool {
	client := http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get("http://" + w.http + "/readyz")
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// tail gives the end of the newest log.
func (w *worker) tail() string {
	text, err := os.ReadFile(w.logFile())
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Sprintf("the end of %s:\n%s", filepath.Base(w.logFile()), strings.Join(lines[max(0, len(lines)-40):], "\n"))
}
