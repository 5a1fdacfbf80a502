# make matrix             every model type on HARDWARE; ends with matrix/index.html
# make matrix HARDWARE=cuda ARGS="--models bert,gpt2"
# make apis               every operation of the API providers, mocked; ARGS="--live-apis" for the real ones
# make test               the project's own tests, ruff and mypy
# make test-servers       the tests of real servers, those that take long to install and 2 GB transfers too
HARDWARE ?= cpu,openvino
PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

.PHONY: matrix apis test test-servers lint install clean

matrix: $(VENV)/installed
	$(BIN)/pytest -n auto --hardware $(HARDWARE) $(ARGS)

apis: $(VENV)/installed
	$(BIN)/pytest api_tests $(ARGS)

test: lint
	$(BIN)/pytest-accelerate servers install --quick
	$(BIN)/pytest tests -n auto -q -rs

test-servers: $(VENV)/installed
	$(BIN)/pytest-accelerate servers install all
	PYTEST_ACCELERATE_LARGE=1 $(BIN)/pytest tests/servers -q -rs $(ARGS)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml constraints.txt requirements-checkpoints.txt requirements-vision.txt
	$(PYTHON) -c "import sys; sys.exit('Python 3.11 or newer is needed, this is ' + sys.version.split()[0] + ': make PYTHON=python3.11' if sys.version_info < (3, 11) else 0)"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	$(BIN)/pip install --quiet --require-hashes --no-deps --requirement requirements-checkpoints.txt --requirement requirements-vision.txt
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
