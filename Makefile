# Every target is one or two plain commands; "make -n TARGET" prints them.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

SEED     ?=
RUNS     ?= 1000
FUZZTIME ?= 30s
BENCH    ?= .
COUNT    ?= 5
KEEP     ?=
EVENTBUS ?=

lint = go tool -modfile=tools/go.mod golangci-lint

.DEFAULT_GOAL := help
.PHONY: help build test race lint fmt sim fuzz bench bench-mediawiki engines e2e demo php check clean

help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## bin/auwai
	go build -o bin/auwai ./cmd/auwai

test: ## Everything that needs no service: vet, all Go tests, a short simulation
	go vet ./...
	go test ./...
	go test -C tools ./...

race: ## The Go tests under the race detector (needs a C compiler)
	go test -race ./...

lint: ## The linters of .golangci.yml, the form of every Go file
	$(lint) run ./...
	$(lint) fmt --diff
	cd tools && go tool golangci-lint run --config ../.golangci.yml ./...

fmt: ## Bring every Go file into form
	$(lint) fmt

sim: ## The simulation: SEED=n replays one seed, RUNS=n runs that many
	$(if $(SEED),AUWAI_SIM_SEED=$(SEED)) AUWAI_SIM_RUNS=$(RUNS) go test -count=1 -timeout 0 -run '^TestSim' -v ./internal/sim

fuzz: ## Each fuzz target for FUZZTIME
	tools/fuzz.sh $(FUZZTIME)

bench: ## The Go benchmarks into artifacts/bench.txt, ready for benchstat
	@mkdir -p artifacts
	go test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./internal/... | tee artifacts/bench.txt

bench-mediawiki: ## All ways to run jobs of a real wiki, side by side (EVENTBUS=folder of that extension; installs Debian packages)
	go run ./test/benchmw -install -eventbus '$(EVENTBUS)'

engines: ## The storage suite on MariaDB, Galera and PostgreSQL (installs Debian packages)
	tools/engines.sh

e2e: ## Real MediaWiki and Varnish, and the extension's own tests (installs Debian packages)
	tools/e2e.sh

demo: ## Two wikis, one template edit, every page fresh (installs Debian packages; KEEP=1 leaves it running)
	$(if $(KEEP),KEEP=$(KEEP)) go run ./test/demo

php: ## The extension's tests
	extension/Auwai/tests/run.sh

check: test lint ## What a change has to pass; the build adds engines and e2e

clean: ## Remove what builds and runs leave in this folder
	rm -rf bin artifacts
