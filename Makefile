# The two commands of the README: `make demo` and `make test`. Both make .venv where it is missing or out of date.

PYTHON ?= python3
BIN := .venv/bin
NO_PIP := echo "mlpctl is not installed: pip could not get what it needs; the lines above say what (no network, no package index?)" >&2; exit 1

.PHONY: demo test lint docs figures notebook reproductions bench bench-gpu bench-hardware searches torture screenshots clean

demo: .venv/installed
	@scripts/demo $(BIN)

# The system part is asked for each time: it is quick where nothing is missing, and a machine can lose what it had.
test: .venv/tested lint
	scripts/install-system-packages test
	$(BIN)/mlpctl data fetch fashion-mnist || true  # tests that need it are named at the end
	$(BIN)/mlpctl doctor --compile
	$(BIN)/pytest -n 2 --dist loadgroup

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

reproductions: .venv/installed
	$(BIN)/mlpctl verify --format csv -o results/reproductions.csv
	$(BIN)/python -m docs.generate

notebook: .venv/tested
	$(BIN)/python -m tests.helpers.notebook docs/notebook.ipynb

docs: .venv/installed
	$(BIN)/python -m docs.generate

figures: .venv/installed
	$(BIN)/python docs/figures.py

bench: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks

torture: .venv/tested
	$(BIN)/python -m tests.helpers.torture 50 10 40
	MLPCTL_EXAMPLES=20000 $(BIN)/pytest -q tests/cli/test_bad_input.py
	$(BIN)/python -m benchmarks.many_trials

screenshots: .venv/tested
	$(BIN)/python -m tests.helpers.screenshots

bench-gpu: .venv/installed
	$(BIN)/python -m benchmarks.gpu

# Of an idle machine: results/benchmarks has the last such run.
bench-hardware: .venv/installed
	$(BIN)/mlpctl bench memory --roofline results/benchmarks/roofline.png --format csv -o results/benchmarks/memory.csv
	$(BIN)/mlpctl bench train --plot results/benchmarks/train.png --format csv -o results/benchmarks/train.csv

searches: .venv/tested
	$(BIN)/python -m benchmarks.searches

.venv/installed: pyproject.toml constraints.txt
	scripts/install-system-packages demo
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt --editable . || { $(NO_PIP); }
	@touch $@

.venv/tested: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]' || { $(NO_PIP); }
	@touch $@

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache
