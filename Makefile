# The same words on every machine. `make dev` first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: dev check test docs sim mutants search inject bench targets budgets campaign

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

# docs/_build/html/index.html, which needs no network.
docs:
	$(BIN)/sphinx-build -q -n -W --keep-going --fresh-env docs docs/_build/html
	$(BIN)/python -m tests.site docs/_build/html

# Each has the line that replays a failure. More: make sim SCALE=100; of one kind:
# python -m tests.sim --histories 1000 --profile ranked.
SCALE ?= 1
sim:
	$(BIN)/python -m tests.sim --histories $$((10000 * $(SCALE)))
	$(BIN)/python -m tests.sim --histories $$((2000 * $(SCALE))) --profile chaos
	$(BIN)/python -m tests.sim --histories $$((250 * $(SCALE))) --profile five
	$(BIN)/python -m tests.sim --histories $$((250 * $(SCALE))) --profile seven

# Rules taken away, and states corrupted, one at a time: each must be noticed.
mutants:
	$(BIN)/pytest tests/sim/test_planted_faults.py tests/sim/test_checker.py \
		tests/actors/test_planted_faults.py -v

# Every world of a small scope, breadth first.
STATES ?= 200000
search:
	$(BIN)/python -m tests.search --states $(STATES)

# Each actor of a group's tree killed at each point of a workload.
inject:
	$(BIN)/python -m tests.injection

bench:
	$(BIN)/python -m benchmarks

# Everything, beside pg, Redis and Pyro5 if they are here; writes docs/performance.md.
targets:
	$(BIN)/python -m benchmarks targets --write

# What the hottest paths may take, in calls and instructions: makes it what they take.
budgets:
	$(BIN)/python -m benchmarks.budgets --record

# Faults on real processes. A violation prints where the journals are.
SECONDS ?= 600
NODES ?= 4
campaign:
	$(BIN)/python -m tests.campaign --seconds $(SECONDS) --nodes $(NODES)
