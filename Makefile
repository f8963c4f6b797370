# Everything runs in a virtual environment of its own, made here from Python 3.11+ alone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
READY := $(VENV)/ready
export UV_CONSTRAINT := $(CURDIR)/.ci/constraints.txt
export UV_BUILD_CONSTRAINT := $(CURDIR)/.ci/constraints.txt
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

PLUGINS := $(wildcard plugins/*)
PROJECTS := pyproject.toml $(wildcard plugins/*/pyproject.toml)

.PHONY: help demo test coverage lint types format wheels hostile test-redaction bench bench-accounts bench-redaction bench-profile bench-arrow bench-engines bench-receiving bench-ledger bench-stream soak-ledger soak-receiving soak-connections soak-backfill soak-stream docs site screenshots snapshots clean

help: ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): $(PROJECTS) .ci/constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt uv
	$(UV) pip install --quiet --group dev --editable '.[test]' $(addprefix --editable ./,$(PLUGINS))
	@touch $@

demo: $(READY) ## read every fixture of every provider, and explain one
	@$(BIN)/delivrd demo fixtures

test: $(READY) ## run all tests, the conformance kit on every provider among them
	$(BIN)/python $(MEASURE) -m pytest

coverage: $(READY) ## run all tests and measure the branches they reach
	$(MAKE) test MEASURE="-m coverage run"
	$(BIN)/python -m coverage report

lint: $(READY) ## check style, and that nothing reads a clock, a file or a socket where it must not
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## check the types, strictly
	$(BIN)/mypy

format: $(READY) ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheels: $(READY) ## build every package, and test each plugin alone from its wheel
	bash tests/wheels.sh $(BIN) build

hostile: $(READY) ## 300,000 hostile inputs over all providers (HOSTILE=1000 for ten times as many)
	$(BIN)/python -m pytest fixtures -k hostile --delivrd-hostile=$(or $(HOSTILE),100) -q

test-redaction: $(READY) ## 100,000 secrets in any spelling and any place: none is stored, shown or logged
	$(BIN)/python -m pytest tests/test_redaction.py -k nothing_stored --hypothesis-profile=redaction -q

bench-redaction: $(READY) ## milliseconds that taking secrets out of 512 KiB of escapes costs, and microseconds for a callback
	$(BIN)/python tests/bench_redaction.py

bench: $(READY) ## what reading costs, beside what it could cost and what peers take (REPORTS=10000000 for a longer watch)
	$(UV) pip install --quiet --group bench
	$(UV) pip install --quiet --no-deps jasmin
	$(BIN)/python tests/bench.py --reports $(or $(REPORTS),1000000)

bench-accounts: $(READY) ## what many accounts cost beside few, and an account made for each call beside a held one
	$(BIN)/python tests/bench_growth.py

bench-profile: $(READY) ## where the time of a read goes, line by line of the compiled reader
	$(BIN)/python tests/bench_profile.py

bench-arrow: $(READY) ## what reading and looking up by columns costs, beside what it could cost
	$(BIN)/python tests/bench_arrow.py

bench-engines: $(READY) ## two million rows by the kernel, a backfill, Spark and Ray (ROWS=200000 for fewer; needs java)
	$(BIN)/python tests/bench_engines.py --rows $(or $(ROWS),2000000)

bench-receiving: $(READY) ## what receiving adds to a bare framework, over sockets
	$(BIN)/python tests/bench_receiving.py

bench-ledger: $(READY) ## what keeping and finding costs, with ten million messages (MESSAGES=300000 for fewer)
	$(BIN)/python tests/ledger/bench_ledger.py --messages $(or $(MESSAGES),10000000)

bench-stream: $(READY) ## what normalising adds to passing on, between streams of Redis
	$(BIN)/python tests/bench_stream.py

soak-ledger: $(READY) ## eight processes write 200,000 receipts into each store, and are killed forty times
	$(BIN)/python tests/ledger/soak.py sqlite
	$(BIN)/python tests/ledger/soak.py postgresql

soak-receiving: $(READY) ## 100,000 callbacks over sockets into each store, while the receiver is killed ten times
	$(BIN)/python tests/soak_receiving.py --store sqlite
	$(BIN)/python tests/soak_receiving.py --store postgresql

soak-connections: $(READY) ## a receiver with 80 open files among 200 slow and 150 idle connections, and 200 bodies of strangers
	$(BIN)/python tests/soak_connections.py

soak-backfill: $(READY) ## two million rows, while the backfill is killed twenty times (ROWS=100000 for fewer)
	$(BIN)/python tests/soak_backfill.py --rows $(or $(ROWS),2000000)

soak-stream: $(READY) ## 10,000 inputs through a worker between topics of Redis, RabbitMQ and NATS, while it is killed eight times
	$(BIN)/python tests/soak_stream.py redis
	$(BIN)/python tests/soak_stream.py rabbit
	$(BIN)/python tests/soak_stream.py nats

docs: $(READY) ## write the generated pages of docs/ again
	$(BIN)/python tests/write_docs.py

site: $(READY) ## make a site of docs/ in build/site
	$(BIN)/sphinx-build --builder html --fresh-env --write-all --nitpicky --fail-on-warning --keep-going --quiet \
		--doctree-dir build/doctrees docs build/site

screenshots: $(READY) ## take the picture of the live page again (needs Debian's chromium)
	PYTHONPATH=tests $(BIN)/python tests/serve/screenshots.py docs/serve.png

snapshots: $(READY) ## accept what the fixtures come out as; read the difference before you commit it
	$(BIN)/python -m pytest fixtures -k snapshot --snapshot-update -q

clean: ## remove what was made here
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .delivrd
