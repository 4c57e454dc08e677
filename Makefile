# make run     the service with its demo, on this machine only
# make test    everything that is checked before a change lands; PYTEST_ARGS="-k name" narrows the tests
# make lock    renews the lock files from pyproject.toml (needs uv)

PYTEST_ARGS ?=
UV_COMPILE = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

.PHONY: run test lock

run:
	@sh requirements/install.sh run
	@INBOX_MODE=development exec .venv/bin/python -m inbox serve --demo

test:
	@sh requirements/install.sh test
	.venv/bin/python -m ruff check .
	.venv/bin/python -m mypy
	.venv/bin/python -m pytest --numprocesses=auto --maxprocesses=4 --dist=loadfile $(PYTEST_ARGS)

lock:
	$(UV_COMPILE) --output-file requirements/run.txt pyproject.toml
	$(UV_COMPILE) --output-file requirements/test.txt --extra test --constraints requirements/run.txt pyproject.toml
