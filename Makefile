# Qorgau. Needs Python 3.11 or newer with venv, pip and make; everything else is installed into .venv.
PYTHON ?= python3
BIN := .venv/bin
JOBS ?= auto
SERVICES ?= var/services
COVERAGE := $(BIN)/coverage
COUNTED := tests/unit tests/scenarios tests/obligations tests/integration/test_signing.py tests/integration/test_four_eyes.py \
    tests/integration/test_attacked_merges.py tests/integration/test_before_approval.py \
    tests/integration/test_timekeeping.py tests/integration/test_decided_as_seen.py tests/integration/test_need_to_know.py \
    tests/integration/test_second_factor.py tests/integration/test_tokens.py

.PHONY: install install-dev run test test-all test-services test-full services-up services-down lint bench rules clean requirements messages asyncapi coverage coverage-all

install: .venv/.run
install-dev: .venv/.dev

.venv/.run: requirements/run.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/.dev: requirements/dev.txt .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

run: install           ## the console with a demonstration, on http://127.0.0.1:8080
	$(BIN)/qorgau serve --demo

lint: install-dev      ## format, lint, types, import rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

rules: install         ## inline tests of the rules, lint of the rules
	$(BIN)/qorgau rules test
	$(BIN)/qorgau rules lint

test: lint rules       ## everything that is quick; with MEASURED=1 the core's branches are counted on the way
ifdef MEASURED
	$(MAKE) coverage
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not slow and not services" $(addprefix --ignore=,$(COUNTED)) tests
else
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not slow and not services"
endif

test-all: lint rules   ## also the long ones
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "not services"
	$(BIN)/pytest -m services
	FULL_SETUP=1 $(BIN)/pytest -n $(JOBS) --dist worksteal tests/scenarios

test-services: install-dev  ## adapters against real servers
	$(BIN)/pytest -n $(JOBS) --dist worksteal -m "services and not slow"

test-full: install-dev  ## the scenarios over PostgreSQL and Elasticsearch instead of the embedded default
	FULL_SETUP=1 $(BIN)/pytest -n $(JOBS) --dist worksteal tests/scenarios -m "not slow"

coverage: install-dev  ## unit tests, scenarios and obligations; branch coverage of the core against its floors
	@mkdir -p var/coverage
	$(COVERAGE) erase
	$(COVERAGE) run -m pytest -n $(JOBS) --dist worksteal -m "not slow and not services" $(COUNTED)
	$(COVERAGE) combine --quiet
	$(COVERAGE) json --quiet --ignore-errors -o var/coverage/report.json
	$(BIN)/python -m tests.coverage_gate var/coverage/report.json engine=95 rules+playbooks=90

coverage-all: install-dev  ## everything, also over real servers; branch coverage of the whole product
	@mkdir -p var/coverage
	$(COVERAGE) erase
	$(COVERAGE) run -m pytest -n $(JOBS) --dist worksteal -m "not slow and not services"
	$(COVERAGE) run -m pytest -n $(JOBS) --dist worksteal -m "services and not slow"
	$(COVERAGE) combine --quiet
	$(COVERAGE) json --quiet --ignore-errors -o var/coverage/report.json
	$(BIN)/python -m tests.coverage_gate var/coverage/report.json engine=95 rules+playbooks=90 all=85

services-up: install-dev    ## PostgreSQL, Kafka, Elasticsearch and a mail server on this machine; prints their settings
	$(BIN)/python -m infra.lab.testbed up $(SERVICES)

services-down:         ## stops them
	$(BIN)/python -m infra.lab.testbed down $(SERVICES)

bench: install         ## figures with their floors
	$(BIN)/qorgau bench ledger --json
	$(BIN)/qorgau bench ledger --backend postgres --json
	$(BIN)/qorgau bench detect --json

requirements:          ## pin anew, with hashes (needs pip-tools)
	pip-compile -q --upgrade --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-header --extra build -o requirements/run.txt pyproject.toml
	pip-compile -q --upgrade --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url --no-emit-trusted-host --no-header --extra build --extra dev -o requirements/dev.txt pyproject.toml

messages: install       ## collects every message of the code and templates into reports/locale/*/LC_MESSAGES/qorgau.po
	$(BIN)/python -m infra.lab.messages

asyncapi: install       ## writes what systems send, from the catalogue of events
	$(BIN)/python -m infra.lab.reference.asyncapi > docs/api/events.asyncapi.yaml

clean:
	rm -rf .venv var .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info build
