# The same words on every machine. `make dev` first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: dev check test sim bench campaign

dev:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q -e '.[dev]'
	$(BIN)/pre-commit install

check:
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -m 'not cluster'

test:
	$(BIN)/pytest

# More histories: make sim HISTORIES=1000000. A failure prints the line that replays it.
HISTORIES ?= 10000
PROFILE ?= standard
sim:
	$(BIN)/python -m tests.sim --histories $(HISTORIES) --profile $(PROFILE)

bench:
	$(BIN)/python -m benchmarks

# Faults on real processes. A violation prints where the journals are.
SECONDS ?= 600
NODES ?= 4
campaign:
	$(BIN)/python -m tests.campaign --seconds $(SECONDS) --nodes $(NODES)
