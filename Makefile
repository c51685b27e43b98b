# Every habit of this project is one command; CI runs the same ones.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
BUILT := $(VENV)/.built
TOOLS := $(VENV)/.tools
WHEEL := dist/.built
PRICES := tests/scenario/test_price.py
PREFIX := /opt/earthline
COMMANDS := /usr/local/bin
# Links have to lead there from anywhere, however the folders are named on the command line.
override PREFIX := $(abspath $(PREFIX))
override COMMANDS := $(abspath $(COMMANDS))
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock
PYTHON_SOURCES := $(shell find src -type f ! -name '*.so' ! -name '*.pyc')
WITH_VENV := VIRTUAL_ENV=$(CURDIR)/$(VENV) PATH="$(CURDIR)/$(BIN):$(CURDIR)/.cache/uv/bin:$$PATH"

.PHONY: help setup build demo wheel install uninstall test test-matrix check fmt bench bench-controller bench-failover bench-flood bench-micro bench-planet bench-rules bench-storm bench-strangers fuzz references clean

help: ## Show this list
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {gsub(/\$$\$$/, "$$", $$2); printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Use it

demo: $(BUILT) ## Build a small internet with NATs on this machine and run a LAN across it
	$(BIN)/earthline demo

install: wheel ## Install into /opt/earthline, with the commands in /usr/local/bin (PREFIX=folder COMMANDS=folder)
	@echo 'install: into $(PREFIX), with links in $(COMMANDS)'
	@python3 -m venv $(PREFIX)
	@$(PREFIX)/bin/pip install --quiet --upgrade --force-reinstall --no-deps dist/earthline-*.whl
	@$(PREFIX)/bin/pip install --quiet dist/earthline-*.whl
	@mkdir -p $(COMMANDS)
	@ln -sf $(PREFIX)/bin/earthline* $(COMMANDS)/
	@$(COMMANDS)/earthline version

uninstall: ## Remove what `make install` put there; the home folder stays
	@for link in $(COMMANDS)/earthline*; do \
		[[ $$(readlink "$$link") != $(PREFIX)/bin/* ]] || rm "$$link"; \
	done
	@rm -rf $(PREFIX)

wheel: $(WHEEL) ## Build dist/earthline-*.whl, which `pip install` takes on Python 3.11 and newer

$(WHEEL): $(BUILT) $(PYTHON_SOURCES) README.md LICENSE
	@echo 'wheel: building (some seconds)'
	@rm -rf dist
	@$(WITH_VENV) $(BIN)/maturin build --release --locked --quiet --out dist 2>/dev/null
	@touch $@

##@ Develop it

setup: ## Install what is missing (uv, compiler, iproute2, nftables) and the Python packages
	@tools/setup

build: $(BUILT) $(TOOLS) ## Build the Rust extension and install Earthline and all tools into .venv

$(BUILT): $(RUST_SOURCES) pyproject.toml uv.lock tools/setup
	@tools/setup demo
	@echo 'build: compiling the packet engine (about 3 min the first time, then seconds)'
	@$(WITH_VENV) $(BIN)/maturin develop --uv --release --locked --quiet
	@touch $@

$(TOOLS): pyproject.toml uv.lock tools/setup
	@tools/setup
	@touch $@

test: build wheel ## Run every test: vectors, units, properties, scenarios, the lab, real peers, Rust
	cargo test --profile checked --locked --quiet -p earthline-core -p earthline-io -p earthline-simd
	$(BIN)/python -m pytest $(PRICES)
	$(BIN)/python -m pytest --numprocesses 2 --ignore $(PRICES) tests/vectors tests/unit tests/property tests/scenario
	$(BIN)/python -m pytest -p no:randomly --numprocesses 3 --dist loadfile tests/boundary tests/e2e tests/interop

test-matrix: wheel ## Tests on Python 3.13 and 3.14, in Debian roots of their own (SUITE=all for all of them)
	tools/other-python trixie $(SUITE)
	tools/other-python testing $(SUITE)

check: build ## Lint, types, the native stub, architecture contracts, circles, file sizes, clippy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest earthline._native
	$(BIN)/lint-imports
	tools/file-sizes
	$(BIN)/python tools/rust_modules.py
	$(BIN)/python tools/citations.py
	$(BIN)/python tools/references.py --check
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets --quiet -- -D warnings
	cargo fmt --manifest-path rust/fuzz/Cargo.toml --check
	RUSTFLAGS='--cfg fuzzing -D warnings' cargo check --manifest-path rust/fuzz/Cargo.toml --target-dir target/fuzz-check --locked --quiet

references: build ## Write docs/reference from the code: settings, API, metrics, counters, log events
	$(BIN)/python tools/references.py

fmt: build ## Format Python and Rust
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .
	cargo fmt --all

##@ Measure it

bench: build ## Measure Earthline, a stock node ($$ZEROTIER_ONE), the bare link and what else is installed
	$(BIN)/python benchmarks/network.py

bench-controller: build ## Configurations a second, by store and size, beside $$ZEROTIER_ONE's (ROUNDS=n for fewer)
	$(BIN)/python benchmarks/controller.py --rounds $(or $(ROUNDS),10)

bench-failover: build ## Outages after the crash of a root and after roaming, beside $$ZEROTIER_ONE's
	$(BIN)/python benchmarks/failover.py

bench-flood: build ## What a multicast flood does to a ping between two others
	$(BIN)/python benchmarks/flood.py

bench-micro: build ## Micro benchmarks: identities, sealing and opening, the switch per packet, per command and under rules
	$(BIN)/python benchmarks/micro.py
	$(BIN)/python benchmarks/rules.py

bench-rules: build ## A TCP stream under 100 rules, beside a network that accepts everything
	$(BIN)/python benchmarks/rules_network.py

bench-planet: build ## What it costs 5,000 simulated nodes to come online (NODES=n for fewer)
	$(BIN)/python benchmarks/planet.py --nodes $(or $(NODES),5000)

bench-storm: build ## What floods of forged packets do to a root, a newcomer and a relayed stream (PPS=n for fewer)
	$(BIN)/python benchmarks/storm.py --rate $(or $(PPS),50000)

bench-strangers: build ## What strangers cost a controller: `/health` and answers while 400 a second ask
	$(BIN)/python benchmarks/controller_strangers.py

##@ Attack it

fuzz: build ## Fuzz parsers, files, nodes and the switches for a minute each (TARGET=name SECONDS=n)
	$(BIN)/python fuzz/run.py $(TARGET) --seconds $(or $(SECONDS),60)

##@ Tidy up

clean: ## Remove what was built
	rm -rf target dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
