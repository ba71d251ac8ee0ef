# SayAThing. `make help` lists the commands.
#
# All that is needed is python3 (3.11 or newer) and make. Where uv is missing, or does not start, one is brought
# into .tools; everything else goes into .venv. Nothing is left outside this folder but package managers' caches.

SHELL := /bin/bash
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
PORTION ?=

unexport PYTHONDONTWRITEBYTECODE
export UV_PROJECT_ENVIRONMENT := $(VENV)
export UV_PYTHON_DOWNLOADS := never
export SAY_TEXT := $(value TEXT)

OWN_UV := .tools/uv/bin/uv
# A uv that starts may still be too old to read the lock file.
UV := $(shell uv lock --check --offline --quiet >/dev/null 2>&1 && echo uv || echo $(OWN_UV))
SYNC := $(UV) sync --quiet --locked --python "$(PYTHON)"
PYTEST := mkdir -p .cache && $(VENV)/bin/python -m pytest --basetemp=.cache/$(VENV)-pytest
BOTH_CORES := --numprocesses 2 --dist worksteal

.PHONY: help
help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(OWN_UV):
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "SayAThing needs Python 3.11 or newer; $(PYTHON) is older. Try: make PYTHON=/path/to/python3.12 ..." >&2; exit 1; }
	@"$(PYTHON)" -m venv .tools/uv >&2 || \
	  { echo "$(PYTHON) cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@.tools/uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1' >&2

NEEDED_UV := $(filter $(OWN_UV),$(UV))

$(VENV)/.installed: pyproject.toml uv.lock | $(NEEDED_UV)
	@echo "Installing SayAThing into $(VENV) ..." >&2
	@$(SYNC) --inexact --no-default-groups >&2
	@touch $@

$(VENV)/.installed-dev: pyproject.toml uv.lock | $(NEEDED_UV)
	@echo "Installing SayAThing and its tests' needs into $(VENV) ..." >&2
	@$(SYNC) --inexact --group dev >&2
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-browser: $(VENV)/.installed-dev
	@$(SYNC) --inexact --group dev --group browser >&2
	@touch $@

$(VENV)/.installed-languages: $(VENV)/.installed-dev
	@$(SYNC) --inexact --group dev --extra ja --extra zh >&2
	@touch $@

$(VENV)/.installed-bench: $(VENV)/.installed-dev
	@$(SYNC) --inexact --group dev --group bench --group browser >&2
	@touch $@

.PHONY: install
install: $(VENV)/.installed ## Install what running needs

.PHONY: say
say: $(VENV)/.installed ## Speak TEXT="..." through the service into a file; the last line is its path
	@test -n "$$SAY_TEXT" || { echo 'Say what? make say TEXT="Hello"' >&2; exit 2; }
	@$(VENV)/bin/sayathing say -- "$$SAY_TEXT"

.PHONY: run
run: $(VENV)/.installed ## Run the API, the dashboard and the workers
	@$(VENV)/bin/sayathing serve

.PHONY: worker
worker: $(VENV)/.installed ## Run workers only
	@$(VENV)/bin/sayathing worker

.PHONY: dev
dev: $(VENV)/.installed-dev ## Run the API with reload; workers beside it come from `make worker`
	@$(VENV)/bin/uvicorn --factory app.main:app_from_environment --reload --reload-dir app --reload-dir dashboard

.PHONY: test
test: $(VENV)/.installed-dev ## Unit, conformance, integration and short chaos tests
	@$(PYTEST) $(BOTH_CORES) $(PORTION)

.PHONY: test-long
test-long: $(VENV)/.installed-dev ## Long chaos, state machines and fuzzing, then Dramatiq's own tests
	@$(PYTEST) $(BOTH_CORES) -m long $(PORTION)
	@$(if $(PORTION),,$(MAKE) --no-print-directory test-dramatiq)

.PHONY: test-dramatiq
test-dramatiq: $(VENV)/.installed-bench ## Dramatiq's own tests, on our broker and backends
	@$(VENV)/bin/python tests/dramatiq_own/run.py "$(UV)" $(PORTION)

.PHONY: test-browser
test-browser: $(VENV)/.installed-browser ## The dashboard in a real Chromium (/usr/bin/chromium)
	@test -x /usr/bin/chromium || { echo "Chromium is missing; on Debian: apt-get install chromium" >&2; exit 1; }
	@$(PYTEST) $(BOTH_CORES) -m browser $(PORTION)

.cache/node/.installed: tests/node/package.json tests/node/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing; on Debian: apt-get install npm" >&2; exit 1; }
	@mkdir -p .cache/node && cp tests/node/package.json tests/node/package-lock.json .cache/node/
	@cd .cache/node && npm ci --silent --no-audit --no-fund && touch .installed

.PHONY: test-node
test-node: $(VENV)/.installed-dev .cache/node/.installed ## OpenAI's Node client against the service (node, npm)
	@$(PYTEST) -m node $(PORTION)

.PHONY: test-services
test-services: $(VENV)/.installed-dev ## The results store on PostgreSQL (SAYATHING_TEST_POSTGRESQL_URL)
	@$(PYTEST) -m "services and not long" $(PORTION)

# PyTorch's own wheels bring 4 GB of CUDA. pip first looks on this machine for a build of this version without it;
# uv would not. All else comes from uv.lock, less what only PyTorch needs.
TORCH := torch==2.13.0
KOKORO_VENV := .venv-kokoro

$(KOKORO_VENV)/.installed: pyproject.toml uv.lock | $(NEEDED_UV)
	@echo "Installing SayAThing with PyTorch into $(KOKORO_VENV) ..." >&2
	@test -x $(KOKORO_VENV)/bin/python || "$(PYTHON)" -m venv $(KOKORO_VENV) >&2
	@$(KOKORO_VENV)/bin/python -m pip install --quiet --disable-pip-version-check '$(TORCH)' >&2
	@$(UV) export --quiet --locked --extra kokoro --group dev --prune torch \
	  --output-file $(KOKORO_VENV)/requirements.txt >/dev/null
	@$(UV) pip install --quiet --python $(KOKORO_VENV) --requirements $(KOKORO_VENV)/requirements.txt >&2
	@touch $@

.PHONY: test-kokoro
test-kokoro: $(KOKORO_VENV)/.installed ## Kokoro on PyTorch (the extra `kokoro`), and the ONNX engine against it
	@mkdir -p .cache && $(KOKORO_VENV)/bin/python -m pytest --basetemp=.cache/$(KOKORO_VENV)-pytest -m kokoro $(PORTION)

.PHONY: test-languages
test-languages: $(VENV)/.installed-languages ## Japanese and Mandarin phonemes, with the extras ja and zh (290 MB)
	@$(PYTEST) -m languages $(PORTION)

.PHONY: test-integration
test-integration: $(VENV)/.installed-dev ## All but the unit tests
	@$(PYTEST) $(BOTH_CORES) tests/conformance tests/integration tests/chaos $(PORTION)

.PHONY: test-integration-only
test-integration-only: $(VENV)/.installed-dev ## The integration tests alone
	@$(PYTEST) $(BOTH_CORES) tests/integration $(PORTION)

.PHONY: test-coverage
test-coverage: $(VENV)/.installed-dev ## The unit and conformance tests, with the lines that they reach
	@$(PYTEST) $(BOTH_CORES) --cov --cov-report=term-missing:skip-covered --cov-fail-under=80 tests/unit tests/conformance $(PORTION)

.PHONY: check-code
check-code: $(VENV)/.installed-browser
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --cache-dir .cache/import-linter

.PHONY: check
check: check-code test ## Format, lint, types, import contracts and the tests

.PHONY: bench
bench: $(VENV)/.installed-bench ## Measure; docs/performance.md keeps the tables
	@for script in $(filter-out %/bench_kokoro.py,$(wildcard tests/benchmarks/bench_*.py)); do \
	  echo "== $$script"; $(VENV)/bin/python $$script || exit 1; done
	@$(MAKE) --no-print-directory bench-kokoro

.PHONY: bench-kokoro
bench-kokoro: $(KOKORO_VENV)/.installed ## Measure Kokoro's two runtimes against each other
	@$(KOKORO_VENV)/bin/python tests/benchmarks/bench_kokoro.py

.PHONY: clean
clean: ## Remove what was installed and cached here; data stays
	@rm -rf .venv* .tools .cache .coverage htmlcov
