# Everything a developer, an operator's laptop and CI run. `make help` lists it.
UV_VERSION := 0.13.8
UV := .venv/bin/uv
RUN := .venv/bin/

.DEFAULT_GOAL := help
.PHONY: help install system-packages run test check format lock clients attacks mutants fuzz faults month-end bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv/.installed: pyproject.toml uv.lock
	@test -x $(UV) || (echo "installing: virtual environment" && python3 -m venv .venv && .venv/bin/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION))
	@echo "installing: packages of uv.lock"
	@$(UV) sync --frozen
	@touch $@

install: .venv/.installed ## the virtual environment, from uv.lock

system-packages: ## Chromium, Firefox, HAProxy, clamd, curl, faketime, Java and poppler from Debian, for `--edge` and the tests that need them; with apt-get, as root
	@exec .ci/system-packages

run: install ## the whole service on real parts; ARGS="--port 8080 --quarantine …"
	@exec $(RUN)media run $(ARGS)

test: install ## the whole suite on real parts; ARGS="-k name" for some of it
	@exec $(RUN)pytest $(ARGS)

check: install ## format, lint, types, import contracts, lock file
	$(RUN)ruff format --check .
	$(RUN)ruff check .
	$(RUN)mypy
	$(RUN)lint-imports
	$(UV) lock --check

format: install ## rewrite the code in the house format
	$(RUN)ruff format .
	$(RUN)ruff check --fix .

lock: install ## take newer packages into uv.lock
	$(UV) lock --upgrade

clients: install ## curl, Node, Go, Java and others upload and download, in both modes; prints a table
	@exec $(RUN)python -m tests.clients

attacks: install ## the attacks on the API's socket in quarantine mode too; `make test` does them in place
	@ATTACKED_MODE=quarantine exec $(RUN)pytest $(addprefix tests/attacks/test_,$(addsuffix .py,enumeration fuzz header_injection idor json_games limit_races ssrf token_games)) $(ARGS)

mutants: install ## take each defence away, one at a time, and see an attack test fail
	$(RUN)python -m tests.mutants

fuzz: install ## requests made from the OpenAPI document, for minutes; FUZZ_SEED=2 makes others
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-300} exec $(RUN)pytest tests/attacks/test_fuzz.py $(ARGS)

faults: install ## clients upload while every process is killed and stopped, in both modes; MINUTES=30 SEED=1; prints a table
	@exec $(RUN)python -m tests.faults --minutes $${MINUTES:-30} --seed $${SEED:-1} $(ARGS)

month-end: install ## billing announces INVOICES=10000 at once while workers are killed; exits with 1 unless each is one PDF, row and event
	@exec $(RUN)python -m tests.invoices.month_end $${INVOICES:-10000}

bench: install ## how fast it is, side by side
	@$(UV) sync --frozen --quiet --group bench
	$(RUN)python -m tests.bench

clean: ## remove the virtual environment and the local stack's data
	rm -rf .venv .media
