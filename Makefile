LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
NESTED := $(shell find . -mindepth 2 -name go.mod -exec dirname {} \;)
.DEFAULT_GOAL := check
.PHONY: check test lint linter fmt bench bench-scale bench-behaviour fuzz model mutants nested servers release vuln

check: lint test nested

test: ; go test -race -shuffle=on ./...

# The same with every real server required: a missing one fails.
servers: ; TRIPPER_REQUIRE_SERVERS=1 go test -race ./...

nested: ; @for d in $(NESTED); do echo "== $$d"; (cd $$d && go mod tidy -diff && go test -race -vet=off ./...) || exit 1; done

# All modules in one workspace: each package is read once.
lint: ; go mod tidy -diff && w=$$(mktemp -d) && export GOWORK=$$w/go.work && go work init . $(NESTED) && \
	$(LINT) run ./... $(addsuffix /...,$(NESTED)); status=$$?; rm -rf $$w; exit $$status

# Builds the linter, which takes longer than to run it.
linter: ; @$(LINT) version

fmt: ; $(LINT) fmt

# Known vulnerabilities, of which vuln.go.dev has the list.
vuln: ; @for d in . $(NESTED); do echo "== $$d"; (cd $$d && go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...) || exit 1; done

# Each of these prints tables; with WRITE="-write ../docs" they take their places in docs/performance.md.
WRITE ?=
BENCH = cd benchmarks && go test -run='^$$' -benchmem -timeout=0
TABLE = tee /dev/stderr | (cd benchmarks && go run ./table $(WRITE)

# What each layer costs beside the floor and its peers: some minutes.
bench: ; @{ ($(BENCH) -count=3 -benchtime=300ms -bench='Caching|StoreDir|DirectoryHit|Credentials|Chain|Idle|Retry|Digest|Decompress$$/.*/100KiB|Transport$$' .); \
	($(BENCH) -count=3 -benchtime=20000x -scale=100000 -bench='ScaleHit/^100000$$' .); \
	($(BENCH) -benchtime=2000x -scale=100000 -bench='ScaleUsers|ScalePurge|ScaleEvict/^100000$$' .); \
	go test -run='^$$' -bench=Hit -benchtime=50x ./examples/cacheproxy/internal/proxy; } | $(TABLE) bench)

# How costs grow with the number of entries, users, goroutines and so on: many minutes, and 15 GB of memory.
SCALE ?= 1000000
bench-scale: ; @{ ($(BENCH) -bench='Scale([^H]|Hit)' -benchtime=2000x -scale=$(SCALE) .); \
	($(BENCH) -bench=ScaleHeap -benchtime=1x -scale=$(SCALE) .); } | $(TABLE) scale)

# What is no time: requests, bytes, pauses, memory.
bench-behaviour: ; @{ ($(BENCH) -bench='Stampede|FirstByte|BigBody|Binary|CachingMiss/[^r]|CachingHit/1024KiB/[^r]' -benchtime=200x .); \
	($(BENCH) -bench=Locks -benchtime=1s .); \
	(cd caching/redisstore && go test -count=1 -run=TestCost -v .); \
	(cd caching/memcachestore && go test -count=1 -run=TestCost -v .); \
	($(BENCH) -bench=DirectoryPause -benchtime=20000x -scale=100000 .); \
	($(BENCH) -bench='ScaleHeap/^1000000$$' -benchtime=1x -scale=1000000 .); } | $(TABLE) behaviour)

FUZZTIME ?= 20s
# Where targets are looked for, as git names paths.
FUZZIN ?= .
# Each package that has targets is built once. An input that fails is kept, and fails again. What does not is the
# fuzzer's own deadline, which it sometimes takes for a failure.
fuzz: ; @w=$$(mktemp -d) && trap "rm -rf $$w" EXIT && git grep -l '^func Fuzz' -- $(FUZZIN) | xargs -n1 dirname | sort -u | while read -r d; do \
	cd $$d && p=$$(go list) && go test -c -fuzz=. -o $$w/test || exit 1; \
	for f in $$($$w/test -test.list '^Fuzz'); do echo "== $$p $$f"; \
	set -- $$w/test -test.run='^$$' -test.fuzz="^$$f$$" -test.fuzztime=$(FUZZTIME) -test.fuzzcachedir="$$(go env GOCACHE)/fuzz/$$p"; \
	"$$@" || { echo "again: $$f"; "$$@"; } || exit 1; done; cd "$(CURDIR)"; done

MODELTIME ?= 10s
MODELFROM ?= 1
# Random clients and origins, for hours if need be: make model MODELTIME=2h MODELFROM=1000000
model: ; go test ./integration -count=1 -timeout=0 -run='^TestModel' -model.time=$(MODELTIME) -model.from=$(MODELFROM)
	go test ./caching/internal/catalog -count=1 -timeout=0 -run='^TestGenerations$$' -orders=300

# Plants faults in a copy of the module and sees whether the model finds each; some minutes.
mutants: ; go test ./integration -count=1 -timeout=0 -run='^TestMutants$$' -v -model.mutants

# Makes a release of all modules in this checkout: two commits, and a tag for each
# module; then gets each module as a user would. Nothing is pushed.
release: ; cd internal/release && go run . prepare $(VERSION) && go run . try $(VERSION)
