# The one front door. `make help` lists what there is.

# Every Rust and TypeScript source, so that a second `make start` builds nothing.
NATIVE_SOURCES := $(shell find native \( -path native/target -o -path native/fuzz \) -prune -o \( -name '*.rs' -o -name '*.ptx' -o -name 'Cargo.*' \) -print)
SERVICE_SOURCES := $(shell find src tools/hub/src -name '*.ts') tsconfig.json tools/hub/tsconfig.json tools/hub/package.json package.json
ADDON := native/addon/.built
SERVICE := dist/.built
PACKAGES := node_modules/.package-lock.json
MANIFEST := --manifest-path native/Cargo.toml
DEPLOY_TOOLS := deploy/.bin/.tools
PROFILE ?= starter
# Of a service that runs.
URL ?= http://localhost:8080

# Sanitizers and fuzz targets need a nightly compiler, with miri and rust-src; the workflow pins a day.
NIGHTLY ?= nightly
HOST_TRIPLE = $(shell rustc +$(NIGHTLY) --print host-tuple)

.PHONY: help start run run-container example-request open-docs build test faults check ready format lint types deny advisories fuzz miri asan bench peers trace overhead overload soak leaks reloads synthetic sentiment classic-bench search retrieval-bench retrieval-storm parity limits memory train train-test encoder encoder-test arm profile threads storm docs-page contracts hub cuda-kernels device hadolint images lock dashboards chart cluster clean tools
.DEFAULT_GOAL := help

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-16s %s\n", $$1, $$2}'

start: build ## Build, then serve a profile on port 8080 (PROFILE=starter); Ctrl-C stops it
	@node dist/cli/main.js serve $(PROFILE)

run: start ## The same as start

run-container: ## Build the CPU image and serve a profile from it, with docker or podman (PROFILE=starter); Ctrl-C stops it
	@scripts/run-container.sh $(PROFILE)

example-request: build ## Send the examples of a profile to the service that runs (PROFILE=starter URL=http://localhost:8080)
	@scripts/example-request.sh $(PROFILE) $(URL)

open-docs: ## Open the reference of the service that runs, or say where it is (URL=http://localhost:8080)
	@scripts/open.sh $(URL)/docs

build: tools $(ADDON) $(SERVICE) ## Install and build everything

test: build ## Run every test: Rust and TypeScript, unit and end to end
	@# Two test files that fetched one of these at once would be in each other's way.
	bench/tools/redis.sh >/dev/null
	bench/tools/otelcol.sh >/dev/null
	bench/tools/weaviate.sh >/dev/null
	cargo test --locked --workspace $(MANIFEST)
	npm run --silent test
	npm run --silent test:e2e
	npm run --silent test:faults

faults: build ## Prove what the service does about every fault, and print the matrix (ARGS="A 14": a group, rows)
	node dist/faults/main.js $(ARGS)

check: $(PACKAGES) ## The fast half: types, lint, and the unit tests of what changed since the last commit
	npm run --silent check

ready: ## Everything that CI runs: format, lint, types, generated files, licences, tests
	$(MAKE) format-check lint types deny test
	npm run --silent docs:check
	git diff --exit-code -- native/addon/index.d.cts

format: $(PACKAGES) ## Format all sources
	cargo fmt --all $(MANIFEST)
	cargo fmt --manifest-path native/fuzz/Cargo.toml
	npm run --silent format

.PHONY: format-check
format-check: tools $(PACKAGES)
	cargo fmt --all --check $(MANIFEST)
	cargo fmt --check --manifest-path native/fuzz/Cargo.toml
	npm run --silent format:check

lint: $(PACKAGES) $(ADDON) ## Clippy, ESLint and which folder may import which
	cargo clippy --locked --workspace --all-targets $(MANIFEST) -- -D warnings
	npm run --silent lint

types: $(PACKAGES) $(ADDON) ## Check the TypeScript types
	npm run --silent types

deny: ## Check the licences and sources of Rust dependencies (installs cargo-deny when absent)
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2
	@# Offline, it reads the packages of every platform; a build has fetched only this one's.
	cargo fetch --locked $(MANIFEST)
	cd native && cargo deny --offline check licenses bans sources

advisories: $(PACKAGES) ## Look for known vulnerabilities of what is shipped (asks RustSec's and npm's databases)
	@command -v cargo-deny >/dev/null || cargo install --locked cargo-deny@0.20.2
	cd native && cargo deny check advisories
	npm audit --omit=dev --audit-level=moderate

fuzz: build ## Try inputs nobody thought of (ARGS="TARGET|all|properties SECONDS", 60 seconds each; nightly Rust)
	NIGHTLY=$(NIGHTLY) native/fuzz/run.sh $(ARGS)

