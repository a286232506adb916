package servers

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// containers runs servers by testcontainers-go. That is a large dependency, so it lives in a module and a program of its own, which is
// spoken to in lines of JSON; when its input ends it removes its containers.
type containers struct {
	mu  sync.Mutex
	to  *json.Encoder
	ans *bufio.Reader
}

// Request and answer are also in the program's source.
type request struct {
	Op      string            `json:"op"` // create, start, stop, kill, pause, resume, alive, log, remove
	ID      string            `json:"id,omitempty"`
	Name    string            `json:"name,omitempty"`
	Image   string            `json:"image,omitempty"`
	Command string            `json:"command,omitempty"`
	Folder  string            `json:"folder,omitempty"`
	Files   map[string][]byte `json:"files,omitempty"`
}

type answer struct {
	ID    string `json:"id"`
	Alive bool   `json:"alive"`
	Log   string `json:"log"`
	Error string `json:"error"`
}

func startContainers(t Owner) (*containers, error) {
	t.Helper()
	root, err := cacheFolder()
	if err != nil {
		return nil, err
	}
	_, here, _, _ := runtime.Caller(0)
	program := filepath.Join(root, "bin", "containers")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join(filepath.Dir(here), "containers")
	if err := run(build); err != nil {
		return nil, fmt.Errorf("building the program that starts containers: %w", err)
	}
	cmd := exec.Command(program)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	t.Cleanup(func() {
		if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
			t.Errorf("ending the program that starts containers: %v", err)
		}
	})
	return &containers{to: json.NewEncoder(in), ans: bufio.NewReader(out)}, nil
}

func (c *containers) ask(r request) (answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var a answer
	if err := c.to.Encode(r); err != nil {
		return a, fmt.Errorf("asking for %s: %w", r.Op, err)
	}
	line, err := c.ans.ReadBytes('\n')
	if errors.Is(err, io.EOF) {
		return a, errors.New("the program that starts containers has ended")
	}
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(line, &a); err != nil {
		return a, err
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}

func (c *containers) create(s spec) (server, error) {
	a, err := c.ask(request{Op: "create", Name: s.name, Image: s.image, Command: s.boxed, Folder: s.folder, Files: s.files})
	return &container{in: c, id: a.ID}, err
}

// container is one server in a container.
type container struct {
	in *containers
	id string
}

func (c *container) do(op string) error {
	_, err := c.in.ask(request{Op: op, ID: c.id})
	return err
}

func (c *container) start() error  { return c.do("start") }
func (c *container) kill() error   { return c.do("kill") }
func (c *container) stop() error   { return c.do("stop") }
func (c *container) pause() error  { return c.do("pause") }
func (c *container) resume() error { return c.do("resume") }
func (c *container) remove() error { return c.do("remove") }

func (c *container) data() (string, error) {
	return "", errors.New("what a container keeps cannot be changed from outside: set RUAS_TEST_BACKEND=local")
}

// pid is not known: another user's engine runs the container.
func (c *container) pid() int { return 0 }

func (c *container) alive() bool {
	a, err := c.in.ask(request{Op: "alive", ID: c.id})
	return err == nil && a.Alive
}

func (c *container) log() string {
	a, err := c.in.ask(request{Op: "log", ID: c.id})
	if err != nil {
		return err.Error()
	}
	return a.Log
}
