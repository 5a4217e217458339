# Two commands do all the set-up: `make run` and `make test`. Both need only Python 3.11 or newer.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
BENCH := .venv-bench

.DEFAULT_GOAL := help
.PHONY: help run test browser floors floors-environments bench bench-todo bench-pool bench-overload bench-start bench-testing bench-tracing bench-client soak faults replicas growth poolers fleet fleet-faults fleet-rolling fleet-programs promtool fuzz check docs clients clients-environment clients-lock lines containers format clean

help:  ## Show these commands.
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.runtime  ## Serve the Todo API on an embedded PostgreSQL (HOST=, PORT=, DATABASE_URL=).
	@exec $(BIN)/todo serve --migrate

JOBS ?= 4
# Every worker, and each of the programs that tests start, would compile everything for itself.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.dev  ## Run the tests of the library and of the application (JOBS=, at the same time).
	$(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
	@echo "Left out: the Todo client in a browser, which make browser tests."

CHROMIUM = $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
browser: JOBS = 2
browser: $(VENV)/.dev  ## Test the Todo client and the live page in Chromium (JOBS=, at the same time).
	@if [ -n "$(CHROMIUM)" ] || [ "$$BROWSER" = required ]; then \
	  $(MAKE) $(VENV)/.browser && $(BIN)/mypy bench/todo_client/*.py todo/tests/browser/*.py && \
	  BROWSER=required $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder todo/tests/browser; \
	else \
	  echo "Without Chromium, the Todo client is not tested in a browser."; \
	fi

FLOORS := .venv-floors
FLOOR_ENVIRONMENTS := $(FLOORS)/lowest/.made $(FLOORS)/sqlalchemy-2.0/.made
floors-environments: $(FLOOR_ENVIRONMENTS)

# Without the slow tests much of the time is waiting.
floors: JOBS = 4
floors: $(FLOOR_ENVIRONMENTS)  ## Run the library's tests, without the slow ones, at its lowest versions (JOBS=).
	rm -f $(FLOORS)/*.whl
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir $(FLOORS) .
	@for floor in $(^:%/.made=%); do \
	  echo "$$floor:" && \
	  case $$floor in */sqlalchemy-2.0) export WELLHEAD_TOOLS=required ;; esac && \
	  $$floor/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --force-reinstall $(FLOORS)/*.whl && \
	  $$floor/bin/python -m pytest -q -m "not slow" -o addopts="$(FLOOR_OPTIONS)" \
	    -W "ignore:The anyio.abc.BlockingPortal alias:DeprecationWarning" \
	    --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder tests || exit; \
	done

# Without what needs the application, and without what reads the sources only. The test client of an
# old Starlette takes a name from anyio of which a new one warns, and an old anyio's plugin, which no
# test uses, takes one from pytest.
FLOOR_OPTIONS := --import-mode=importlib -p wellhead.testing -p no:anyio --strict-markers --strict-config -ra \
  --ignore=tests/docs --ignore=tests/faults --ignore=tests/fleet --ignore=tests/site --ignore=tests/test_architecture.py --ignore=tests/test_docs.py --ignore=tests/todo_speed

# The lowest versions have no wheels for the newest Python.
$(FLOORS)/%/.made: requirements/floors-%.txt | $(VENV)/.dev
	rm -rf $(FLOORS)/$*
	$$(command -v python3.11 || echo $(PYTHON)) -m venv $(FLOORS)/$*
	$(FLOORS)/$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

EXAMPLES ?= 300
fuzz: $(VENV)/.dev  ## Make up many more requests for the Todo API than the tests do (EXAMPLES=).
	CONTRACT_EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q todo/tests/test_contract.py -k whatever

SEED ?=
faults: $(VENV)/.dev  ## Let everything fail under load and write the table to docs/explanation/failure.md (SEED=).
	$(BIN)/python -m bench.faults $(if $(SEED),--seed $(SEED)) --write docs/explanation/failure.md

replicas: $(VENV)/.dev  ## Count stale reads on streaming replicas and write the table to docs/explanation/scale.md.
	$(BIN)/python -m bench.fleet.routing --write docs/explanation/scale.md

growth: $(VENV)/.dev  ## Count what requests take with more processes and replicas, and write the tables to docs/explanation/scale.md.
	$(BIN)/python -m bench.fleet.growth --write docs/explanation/scale.md

poolers:  ## Fetch the PgBouncers of the tests (on Debian; needs no root, installs nothing).
	scripts/install-poolers .poolers

promtool:  ## Fetch Prometheus's checker of alerts for the tests (on Debian; needs no root, installs nothing).
	scripts/install-promtool .promtool

FLEET := .fleet
fleet: fleet-programs $(VENV)/.dev  ## Start a fleet with Patroni: three PostgreSQLs, etcd, HAProxy, PgBouncers, four Todo APIs (on Debian; Ctrl-C ends it).
	@exec $(BIN)/python -m bench.fleet

ASYNCHRONOUS ?=
fleet-faults: fleet-programs $(VENV)/.dev  ## Let the fleet fail under load and write the table to docs/explanation/scale.md (SEED=; QUICK=1: three minutes, writes nothing; ASYNCHRONOUS=1: commits wait for no replica).
	$(BIN)/python -m bench.fleet.faults $(if $(SEED),--seed $(SEED)) $(if $(ASYNCHRONOUS),--asynchronous) $(if $(QUICK),--quick,--write docs/explanation/scale.md)

fleet-rolling: fleet-programs $(VENV)/.dev  ## Replace every part of the fleet under load and write the table to docs/explanation/scale.md (SEED=).
	$(BIN)/python -m bench.fleet.rolling $(if $(SEED),--seed $(SEED)) --write docs/explanation/scale.md

fleet-programs: poolers $(FLEET)/patroni/.made  ## Fetch the programs of the fleet and its tests (on Debian; needs no root, installs nothing).
	scripts/install-fleet $(FLEET)

$(FLEET)/patroni/.made: requirements/fleet.txt
	rm -rf $(FLEET)/patroni
	$(PYTHON) -m venv $(FLEET)/patroni
	$(FLEET)/patroni/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

check: $(VENV)/.dev  ## Check style, types, migrations, import directions and the reference pages.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy src tests deploy bench conftest.py
	$(BIN)/mypy todo/src todo/tests
	$(BIN)/wellhead migrate sql --scripts todo/src/todo/migrations > $(VENV)/migrations.sql
	$(BIN)/squawk $(VENV)/migrations.sql
	$(BIN)/python -m pytest -q tests/test_architecture.py tests/docs

SITE := .site
docs: $(VENV)/.docs  ## Build the site of these pages and of the library's names, and check it (.site/html/index.html).
	$(BIN)/mypy docs
	$(BIN)/python -m docs.site $(SITE)
	WELLHEAD_SITE=$(SITE)/html $(BIN)/python -m pytest -q tests/site

CLIENTS := todo/clients
clients: $(VENV)/.dev  ## Lint the Todo API's document, generate TypeScript clients and run them (needs Node.js 20).
	@if command -v npm >/dev/null; then \
	  $(MAKE) clients-environment && TODO_CLIENTS=yes $(BIN)/python -m pytest -q todo/tests/test_clients.py; \
	else \
	  echo "Without Node.js 20 and npm, no linter reads the document, and no client is generated and run."; \
	  [ -z "$$CI" ]; \
	fi

clients-environment: $(CLIENTS)/node_modules/.made
$(CLIENTS)/node_modules/.made: $(CLIENTS)/package-lock.json
	cd $(CLIENTS) && npm ci --silent
	@touch $@

# npm writes the addresses of those who ask for money, too.
clients-lock:  ## Lock the packages of todo/clients again after package.json was changed.
	cd $(CLIENTS) && npm install --package-lock-only && node --eval '$(WITHOUT_FUNDING)'
WITHOUT_FUNDING := const fs = require("fs"), lock = JSON.parse(fs.readFileSync("package-lock.json")); \
  for (const each of Object.values(lock.packages)) delete each.funding; \
  fs.writeFileSync("package-lock.json", JSON.stringify(lock, null, 2) + "\n")

lines: $(VENV)/.dev  ## Count the lines of code, room by room, without docstrings, comments and blank lines.
	@for room in src/wellhead/*/__init__.py src/wellhead/retry.py src/wellhead/ todo/src/todo/; do \
	  printf '%7s  %s\n' "$$($(BIN)/radon raw --summary $${room%__init__.py} \
	    | awk '/SLOC/ {lines = $$2} END {print lines}')" "$${room%__init__.py}"; \
	done

