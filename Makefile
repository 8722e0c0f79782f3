# Every verb sets up what it needs by itself. Choose the Python with PYTHON=3.12 or PYTHON=/path/to/python (else 3.13, 3.12, 3.11).
.DEFAULT_GOAL := help
.PHONY: help install demo up test chaos histories bench fuzz predict infra check format lock package package-prebuilt clean install-cli install-dev azurite kusto browser
export PYTHON

BIN := .venv/bin
PACKAGES := shared cli emulator function_app.py
FUZZED := $(addprefix tests/unit/,files/test_archives_any_bytes.py files/test_records_any_bytes.py mapping/test_batches.py mapping/test_rules.py test_sources.py model/test_csv_cells.py)
CODE := $(wildcard $(PACKAGES) tests bench infra/*.py) $(wildcard scripts/*.py)

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

install: install-cli azurite ## make .venv and fetch Azurite; every other verb does it by itself

demo: install-cli azurite ## drop 1,000 people into the whole cloud on this machine and show what becomes of them
	@$(BIN)/rollcall demo $(ARGS)

up: install-cli azurite ## keep the whole cloud up on this machine until Ctrl+C
	@$(BIN)/rollcall up $(ARGS)

test: install-dev azurite kusto ## run every test in a few processes (ARGS are pytest's; -n 0: in one)
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

chaos: install-dev azurite ## kill a process that plans and sends 100 times in a storm, and print what it kept
	@$(BIN)/python -m tests.faults.storm --kills 100 --people 2000 $(ARGS)

histories: install-dev ## play 10,000 random histories in parts of ten minutes and print what occurred; again: goes on where it stopped
	@$(BIN)/python -m tests.histories --count 10000 --seconds 590 $(ARGS)

bench: install-dev azurite ## measure speed and memory against floors of the same run (ARGS="--small" for a few minutes' worth)
	@$(BIN)/python -m bench $(ARGS)

fuzz: install-dev ## look for files, mappings and source files that break reading, for ten minutes and more
	@HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest -q $(FUZZED) $(ARGS)

predict: install-dev ## predict with the Bicep compiler what infra/ deploys, after every change to it
	@$(BIN)/python scripts/predict.py $(ARGS)

infra: install-dev ## compile infra/, see that the predictions fit, and seed faults that only the compiler shows
	@$(BIN)/python -m tests.infra.compiled $(ARGS)

check: install-dev ## check format, lint, strict types and import contracts; changes nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy $(CODE)
	@$(BIN)/lint-imports --no-cache

browser: install-dev ## install Chromium and axe for the browser tests, or say in one line what is missing
	@$(BIN)/python -m tests.browser

format: install-dev ## bring the code to the project's format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: ## pin the dependencies of pyproject.toml anew (UPGRADE=1: take the newest)
	@scripts/lock

package: install-dev ## build dist/rollcall.zip, which is what is deployed
	@$(BIN)/python scripts/package.py

package-prebuilt: install-dev ## build dist/rollcall-prebuilt.zip, which holds its Python packages too
	@$(BIN)/python scripts/package.py --prebuilt

clean: ## remove what the other verbs made: .venv, caches
	@rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

install-cli:
	@scripts/install cli

install-dev:
	@scripts/install dev

azurite: | install-cli
	@$(BIN)/python -m emulator.storage install

kusto: | install-dev
	@$(BIN)/python -m tests.infra.kusto
