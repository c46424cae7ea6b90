# make demo    set everything up and show it          make test    everything that must be green
# make check   format, lint, types, imports           make help    all targets

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.finished
PYTEST := $(BIN)/python -m pytest

.DEFAULT_GOAL := help
.PHONY: help setup demo check lock format unit property integration infra e2e docs ui browser \
  coverage test auth lowest prove emulator bench chaos synth clean

help:  ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 16

setup: $(STAMP) ui  ## Make .venv, build the web page, and install all that a Catchment on this machine needs
	@$(BIN)/duckstring catchment prepare || echo "A Catchment on this machine is not prepared; its first start tries again."

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Duckstring needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12")'
	@test -x $(BIN)/python || { echo "Making $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "Installing uv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements/dev.txt)"
	@echo "Installing $$(grep -cE '^[a-zA-Z].*==' requirements/dev.txt) packages"
	@$(BIN)/python -m uv pip install --python $(BIN)/python -r requirements/dev.txt
	@$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

demo: $(STAMP) ui  ## Start a local Catchment and run the flights pipeline on it
	@$(BIN)/duckstring demo

check: $(STAMP) docs ui  ## Formatting, lint, types, walls between the rooms, documentation, the web page
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python ui/answer_types.py --check
	$(BIN)/python ui/build.py test

PAGE := ui/dist/index.html
ui: $(PAGE)  ## Build the web page
$(PAGE): $(STAMP) $(shell find ui -type f -not -path '*/node_modules/*' -not -path 'ui/dist/*')
	$(BIN)/python ui/build.py

docs: $(STAMP)  ## Write the reference from the code, and build the site into .build/site
	$(BIN)/python docs/reference.py
	$(BIN)/python -m docs.policies
	$(BIN)/zensical build --strict

format: $(STAMP)  ## Write the formatting
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

unit property integration infra e2e: $(STAMP)  ## One level of tests
	@if [ -d tests/$@ ]; then $(PYTEST) tests/$@ -q -m "not aws"; fi

MEASURED := tests/unit/engine tests/unit/model
coverage: $(STAMP)  ## The unit tests of engine and model: they have to reach every branch of both
	$(PYTEST) $(MEASURED) -q -n 2 --cov

browser: $(STAMP)  ## Set up the Chromium that the page is tested in, where that can be done
	@$(BIN)/python -m tests.e2e.chromium

test: coverage ui browser  ## Every test but those that need an AWS account
	rm -rf .build/requests
	$(PYTEST) -q -n 2 -m "not aws" --ignore tests/e2e $(MEASURED:%=--ignore %)
	$(PYTEST) -q -rs -n 2 --dist loadfile -m "not aws" tests/e2e
	DUCKSTRING_WHOLE=1 $(PYTEST) -q tests/auth/test_replay.py

ENFORCED := roles flights external control windows tasks
auth: $(STAMP)  ## IAM enforced: what roles need and are refused, and what they asked
	rm -rf .build/requests
	$(PYTEST) -q -n 2 --dist loadfile $(ENFORCED:%=tests/e2e/test_%.py)
	$(PYTEST) -q tests/auth

LOWEST := .venv-lowest
lowest: $(STAMP)  ## The tests but e2e, on the oldest versions that pyproject.toml allows
	@mkdir -p .build
	@$(BIN)/python -m uv pip compile --quiet --resolution lowest-direct --no-header pyproject.toml -o .build/lowest.txt
	@$(BIN)/python -m uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	@$(BIN)/python -m uv pip install --quiet --python $(LOWEST)/bin/python -c .build/lowest.txt --editable ".[dev]"
	$(LOWEST)/bin/python -m pytest -q -n 2 -m "not aws" tests/unit tests/property tests/integration

prove: $(STAMP)  ## The properties with thousands of examples
	HYPOTHESIS_PROFILE=prove $(PYTEST) -q -n auto --dist worksteal --durations 5 tests/property

bench: $(STAMP)  ## Print the figures of bench/
	$(BIN)/python -m bench

LAYERS := deps data client iceberg
lock: $(STAMP)  ## Lock every package that the functions' layers install, by hashes
	@for layer in $(LAYERS); do echo "infra/requirements/$$layer.txt"; \
	  $(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-header -c requirements/dev.txt -o infra/requirements/$$layer.txt infra/requirements/$$layer.in || exit 1; done

RELEASE ?=
emulator: $(STAMP)  ## Compare a release of the AWS emulator (RELEASE=, else the newest) with what the patches use
	@mkdir -p .build
	@$(BIN)/python -m uv venv --quiet --clear --python $(BIN)/python .build/emulator
	@$(BIN)/python -m uv pip install --quiet --python .build/emulator/bin/python ministack$(RELEASE:%===%) \
	  $$($(BIN)/python -c 'from duckstring_cli.local.patches.expected import EXPECTED; print(*(f"{name}=={version}" for name, version in EXPECTED.items() if name != "ministack"))')
	@LOG_LEVEL=WARNING .build/emulator/bin/python -s -P cli/duckstring_cli/local/serve.py --check

ROUNDS ?= 200
SEED ?= 1
chaos: $(STAMP)  ## Kill what can be killed, ROUNDS times (200) after SEED (1), and judge what is left
	$(BIN)/python -m bench.chaos --rounds $(ROUNDS) --seed $(SEED)

synth: $(STAMP)  ## The CloudFormation template for AWS, in cdk.out
	CDK_OUTDIR=cdk.out $(BIN)/python -m infra.app

clean:  ## Remove what make made (the user's Catchments stay)
	rm -rf $(VENV) $(LOWEST) .build ui/dist ui/node_modules cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
