# Everything runs from .venv, which is set up from the lock files when they change; a second run installs nothing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps
DEVLOCK := requirements/dev.lock
# In the order of tests/conftest.py: the long files first.
PYTEST  = $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder -n logical

.PHONY: run up test quick check deploy-check kill-matrix bench lock clean

run: $(VENV)/.run-ready  ## make today's video of every channel, up to review, in the sandbox world
	@$(BIN)/dayreel run

up: $(VENV)/.run-ready  ## Dagster's web server and daemon, the desk and the sandbox world, until Ctrl-C
	@$(BIN)/dayreel up

test: $(VENV)/.dev-ready  ## the whole suite
	$(PYTEST)

quick: $(VENV)/.dev-ready  ## the suite without its slow tests
	$(PYTEST) -m "not slow"

check: $(VENV)/.dev-ready  ## format, lint, types, contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

deploy-check: $(VENV)/.dev-ready  ## systemd's units and the Ansible role: read, run into a temporary folder, run again
	$(BIN)/python deploy/check.py

kill-matrix: $(VENV)/.dev-ready  ## kill and disturb make and publish N times, then count posts and purchases: make kill-matrix N=1000
	$(BIN)/python -m tests.world.kill_matrix --seeds $(or $(N),60)

bench: $(VENV)/.dev-ready  ## the budgets, as ratios in one run
	$(BIN)/python -m bench

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("dayreel needs Python 3.11 to 3.13, and $(PYTHON) is " + sys.version.split()[0]) if not (3, 11) <= sys.version_info[:2] <= (3, 13) else None'
	@echo "Setting up .venv (once; about a minute) ..."
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run-ready: requirements/runtime.lock pyproject.toml | $(VENV)/bin/python
	@$(PIP) --require-hashes -r requirements/runtime.lock
	@$(PIP) --no-build-isolation -e .
	@touch $@

$(VENV)/.dev-ready: $(DEVLOCK) $(VENV)/.run-ready
	@$(PIP) --require-hashes -r $(DEVLOCK)
	@touch $@

lock:  ## resolve the lock files again (needs uv)
	uv pip compile pyproject.toml --group build --group dev --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade -q -o $(DEVLOCK)
	uv pip compile pyproject.toml --group build --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q -c $(DEVLOCK) -o requirements/runtime.lock

clean:  ## remove the virtual environment and tool caches; made videos and the catalog stay
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
