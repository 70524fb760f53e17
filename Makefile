# Names for commands. `make up` runs everything, `make test` proves everything.
STACK ?= embedded
PYTHON := .venv/bin/python
PORT ?= 8000
# -n 3: browsers, servers and locks are waited for, so two cores feed three; tests/settings.py gives
# each its database and its Redis number.
PYTEST := $(PYTHON) -m pytest -n 3
# What was compiled stays: three workers read the tests on each engine, a hundred processes the rest.
unexport PYTHONDONTWRITEBYTECODE

# What money rests on, on OceanBase; the whole suite there: make test-oceanbase.
OCEANBASE := $(PYTHON) ops/servers.py with --oceanbase --throwaway -- $(PYTHON) -m pytest
ON_OCEANBASE := tests/races/test_crowd.py tests/races/test_stacks.py packets/tests/test_grab.py \
	packets/tests/test_refund.py kit/tests/test_retry.py tests/flows/test_idempotency.py \
	packets/tests/test_settle.py wallets/tests/test_audit.py packets/tests/test_seed_demo.py

.PHONY: up down production containers demo test test-fast test-brokers test-oceanbase lint lint-types lint-rest bench bench-scaling \
	bench-bystander pictures audit faults nightly

up:
	@ops/setup.sh $(STACK)
	@$(PYTHON) ops/up.py $(STACK)

down:
	@python3 ops/up.py down

# deploy/'s own files on one machine, on loopback: https://localhost:8443
production:
	@ops/setup.sh production
	@$(PYTHON) ops/production.py

# deploy/'s image and compose file, tried with podman; as root: http://127.0.0.1:8765
containers:
	@ops/setup.sh containers
	@$(PYTHON) ops/containers.py

demo:
	@ops/setup.sh embedded
	@$(PYTHON) ops/demo.py http://127.0.0.1:$(PORT)

test: lint
	$(PYTEST)
	REDPACKET_REQUIRE=mariadb,redis $(PYTHON) ops/servers.py with --throwaway -- $(PYTEST) -m "not once"
	@if ops/setup.sh oceanbase; then \
		echo "on OceanBase:"; REDPACKET_REQUIRE=oceanbase,redis $(OCEANBASE) $(ON_OCEANBASE); \
	else echo "OceanBase's leg is left out: its package cannot be installed here."; fi

# With RabbitMQ as broker and Valkey in Redis' place; `make test` does so where they are installed.
test-brokers:
	@ops/setup.sh dev
	@ops/setup.sh rabbitmq
	@ops/setup.sh valkey
	REDPACKET_REQUIRE=mariadb,redis $(PYTHON) ops/servers.py with --throwaway -- $(PYTHON) -m pytest \
		kit/tests/test_brokers.py tests/races/test_brokers.py tests/races/test_stacks.py

test-oceanbase:
	@ops/setup.sh dev
	@ops/setup.sh oceanbase
	REDPACKET_REQUIRE=oceanbase,redis $(OCEANBASE) -n 2 -m "not once and not browser"

test-fast:
	@ops/setup.sh dev
	$(PYTEST) -m "not once"

# Types take as long as all the others: they are looked at beside them.
lint:
	@ops/setup.sh dev
	@$(MAKE) --no-print-directory -j 2 --output-sync=target lint-types lint-rest

lint-types:
	$(PYTHON) -m mypy

lint-rest:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	.venv/bin/lint-imports --no-cache --no-logo
	$(PYTHON) manage.py check --fail-level WARNING
	$(PYTHON) manage.py makemigrations --check --dry-run

bench:
	@ops/setup.sh dev
	$(PYTHON) ops/servers.py with -- $(PYTHON) bench/grab.py
	$(PYTHON) ops/servers.py with -- $(PYTHON) bench/refusal.py
	$(PYTHON) ops/servers.py with -- $(PYTHON) bench/settle.py
	$(PYTHON) ops/servers.py with -- $(PYTHON) bench/flow.py
	$(PYTHON) bench/table.py

# Longer, and without goals: 1, 2 and 4 processes, more packets, members and rows.
bench-scaling:
	@ops/setup.sh dev
	$(PYTHON) ops/servers.py with -- $(PYTHON) bench/scaling.py

bench-bystander:
	@ops/setup.sh dev
	$(PYTHON) ops/servers.py with -- $(PYTHON) bench/bystander.py

# The product under load, hurt so many times (docs/faults.md); the table: bench/results/faults.json
COUNT ?= 200
SEED ?= 1
faults:
	@ops/setup.sh dev
	$(PYTHON) -m tests.faults --count $(COUNT) --seed $(SEED) --out bench/results/faults.json

# What takes minutes and wants a machine for itself: 200 faults, a rolling release under load, and the
# whole product of what `make test` takes a part of (docs/decisions/0073)
nightly:
	@ops/setup.sh dev
	@ops/setup.sh full
	$(PYTHON) -m pytest -m nightly
	REDPACKET_REQUIRE=mariadb,redis $(PYTHON) ops/servers.py with --throwaway -- \
		$(PYTHON) -m pytest -m "nightly and not once"

# docs/pictures' pages and recording, anew
pictures:
	@ops/setup.sh dev
	$(PYTHON) ops/pictures.py

audit:
	@$(PYTHON) manage.py audit