containers: $(VENV)/.docker  ## Build the images, run them and check them from outside (docs/how-to/docker.md).
	PATH="$(abspath $(BIN)):$$PATH" scripts/containers

format: $(VENV)/.dev  ## Format the code and fix what can be fixed automatically.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

QUICK ?=
ROUNDS ?= 11
bench: $(BENCH)/.installed  ## Measure Wellhead next to its peers and write docs/explanation/speed.md (ROUNDS=; QUICK=1: two minutes, writes nothing).
	$(BENCH)/bin/python -m bench.speed $(if $(QUICK),--quick,--rounds $(ROUNDS) --write docs/explanation/speed.md)

bench-todo: $(VENV)/.bench-todo  ## Measure the Todo API next to the same routes by hand and its earlier version, and write docs/explanation/todo-speed.md (ROUNDS=; QUICK=1).
	PYTHONPATH=$(VENV)/bench-todo $(BIN)/python -m bench.todo_speed $(if $(QUICK),--quick,--rounds $(ROUNDS) --write docs/explanation/todo-speed.md)

bench-pool: $(VENV)/.dev  ## Measure the pool next to its peers and write the table to docs/explanation/pool.md.
	$(BIN)/python -m bench.pool --write docs/explanation/pool.md

bench-overload: $(VENV)/.dev  ## Put ten times the clients on a service and write the table to docs/explanation/overload.md.
	$(BIN)/python -m bench.overload --write docs/explanation/overload.md

