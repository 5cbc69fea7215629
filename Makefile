# Every command is written once, here; CI calls these.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test check fix tour bench bench-quality lock clean

help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

$(VENV)/run.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Signalbox needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another one: make run PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing Signalbox's libraries (first start only) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@touch $@

$(VENV)/dev.stamp: requirements-dev.lock $(VENV)/run.stamp
	@echo "Installing the tools for tests and checks …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@touch $@

# llmock is a server that tests ask as an upstream; its libraries must not become ours, so it has an environment of its own.
$(VENV)/llmock.stamp: tests/llmock/requirements.lock $(VENV)/run.stamp
	@test -x $(VENV)/llmock/bin/python || $(BIN)/python -m venv $(VENV)/llmock
	@$(VENV)/llmock/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement tests/llmock/requirements.lock \
		&& touch $@ || echo "llmock could not be installed: the tests that ask it are skipped."

run: $(VENV)/run.stamp ## Set up what is missing and start Signalbox (Ctrl-C stops it)
	@exec $(BIN)/python manage.py run

# A file's tests stay together: their fixtures start products, browsers and servers that are dear. One process more than cores: many of them wait.
test: $(VENV)/dev.stamp $(VENV)/llmock.stamp ## Run every test
	@$(BIN)/python -m pytest --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

check: $(VENV)/dev.stamp ## Format, lint, types, imports, migrations
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python manage.py makemigrations --check --dry-run

fix: $(VENV)/dev.stamp ## Format and mend what can be mended by tool
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

tour: $(VENV)/dev.stamp ## Take the pictures of docs/tour.md anew (needs a browser)
	@$(BIN)/python -m tests.browser.tour

bench: $(VENV)/dev.stamp ## Measure: parts, and the whole beside other gateways (installs those; 25 minutes)
	@$(BIN)/python -m benchmarks

bench-quality: $(VENV)/dev.stamp ## Measure learned routing on graded prompts, beside the baselines (15 minutes)
	@$(BIN)/python -m benchmarks.quality

lock: ## Resolve the lock files anew from requirements*.in (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements.in -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate requirements-dev.in -o requirements-dev.lock -c requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate tests/llmock/requirements.in -o tests/llmock/requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate benchmarks/peers/litellm/requirements.in -o benchmarks/peers/litellm/requirements.lock

clean: ## Remove the environment and caches; data/ stays
	rm -rf $(VENV) benchmarks/build benchmarks/peers/litellm/env benchmarks/peers/portkey/node_modules .mypy_cache .ruff_cache .import_linter_cache .hypothesis