miri: ## Interpret the tests of core, of the scalar operators and of teams, with every undefined behaviour an error (nightly Rust)
	@# A sweep through all numbers would take it days, and has no memory to get wrong.
	PROPTEST_CASES=4 MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-deterministic-floats" \
	  cargo +$(NIGHTLY) miri test --locked --lib -p chorus-core -p chorus-kernels $(MANIFEST) -- --skip stays_within_its_stated_error $(ARGS)
	@# Their order of steps is what counts: several are tried.
	MIRIFLAGS="-Zmiri-disable-isolation -Zmiri-many-seeds=0..8" \
	  cargo +$(NIGHTLY) miri test --locked --lib -p chorus-runtime $(MANIFEST) -- team::

asan: $(PACKAGES) ## Test operators and engine with AddressSanitizer (nightly Rust)
	@# What ONNX Runtime keeps until the process ends is no leak of ours. What is freed is kept aside, so memory does not come back.
	RUSTFLAGS='-Zsanitizer=address -Cdebug-assertions' ASAN_OPTIONS=detect_leaks=0 \
	  cargo +$(NIGHTLY) test --locked --release --target $(HOST_TRIPLE) -p chorus-kernels -p chorus-index -p chorus-runtime $(MANIFEST) -- --skip a_hundred_loads_leave_nothing_behind $(ARGS)

trace: build ## Draw where the time of a request goes (docs/request-time.svg)
	node bench/trace.mjs $(ARGS)

overhead: build ## Measure what a request costs beside its models
	node bench/overhead.mjs $(ARGS)

leaks: build ## Look whether memory comes back when models go (ARGS="--reloads 5")
	node bench/leaks.mjs $(ARGS)

reloads: build ## Reload 20 times in a row under load (ARGS="--connections 64 --seconds 8")
	node bench/reloads.mjs $(ARGS)

overload: build ## Measure what is answered when several times too much comes (ARGS="--trials 2x,10x")
	node bench/overload.mjs $(ARGS)

soak: build ## Load and abuse a service for 40 minutes, and see what it leaves behind (ARGS="--phases 0.7:3")
	node bench/soak.mjs $(ARGS)

synthetic: $(PACKAGES) ## Make full-size random checkpoints outside the repository
	node bench/synthetic/make.mjs

bench: build ## Measure the targets of ARGS; see bench/README.md
	node bench/run.mjs $(ARGS)

peers: build synthetic ## Measure against every peer, about 40 minutes, and draw docs/throughput.svg; see bench/README.md
	node bench/run.mjs --targets all --texts bench_mix,k6_payloads,short@10,long5@10 \
	  --rounds 2 --duration 6s --warmup 1s --chart docs/throughput.svg $(ARGS)

sentiment: build ## Measure a sentiment service with its caches beside the usual one (ARGS="replicas", ARGS="soak"); see bench/README.md
	node bench/synthetic/make.mjs --sentiment
	node bench/sentiment.mjs $(ARGS)

classic-bench: build ## Measure a scikit-learn pipeline beside FastAPI + ONNX Runtime, about 7 minutes; see bench/README.md
	node bench/classic.mjs $(ARGS)

search: build ## Measure an index beside FAISS and usearch, about 30 minutes; see bench/README.md
	node bench/search.mjs $(ARGS)

retrieval-bench: build ## Measure question retrieval beside sentence-transformers and FAISS (ARGS="--encoder DIRECTORY")
	node bench/retrieval.mjs $(ARGS)

retrieval-storm: build ## Publish, damage, kill and fill the disk while two replicas answer k6, about 2 minutes (ARGS=store: in Weaviate, 3 minutes)
	node bench/retrieval/$(if $(filter store,$(ARGS)),store-)storm.mjs

parity: build ## Compare with Hugging Face transformers (installs it; ARGS="--fuzz 1000 --seed 7": random folders alone)
	node bench/parity/run.mjs $(ARGS)

cuda-kernels: ## Compile the kernels for GPUs to PTX, which is committed; no GPU needed
	$$(bench/tools/venv.sh cuda native/cuda/requirements.txt) native/cuda/compile.py

device: ## Measure batches on a GPU (ARGS="DIRECTORY... --precisions fp16")
	cargo run --release --locked --quiet -p chorus-runtime --example device $(MANIFEST) -- $(ARGS)

limits: ## Measure the machine: its peak, and how near the operators come
	cargo run --release --locked --quiet -p chorus-kernels --example limits $(MANIFEST) -- $(ARGS)

memory: build ## Compare what a service says it needs with what it takes (ARGS="--limit 1.1": in a control group, as root)
	node bench/memory.mjs $(ARGS)

