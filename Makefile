# `make run` opens the editor on an example, `make test` runs every check; both set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: run test check attack format bench eval screenshot recording clean

run: $(VENV)/.installed
	@if [ -t 0 ] && [ -t 1 ]; then \
	  mkdir -p build && cp -n dgedit/example.py.txt build/example.py; $(BIN)/dgedit build/example.py; \
	else \
	  $(BIN)/dgedit fill dgedit/example.py.txt; \
	fi

# A process a core: what shares a fixture, or a terminal, stays in one (tests/conftest.py).
test: check
	$(BIN)/python -m pytest -n auto --dist loadgroup

check: $(VENV)/.installed-dev
	$(BIN)/ruff format --check dgedit engine kernels tests
	$(BIN)/ruff check dgedit engine kernels tests
	$(BIN)/python -m mypy
	$(BIN)/python -m pytest --noconftest tests/test_layers.py

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --select I --fix dgedit engine kernels tests
	$(BIN)/ruff format dgedit engine kernels tests

# Faults, kills, damage and random keys, some 10,000 of each kind or for an hour, and a table of them at the end.
MINUTES ?= 60
attack: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/attack --attack-minutes $(MINUTES)
	$(BIN)/python -m pytest tests/tui/test_kill.py tests/files/test_kill.py tests/tui/test_fuzz.py --kills 1000 --keys 200000

bench: $(VENV)/.installed-dev
	$(BIN)/dgedit bench

eval: $(VENV)/.installed
	$(BIN)/python -m dgedit.engine.evals

screenshot: $(VENV)/.installed
	$(BIN)/python -m dgedit.tui.screenshot themes

recording: $(VENV)/.installed
	$(BIN)/python -m dgedit.tui.recording themes/infill.svg

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf $(VENV) build *.egg-info
