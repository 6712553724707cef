# cachebench. `make help` lists the targets.
GO ?= go
FUZZTIME ?= 30s
MODULE = github.com/cachebench/cachebench
GOFILES = $(shell find . -name '*.go' -not -path '*/testdata/*' -not -path './build/*')

.PHONY: axe cross release-snapshot browser has-chromium help demo demo-live demo-eci images test lint race exhaust example example-tidy cli fuzz bench golden schema bench-report bench-import report-page compare-clients compare-match oracle-simgrid compare-simgrid bench-caches bench-plan plan-corpora oracle-plan containerd validate

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  %-16s %s\n", $$1, $$2}'

demo: ## the main job on embedded defaults: no account, no network
	$(GO) run ./cmd/cachebench run testdata/quickstart/scenario.yaml
	@echo
	@echo "Written: report.html (open it in a browser), report.json"

demo-live: ## the same on freshly built images in a real registry server (root, Debian)
	internal/imagebuild/demo-live.sh sh -c '$(GO) run ./cmd/cachebench run testdata/quickstart/scenario.yaml --layer-sizes "$$LAYERS_CSV" --registry-alias registry.example.com=$$REGISTRY --plain-http $$REGISTRY'

demo-eci: ## image caches on ECI, from create to delete, against an endpoint in this directory: no account, no network
	GO='$(GO)' eci/ecitest/demo.sh

compare-clients: ## compare with crane and skopeo on the images of build/images in a real registry (Debian)
	internal/imagebuild/compare-clients.sh

compare-match: ## compare match with a plain script on CORPORA (*.jsonl.gz of references and their layers)
	$(GO) build -o build/cachebench ./cmd/cachebench
	python3 matcher/testdata/compare-match.py build/cachebench $(CORPORA)

oracle-simgrid: ## run SimGrid on the fleets of internal/fleet, store the ready times (Debian, libsimgrid-dev)
	GO='$(GO)' simulate/network/testdata/simgrid/oracle.sh

compare-simgrid: ## time SimGrid and ours in turn, RUNS times on FLEETS (Debian, libsimgrid-dev)
	GO='$(GO)' RUNS='$(RUNS)' FLEETS='$(FLEETS)' simulate/network/testdata/simgrid/compare.sh

validate: build/bin/containerd ## measure real pulls, predict them, write docs/validation.md (root, Debian, an hour on a quiet machine)
	test -f build/images/layers.csv || $(GO) run ./internal/imagebuild -out build/images
	$(GO) run ./internal/validate

images: ## build the test images and record their documents (root, Debian)
	$(GO) run ./internal/imagebuild -out build/images -record testdata/images

# What measure/containerd's tests start: containerd of go.mod, and a runc of that time.
CONTAINERD_VERSION = $(shell $(GO) list -m -f '{{.Version}}' github.com/containerd/containerd/v2)
RUNC_VERSION = v1.5.3

containerd: build/bin/containerd ## build containerd and runc into build/bin, for tests as root (Linux, gcc; some minutes)

build/bin/containerd: go.mod
	GOBIN=$(CURDIR)/build/bin $(GO) install github.com/opencontainers/runc@$(RUNC_VERSION)
	GOBIN=$(CURDIR)/build/bin $(GO) install github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2@$(CONTAINERD_VERSION)
	GOBIN=$(CURDIR)/build/bin $(GO) install github.com/containerd/containerd/v2/cmd/containerd@$(CONTAINERD_VERSION)
	touch $@

# Root on Linux can start containerd, so its tests have one.
STARTS_CONTAINERD = $(shell [ "$$(uname)" = Linux ] && [ "$$(id -u)" = 0 ] && echo containerd)

# Root on Debian can install Chromium, so its tests have one; elsewhere they use the one
# that is there, or say that they are skipped.
CHROMIUM_NAMES = chromium chromium-browser google-chrome chrome headless_shell
FIND_CHROMIUM = for name in $(CHROMIUM_NAMES); do command -v $$name >/dev/null && exit 0; done
INSTALL_CHROMIUM = [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq >&2 && apt-get install -y -qq --no-install-recommends chromium >&2

has-chromium:
	@($(FIND_CHROMIUM); exit 1) || ($(INSTALL_CHROMIUM)) || echo "no Chromium here, and it could not be installed: the HTML page is not tried in a browser (tests TestBrowser... are skipped)" >&2

browser: ## the HTML page in a headless Chromium: console, requests, charts, numbers, keyboard (installs it where missing: root, Debian)
	@($(FIND_CHROMIUM); exit 1) || ($(INSTALL_CHROMIUM))
	CACHEBENCH_CHROMIUM=required $(GO) test -run TestBrowser ./reports

AXE_VERSION = 4.14.1

build/axe/package/axe.min.js:
	mkdir -p build/axe
	cd build/axe && npm pack --silent axe-core@$(AXE_VERSION) && tar xzf axe-core-$(AXE_VERSION).tgz

axe: build/axe/package/axe.min.js ## the HTML page against axe-core's rules of accessibility, in a headless Chromium (npm)
	CACHEBENCH_CHROMIUM=required CACHEBENCH_AXE=$(CURDIR)/$< $(GO) test -run TestBrowserAxe ./reports

test: $(STARTS_CONTAINERD) has-chromium lint exhaust example race ## everything that CI runs

lint: ## gofmt, go vet, staticcheck
	@bad=$$(gofmt -l $(GOFILES)); if [ -n "$$bad" ]; then echo "not gofmt'ed: $$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

# They start no goroutine and hold nothing that goroutines share (internal/importrule sees to
# it), so that the race detector would take ten times as long and find nothing.
SEQUENTIAL = capacity cost internal/benchplan internal/clusterhistory internal/golden internal/importrule \
  internal/plancorpus internal/planinstance internal/scratch internal/segment internal/table internal/validate \
  matcher matcher/plan matcher/plan/export matcher/plan/knapsack reports reports/compare \
  simulate/network simulate/sketch simulate/unpack workload
# Their longest tests only compute; the race detector's run leaves those out.
COMPUTING = . ./simulate ./simulate/calibrate ./measure/ecigroup

race: ## all tests of what runs concurrently, with the race detector: units, properties, fuzz seeds, command line
	$(GO) test -race -timeout 20m $$($(GO) list ./... | grep -vxE '$(shell echo $(addprefix $(MODULE)/,$(SEQUENTIAL)) | tr ' ' '|')')

# Commands run one after another, and leave a core to the rest. What pulls and measures here
# runs in race alone.
exhaust: ## without the race detector: what is sequential or only computes: plans against every choice there is, fits, millions of starts, crashes and a soak of measuring on ECI, imports, the command line with the commands of the documents
	@$(GO) test -timeout 20m -skip 'TestScripts/(containerd|documented|github-measured?|measure)$$' ./cmd/cachebench & commands=$$!; \
	$(GO) test $(addprefix ./,$(SEQUENTIAL)) $(COMPUTING); rest=$$?; \
	wait $$commands && exit $$rest

# A module of its own, as a team's is, on the packages of this tree.
example: ## examples/gobench: a team's go test with startup times (after a change of go.mod: make example-tidy)
	cd examples/gobench && $(GO) vet ./... && $(GO) test ./...

example-tidy: ## bring examples/gobench's go.mod up to this module's
	cd examples/gobench && $(GO) mod tidy

# What a release is built for. CI has no other machines: the rest is compiled, not run.
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

cross: ## compile the program for every platform of a release into build/cross, and vet its tests for Windows and macOS
	@for p in $(PLATFORMS); do \
	  os=$${p%/*} arch=$${p#*/} end=; if [ $$os = windows ]; then end=.exe; fi; \
	  CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -ldflags='-s -w' -o build/cross/cachebench-$$os-$$arch$$end ./cmd/cachebench || exit 1; \
	  ls -l build/cross/cachebench-$$os-$$arch$$end | awk '{printf "%-36s %.1f MB\n", $$NF, $$5 / 1e6}'; \
	done
	CGO_ENABLED=0 GOOS=windows $(GO) vet ./...
	CGO_ENABLED=0 GOOS=darwin $(GO) vet ./...

# GoReleaser is no dependency of the module. This one is built from its sources, once, by go
# and the proxy of modules that it uses: some minutes. One that is installed serves as well:
# make release-snapshot GORELEASER=goreleaser.
GORELEASER = $(GO) run github.com/goreleaser/goreleaser/v2@v2.16.0

release-snapshot: ## the archives of a release, unpublished, into dist, and checked (git, unzip; builds its tools: GORELEASER=goreleaser for an installed one)
	export CACHEBENCH_REVISION=$$(git rev-parse HEAD) CACHEBENCH_MODIFIED=$$(test -z "$$(git status --porcelain)" && echo false || echo true) && \
	export CACHEBENCH_SNAPSHOT=$$(sed -n 's/^const Version = "\(.*\)"$$/\1/p' scenario.go)-snapshot-$$(git rev-parse --short=12 HEAD) && \
	$(GORELEASER) release --snapshot --clean
	GO='$(GO)' sh internal/release/check.sh dist

cli: ## the command line's tests alone
	$(GO) test ./cmd/cachebench

# Inputs of megabytes take the fuzzer longer to minimise than to run.
fuzz: ## every fuzz target for FUZZTIME (default 30s)
	@for pkg in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$pkg/*_test.go | cut -c6-); do \
	    echo "$$pkg $$target"; $(GO) test $$pkg -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x || exit 1; \
	  done; done

# Those with arms in turn report medians of their iterations.
ARMS = BenchmarkResolve|BenchmarkScan|BenchmarkIndex

# One run of each cannot be compared with another's: make bench COUNT=10 > new.txt
COUNT ?= 1

bench: ## benchmarks, COUNT times, as text for benchstat; looking up, scanning and matching beside the floor; examples/gobench
	$(GO) test -run '^$$' -bench . -skip '$(ARMS)' -benchmem -count $(COUNT) ./...
	$(GO) test -run '^$$' -bench '$(ARMS)' -benchtime 7x -count $(COUNT) ./layers ./layers/tarscan ./matcher
	cd examples/gobench && $(GO) test -run '^$$' -bench . -benchtime 1x ./...

bench-report: ## the program as a whole: reports of 100,000 starts in each format, a large result to stdout, and --help: seconds, CPU, peak memory
	$(GO) test ./cmd/cachebench -run '^$$' -bench '^Benchmark(Report|Write|Help)$$' -benchtime 5x -count $(COUNT)

bench-caches: ## the search for the cheapest caches of 100 and 500 apps that keep a limit (minutes)
	$(GO) test ./capacity -run '^$$' -bench '^BenchmarkCaches$$' -benchtime 1x -count $(COUNT) -timeout 1h -bench-caches

bench-plan: ## what the planner's solver reaches: incumbents, bounds, CPU times (SETS=large,stored,money,... for parts; 5 minutes)
	$(GO) run ./internal/benchplan $(if $(SETS),-sets $(SETS))

# In form and size as an exported month of a cluster's events; BYTES=100000000 for less.
BYTES ?= 1000000000

bench-import: ## import a seeded history of events of BYTES (default 1 GB) as log services export it: time, CPU time, peak memory; at most 60 s
	$(GO) build -o build/cachebench ./cmd/cachebench
	$(GO) run ./internal/benchimport -bytes $(BYTES) -limit 60s -count $(COUNT)

plan-corpora: ## plans for the images of DATA with base images' popularity as demand: gaps, CPU, memory (PLANS=explicit,auto,pool)
	@test -n "$(DATA)" || { echo "DATA is missing: a directory with *.jsonl.gz and base-image-from.csv.gz (internal/plancorpus)"; exit 2; }
	$(GO) build -o build/cachebench ./cmd/cachebench
	$(GO) run ./internal/plancorpus -data $(DATA) $(if $(PLANS),-plans $(PLANS))

# Instances whose optima HiGHS proves, as storage:images:instances; and the stored ones.
ORACLE_PLAN = shared:50:100 separate:200:10 shared:200:2
STORED_PLAN = shared:50 separate:50 shared:200 separate:200 separate:1000

oracle-plan: ## prove optima of planning instances by HiGHS, store them (Debian, python3-scipy; half an hour)
	$(GO) build -o build/benchplan ./internal/benchplan
	cd matcher/plan/knapsack/testdata && { echo storage,name,optimum,bound,status,cpu_seconds; \
	  for i in $(ORACLE_PLAN); do set -- $$(echo $$i | tr : ' '); $(CURDIR)/build/benchplan -write -images $$2 -instances $$3 | python3 optima.py $$1; done; \
	  for i in $(STORED_PLAN); do set -- $$(echo $$i | tr : ' '); { printf "planner-$$2\t"; gzip -dc planner-$$2.json.gz; } | python3 optima.py $$1; done; } > optima.csv

golden: ## rewrite golden files and schemas; review the diff
	$(GO) test ./... -update
