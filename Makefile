# Every habit of this project is one command; CI runs the same ones.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
BUILT := $(VENV)/.built
RUST_SOURCES := $(shell find rust -name '*.rs' -o -name Cargo.toml) Cargo.toml Cargo.lock

.PHONY: help setup build demo test check fmt bench bench-micro fuzz clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Install what is missing (uv, compiler, iproute2, nftables) and the Python packages
	@tools/setup

build: $(BUILT) ## Build the Rust extension and install Earthline into .venv

$(BUILT): $(RUST_SOURCES) pyproject.toml uv.lock tools/setup
	@tools/setup
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin develop --release --locked --quiet
	@touch $@

demo: build ## Build a small internet with NATs on this machine and run a LAN across it
	$(BIN)/earthline demo

test: build ## Run every test: vectors, units, properties, scenarios, the lab, real peers, Rust
	cargo test --release --locked --quiet -p earthline-core -p earthline-io
	$(BIN)/python -m pytest --numprocesses 2 tests/vectors tests/unit tests/property tests/scenario
	$(BIN)/python -m pytest -p no:randomly --numprocesses 2 --dist loadfile tests/boundary tests/e2e tests/interop

check: build ## Lint, types, the native stub, architecture contracts, file sizes, clippy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest earthline._native
	$(BIN)/lint-imports
	tools/file-sizes
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets --quiet -- -D warnings

fmt: build ## Format Python and Rust
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .
	cargo fmt --all

bench: build ## Measure Earthline, a stock node ($$ZEROTIER_ONE) and the bare link side by side
	$(BIN)/python benchmarks/network.py

bench-micro: build ## Micro benchmarks: identities, sealing and opening, the switch
	$(BIN)/python benchmarks/micro.py

fuzz: build ## Fuzz every parser for a minute each (TARGET=name SECONDS=n to choose)
	$(BIN)/python fuzz/run.py $(TARGET) --seconds $(or $(SECONDS),60)

clean: ## Remove what was built
	rm -rf target $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
