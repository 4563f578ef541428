# Two commands set everything up on a machine with Python 3.11 or newer and make:
#   make demo    a miniature release is built, signed, verified and lint-checked before your eyes
#   make test    style, types and every test but the long ones
# `make help` lists the rest.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || command -v python)
VENV ?= .venv
BIN := $(VENV)/bin
# Number of test processes; two suit a small machine.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test quick coverage long lint format spec rule fuzz mutate bench clean

help:
	@grep -hE '^#:' $(MAKEFILE_LIST) | sed 's/^#: //'

# A stamp file stands for an environment: it is built again only when pyproject.toml changes.
$(VENV)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with PYTHON=…")'
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/run: $(VENV)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/dev: $(VENV)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev,peers]'
	@touch $(VENV)/run $@

#: make demo     a miniature open release: built, signed, verified, taken apart
demo: $(VENV)/run
	$(BIN)/manifest demo

#: make test     style, types, tests
test: $(VENV)/dev lint
	$(BIN)/pytest -n $(JOBS) -m 'not long'

#: make coverage  the same tests, and which lines and branches they reach
coverage: $(VENV)/dev
	$(BIN)/pytest -n $(JOBS) -q -m 'not long' --cov --cov-report=term

#: make quick    the tests alone, until the first failure
quick: $(VENV)/dev
	$(BIN)/pytest -n $(JOBS) -m 'not long' -x -q

#: make long     the tests that take longer: wheel, demo, large trees
long: $(VENV)/dev
	$(BIN)/pytest -m long

#: make lint     style and types
lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

#: make format   what ruff can mend by itself
format: $(VENV)/dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

#: make spec     write again what is generated: test vectors, the page of rules, shown output
spec: $(VENV)/dev
	$(BIN)/python -m spec.vectors.generate
	$(BIN)/manifest rules --format markdown > spec/rules.md
	UPDATE_GOLDEN=1 $(BIN)/pytest -q tests/project/test_documents.py -k commands_run

#: make rule     begin a rule: CODE=DAT017, and GATES=open-source where a verdict needs it
rule: $(VENV)/dev
	$(BIN)/python -m spec.new_rule $(CODE) $(GATES)

#: make fuzz     the parsers of what strangers write: MINUTES=60, five when not said
fuzz: $(VENV)/dev
	$(BIN)/python tests/fuzzing/fuzz.py --minutes $(or $(MINUTES),5) --jobs $(JOBS)

#: make mutate   mutants of what decides about trust, within the hour; ONLY='manifest.policy.versions*'
mutate: $(VENV)/dev
	$(BIN)/python -m pip install --quiet 'mutmut>=3.8,<3.9'
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python tests/mutation/mutate.py --jobs $(JOBS) $(if $(ONLY),--only '$(ONLY)')

#: make bench    time beside openssl and the peer tool; needs a quiet machine, 5 GB of disk, 8 minutes
bench: $(VENV)/dev
	$(BIN)/python tests/benchmarks/run.py

#: make clean    remove what was built here
clean:
	rm -rf $(VENV) build dist .coverage .coverage.* htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis demo-release
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
