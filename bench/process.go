package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/ruas/ruas/internal/servers"
)

// process is a measured program that runs.
type process struct {
	name    string
	cmd     *exec.Cmd
	stdin   io.WriteCloser
	log     string      // a file: standard error, and standard output too
	lines   chan string // what it says
	ended   chan struct{}
	leaving atomic.Bool // it was asked to end
}

var starts atomic.Int64

// start runs a program that ends at the latest with this one.
func (b *bench) start(name string, argv ...string) (*process, error) {
	p := &process{name: name, lines: make(chan string, 1024), ended: make(chan struct{})}
	p.log = filepath.Join(b.logs, fmt.Sprintf("%03d-%s.log", starts.Add(1), strings.ReplaceAll(name, " ", "-")))
	file, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	p.cmd = exec.Command(argv[0], argv[1:]...) //nolint:noctx // Spawn ends it with this program; before that it is asked to end by a signal
	p.cmd.Dir, p.cmd.WaitDelay = b.root, 5*time.Second
	out, says := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = says, says
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := servers.Spawn(p.cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, errors.Join(err, file.Close()))
	}
	go func() {
		_ = p.cmd.Wait() // the state says how it ended
		_ = says.Close() // never fails
	}()
	go func() {
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			fmt.Fprintln(file, lines.Text())
			select {
			case p.lines <- lines.Text():
			default: // nobody waits for any more of them
			}
		}
		_, _ = io.Copy(file, out) // a line that is too long: the rest is in the log alone
		_ = file.Close()
		close(p.ended)
	}()
	return p, nil
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// await waits for a line that holds a text.
func (p *process) await(ctx context.Context, text string, whole bool, within time.Duration) error {
	timeout := time.After(within)
	for {
		select {
		case line := <-p.lines:
			if line == text || (!whole && strings.Contains(line, text)) {
				return nil
			}
		case <-p.ended:
			return fmt.Errorf("%s ended before it said %q%s", p.name, text, p.tail())
		case <-timeout:
			return fmt.Errorf("%s has not said %q after %v%s", p.name, text, within, p.tail())
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// say writes an empty line to its standard input.
func (p *process) say() error {
	_, err := p.stdin.Write([]byte("\n"))
	return err
}

// stop asks it to end, and ends it when it does not.
func (p *process) stop() {
	p.leaving.Store(true)
	for _, way := range []struct {
		signal syscall.Signal
		within time.Duration
	}{{syscall.SIGTERM, 20 * time.Second}, {syscall.SIGKILL, 20 * time.Second}} {
		_ = p.cmd.Process.Signal(way.signal) // it may be gone
		select {
		case <-p.ended:
			return
		case <-time.After(way.within):
			progress("%s does not end %v after %v", p.name, way.within, way.signal)
		}
	}
}

// kill ends it as a crash does.
func (p *process) kill() {
	p.leaving.Store(true)
	_ = p.cmd.Process.Kill() // it may be gone
	<-p.ended
}

// lives is an error where it ended by itself.
func (p *process) lives() error {
	select {
	case <-p.ended:
		if !p.leaving.Load() {
			return fmt.Errorf("%s ended by itself%s", p.name, p.tail())
		}
	default:
	}
	return nil
}

// tail gives the end of the log.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return "\n" + err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Sprintf("\n%s ends with:\n%s", p.log, strings.Join(lines[max(0, len(lines)-25):], "\n"))
}
