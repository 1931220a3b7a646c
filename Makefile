# `make` tells what there is. Needs make, Python 3.11 or newer and the package registries, nothing else.

# The Python of the environments; another one: make PYTHON=3.11 test
PYTHON ?= 3.13
UV_VERSION := 0.13.9

# uv: the one on PATH, else one in the project's folder (see .uv/bin/uv).
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
UV_READY := $(filter .uv/bin/uv,$(UV))
# The machine's certificates, as pip uses them (the second name is that of older uv versions).
export UV_SYSTEM_CERTS := true
export UV_NATIVE_TLS := true
export UV_LINK_MODE := copy
# An environment that happens to be active is not ours.
unexport VIRTUAL_ENV
# Without compiled modules every start of a command takes seconds, and tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

RUN := .venv/bin
SAM := SAM_CLI_TELEMETRY=0 .venv-sam/bin/sam
MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

.PHONY: help
help: ## Tell what there is
	@echo "make TARGET, with TARGET one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)$$/  \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

.PHONY: demo
demo: .venv/.stamp ## Send flow logs through the forward handler into a real OpenSearch, and look at them
	@$(RUN)/flowlogs demo $(ARGS)

.PHONY: outage
outage: .venv/.stamp ## Kill an OpenSearch while flow logs arrive; find it, mend it, and see that all adds up
	@$(RUN)/flowlogs demo --outage

.PHONY: replay
replay: .venv/.stamp ## Send what is kept in the failure bucket once more (ARGS="--dry-run" to look only)
	@$(RUN)/flowlogs replay $(ARGS)

.PHONY: opensearch
opensearch: .venv/.stamp ## Start the embedded OpenSearch and keep it running, with its data, until Ctrl-C
	@$(RUN)/flowlogs opensearch

.PHONY: test
test: .venv/.stamp .venv-sam/.stamp .venv-ministack/.stamp ## Run all tests, on a real embedded OpenSearch (ARGS="-k name" for some)
	@$(RUN)/pytest $(ARGS)

.PHONY: test-long
test-long: .venv/.stamp .venv-sam/.stamp .venv-ministack/.stamp ## Run the tests that take long and repeat in another way what others show
	@$(RUN)/pytest -m long -n 2 $(ARGS)
	@EXAMPLES=500 EQUALITY_LINES=100000 $(RUN)/pytest -n 2 tests/parser

.PHONY: bench
bench: .venv/.stamp .venv-sam/.stamp .venv-bench/.stamp ## Measure speed, memory and cost against other ways: benchmarks/RESULTS.md
	@$(RUN)/python -m benchmarks
	@.venv-bench/bin/python benchmarks/plot.py
	@$(RUN)/python -m tools.cost_tables docs/deploy.md docs/operations.md docs/performance.md

.PHONY: bench-compare
bench-compare: .venv/.stamp ## Compare this tree with a commit: processor time and, with valgrind, instructions (BASE=commit)
	@$(RUN)/python -m benchmarks.compare "$(BASE)"

.PHONY: equality
equality: .venv/.stamp ## Hold the fast path against the readable definition, over two million generated lines
	@EQUALITY_LINES=2000000 $(RUN)/pytest -q --timeout 0 tests/parser/test_compiled.py

.PHONY: soak
soak: .venv/.stamp ## Send a million events through faults drawn at random, and count them (SEED=1 repeats)
	@SOAK_EVENTS=$(or $(EVENTS),1000000) SEED=$(or $(SEED),$(shell date +%s)) \
	    $(RUN)/pytest -q -m long tests/faults/test_soak.py

.PHONY: mutants
mutants: .venv/.stamp ## Remove each safeguard in turn and see its test turn red
	@$(RUN)/python tests/faults/mutants.py

# The processor that was answered: in answers.toml, or as sam keeps it in samconfig.toml; else arm64.
ANSWERED := $(firstword $(shell sed -n -e 's/^ *Architecture *= *"\([a-z0-9_]*\)".*/\1/p' \
    -e 's/.*Architecture=[^a-z]*\([a-z0-9_]*\).*/\1/p' answers.toml samconfig.toml 2>/dev/null))
ARCH ?= $(or $(ANSWERED),arm64)
# Only one that is given to make itself is an answer.
GIVEN_ARCH = $(if $(filter command environment,$(firstword $(origin ARCH))),--parameter-overrides Architecture=$(ARCH))

