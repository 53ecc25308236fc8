# Everything here sets itself up: a bare machine with Python 3.11 to 3.13 is enough (TensorFlow has
# no wheels for later ones yet).
PYTHON ?= $(firstword $(foreach v,python3 python3.13 python3.12 python3.11 python,\
  $(shell $(v) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $(v))))
VENV := .venv
RUN := $(VENV)/bin/python
JAX_VENV := .venv-jax
WEB := tests_web/node_modules
# A worker a core, a file at a time: a test of tracing and compiling keeps one core busy.
TEST := $(RUN) -m pytest -q -n auto --dist loadfile

.PHONY: help demo test test-long check setup docs test-data test-jax test-web demo-page lock format clean
.PHONY: bench-imdb bench-builtin bench-engine bench-engine-curves bench-imdb-epoch bench-gradient-flow
.PHONY: bench-linear-scan bench-long-memory bench-mnist-rows bench-mnist-pixels
.PHONY: bench-export bench-export-table bench-imdb-export
.PHONY: bench-translation bench-decoder-steps bench-decoding-speed bench-set2set
.PHONY: bench-language-models bench-frames bench-captioning

help:
	@echo "make demo        train, test, export and run a sentiment model on built-in data"
	@echo "make test        the test suite"
	@echo "make test-long   the tests that train, measure, or go through all architectures"
	@echo "make check       format, lint, types and the fast tests"
	@echo "make setup       the environment alone, in $(VENV)"
	@echo "make test-data   the tests that need real data, where TFDS_DATA_DIR says, and before"
	@echo "                 _DATA_DIR: TRANSLATION, LANGUAGE_MODEL, SEQUENCES, CAPTIONING"
	@echo "make test-jax    cells, layers and models on JAX, in an environment of their own"
	@echo "make test-web    exports and the demo page in LiteRT.js (needs npm; the page: Chromium)"
	@echo "make demo-page   docs/demo with a model in the browser (needs npm); of a run of yours:"
	@echo "                 make demo-page FROM=runs/imdb LENGTH=600"
	@echo "make bench-engine   the time loop beside Keras and torch, into docs/RESULTS.md"
	@echo "make bench-engine-curves  the same over lengths and sizes, with a picture"
	@echo "make bench-linear-scan  minGRU by its scan, stepped, and beside a GRU"
	@echo "make bench-long-memory  all cells on tasks with long dependencies, with a picture"
	@echo "make bench-mnist-rows, bench-mnist-pixels  MNIST as sequences (TFDS_DATA_DIR)"
	@echo "make bench-gradient-flow  gradient and gates over time, with pictures, into docs/RESULTS.md"
	@echo "make bench-builtin  three demo models beside a bag of words, into docs/RESULTS.md"
	@echo "make bench-imdb  three runs on IMDB reviews beside Keras' own example, into docs/RESULTS.md"
	@echo "make bench-imdb-epoch  steps of an epoch on IMDB reviews beside keras.layers"
	@echo "make bench-export  exported layers beside what Keras exports, into docs/RESULTS.md"
	@echo "make bench-export-table  every layer in every form, into docs/EXPORT.md"
	@echo "make bench-imdb-export  what exports of runs/imdb lose on the test reviews"
	@echo "make bench-translation  the papers' architectures on Multi30k (TRANSLATION_DATA_DIR)"
	@echo "make bench-captioning  built-in pictures, Flickr8k with attention (CAPTIONING_DATA_DIR)"
	@echo "make bench-decoder-steps  training steps of decoders with attention, compiled and plain"
	@echo "make bench-decoding-speed  beam search in the graph beside a loop in Python"
	@echo "make bench-set2set  sorting sets of numbers, by steps of processing"
	@echo "make bench-language-models  characters and words: Shakespeare (TFDS_DATA_DIR), the Penn"
	@echo "                 Treebank (LANGUAGE_MODEL_DATA_DIR)"
	@echo "make bench-frames  labels of frames: built-in clips, phases of gestures (SEQUENCES_DATA_DIR)"
	@echo "make docs        docs/CELLS.md from the classes, every cell exported"
	@echo "make format      mend format and lint;  make lock: renew requirements.lock;  make clean"

demo: $(VENV)/.ready
	$(RUN) -m tasks sentiment demo

test: $(VENV)/.ready
	$(TEST) -m "not realdata and not long"

# Trainings and measurements: one after the other, for they share the cores with nobody.
test-long: $(VENV)/.ready
	$(RUN) -m pytest -q -m long

check: $(VENV)/.ready
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .
	$(RUN) -m mypy
	$(TEST) -m "not realdata and not long and not slow"

setup: $(VENV)/.ready

test-data: $(VENV)/.ready
	$(RUN) -m pytest -q -m realdata

# Where TensorFlow cannot be imported, but for one process that compares the values of both.
test-jax: $(JAX_VENV)/.ready
	KERAS_BACKEND=jax $(JAX_VENV)/bin/python -m pytest -q -n auto --dist loadfile tests_jax tests/models

test-web: $(VENV)/.ready $(WEB)/.ready
	$(RUN) -m pytest -q tests_web

demo-page: $(VENV)/.ready $(WEB)/.ready
	$(RUN) -m docs.make_demo $(if $(FROM),--run $(FROM)) $(if $(LENGTH),--length $(LENGTH))

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

bench-export: $(VENV)/.ready
	$(RUN) -m benchmarks.export_latency

bench-export-table: $(VENV)/.ready
	$(RUN) -m benchmarks.export_table

bench-imdb-export: $(VENV)/.ready
	$(RUN) -m benchmarks.imdb_export

bench-translation: $(VENV)/.ready
	$(RUN) -m benchmarks.translation

bench-captioning: $(VENV)/.ready
	$(RUN) -m benchmarks.captioning

bench-decoder-steps: $(VENV)/.ready
	$(RUN) -m benchmarks.decoder_steps

bench-decoding-speed: $(VENV)/.ready
	$(RUN) -m benchmarks.decoding_speed

bench-set2set: $(VENV)/.ready
	$(RUN) -m benchmarks.set2set_sorting

bench-language-models: $(VENV)/.ready
	$(RUN) -m benchmarks.language_models

bench-frames: $(VENV)/.ready
	$(RUN) -m benchmarks.frame_labelling

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

# LiteRT.js, in the version and with the checksum that the lock names.
$(WEB)/.ready: tests_web/package.json tests_web/package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed and was not found; install Node.js 20 \
	or later, which brings it" >&2; exit 1; }
	cd tests_web && npm ci
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
	rm -rf $(VENV) $(JAX_VENV) $(WEB) docs/demo/vendor .pytest_cache .ruff_cache .mypy_cache build *.egg-info
