.DEFAULT_GOAL := help
BIN := $(CURDIR)/.servers/bin
LINT_VERSION := $(shell sed -n 's/^LINT_VERSION=//p' .ci/run)

.PHONY: help build check lint test race integration browser differential chaos recovery simulate planted fuzz fuzz-api bench bench-smoke deploy-check image-check docs up down clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

build: ## build bin/ruas, static
	CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o bin/ruas ./cmd/ruas

check: lint test ## what should hold before every commit

lint: $(BIN)/golangci-lint ## lint as CI does
	$(BIN)/golangci-lint run ./...

$(BIN)/golangci-lint:
	GOBIN=$(BIN) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)

test: ## the tests that need nothing but Go
	go test ./...

race: ## the same under the race detector
	go test -race -short ./...

integration: ## the tests on real servers: containers where Docker answers, else local processes (java, mvn, redis-server)
	.ci/integration

browser: ## the console in Chromium (chromium)
	go test -tags browser ./internal/console -run '^TestBrowser$$' -count=1 -v

PAIRS ?= 100000
differential: ## PAIRS (100,000) pairs of a rule and a history, engine against stock CEL
	go test ./internal/engine -run '^TestDifferential$$' -count=1 -timeout 2h -v -args -pairs $(PAIRS)

CHAOS ?= 5m
SEED ?= 0
LOGS ?= $(CURDIR)/.servers/chaos
chaos: ## CHAOS (5m) of faults on real servers and workers, half on one Redis, half on a Cluster; SEED repeats one, logs and report are in LOGS
	go test -tags integration ./internal/chaos -run '^TestChaos$$' -count=1 -timeout 0 -v -args -duration $(CHAOS) -seed $(SEED) -logs $(LOGS)

CUSTOMERS ?= 200000
recovery: ## how soon changes come again after FLUSHALL, and after a worker's end, with CUSTOMERS (200,000)
	go test -tags integration ./internal/chaos -run '^TestRecovery$$' -count=1 -timeout 0 -v -args -customers $(CUSTOMERS) -times 3 -logs $(LOGS)

SEEDS ?= 1000
simulate: ## the pipeline under SEEDS (1,000) random schedules of faults, in virtual time
	go test ./internal/simulation -run '^TestSimulation$$' -count=1 -timeout 12h -v -args -seeds $(SEEDS) -seed 0

planted: ## plant bugs, each of which the simulation must notice
	go test ./internal/simulation -run '^TestPlanted$$' -count=1 -timeout 1h -v -args -planted

FUZZTIME ?= 5m
fuzz: ## every fuzz target for FUZZTIME (5m)
	@set -e; go list -f '{{$$d := .Dir}}{{range .TestGoFiles}}{{$$d}}/{{.}} {{end}}{{range .XTestGoFiles}}{{$$d}}/{{.}} {{end}}' ./... | tr ' ' '\n' | grep . | \
		xargs grep -HEo '^func Fuzz[A-Za-z0-9_]+' | sed 's/:func /:/' | while IFS=: read -r file target; do \
			echo "== $$target"; go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x "$$(dirname "$$file")"; \
		done

FUZZARGS ?=
fuzz-api: ## each operation of openapi.yaml of a demo, by schemathesis (python3); FUZZARGS go to it
	.ci/fuzz-api $(FUZZARGS)

bench: ## ruas beside what a user would pick instead, on a real Kafka and Redis (45 minutes on a quiet machine): bench/results, docs/performance.md
	go run ./bench
	go run ./bench -report

bench-smoke: ## what an event costs the core, in instructions and allocations, against bench/results/core.json (needs valgrind)
	go run ./bench/smoke

deploy-check: ## check alerts, manifests and chart, with promtool, kubectl and helm
	promtool check rules deploy/prometheus/alerts.yaml
	promtool test rules deploy/prometheus/alerts_test.yaml
	kubectl kustomize deploy/kubernetes/base > /dev/null
	kubectl kustomize deploy/kubernetes/production > /dev/null
	helm lint deploy/helm/ruas
	helm template ruas deploy/helm/ruas --kube-version 1.32 > /dev/null

image-check: ## build the container image, and run it as the manifests do (Docker)
	.ci/image-check

docs: ## generate what is generated
	go generate ./...

up: ## Kafka, Redis, ruas and a simulated shop in containers; the page is on http://127.0.0.1:8080
	docker compose up --build --wait

down: ## remove them and their data
	docker compose down --volumes

clean: ## remove what was built and downloaded
	rm -rf bin .servers
