# The two commands of a newcomer are `make demo` and `make test`. Both install what is missing, say what they
# install, and do nothing twice. ARGS is handed on: make demo ARGS=--keep, make test ARGS='-k router'.

.DEFAULT_GOAL := help
SHELL := /bin/bash
bin := .venv/bin
# HAProxy, nft and ip are in sbin, which is not everybody's PATH
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: help
help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 20

.PHONY: demo
demo: .ready-demo ## Start the product, send real requests through a load balancer, clean up
	@scripts/as-root $(bin)/svcfabric demo $(ARGS)

.PHONY: test
test: .ready-test ## Lint, types, import rules, all tests with coverage
	@scripts/test.sh $(ARGS)

.PHONY: soak
soak: .ready-test ## The long tests: a storm of changes under full load, a hundred load balancers (minutes)
	@scripts/as-root $(bin)/pytest -m soak $(ARGS)

.PHONY: bench
bench: .ready-test ## Measure: a new load balancer's first answer, security groups, the API (ARGS='--beside OPENRC': and another's)
	@$(bin)/python -m tests.bench.plumbing
	@scripts/as-root $(bin)/python -m tests.bench.first_answer
	@scripts/as-root $(bin)/python -m tests.bench.security
	@scripts/as-root $(bin)/python -m tests.bench.api $(ARGS)

.PHONY: bench-scale
bench-scale: .ready-test ## Measure what size costs: 10,000 ports in 100 networks on 20 simulated hosts (ARGS=--help)
	@scripts/as-root $(bin)/python -m tests.bench.scale $(ARGS)

.PHONY: ceilometer
ceilometer: .ready-test ## Have a real Ceilometer record the events of a tenant's networks, routers, load balancers
	@scripts/as-root $(bin)/python -m tests.conformance.ceilometer

.PHONY: conformance
conformance: .ready-test ## Run tempest's modules for networks and load balancers against the product
	@scripts/as-root $(bin)/python -m tests.conformance.run $(ARGS)

.PHONY: up
up: .ready-demo ## Run the product until Ctrl-C: API, controller and agent in one process
	@scripts/as-root $(bin)/svcfabric up $(ARGS)

.PHONY: doctor
doctor: .ready-demo ## Say what this machine lacks and what will be used instead
	@scripts/as-root $(bin)/svcfabric doctor $(ARGS)

.PHONY: lint
lint: .ready-test ## The quick part of `make test`: ruff, mypy, import rules
	@scripts/lint.sh

.PHONY: format
format: .ready-test ## Let ruff sort imports and format
	@$(bin)/ruff check --quiet --fix-only . && $(bin)/ruff format .

.PHONY: clean
clean: ## Remove what make made: virtual environments, caches, logs
	rm -rf .venv .cache .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info

.PHONY: .ready-demo
.ready-demo:
	@scripts/packages.sh demo && scripts/venv.sh

.PHONY: .ready-test
.ready-test:
	@scripts/packages.sh test && scripts/venv.sh postgresql,mysql,test
