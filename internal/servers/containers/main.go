// Command containers starts servers in Docker containers for the tests of ruas, by testcontainers-go. It reads requests from its input, one JSON
// object a line, and writes an answer to each; when its input ends, it removes what it started. Its other side is container.go in the
// folder above; the two are apart so that only who tests with Docker compiles testcontainers-go.
package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/log"
)

type request struct {
	Op      string            `json:"op"` // create, start, stop, kill, pause, resume, alive, log, remove
	ID      string            `json:"id"`
	Image   string            `json:"image"`
	Command string            `json:"command"`
	Folder  string            `json:"folder"`
	Files   map[string][]byte `json:"files"`
}

type answer struct {
	ID    string `json:"id,omitempty"`
	Alive bool   `json:"alive,omitempty"`
	Log   string `json:"log,omitempty"`
	Error string `json:"error,omitempty"`
}

func main() {
	ctx := context.Background()
	log.SetDefault(log.NewNoopLogger())
	engine, err := testcontainers.NewDockerClientWithOpts(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "containers: asking for the Docker engine:", err)
		os.Exit(1)
	}
	s := &servers{engine: engine, running: map[string]testcontainers.Container{}}
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		var r request
		var a answer
		if err == nil {
			err = json.Unmarshal(line, &r)
		}
		if err == nil {
			a, err = s.do(ctx, r)
		}
		if err != nil {
			a.Error = err.Error()
		}
		if err := out.Encode(a); err != nil {
			break // nobody listens any more
		}
	}
	for id := range s.running {
		if err := s.remove(ctx, id); err != nil {
			fmt.Fprintln(os.Stderr, "containers: removing one:", err)
		}
	}
}

type servers struct {
	engine  *testcontainers.DockerClient
	running map[string]testcontainers.Container
}

func (s *servers) do(ctx context.Context, r request) (answer, error) {
	if r.Op == "create" {
		return s.create(ctx, r)
	}
	c := s.running[r.ID]
	if c == nil {
		return answer{}, fmt.Errorf("no container %q", r.ID)
	}
	var err error
	switch r.Op {
	case "start":
		err = c.Start(ctx)
	case "stop":
		patience := 90 * time.Second
		err = c.Stop(ctx, &patience)
	case "kill":
		err = s.kill(ctx, r.ID)
	case "pause":
		_, err = s.engine.ContainerPause(ctx, r.ID, client.ContainerPauseOptions{})
	case "resume":
		_, err = s.engine.ContainerUnpause(ctx, r.ID, client.ContainerUnpauseOptions{})
	case "alive":
		state, err := c.State(ctx)
		return answer{Alive: err == nil && state.Running}, err
	case "log":
		return lastLines(ctx, c)
	case "remove":
		err = s.remove(ctx, r.ID)
	default:
		err = fmt.Errorf("no operation %q", r.Op)
	}
	return answer{}, err
}

// create makes a container on the host's network, so that a server's addresses are the same in it as outside.
func (s *servers) create(ctx context.Context, r request) (answer, error) {
	files := make([]testcontainers.ContainerFile, 0, len(r.Files))
	for path, content := range r.Files {
		files = append(files, testcontainers.ContainerFile{Reader: bytes.NewReader(content), ContainerFilePath: path, FileMode: 0o644})
	}
	c, err := testcontainers.Run(ctx, r.Image,
		testcontainers.WithEntrypoint("sh", "-c", "mkdir -p '"+r.Folder+"' && "+r.Command),
		testcontainers.WithFiles(files...),
		testcontainers.WithConfigModifier(func(c *container.Config) { c.User, c.Cmd = "root", nil }),
		testcontainers.WithHostConfigModifier(func(h *container.HostConfig) { h.NetworkMode = "host" }),
		testcontainers.WithNoStart(),
	)
	if c == nil {
		return answer{}, err
	}
	s.running[c.GetContainerID()] = c
	return answer{ID: c.GetContainerID()}, err
}

// kill returns when the container has ended.
func (s *servers) kill(ctx context.Context, id string) error {
	if _, err := s.engine.ContainerKill(ctx, id, client.ContainerKillOptions{Signal: "KILL"}); err != nil {
		return err
	}
	ended := s.engine.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: container.WaitConditionNotRunning})
	select {
	case err := <-ended.Error:
		return err
	case <-ended.Result:
		return nil
	}
}

func (s *servers) remove(ctx context.Context, id string) error {
	c := s.running[id]
	delete(s.running, id)
	return c.Terminate(ctx, testcontainers.StopTimeout(0))
}

func lastLines(ctx context.Context, c testcontainers.Container) (answer, error) {
	r, err := c.Logs(ctx)
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(r)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return answer{Log: strings.Join(lines[max(0, len(lines)-30):], "\n")}, errors.Join(err, r.Close())
}
