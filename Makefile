# Everything here needs Python >= 3.11, make, and a package index. `make demo` is the place to begin.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo demo-lake dev test test-all check bench docs lock clean

help:
	@echo "make demo      two weeks of simulated daily runs, no key needed"
	@echo "make demo-lake the same, published to a lake too: a catalog in a file, no server"
	@echo "make dev       the Dagster UI on the same warehouse"
	@echo "make test      the test suite;  make test-all adds what is slow, or needs a browser or Postgres"
	@echo "make check     format, lint, types"
	@echo "make bench     what a backfill and a morning take, beside dlt and a Singer tap (docs/performance.md)"
	@echo "make docs      write docs/data-dictionary.md and docs/views.sql anew from what tables and views say and are"
	@echo "make lock      resolve the locked requirements anew (needs uv)"

demo: $(VENV)/.runtime
	$(BIN)/layers-etl demo

demo-lake: $(VENV)/.lake
	$(BIN)/layers-etl demo --lake

dev: $(VENV)/.runtime
	$(BIN)/layers-etl dev

test: $(VENV)/.dev
	$(BIN)/python -m pytest

test-all: $(VENV)/.dev $(VENV)/.lake
	$(BIN)/python -m pytest -m "slow or not slow" --numprocesses 5  # What is slow waits much of its time.
	$(BIN)/python -m pytest -m "slow or not slow" --warehouse lake $(ASKED_OF_A_LAKE)

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.peers

docs: $(VENV)/.runtime
	$(BIN)/python -m layers_etl.warehouse.dictionary docs/data-dictionary.md
	$(BIN)/python -m layers_etl.warehouse.rendered_views docs/views.sql

# The locked requirements with their hashes, then the project itself, which brings none of its own.
$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@

# What a lake takes: DuckDB's extensions and Postgres' client.
$(VENV)/.lake: requirements-lake.lock $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-lake.lock
	touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "layers_etl needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# What analysts ask of the published file, asked of a lake too.
ASKED_OF_A_LAKE := tests/docs/test_queries.py tests/marts/test_macros.py tests/marts/test_pacing.py \
	tests/marts/test_reconciliation.py

UV_COMPILE := uv pip compile --quiet --no-header --generate-hashes --universal --no-strip-extras \
	--python-version 3.11 pyproject.toml
lock:
	$(UV_COMPILE) --output-file requirements.lock
	$(UV_COMPILE) --group dev --output-file requirements-dev.lock
	$(UV_COMPILE) --extra cluster --extra lake --output-file requirements-cluster.lock
	$(UV_COMPILE) --extra lake --output-file requirements-lake.lock

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis
