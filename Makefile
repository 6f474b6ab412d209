# Trunkline's commands. `make help` lists them; each one first makes .venv from the lock file if it is not there.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run demo test check fuzz bench load-10k load-50k lint types format protos pages docs lock clean env env-dev

PY := .venv/bin/python
PAGES := gateways/desk/web
# Both lock files name the command that made them, so it is the same on every machine.
LOCK = .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	$(ARGS) pyproject.toml --group build
ARGS ?=
PYTEST_ARGS ?=
# One test for each core; those that start processes come last, one by one (tests/conftest.py).
PARALLEL = -n auto --dist loadgroup --no-loadscope-reorder
FUZZ_SECONDS ?= 600
FUZZ_SEED ?= 3
# Real questions, where they lie beside the project; else those that come with the product.
QUESTIONS := $(wildcard ../shared/data/banking77_train.csv)

help: ## This list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  ARGS='…' passes options on to run, demo, bench and load, PYTEST_ARGS='…' to pytest."

run: env ## Start everything with a sample contact centre; Ctrl-C drains and stops
	@.venv/bin/trunkline up $(ARGS)

demo: env ## Play 500 customers and 50 agents through the public interfaces, with a live table and a verdict
	@.venv/bin/trunkline demo --customers 500 --agents 50 $(QUESTIONS:%=--source %) $(ARGS)

check: lint types ## The quick checks and tests, under 3 minutes
	@$(PY) -m pytest tests -m "not (integration or ray or browser or chaos or slow)" $(PARALLEL) $(PYTEST_ARGS)

test: lint types ## Everything: also drift, integration, Ray, browser and chaos tests
	@$(PY) -m pytest tests $(PARALLEL) $(PYTEST_ARGS)

fuzz: env-dev ## Wrong input for every parser and port, FUZZ_SECONDS a target; see docs/how-to/fuzz.md
	@FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_SEED=$(FUZZ_SEED) $(PY) -m pytest tests/fuzz --timeout=0 $(PYTEST_ARGS)

bench: env-dev ## Measure; prints the figures and writes build/bench.json
	@$(PY) -m loadtest.bench $(ARGS)

load-10k: env ## Hold 10,000 live conversations for ten minutes and judge them; writes build/load-ten-thousand.*
	@.venv/bin/trunkline load ten-thousand $(ARGS)

load-50k: env ## The same with 50,000
	@.venv/bin/trunkline load fifty-thousand $(ARGS)

lint: env-dev ## ruff, and who may import whom
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports >build/lint-imports.log 2>&1 || { cat build/lint-imports.log; exit 1; }

types: env-dev ## mypy, strict
	@.venv/bin/mypy

format: env-dev ## Lay the code out, and mend what ruff can mend
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

protos: env-dev ## Generate the Python code of the wire contracts
	@$(PY) protos/generate.py

pages: ## Build the web pages (needs node 20)
	@cd $(PAGES) && npm ci --no-audit --no-fund && npm run build

docs: env-dev ## Write the parts of the documentation that are made from the code
	@$(PY) -m docs.generate
	@$(PY) -m cluster.cli.reference docs/reference

lock: env-dev ## Lock all packages with hashes; ARGS=--upgrade takes newer versions
	@$(LOCK) -o requirements.lock
	@$(LOCK) --group dev --constraint requirements.lock -o requirements-dev.lock

clean: ## Remove what was made: caches, build results, the environment; not the data of a run
	@rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache $(PAGES)/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

env:
	@.ci/bootstrap run

env-dev:
	@.ci/bootstrap dev
	@mkdir -p build