train: ## Train the classifier of the profile classic, or your own (ARGS="--train rows.csv --test other.csv"; models/classic)
	"$$(bench/tools/venv.sh classic models/classic/requirements.txt)" models/classic/train.py $(ARGS)

train-test: ## Test the training, and that its ONNX files answer as scikit-learn does
	"$$(bench/tools/venv.sh classic models/classic/requirements.txt)" -m unittest discover -s models/classic

encoder: ## Train the small encoder of the profile retrieval-starter, and measure it (models/retrieval-starter)
	"$$(bench/tools/venv.sh encoder models/retrieval-starter/requirements.txt)" models/retrieval-starter/train.py
	"$$(bench/tools/venv.sh encoder models/retrieval-starter/requirements.txt)" models/retrieval-starter/evaluate.py

encoder-test: ## Test the corpus of the profile retrieval-starter, its encoder and the training
	"$$(bench/tools/venv.sh encoder models/retrieval-starter/requirements.txt)" -m unittest discover -s models/retrieval-starter

arm: build ## Run the engine's tests as an aarch64 machine does, by emulation (ARGS=service: the service instead)
	scripts/arm.sh $(ARGS)

profile: ## Show where the time of a text goes, part by part (ARGS="36,98 20": tokens of the texts, rounds)
	cargo run --release --locked --quiet -p chorus-kernels --example profile $(MANIFEST) -- $(ARGS)

storm: ## Measure that what waits costs nothing: 100,000 requests come and are taken back
	cargo run --release --locked --quiet -p chorus-core --example storm $(MANIFEST)

threads: $(PACKAGES) ## Measure what more threads do for one batch (ARGS="DIRECTORY 20": of a checkpoint, rounds)
	cargo run --release --locked --quiet -p chorus-runtime --example threads $(MANIFEST) -- $(ARGS)

docs-page: build ## Open the page at /docs in Chromium and try what it shows (ARGS="--screenshots FOLDER")
	node bench/api/docs-page.mjs $(ARGS)

contracts: build ## Ask for all that openapi.json describes, with Schemathesis (ARGS="--seconds 30 --seed N")
	node bench/api/contracts.mjs $(ARGS)

hub: build ## Check the test hub with huggingface_hub (installs it in a virtual environment)
	node bench/hub/run.mjs

images: $(PACKAGES) ## Build the container images and run them, with docker or podman (deploy/images/README.md)
	npm run --silent build:ts
	node deploy/images/try.mjs $(ARGS)

hadolint: ## Lint the Dockerfiles (installs hadolint in a virtual environment)
	@# hadolint's package has a program and no module.
	"$$(dirname "$$(bench/tools/venv.sh hadolint deploy/images/requirements.txt)")/hadolint" Dockerfile-cpu Dockerfile-gpu autotests/app/Dockerfile

lock: build ## Write the locks that profiles lack, from their hub, which needs room for the models; commit them
	node scripts/locks.mjs

dashboards: build ## Test the alerts, and ask every query of the dashboard of a Prometheus that scrapes the service (ARGS=--rules: alerts alone)
	node deploy/observability/try.mjs $(ARGS)

chart: $(DEPLOY_TOOLS)-chart $(PACKAGES) ## Check the Helm chart, kustomize and KServe manifests (builds helm and others with Go)
	npm run --silent docs:check
	deploy/chart.sh check

cluster: $(DEPLOY_TOOLS)-chart $(DEPLOY_TOOLS)-cluster $(if $(IMAGE),$(DEPLOY_TOOLS)-node $(SERVICE)) $(PACKAGES) ## Try the chart in a real Kubernetes (IMAGE=chorus-cpu.tar: with a real node, as root)
	node deploy/cluster/run.mjs $(IMAGE)

clean: ## Remove what was built
	rm -rf dist tools/hub/dist node_modules native/target native/addon/*.node $(ADDON) deploy/.bin

tools:
	@scripts/check-tools.sh

$(PACKAGES): package.json package-lock.json tools/hub/package.json
	@echo '==> Installing packages'
	npm ci --no-progress
	@touch $@

$(ADDON): $(PACKAGES) $(NATIVE_SOURCES)
	@echo '==> Building the engine (a few minutes the first time)'
	npm run --silent build:native
	@touch $@

$(SERVICE): $(PACKAGES) $(ADDON) $(SERVICE_SOURCES)
	@echo '==> Building the service'
	@rm -rf dist tools/hub/dist
	npm run --silent build:ts
	@touch $@

$(DEPLOY_TOOLS)-%: deploy/tools/go.mod deploy/tools/go.sum deploy/tools/build.sh $(wildcard deploy/tools/cmd/*/main.go)
	deploy/tools/build.sh $*
	@touch $@
