package main

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/ruas/ruas/internal/api"
	"github.com/ruas/ruas/internal/config"
	"github.com/ruas/ruas/internal/metrics"
	"github.com/ruas/ruas/internal/pipeline"
)

const deployFolder = "../../deploy"

// TestDeployedConfigurations reads each configuration under deploy/ as ruas would.
func TestDeployedConfigurations(t *testing.T) {
	t.Parallel()
	var files []string
	err := filepath.WalkDir(deployFolder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == "ruas.yaml" && !strings.Contains(path, "grafana") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 3 {
		t.Fatalf("%v, %v: three configurations at least are deployed", files, err)
	}
	for _, file := range files {
		var environ []string
		if strings.Contains(file, "production") { // its passwords come from a Secret
			environ = []string{"RUAS_KAFKA_SASL_PASSWORD=x", "RUAS_REDIS_PASSWORD=x"}
		}
		if _, err := config.Load(file, environ); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	values, err := os.ReadFile(filepath.Join(deployFolder, "helm", "ruas", "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var chart struct {
		Config yaml.Node `yaml:"config"`
	}
	if err := yaml.Unmarshal(values, &chart); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(&chart.Config)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := config.Parse("values.yaml", text, nil); err != nil {
		t.Errorf("the chart's configuration: %v", err)
	}
}

// TestDashboardsKnowTheMetrics holds the names of metrics in alerts and dashboard to those that there are.
func TestDashboardsKnowTheMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := metrics.New(metrics.Options{Registry: registry, Sources: []string{"purchases"}, Segments: []string{"loyal"}, Version: "1", Now: time.Now})
	m.Committed(0, pipeline.Committed{
		Events: []int{1}, Joins: []int{1}, Leaves: []int{0}, Reasons: map[string]int{"json": 1},
	})
	m.Lag(0, "purchases", 1)
	m.Clock(0, 0, 1)
	h := metrics.NewHTTP(registry, time.Now)
	h.Answered(h.Began(httptest.NewRequest(http.MethodGet, "/", http.NoBody)), api.Answer{Route: "GET /v1/segments", Status: http.StatusOK})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"ruas_segment_warming"} // has no value until a segment is
	for _, f := range families {
		known = append(known, f.GetName())
	}
	name := regexp.MustCompile(`\bruas_[a-z_]+`)
	for _, file := range []string{"prometheus/alerts.yaml", "prometheus/alerts_test.yaml", "grafana/ruas.json"} {
		text, err := os.ReadFile(filepath.Join(deployFolder, filepath.FromSlash(file)))
		if err != nil {
			t.Fatal(err)
		}
		used := name.FindAllString(string(text), -1)
		if len(used) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, u := range used {
			if !slices.Contains(known, strings.TrimSuffix(u, "_bucket")) {
				t.Errorf("%s names the metric %s, which there is not", file, u)
			}
		}
	}
	text, err := os.ReadFile(filepath.Join(deployFolder, "grafana", "ruas.json"))
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(text) {
		t.Error("the dashboard is no JSON")
	}
}