bench-start: $(VENV)/.dev  ## Measure the start of the Todo API and write the table to docs/how-to/run-in-production.md.
	$(BIN)/python -m bench.start --write docs/how-to/run-in-production.md

bench-testing: $(VENV)/.dev  ## Measure what a test on a database costs and write the table to docs/how-to/test-your-app.md.
	$(BIN)/python -m bench.testing --write docs/how-to/test-your-app.md

bench-tracing: $(VENV)/.dev  ## Measure what figures, durations and spans cost a request and write the table to docs/how-to/trace.md.
	$(BIN)/python -m bench.tracing --write docs/how-to/trace.md

bench-client: $(VENV)/.browser  ## Count what the Todo client loads, sends and draws in Chromium, and write the table to docs/explanation/todo-client.md.
	$(BIN)/python -m bench.todo_client --write docs/explanation/todo-client.md

REQUESTS ?= 200000
soak: $(VENV)/.dev  ## Send very many requests and write what grew to docs/explanation/overload.md (REQUESTS=).
	$(BIN)/python -m bench.soak --requests $(REQUESTS) --write docs/explanation/overload.md

clean:  ## Remove the virtual environment and the caches; the data in .wellhead stays.
	rm -rf $(VENV) $(FLOORS) $(BENCH) $(SITE) $(CLIENTS)/node_modules $(CLIENTS)/generated .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Wellhead needs Python 3.11 or newer; name one with PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements/runtime.txt pyproject.toml todo/pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . -e todo
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

# The Todo API of before needs one package more, which nothing else may find.
$(VENV)/.bench-todo: requirements/bench-todo.txt $(VENV)/.dev
	rm -rf $(VENV)/bench-todo
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --target $(VENV)/bench-todo -r requirements/bench-todo.txt
	@touch $@

$(VENV)/.docker: requirements/docker.txt $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docker.txt
	@touch $@

$(VENV)/.browser: requirements/browser.txt $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/browser.txt
	@touch $@

$(VENV)/.docs: requirements/docs.txt $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/docs.txt
	@touch $@

# One peer refuses the FastAPI of the others, so it has an environment of its own.
$(BENCH)/.installed: requirements/bench.txt requirements/bench-fastapi-sqla.txt pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench.txt
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(PYTHON) -m venv $(BENCH)/fastapi-sqla
	$(BENCH)/fastapi-sqla/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/bench-fastapi-sqla.txt
	@touch $@
