# make without a target explains itself.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -s -w -X github.com/wattwerk/wattwerk/app.version=$(VERSION)
GOBUILD  := go build -ldflags '$(LDFLAGS)'
LINT     := .tools/golangci-lint-2.15.0
UI       := web/ui
# What builds, vets, lints and tests compiles alike, so that each package is
# compiled once for a machine. The race detector alone needs cgo.
export CGO_ENABLED := 0
export GOFLAGS := $(filter-out -trimpath,$(GOFLAGS)) -trimpath
# Everything the page is made of.
UI_FILES := $(shell find $(UI)/src $(UI)/public $(UI)/index.html $(UI)/*.json $(UI)/*.ts -type f 2>/dev/null)

.PHONY: help
help: ## explain the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# ---- build and run

.PHONY: build
build: $(UI)/dist/index.html ## build the web page and bin/wattwerk
	$(GOBUILD) -o bin/wattwerk ./cmd/wattwerk

.PHONY: run
run: build ## build, then run everything with the demo plants
	bin/wattwerk run --demo $(ARGS)

$(UI)/node_modules/.package-lock.json: $(UI)/package-lock.json
	cd $(UI) && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(UI)/dist/index.html: $(UI)/node_modules/.package-lock.json $(UI_FILES)
	cd $(UI) && npm run build
	@touch $@

# ---- test

.PHONY: test
test: needs build ## run all tests, installing what they need
	$(MAKE) test-go test-web test-pages

# What follows stands on needs and build.
.PHONY: test-go
test-go:
	E2E_BINARY=$(CURDIR)/bin/wattwerk CGO_ENABLED=$(if $(RACE),1,0) go test $(RACE) -timeout 30m ./...

# The packages alone; and the tests of the whole program, which wait for its
# processes more than they work.
.PHONY: test-packages
test-packages:
	packages=$$(go list ./... | grep -v '/e2e$$'); CGO_ENABLED=$(if $(RACE),1,0) go test $(RACE) -timeout 30m $$packages

.PHONY: test-e2e
test-e2e:
	E2E_BINARY=$(CURDIR)/bin/wattwerk CGO_ENABLED=$(if $(RACE),1,0) go test $(RACE) -timeout 30m ./e2e

.PHONY: test-web
test-web:
	cd $(UI) && npm test

.PHONY: test-pages
test-pages:
	cd $(UI) && npm run e2e

# With the race detector it is of three days.
.PHONY: test-field
test-field: ## run the field test of three weeks, its clock turned fast
	go test -vet=off -run TestField -timeout 20m ./edge

# Not within make test: to build a Cortex takes about six minutes of one core, once.
.PHONY: test-cluster
test-cluster: ## keep the history in a cluster of three Cortex, which it builds
	scripts/needs.sh cluster
	go test ./history/remote -count=1 -timeout 30m -tags cluster -run OnACluster $(ARGS)

.PHONY: needs
needs: $(UI)/node_modules/.package-lock.json
	scripts/needs.sh

# ---- check: what CI runs

# The race detector, but in SQLite, which is C that was translated: there it takes
# 13 times as long, and finds nothing of ours. check-vet vets what is tested.
WITH_RACE := -race -vet=off -gcflags=modernc.org/...=-race=false

.PHONY: check
check: needs build check-generated ## everything CI checks, all of make test within
	$(MAKE) --jobs 3 --output-sync=line test-pages test-e2e check-rest RACE='$(WITH_RACE)'
	@echo "make check: all is well"

# The browser and the processes of e2e wait more than they work: what compiles
# and reckons takes what they leave, and gives way to them. The packages give way
# to nothing: what waits in their tests has deadlines.
.PHONY: check-beside
check-beside:
	nice -n 15 $(MAKE) --jobs=1 check-format check-lint check-web check-cross check-vet check-deploy test-fuzz test-field

.PHONY: check-rest
check-rest:
	$(MAKE) check-beside
	$(MAKE) test-packages

.PHONY: check-format
check-format:
	@files=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$files" || { echo "gofmt these files:"; echo "$$files"; exit 1; }

# For machines of 32 bits, on which more can be wrong; check-lint vets for this one.
.PHONY: check-vet
check-vet:
	GOOS=linux GOARCH=arm GOARM=7 go vet -tags cluster ./...

$(LINT):
	GOBIN=$(CURDIR)/.tools/new go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
	mv .tools/new/golangci-lint $@

.PHONY: check-lint
check-lint: $(LINT)
	$(LINT) run
	cd deploy/check && $(CURDIR)/$(LINT) run --config $(CURDIR)/.golangci.yml

.PHONY: check-web
check-web: $(UI)/node_modules/.package-lock.json
	cd $(UI) && npm run check

# What is generated and committed must be what would be generated now. Others
# read these files, so nothing runs beside it.
.PHONY: check-generated
check-generated: $(UI)/node_modules/.package-lock.json
	scripts/generate.sh
	@git diff --exit-code --stat -- '*.json' '*.ts' '*.po' '*.golden' app/licences.txt || { echo "generated files differ from what is committed; run 'make generate' and commit"; exit 1; }

.PHONY: generate
generate: $(UI)/node_modules/.package-lock.json ## write the OpenAPI document, the client and the lists again
	scripts/generate.sh

.PHONY: check-cross
check-cross:
	GOOS=linux GOARCH=arm64 $(GOBUILD) -o bin/wattwerk-linux-arm64 ./cmd/wattwerk
	GOOS=linux GOARCH=arm GOARM=7 $(GOBUILD) -o bin/wattwerk-linux-armv7 ./cmd/wattwerk
	@! go version -m bin/wattwerk | grep -q 'CGO_ENABLED=1'

# A module of its own: what reads Kubernetes, Helm, Compose and Dockerfiles is
# no part of the program.
.PHONY: check-deploy
check-deploy: ## check the files for containers, clusters and packages
	cd deploy/check && go test -vet=off -timeout 20m ./...

.PHONY: test-fuzz
test-fuzz: ## fuzz every decoder with some thousand inputs
	scripts/fuzz.sh $${FUZZTIME:-4000x}

.PHONY: faults
faults: ## kill it, fill its disk, change its model under load, for minutes
	go test ./e2e -v -count=1 -timeout 30m -long -run 'Kill|Disk|Garbage|Noise|SlowBody|ModelChanges'

.PHONY: chaos
chaos: ## kill, freeze and cut off machines of a whole site, for ten minutes
	scripts/needs.sh
	go test ./e2e -v -count=1 -timeout 20m -run 'TestChaos$$' -long $(ARGS)

# ---- packages and images

NFPM := .tools/nfpm-2.45.2
# A version that Debian can compare begins with a number.
DEB_VERSION := $(shell echo '$(VERSION)' | sed -E 's/^v([0-9])/\1/; t; s/^/0~/')

$(NFPM):
	GOBIN=$(CURDIR)/.tools/new go install github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2
	mv .tools/new/nfpm $@

.PHONY: deb
deb: build check-cross $(NFPM) ## build Debian packages for amd64, arm64 and armhf in bin/
	gzip -9nc deploy/debian/wattwerk.1 >bin/wattwerk.1.gz
	printf 'wattwerk (%s) stable; urgency=medium\n\n  * See https://github.com/wattwerk/wattwerk/tree/main/changes\n\n -- Wattwerk <packages@wattwerk.example>  %s\n' \
	  '$(DEB_VERSION)' "$$(git log -1 --format=%cD)" | gzip -9nc >bin/changelog.gz
	for what in $$(go env GOARCH):wattwerk arm64:wattwerk-linux-arm64 arm7:wattwerk-linux-armv7; do \
	  VERSION='$(DEB_VERSION)' ARCH=$${what%%:*} BINARY=bin/$${what##*:} PAGES=bin $(NFPM) package --config deploy/debian/nfpm.yaml --packager deb --target bin/; done

IMAGE ?= wattwerk/wattwerk:$(VERSION)

.PHONY: image
image: ## build the container image; needs docker or podman
	@engine=$$(command -v docker || command -v podman) || { echo "make image needs a container engine: docker or podman"; exit 1; }; \
	set -x; "$$engine" build --file deploy/image/Dockerfile --build-arg VERSION=$(VERSION) --tag $(IMAGE) .

# ---- measure

.PHONY: bench
bench: build ## measure this machine
	for what in ingest "ingest --sensors 20000 --groups 200 --rate 1 --seconds 30s" aggregate latency query forecast uc "scale --svg bin/scale.svg"; do \
	  echo "== wattwerk bench $$what"; bin/wattwerk bench $$what --dir .; done

.PHONY: clean
clean: ## remove what was built; ./data stays
	rm -rf bin $(UI)/dist $(UI)/test-results $(UI)/playwright-report
