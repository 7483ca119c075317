# The same five words on every machine. `make dev` first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: dev check test sim bench

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

# More histories: make sim SEEDS=1000000. Replay one: pytest tests/sim --seed N.
SEEDS ?= 10000
sim:
	$(BIN)/pytest tests/sim --seeds $(SEEDS) --timeout 0

bench:
	$(BIN)/python -m benchmarks
