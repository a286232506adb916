package servers

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// backend is a way of running servers.
type backend interface {
	create(s spec) (server, error)
}

func chooseBackend(t Owner) (backend, error) {
	t.Helper()
	docker, err := useDocker()
	if err != nil {
		return nil, err
	}
	if docker {
		return startContainers(t)
	}
	return processes{}, nil
}

func useDocker() (bool, error) {
	switch choice := os.Getenv("RUAS_TEST_BACKEND"); choice {
	case "docker":
		return true, nil
	case "local":
		return false, nil
	case "":
		return engineAnswers(), nil
	default:
		return false, fmt.Errorf("RUAS_TEST_BACKEND is %q: want docker or local", choice)
	}
}

// engineAnswers asks the Docker engine, at DOCKER_HOST or its usual socket, whether it is there.
func engineAnswers() bool {
	host := os.Getenv("DOCKER_HOST")
	if host == "" {
		host = "unix:///var/run/docker.sock"
	}
	u, err := url.Parse(host)
	if err != nil {
		return false
	}
	network, at := u.Scheme, u.Host
	if network == "unix" {
		at = u.Path
	}
	var dialer net.Dialer
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dialer.DialContext(ctx, network, at) },
	}}
	answer, err := client.Get("http://docker/_ping")
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

// setting is the environment's value, or the default where it gives none.
func setting(name, byDefault string) string {
	if v := strings.TrimSpace(os.Getenv(name)); v != "" {
		return v
	}
	return byDefault
}
