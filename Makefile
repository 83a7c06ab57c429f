# The two commands of the README: `make demo` and `make test`. Both make .venv where it is missing or out of date.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint docs figures notebook reproductions bench bench-gpu bench-hardware searches torture screenshots clean

demo: .venv/installed
	$(BIN)/mlpctl sweep experiments/demo.toml
	$(BIN)/mlpctl report results/demo --by lr,hidden_units --plot results/demo/lr-units.png --curves results/demo/curves.png \
		--html results/demo/report.html

test: .venv/tested lint
	$(BIN)/pytest -n 2 --dist loadfile

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

reproductions: .venv/installed
	$(BIN)/mlpctl verify --format csv -o results/reproductions.csv
	$(BIN)/python -m mlpctl.docs

notebook: .venv/tested
	$(BIN)/python -m tests.notebook docs/notebook.ipynb

docs: .venv/installed
	$(BIN)/python -m mlpctl.docs

figures: .venv/installed
	$(BIN)/python docs/figures.py

bench: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

torture: .venv/tested
	$(BIN)/python -m tests.torture 50 10
	MLPCTL_EXAMPLES=20000 $(BIN)/pytest -q tests/test_bad_input.py
	$(BIN)/python -m benchmarks.many_trials

screenshots: .venv/tested
	$(BIN)/python -m tests.screenshots

bench-gpu: .venv/installed
	$(BIN)/python -m benchmarks.gpu

# Of an idle machine: results/benchmarks has the last such run.
bench-hardware: .venv/installed
	$(BIN)/mlpctl bench memory --roofline results/benchmarks/roofline.png --format csv -o results/benchmarks/memory.csv
	$(BIN)/mlpctl bench train --plot results/benchmarks/train.png --format csv -o results/benchmarks/train.csv

searches: .venv/tested
	$(BIN)/python -m benchmarks.searches

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	@touch $@

.venv/tested: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
