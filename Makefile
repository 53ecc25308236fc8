# Everything here sets itself up: a bare machine with Python 3.11 to 3.13 is enough (TensorFlow has
# no wheels for later ones yet).
PYTHON ?= $(firstword $(foreach v,python3 python3.13 python3.12 python3.11 python,\
  $(shell $(v) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $(v))))
VENV := .venv
RUN := $(VENV)/bin/python
JAX_VENV := .venv-jax
# A worker a core, a file at a time: a test of tracing and compiling keeps one core busy.
TEST := $(RUN) -m pytest -q -n auto --dist loadfile

.PHONY: help demo test check setup docs test-imdb test-jax lock format clean
.PHONY: bench-imdb bench-builtin bench-engine bench-engine-curves bench-imdb-epoch bench-gradient-flow
.PHONY: bench-linear-scan bench-long-memory bench-mnist-rows bench-mnist-pixels

help:
	@echo "make demo        train, test, export and run a sentiment model on built-in data"
	@echo "make test        the whole test suite"
	@echo "make check       format, lint, types and the fast tests"
	@echo "make setup       the environment alone, in $(VENV)"
	@echo "make test-imdb   the tests that need IMDB reviews (TFDS_DATA_DIR)"
	@echo "make test-jax    cells, layers and models on JAX, in an environment of their own"
	@echo "make bench-engine   the time loop beside Keras and torch, into docs/RESULTS.md"
	@echo "make bench-engine-curves  the same over lengths and sizes, with a picture"
	@echo "make bench-linear-scan  minGRU by its scan, stepped, and beside a GRU"
	@echo "make bench-long-memory  all cells on tasks with long dependencies, with a picture"
	@echo "make bench-mnist-rows, bench-mnist-pixels  MNIST as sequences (TFDS_DATA_DIR)"
	@echo "make bench-gradient-flow  gradient and gates over time, with pictures, into docs/RESULTS.md"
	@echo "make bench-builtin  three demo models beside a bag of words, into docs/RESULTS.md"
	@echo "make bench-imdb  three runs on IMDB reviews beside Keras' own example, into docs/RESULTS.md"
	@echo "make bench-imdb-epoch  steps of an epoch on IMDB reviews beside keras.layers"
	@echo "make docs        docs/CELLS.md from the classes, every cell exported"
	@echo "make format      mend format and lint;  make lock: renew requirements.lock;  make clean"

demo: $(VENV)/.ready
	$(RUN) -m tasks sentiment demo

test: $(VENV)/.ready
	$(TEST) -m "not realdata"

check: $(VENV)/.ready
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(TEST) -m "not realdata and not slow"

setup: $(VENV)/.ready

test-imdb: $(VENV)/.ready
	$(RUN) -m pytest -q -m realdata

# Where TensorFlow cannot be imported, but for one process that compares the values of both.
test-jax: $(JAX_VENV)/.ready
	KERAS_BACKEND=jax $(JAX_VENV)/bin/python -m pytest -q tests_jax tests/models

bench-imdb: $(VENV)/.ready
	$(RUN) -m benchmarks.imdb

bench-builtin: $(VENV)/.ready
	$(RUN) -m benchmarks.builtin

bench-imdb-epoch: $(VENV)/.ready
	$(RUN) -m benchmarks.imdb_epoch

bench-linear-scan: $(VENV)/.ready
	$(RUN) -m benchmarks.linear_scan

bench-long-memory: $(VENV)/.ready
	$(RUN) -m benchmarks.long_memory

bench-mnist-rows: $(VENV)/.ready
	$(RUN) -m benchmarks.sequential_mnist --by row

bench-mnist-pixels: $(VENV)/.ready
	$(RUN) -m benchmarks.sequential_mnist --by pixel

bench-gradient-flow: $(VENV)/.ready
	$(RUN) -m benchmarks.gradient_flow

bench-engine: $(VENV)/.ready
	$(RUN) -m benchmarks.engine

bench-engine-curves: $(VENV)/.ready
	$(RUN) -m benchmarks.engine_curves

# An environment in the folder of the target, as the lock has it.
define environment
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed and none was found; \
	name one with make PYTHON=/path/to/python3" >&2; exit 1; }
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
	  -r requirements.lock
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --no-build-isolation -e .
endef

$(VENV)/.ready: requirements.lock pyproject.toml
	$(environment)
	@touch $@

# The lock holds no JAX: few need it.
$(JAX_VENV)/.ready: requirements.lock pyproject.toml
	$(environment)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check \
	  --no-build-isolation -e ".[jax]"
	@touch $@

docs: $(VENV)/.ready
	$(RUN) docs/make_cells.py

format: $(VENV)/.ready
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

# Needs uv. The lock holds for every platform and Python version that the project supports.
lock:
	uv pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 \
	  --custom-compile-command "make lock" --output-file requirements.lock

clean:
	rm -rf $(VENV) $(JAX_VENV) .pytest_cache .ruff_cache .mypy_cache build *.egg-info
