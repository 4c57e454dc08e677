# make run        the service with its demo, on this machine only
# make check      the fast loop, about a minute: lint, formatting, types, unit tests, the widget's JavaScript
# make test       everything that is checked before a change lands; PYTEST_ARGS="-k name" narrows the tests
# make coverage   the tests once more, with a report of the lines that none of them runs (a figure, not a gate)
# make bundle     the widget as few, minified modules in static/dist, which the service then serves (needs Node)
# make lock       renews the lock files from pyproject.toml (needs uv)

PYTEST_ARGS ?=
# half of what a test does is to wait: three workers for two cores
WORKERS ?= $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 3 / 2 )))
PYTEST = .venv/bin/python -m pytest --numprocesses=$(WORKERS) --maxprocesses=6
UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
# a run is dozens of interpreters: without byte code each one compiles all files and all assertions again
export PYTHONDONTWRITEBYTECODE =

.PHONY: run check test coverage bundle lock static-checks

run:
	@sh requirements/install.sh run
	@INBOX_MODE=development INBOX_APPLICATION_IDENTIFIER=$${INBOX_APPLICATION_IDENTIFIER:-demo} \
		exec .venv/bin/python -m inbox serve --demo

static-checks:
	@sh requirements/install.sh test
	.venv/bin/python -m ruff check .
	.venv/bin/python -m ruff format --check .
	.venv/bin/python -m mypy

check: static-checks
	$(PYTEST) -q tests/unit tests/test_*.py $(PYTEST_ARGS)

test: static-checks
	$(PYTEST) --dist=worksteal $(PYTEST_ARGS)

coverage: static-checks
	$(PYTEST) --dist=worksteal --cov --cov-report=term:skip-covered --cov-report=html:test-results/coverage $(PYTEST_ARGS)

bundle:
	@sh requirements/install.sh test
	.venv/bin/python -m tests.support.bundle

lock:
	$(UV_COMPILE) --output-file requirements/run.txt pyproject.toml
	$(UV_COMPILE) --output-file requirements/test.txt --extra test --constraints requirements/run.txt pyproject.toml