# The built template takes this processor and no other: functions of another would not start.
.PHONY: build
build: .venv-sam/.stamp $(UV_READY) ## Build the functions for Lambda (ARCH=x86_64 for the other processor)
	@ARCH=$(ARCH) $(SAM) build --parameter-overrides Architecture=$(ARCH)
	@sed -i.bak -e '/^  Architecture:/,/^  [A-Z]/{' -e '/^    - /{/ $(ARCH)$$/!d' -e '}' \
	    -e 's/^    Default: .*/    Default: $(ARCH)/' -e '}' .aws-sam/build/template.yaml

# What is answered is kept in answers.toml. The command builds, once it knows that it can deploy.
.PHONY: deploy
deploy: .venv/.stamp .venv-sam/.stamp $(UV_READY) ## Deploy the stack to AWS; asks what has no default (ARGS=--guided again)
	@$(RUN)/flowlogs deploy $(GIVEN_ARCH) $(ARGS)

.PHONY: plan
plan: .venv/.stamp .venv-sam/.stamp $(UV_READY) ## Show what a deployment would change, and whom it would permit what; then stop
	@$(RUN)/flowlogs plan $(GIVEN_ARCH) $(ARGS)

.PHONY: smoke
smoke: .venv/.stamp ## Send a marked line through the deployed stack, and look at each step (STACK=name)
	@$(RUN)/flowlogs smoke $(if $(STACK),--stack $(STACK)) $(ARGS)

.PHONY: delete
delete: .venv/.stamp .venv-sam/.stamp ## Delete the stack, after saying what of it stays
	@$(RUN)/flowlogs delete $(ARGS)

EVENT ?= events/flow-logs-v2.json
FUNCTION ?= ForwardFunction
.PHONY: invoke
invoke: .venv/.stamp .venv-sam/.stamp ## Run a built function with EVENT=events/... (FUNCTION=StreamFunction or ReplayFunction), locally
	@$(RUN)/flowlogs invoke --function $(FUNCTION) $(EVENT)

.PHONY: check
check: .venv/.stamp validate ## Check formatting, lint, types and the templates
	@$(RUN)/ruff format --check --quiet || { echo "make format puts the formatting right" >&2; exit 1; }
	@$(RUN)/ruff check --quiet
	@$(RUN)/mypy

