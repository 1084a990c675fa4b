# make run serves this repository; make test runs the tests. Nothing else is needed
# but Go, Node and Git.
ADDR ?= 127.0.0.1:8080
GO   ?= go

.PHONY: run build test laws ecosystem check vuln bench realworld fuzz gitea e2e

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

# That no accepted edit is ever lost, with as many proposals as it is promised for; in
# `make test` there are fewer.
laws:
	KOONTI_LAWS=2000 $(GO) test -count=1 -v -timeout 30m -run TestNoAcceptedEditIsLost ./internal/proposal

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

# A real Gitea for the end-to-end tests, built from the Go module proxy: its only place
# is the user's cache, and its version is said here only.
GITEA_VERSION := 1.26.0
GITEA_DIR     := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/koonti-e2e/gitea-$(GITEA_VERSION)

gitea: $(GITEA_DIR)/gitea

# Beside a cache that somebody else fills too nothing half made is ever seen.
$(GITEA_DIR)/gitea:
	@echo "building Gitea $(GITEA_VERSION), once: this takes some minutes"
	@mkdir -p "$(dir $(GITEA_DIR))"; set -e; \
	work=$$(mktemp -d "$(GITEA_DIR).XXXXXX"); trap 'rm -rf "$$work"' EXIT; \
	module=$$(cd "$$work" && $(GO) mod download -json code.gitea.io/gitea@v$(GITEA_VERSION) | sed -n 's/^\t"Dir": "\(.*\)",*$$/\1/p'); \
	test -n "$$module" || { echo "Gitea $(GITEA_VERSION) cannot be downloaded: is the Go module proxy reachable?" >&2; exit 1; }; \
	cp -R "$$module/." "$$work" && chmod -R u+w "$$work"; \
	(cd "$$work" && nice $(GO) build -trimpath -tags 'sqlite sqlite_unlock_notify' -ldflags='-s -w -X main.Version=$(GITEA_VERSION)' -o gitea .); \
	rm -rf "$(GITEA_DIR)"; mv "$$work" "$(GITEA_DIR)"

# The real thing from end to end: a Gitea of its own on the loopback interface, and git.
e2e: build gitea
	$(GO) vet -tags e2e ./internal/...
	KOONTI_GITEA=$(GITEA_DIR) $(GO) test -count=1 -timeout 20m -v -tags e2e -run TestE2E ./internal/forge/... ./internal/cli
