# Everything runs from .venv, which is set up from the lock files when they change; a second run installs nothing.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Each processor takes whole files of tests, the long ones first (tests/conftest.py). `make test WORKERS=1 ORDER=random`.
WORKERS ?= logical
ORDER   ?= written
SEED    ?= $(shell date +%s)
PYTEST  = $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder -n $(WORKERS) \
	$(if $(filter random,$(ORDER)),--random-order --random-order-seed=$(SEED))
# Dagster compiled from its sources at the start of every process is five seconds each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run up test quick soak characterize check build deploy deploy-check docs pictures kill-matrix bench lock clean

run: $(VENV)/.run-ready  ## make today's video of every channel, up to review, in the sandbox world
	@$(BIN)/dayreel run

up: $(VENV)/.run-ready  ## Dagster's web server and daemon, the desk and the sandbox world, until Ctrl-C
	@$(BIN)/dayreel up

test: $(VENV)/.dev-ready  ## the whole suite
	$(PYTEST)

quick: $(VENV)/.dev-ready  ## the suite without its slow tests
	$(PYTEST) -m "not slow"

soak: $(VENV)/.dev-ready  ## what needs long loops, a part at a time, with its time and its figure: make soak PART=kill_matrix
	$(BIN)/python -m pytest -n 0 $(if $(PART),tests/soak/test_$(PART).py,tests/soak)

characterize: $(VENV)/.dev-ready  ## every output over a demo, into files to compare: make characterize OUT=DIR
	$(BIN)/python -m tests.characterize $(OUT)

check: $(VENV)/.dev-ready  ## format, lint, types, contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

build: $(VENV)/.run-ready  ## a wheel of the program, in dist/
	$(BIN)/python -m pip wheel -q --no-deps --no-build-isolation -w dist .

deploy: $(VENV)/.deploy-ready  ## install it on the machines of deploy/ansible/inventory.yml: make deploy OPTIONS="--check --diff"
	cd deploy/ansible && ../../$(BIN)/ansible-playbook -i inventory.yml site.yml --ask-vault-pass $(OPTIONS)

deploy-check: $(VENV)/.dev-ready $(VENV)/.deploy-ready  ## systemd's units and the Ansible role: read, run into a temporary folder, run again
	$(BIN)/python deploy/check.py

docs: $(VENV)/.docs-ready  ## the pages of docs/ as a site, in site/index.html; a link that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

pictures: $(VENV)/.dev-ready  ## take every picture of the docs again, on running projects; needs a chromium, ten minutes
	set -e; for script in take_pictures walk_the_desk show_the_library show_captions; do $(BIN)/python docs/$$script.py; done

kill-matrix: $(VENV)/.dev-ready  ## kill and disturb make and publish N times, then count posts and purchases: make kill-matrix N=1000
	$(BIN)/python -m tests.world.kill_matrix --seeds $(or $(N),60)

bench: $(VENV)/.dev-ready $(VENV)/.bench-ready  ## the budgets, as ratios in one run
	$(BIN)/python -m bench

$(VENV)/.run-ready: requirements/runtime.lock requirements/installer.lock pyproject.toml
	@PYTHON="$(PYTHON)" requirements/set_up.sh $(VENV) runtime $@ $^

$(VENV)/.dev-ready $(VENV)/.deploy-ready $(VENV)/.docs-ready $(VENV)/.bench-ready: $(VENV)/.%-ready: requirements/%.lock $(VENV)/.run-ready
	@PYTHON="$(PYTHON)" requirements/set_up.sh $(VENV) $* $@ $^

LOCKS    := runtime dev installer deploy docs bench
# What each lock resolves; all of them take their versions from one resolution of everything.
runtime   := pyproject.toml --group build
dev       := pyproject.toml --group build --group dev
installer := --group installer
deploy    := --group deploy
docs      := --group docs
bench     := --group bench
RESOLVE   = $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -q

lock: $(VENV)/.run-ready  ## resolve the lock files again
	@all=$$(mktemp) && $(RESOLVE) --upgrade pyproject.toml $(foreach group,build dev installer deploy docs bench,--group $(group)) -o $$all && \
	$(foreach lock,$(LOCKS),$(RESOLVE) -c $$all $($(lock)) -o requirements/$(lock).lock &&) rm $$all

clean:  ## remove the virtual environment and tool caches; made videos and the catalog stay
	rm -rf $(VENV) $(VENV).lock .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -prune -exec rm -rf {} +