# What is left out of checkov's findings stands in the templates, each with its reason.
.PHONY: validate
validate: .venv-sam/.stamp .venv-checkov/.stamp ## Check the templates: sam validate, cfn-lint, checkov
	@told="$$($(SAM) validate --lint 2>&1)" || { echo "$$told" >&2; exit 1; }
	@.venv-sam/bin/cfn-lint stack/*.yaml
	@told="$$(.venv-checkov/bin/checkov --quiet --compact --framework cloudformation --skip-download \
	    --file template.yaml stack/*.yaml 2>&1)" || { echo "$$told" >&2; exit 1; }

.PHONY: workflows
workflows: .venv-workflows/.stamp ## Check the workflows in .github for holes
	@.venv-workflows/bin/zizmor --offline --quiet --persona pedantic .github

.PHONY: format
format: .venv/.stamp ## Format the code, and fix what lint can fix
	@$(RUN)/ruff format --quiet
	@$(RUN)/ruff check --quiet --fix

# Requirements are locked with hashes and without download addresses. Development comes first and binds
# the functions' versions: what is tested is what is shipped, and it fits the boto3 of the runtime.
LOCK = $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

.PHONY: lock
lock: $(UV_READY) ## Renew requirements/*.txt from the groups in pyproject.toml
	@echo "locking requirements/*.txt"
	@$(LOCK) --group pyproject.toml:dev --output-file requirements/dev.txt >/dev/null
	@$(LOCK) --group pyproject.toml:lambda --constraints requirements/dev.txt \
	    --output-file requirements/lambda.txt >/dev/null
	@for group in sam ministack checkov workflows bench release site; do \
	    $(LOCK) --group pyproject.toml:$$group --output-file requirements/$$group.txt >/dev/null || exit 1; done

.PHONY: docs
docs: .venv/.stamp ## Renew what is written from code and template: tables, NOTICE, the example of answers, the version
	@$(RUN)/python -m tools.field_table docs/fields.md
	@$(RUN)/python -m tools.source_map README.md docs/design.md
	@$(RUN)/python -m tools.notice NOTICE
	@$(RUN)/python -m tools.cost_tables docs/deploy.md docs/operations.md docs/performance.md
	@$(RUN)/python -m tools.setup_version template.yaml
	@$(RUN)/python -m tools.answers_example answers.example.toml

.PHONY: site
site: .venv-site/.stamp ## Make a site of docs/ in .site/; a broken link fails it
	@NO_MKDOCS_2_WARNING=1 .venv-site/bin/mkdocs build --strict --quiet
	@echo "site: .site/index.html"

.PHONY: release
release: .venv/.stamp .venv-sam/.stamp .venv-release/.stamp $(UV_READY) ## Build what is published as VERSION=x.y.z into dist/, twice, and compare; upload nothing
	@$(RUN)/python -m tools.release "$(VERSION)"

.PHONY: dashboards
dashboards: .venv/.stamp ## Renew the saved objects for OpenSearch Dashboards from the panels
	@$(RUN)/python -m flowlogs.dashboards.saved_objects
	@$(RUN)/python -m tools.setup_version template.yaml

.PHONY: report
report: .venv/.stamp ## Write report.html about a running cluster (ARGS="--since 2026-01-15 --until 2026-01-16")
	@$(RUN)/flowlogs report $(ARGS)

.PHONY: clean
clean: ## Remove environments, builds, caches and the embedded OpenSearch's data
	@rm -rf .uv .venv .venv-* .opensearch .aws-sam .site report.html dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# ---- environments: made when missing, made again when what they are made from has changed ----

# Run from / with pyenv's choice lifted, so that a .python-version this machine lacks stops nobody.
.uv/bin/uv:
	@echo "installing uv $(UV_VERSION) into .uv/" >&2
	@rm -rf .uv; root="$$PWD"; \
	for python in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do \
	    if (cd / && "$$python" -m venv "$$root/.uv") >/dev/null 2>&1; then break; fi; rm -rf .uv; \
	done; \
	test -d .uv || { echo "no Python here can make an environment (python3 -m venv): install Python 3.11" \
	    "or newer with its venv module (Debian: apt-get install python3-venv), or uv itself." >&2; exit 1; }
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$(UV_VERSION)" || { rm -rf .uv; \
	    echo "uv could not be installed from the package registry: see above, or install uv yourself." >&2; exit 1; }

# $(call environment,FOLDER): an environment of Python $(PYTHON): the one that is there, else one of this
# machine's, else a downloaded one, else any Python of this machine that is new enough.
define environment
	@if $(1)/bin/python -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(PYTHON)")' 2>/dev/null; \
	then exit 0; fi; rm -rf $(1); root="$$PWD"; venv="$$(cd / && command -v $(abspath $(UV)) || echo $(UV)) venv --quiet --no-project"; \
	if $$venv --python $(PYTHON) --no-python-downloads $(1) 2>/dev/null; then :; \
	elif $$venv --python $(PYTHON) $(1) 2>/dev/null; then :; \
	elif cd / && $$venv --python '>=3.11' --no-python-downloads "$$root/$(1)" 2>/dev/null; then \
	    echo "Python $(PYTHON) is neither here nor can it be downloaded: using $$("$$root/$(1)/bin/python" -V)." >&2; \
	else echo "no Python 3.11 or newer is here and none could be downloaded: install one" \
	    "(Debian: apt-get install python3), then run make again." >&2; exit 1; fi
endef

# $(call install,FOLDER,FILE): exactly what is locked in FILE, each file checked against its hash.
define install
	@$(UV) pip sync --quiet --require-hashes --python $(1)/bin/python $(2) || { \
	    echo "the packages of $(2) could not be installed: see above; the package registry must be reachable." >&2; exit 1; }
endef

.venv/.stamp: requirements/dev.txt pyproject.toml | $(UV_READY)
	@echo "making .venv (Python $(PYTHON), requirements/dev.txt)" >&2
	$(call environment,.venv)
	$(call install,.venv,requirements/dev.txt)
	@$(UV) pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

.venv-%/.stamp: requirements/%.txt | $(UV_READY)
	@echo "making .venv-$* (Python $(PYTHON), requirements/$*.txt)" >&2
	$(call environment,.venv-$*)
	$(call install,.venv-$*,requirements/$*.txt)
	@touch $@
