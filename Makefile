# make run    serve on port 8000, with the demo when the database is empty
# make test   the whole suite, browser and PostgreSQL tests included
# make bench  every figure of the README, as ratios to a baseline of the same run
# make demo   the demo again, from scratch (asks before it deletes anything)
# make help   this text

PYTHON ?= python3
PORT   ?= 8000
HOST   ?= 0.0.0.0
VENV   := .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test bench bench-peer demo lint lock

help:
	@sed -n 's/^# //p' Makefile | head -5

# One stamp a lock file: nothing is installed again until the lock changes.
$(VENV)/run.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; found: $$($(PYTHON) --version). Set PYTHON=python3.12, for example."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "Install the venv module first: sudo apt-get install python3-venv"; rm -rf $(VENV); exit 1; }
	@echo "Installing Python packages…"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/test.stamp: requirements-test.lock $(VENV)/run.stamp
	@echo "Installing Python packages for the tests…"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@touch $@

run: $(VENV)/run.stamp
	@sh .ci/packages run
	@$(BIN)/flask serve --host $(HOST) --port $(PORT)

demo: $(VENV)/run.stamp
	@sh .ci/packages run
	@$(BIN)/flask demo --again

test: $(VENV)/test.stamp
	@sh .ci/packages test
	@$(BIN)/python -m ruff check -q .
	@$(BIN)/python -m mypy
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile tests

bench: $(VENV)/test.stamp
	@sh .ci/packages test
	@$(BIN)/python -m bench

bench-peer: $(VENV)/test.stamp
	@$(BIN)/python -m bench.peer

lint: $(VENV)/test.stamp
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m mypy

# For maintainers: both locks anew from pyproject.toml (needs `pip install uv`).
lock:
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
	  --extra postgres --extra scan --extra xlsform pyproject.toml -o requirements.lock
	uv pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --python-version 3.11 \
	  --all-extras -c requirements.lock pyproject.toml -o requirements-test.lock
