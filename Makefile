# The commands of this project. Each does its own set-up.
.DEFAULT_GOAL := help
.PHONY: help install demo test check recipes proof wheels audit bench docs lock clean

export UV_PYTHON_DOWNLOADS := never
export MELTANO_SEND_ANONYMOUS_USAGE_STATS := false
export MELTANO_CLI_DISABLE_VERSION_CHECK := 1

PYTHON ?= python3
BIN := .venv/bin
OUR_PLUGINS := tap-precoro target-precoro precoro-sandbox
OTHER_PLUGINS := tap-jsonl tap-postgres target-duckdb target-postgres
MEMBERS := precoro-api precoro-sandbox tap-precoro target-precoro
UV = $(shell command -v uv || echo .tools/bin/uv)

help: ## what there is
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

install: .venv/.installed .meltano/.installed ## the commands in .venv/bin, and the plugins of meltano.yml

.venv/.installed: constraints.txt pyproject.toml $(MEMBERS:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; ok = (3, 10) <= sys.version_info[:2] <= (3, 13); \
	  sys.exit(0 if ok else "Python 3.10 to 3.13 is needed, this is %d.%d: make PYTHON=python3.12 …" % sys.version_info[:2])'
	@command -v uv >/dev/null || test -x .tools/bin/uv || { echo "Fetching uv …"; \
	  $(PYTHON) -m venv .tools && awk '/^[a-z]/ {on = /^uv==/} on' constraints.txt > .tools/uv.txt && \
	  .tools/bin/pip install -q --disable-pip-version-check --require-hashes -r .tools/uv.txt; }
	$(UV) venv -q --clear --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	VIRTUAL_ENV=.venv $(UV) pip install -q --require-hashes -r constraints.txt
	VIRTUAL_ENV=.venv $(UV) pip install -q --no-deps --no-build-isolation $(MEMBERS:%=-e ./%)
	@touch $@

# The others insist on versions of their own, which are not those of constraints.txt.
.meltano/.installed: .venv/.installed meltano.yml
	UV_CONSTRAINT=constraints.txt UV_BUILD_CONSTRAINT=constraints.txt \
	  $(BIN)/meltano --log-level warning install --force $(OUR_PLUGINS)
	$(BIN)/meltano --log-level warning install --force $(OTHER_PLUGINS)
	@touch $@

demo: install ## Precoro to a warehouse and an ERP to Precoro, on the sandbox
	@$(BIN)/python scripts/demo.py

test: install ## everything, offline
	$(BIN)/python -m pytest -n auto --dist loadfile

check: install ## lint, types, and whether the generated docs are fresh
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python scripts/docs.py --check
	$(BIN)/python scripts/erp_example.py --check

recipes: install ## every recipe of examples/, the two-way ones for twenty rounds; writes their table
	RECIPES_TABLE=examples/README.md RECIPES_ROUNDS=20 $(BIN)/python -m pytest examples

proof: install ## kill, starve and lie to it, for half an hour; writes docs/proof.md
	$(BIN)/python -m proof

wheels: install ## build the wheels and install them the ways users do
	$(BIN)/python scripts/try_wheels.py

audit: .venv/.installed ## known vulnerabilities of what constraints.txt pins; asks PyPI
	$(UV) tool run -q --python $(PYTHON) --from pip-audit==2.10.1 pip-audit \
	  --strict --require-hashes --disable-pip --progress-spinner off -r constraints.txt

bench: install ## what it costs: the budget, the tap, the target, webhooks, growth with rows
	$(BIN)/python bench/budget.py
	$(BIN)/python bench/tap.py
	$(BIN)/python bench/target.py
	$(BIN)/python bench/webhooks.py
	$(BIN)/python -m bench.growth

docs: install ## write the generated tables
	$(BIN)/python scripts/docs.py

lock: ## compile constraints.txt anew
	$(UV) pip compile pyproject.toml --group dev --universal --python-version 3.10 \
	  --generate-hashes --no-annotate --no-header --no-emit-index-url \
	  $(MEMBERS:%=--no-emit-package %) -q -o constraints.txt

clean: ## forget all that was installed or written
	rm -rf .venv .meltano .tools output build dist
