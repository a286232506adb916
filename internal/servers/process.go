package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// processes runs servers as children of the test.
type processes struct{}

func (processes) create(s spec) (server, error) {
	for path, content := range s.files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return nil, err
		}
	}
	file, err := os.Create(filepath.Join(s.folder, "log"))
	if err != nil {
		return nil, err
	}
	return &process{argv: s.local, folder: s.folder, out: file}, nil
}

// process is one server as a child.
type process struct {
	argv   []string
	folder string
	out    *os.File
	cmd    *exec.Cmd
	gone   chan struct{} // closed when the child is
}

func (p *process) start() error {
	if p.alive() {
		return errors.New("it runs already")
	}
	cmd := exec.Command(p.argv[0], p.argv[1:]...)
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := Spawn(cmd); err != nil {
		return err
	}
	gone := make(chan struct{})
	p.cmd, p.gone = cmd, gone
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(gone)
	}()
	return nil
}

func (p *process) alive() bool {
	if p.gone == nil {
		return false
	}
	select {
	case <-p.gone:
		return false
	default:
		return true
	}
}

func (p *process) kill() error { return p.end(syscall.SIGKILL, 10*time.Second) }
func (p *process) stop() error { return p.end(syscall.SIGTERM, startTimeout) }

func (p *process) end(by syscall.Signal, within time.Duration) error {
	if err := p.signal(by); err != nil {
		return err
	}
	select {
	case <-p.gone:
		return nil
	case <-time.After(within):
		return fmt.Errorf("still there %v after %v", within, by)
	}
}

func (p *process) pause() error  { return p.signal(syscall.SIGSTOP) }
func (p *process) resume() error { return p.signal(syscall.SIGCONT) }

func (p *process) signal(s syscall.Signal) error {
	if !p.alive() {
		return errors.New("it does not run")
	}
	return p.cmd.Process.Signal(s)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) data() (string, error) { return p.folder, nil }

func (p *process) log() string { return lastLines(p.out.Name()) }

func (p *process) remove() error {
	if p.alive() {
		if err := p.kill(); err != nil {
			return err
		}
	}
	return p.out.Close()
}

// lastLines gives the end of a file, for messages.
func lastLines(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// starter starts children on a thread that lives as long as the program: Linux ends a child with the thread that made it, not with
// the process (see child).
var starter = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for do := range work {
			do()
		}
	}()
	return work
})

// Spawn starts a program that ends at the latest with this one, however this one ends, where the system provides for it.
func Spawn(cmd *exec.Cmd) error {
	cmd.SysProcAttr = child()
	done := make(chan error)
	starter() <- func() { done <- cmd.Start() }
	return <-done
}
