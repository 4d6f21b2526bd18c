# Every target works on a bare machine with Python and make: .venv is made on first use and
# again whenever requirements.lock changes.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
UV     := uv==0.13.9
JOBS   ?= auto
SPEC   ?=
N      ?= 1000
SECONDS ?= 60
SEEDS   ?= 20

.DEFAULT_GOAL := help
.PHONY: help demo test airflow crash crowd soak ties exports lint format docs catalog bench lock clean $(VENV)

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(VENV): $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(UV)'
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(STAMP)  ## seven countries' books into sage.duckdb, from a sandbox server
	$(BIN)/sage-elt demo

test: $(STAMP)  ## the test suite, in parallel
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

airflow: $(STAMP)  ## the test that starts a whole Airflow, some minutes
	$(BIN)/python -m pytest -m airflow

crash: $(STAMP)  ## kill N processes in the middle of a refresh; count lost tokens
	$(BIN)/python tests/support/crash.py $(N)

crowd: $(STAMP)  ## 16 processes share one-second tokens, on one machine and over PostgreSQL
	$(BIN)/python tests/support/crowd.py $(SECONDS)

soak: $(STAMP)  ## random histories of edits, faults and kills for SECONDS; each must end equal to Sage
	$(BIN)/python tests/support/soak.py $(SECONDS)

ties: $(STAMP)  ## every check over the sandbox's books of seven countries, seeds 1 to SEEDS
	$(BIN)/python tests/support/ties.py $(SEEDS)

exports: $(STAMP)  ## the tests of export files over the books of seeds 1 to SEEDS
	for seed in $$(seq $(SEEDS)); do EXPORT_SEED=$$seed $(BIN)/python -m pytest -q tests/end_to_end/test_export.py || exit 1; done

lint: $(STAMP)  ## format check, lint, strict types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)  ## reformat and apply safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(STAMP)  ## write the reference pages anew, build the site into docs/_build/html
	for script in scripts/make_*_docs.py; do $(BIN)/python $$script || exit 1; done
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going -b html docs docs/_build/html

catalog: $(STAMP)  ## regenerate the catalogue: make catalog SPEC=path/to/openapi-3.1.json
	@test -n "$(SPEC)" || { echo "usage: make catalog SPEC=path/to/the/published/specification.json" >&2; exit 2; }
	$(BIN)/python scripts/make_catalogue.py "$(SPEC)"

bench: $(STAMP)  ## side-by-side performance, one run
	$(BIN)/python -m benchmarks.bench

lock: $(VENV)  ## resolve requirements.lock anew from pyproject.toml
	VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command 'make lock' --group dev --all-extras \
	  pyproject.toml --output-file requirements.lock

clean:  ## remove what the targets made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
