package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

// environment is what figures depend on.
type environment struct {
	Date    string `json:"date"`
	Commit  string `json:"commit"`
	CPU     string `json:"cpu"`
	Cores   int    `json:"cores"`
	Memory  string `json:"memory"`
	Kernel  string `json:"kernel"`
	Options string `json:"options"` // of the bench
	// Versions are by what they are of.
	Versions map[string]string `json:"versions"`
}

func (b *bench) environment() (environment, error) {
	memory := 0.0
	_, rest, _ := strings.Cut(read("/proc/meminfo"), "MemTotal:")
	_, _ = fmt.Sscan(rest, &memory)
	commit := b.says("git", "rev-parse", "--short=12", "HEAD")
	if b.says("git", "status", "--porcelain", "--untracked-files=no") != "" {
		commit += " with changes"
	}
	e := environment{
		Date: time.Now().UTC().Format(time.DateOnly), Commit: commit, Cores: runtime.NumCPU(),
		CPU:    strings.TrimSpace(match(`(?m)^model name\s*:(.*)$`, read("/proc/cpuinfo"))),
		Memory: fmt.Sprintf("%.0f GB", memory*1024/1e9), Kernel: strings.TrimSpace(read("/proc/sys/kernel/osrelease")),
		Options: strings.Join(os.Args[1:], " "),
		Versions: map[string]string{
			"Go":    strings.TrimPrefix(runtime.Version(), "go"),
			"Java":  match(`"([^"]+)"`, b.says("java", "-version")),
			"Redis": match(`v=(\S+)`, b.says("redis-server", "--version")),
		},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "github.com/twmb/franz-go" {
				e.Versions["franz-go"] = m.Version
			}
		}
	}
	if libs, err := filepath.Glob(filepath.Join(b.root, ".servers", "kafka-*", "installed")); err == nil && len(libs) > 0 {
		e.Versions["Kafka"] = strings.TrimPrefix(filepath.Base(filepath.Dir(libs[len(libs)-1])), "kafka-")
	}
	for _, of := range []struct{ name, module, property string }{
		{"Kafka Streams", ".", "kafka.version"}, {"Flink", "flink", "flink.version"}, {"Flink", ".", "flink.version"},
	} {
		if v, err := pomProperty(filepath.Join(b.root, "bench", "peers", of.module, "pom.xml"), of.property); err == nil {
			e.Versions[of.name] = v
		}
	}
	if v := match(`duckdb==(\S+)`, read(filepath.Join(b.root, "bench", "duckdb", "requirements.txt"))); v != "" {
		e.Versions["DuckDB"] = v
	}
	return e, nil
}

// says gives what a command prints; empty where it fails: a version that is not known.
func (b *bench) says(argv ...string) string {
	ctx, cancel := context.WithTimeout(b.ctx, 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

func match(pattern, text string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// pomProperty reads a property of a Maven project.
func pomProperty(path, name string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	decoder := xml.NewDecoder(file)
	for {
		token, err := decoder.Token()
		if err != nil {
			return "", errors.Join(fmt.Errorf("no %s in %s", name, path), err)
		}
		if element, ok := token.(xml.StartElement); ok && element.Name.Local == name {
			var value string
			return value, decoder.DecodeElement(&value, &element)
		}
	}
}
