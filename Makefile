# make run serves this repository; make test runs the tests. Nothing else is needed
# but Go, Node and Git.
ADDR ?= 127.0.0.1:8080
GO   ?= go

.PHONY: run build test ecosystem check vuln bench realworld fuzz

run: build
	./bin/koonti serve --addr $(ADDR)

# One static binary: no C, no paths of the machine that built it.
build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w' -o bin/koonti ./cmd/koonti

# The race detector needs a C compiler; without one the same tests run without it,
# and say so.
RACE := $(shell CGO_ENABLED=1 $(GO) env CC >/dev/null 2>&1 && command -v $$($(GO) env CC) >/dev/null 2>&1 && echo -race)

test: ecosystem
	@test -n "$(RACE)" || echo "no C compiler: the tests run without the race detector"
	$(GO) test $(RACE) ./...

# The tools of the GraphQL ecosystem, from a lock file, against the live server.
ECO := graphql/ecosystem

$(ECO)/node_modules/.package-lock.json: $(ECO)/package-lock.json
	npm ci --prefix $(ECO) --no-audit --no-fund --prefer-offline

ecosystem: build $(ECO)/node_modules/.package-lock.json
	npm --prefix $(ECO) test -- --test-reporter=spec

# Format, vet, staticcheck, canonical records, no stale go.mod. The table of imports
# is held by a test (internal/cli).
check: build
	@files=$$(gofmt -l cmd graphql internal); test -z "$$files" || { echo "not gofmt-ed: $$files"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff
	./bin/koonti check
	./bin/koonti fmt --check

# Needs a network that reaches the vulnerability database, so it is not in CI.
vuln:
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# DIR is a folder with a fast-export of a real repository and the model to serve it.
realworld: build
	@test -n "$(DIR)" || { echo "say where: make realworld DIR=path"; exit 1; }
	KOONTI_REALWORLD=$(abspath $(DIR)) $(GO) test -count=1 -v -tags realworld -run TestRealWorld ./internal/history ./internal/cli

# A short turn of every fuzz target.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime 20s $$pkg || exit 1; done; done
