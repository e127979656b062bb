# `make` alone lists what there is. Everything builds its own virtual environment first and needs only
# Python 3.11 or newer, make, and a package index (PIP_INDEX_URL says which).

VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# The tested version first.
PYTHON ?= $(firstword $(foreach name,python3.11 python3.12 python3.13 python3 python,\
  $(shell $(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(name))))

# What a linter needs to load the settings, and what a production server would have.
TRIAL := ENV_FILE= DEBUG=on SIMULATOR=on DATABASE_URL=sqlite://:memory:
PRODUCTION := ENV_FILE= DEBUG=off SECRET_KEY=only-for-this-check-3f9b1c5d7e2a4f608b9d1e3c5a7f2b4d ALLOWED_HOSTS=sms.example.com \
  PUBLIC_URL=https://sms.example.com DATABASE_URL=postgres://sms.example.com/smsbridge REDIS_URL=rediss://sms.example.com

.DEFAULT_GOAL := help
.PHONY: help venv demo demo-privmx stories synapse test test-postgres test-sqlite test-synapse lint audit fuzz bench faults migrations format clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/python:
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is missing: install it, or name it: make PYTHON=/path/to/python'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo 'No virtual environment could be made with $(PYTHON): its venv module is missing (Debian: apt install python3-venv).'; exit 1; }

define install
	@echo 'Installing $(1) into $(VENV) ...'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -r $(1) || { \
	  echo 'The packages of $(1) could not be installed. Is a package index reachable? PIP_INDEX_URL names another one;'; \
	  echo 'after an interrupted try, `make clean` and the same command again starts afresh.'; exit 1; }
	@touch $@
endef

$(VENV)/.demo: requirements-demo.txt requirements.txt | $(BIN)/python
	$(call install,requirements-demo.txt)

$(VENV)/.dev: requirements-dev.txt requirements-demo.txt requirements.txt | $(BIN)/python
	$(call install,requirements-dev.txt)

stories: $(VENV)/.demo ## play the demo's story with each vendor in turn: minutes
	@for vendor in bandwidth fake smsapi twilio vonage vonage-messages; do \
	  echo "== $$vendor"; SMS_VENDOR=$$vendor $(BIN)/python manage.py demo --script || exit 1; \
	done

venv: $(VENV)/.dev ## make .venv with all that development needs

demo: $(VENV)/.demo ## start everything with a simulator; ARGS=--script plays the story unattended
	@exec $(BIN)/python manage.py demo $(ARGS)

demo-privmx: $(VENV)/.demo ## play a story at a pretended PrivMX Bridge, unattended
	@exec $(BIN)/python -m tests.privmx.demo

# Synapse's packages are not ours: it is only a program that tests start.
SYNAPSE := .venv-synapse

$(SYNAPSE)/.installed: requirements-synapse.txt
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is missing: install it, or name it: make PYTHON=/path/to/python'; exit 1; }
	@echo 'Installing Synapse into $(SYNAPSE) ...'
	@$(PYTHON) -m venv $(SYNAPSE) \
	  && $(SYNAPSE)/bin/python -m pip install -qq --disable-pip-version-check -r requirements-synapse.txt \
	  || { rm -rf $(SYNAPSE); echo 'Synapse could not be installed. Is a package index reachable? PIP_INDEX_URL names another one.'; exit 1; }
	@touch $@

synapse: $(SYNAPSE)/.installed ## install a genuine Matrix homeserver for the tests: 240 MB

# Those that start whole programs wait more than they work: they run beside the others.
PROGRAMS := tests/demo tests/faults tests/flows tests/load tests/matrix tests/privmx
BESIDE := .cache/tests-of-programs

ifeq ($(strip $(ARGS)),)
test: $(VENV)/.dev ## the tests, on Postgres and on SQLite; with ARGS, which go to pytest, one after the other
	@mkdir -p .cache; TEST_DB=postgres $(BIN)/python -m pytest $(PROGRAMS) >$(BESIDE) 2>&1 & beside=$$!; \
	trap 'kill $$beside; exit 130' INT TERM; status=0; \
	echo '== Tests on postgres. Those of whole programs run beside them, and are shown at the end.'; \
	TEST_DB=postgres $(BIN)/python -m pytest $(addprefix --ignore=,$(PROGRAMS)) || status=1; \
	echo '== Tests on sqlite'; TEST_DB=sqlite $(BIN)/python -m pytest || status=1; \
	wait $$beside || status=1; \
	echo '== Tests of whole programs, on postgres'; cat $(BESIDE); exit $$status
else
test: $(VENV)/.dev
	@status=0; for database in postgres sqlite; do \
	  echo "== Tests on $$database"; \
	  TEST_DB=$$database $(BIN)/python -m pytest $(ARGS) || status=1; \
	done; exit $$status
endif

test-postgres test-sqlite: test-%: $(VENV)/.dev ## the tests on one of the two; ARGS go to pytest
	@TEST_DB=$* $(BIN)/python -m pytest $(ARGS)

test-synapse: $(VENV)/.dev $(SYNAPSE)/.installed ## the tests with a genuine Matrix homeserver; ARGS go to pytest
	@TEST_DB=postgres SYNAPSE_PYTHON=$(abspath $(SYNAPSE)/bin/python) $(BIN)/python -m pytest tests/matrix $(ARGS)

lint: $(VENV)/.dev ## style, types, import rules, migrations, production settings
	$(BIN)/ruff check --cache-dir .cache/ruff .
	$(BIN)/ruff format --check --cache-dir .cache/ruff .
	$(TRIAL) SIMULATOR=on $(BIN)/mypy
	$(BIN)/lint-imports --cache-dir .cache/imports
	$(TRIAL) $(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

format: $(VENV)/.dev ## rewrite the code as ruff likes it
	$(BIN)/ruff check --cache-dir .cache/ruff --fix .
	$(BIN)/ruff format --cache-dir .cache/ruff .

migrations: $(VENV)/.dev ## write what migrations the models need
	$(TRIAL) $(BIN)/python manage.py makemigrations
	$(BIN)/ruff format --cache-dir .cache/ruff */migrations */*/migrations

$(VENV)/.audit: requirements-audit.txt requirements-dev.txt requirements-demo.txt requirements.txt | $(BIN)/python
	$(call install,requirements-audit.txt)

audit: $(VENV)/.audit ## known vulnerabilities of the packages, and bandit's rules over the code
	@$(BIN)/ruff check --cache-dir .cache/ruff --select S --ignore S608 . && echo "Bandit's rules: nothing found."
	@$(BIN)/python .ci/audit.py

fuzz: $(VENV)/.dev ## both webhook endpoints against thousands of odd calls; FUZZ_EXAMPLES=3000 per test
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-3000} TEST_DB=postgres $(BIN)/python -m pytest tests/fuzz --show-capture=no $(ARGS)

bench: $(VENV)/.dev ## measure; ARGS=--help says what
	@exec $(BIN)/python -m tests.load $(ARGS)

faults: $(VENV)/.dev ## break everything while 2,000 messages are texted, and judge; ARGS=--help says what
	@exec $(BIN)/python -m tests.faults $(ARGS)

clean: ## remove the virtual environment and everything built
	rm -rf $(VENV) $(SYNAPSE) .cache staticfiles
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
