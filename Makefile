# The two commands of the README are `make demo` and `make test`; both set up what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := requirements.lock requirements-dev.lock
# Files of tests at once. Not one for each core: tests start several processes themselves.
JOBS ?= 2
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadfile
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast lint sandbox npm-tools base-image lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The stamps hold the hash of the lock file, so that an unchanged lock costs nothing.
$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

sandbox: ## make sure that a sandbox exists (Docker or bubblewrap)
	@sh deploy/ensure-sandbox.sh

demo: $(VENV)/.installed sandbox ## one labelled issue becomes one proven pull request, on this machine (ARGS=--keep keeps it)
	@$(BIN)/python -m tests.demo $(ARGS)

npm-tools: ## GitHub's OpenAPI description and Octokit's example payloads, for the tests
	@sh tests/npm/install.sh

lint: $(VENV)/.installed-dev ## ruff, mypy strict, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: $(VENV)/.installed-dev lint ## all checks and the whole test suite
	@sh deploy/ensure-test-tools.sh
	$(PYTEST) $(ARGS)

test-fast: $(VENV)/.installed-dev lint ## the same without the slow suites
	$(PYTEST) -m "not slow" $(ARGS)

base-image: ## the Docker image that sandboxes start from, made with debootstrap (root, Debian)
	@sh deploy/base-image.sh

lock: ## write the lock files anew (needs uv)
	uv pip compile --quiet --universal --no-strip-extras --generate-hashes --no-emit-index-url --no-annotate --no-header --group build pyproject.toml -o requirements.lock
	uv pip compile --quiet --universal --no-strip-extras --generate-hashes --no-emit-index-url --no-annotate --no-header --group build --group dev pyproject.toml -o requirements-dev.lock

clean: ## remove what the above made here
	rm -rf $(VENV) tests/npm/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis
