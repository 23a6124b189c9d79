# Everything happens in .venv; PYTHON=/path/to/python3.11 chooses what it is made with.
# `commonspace --help` is the product's own command line, once `make demo` has installed it.

PYTHON ?=
VENV := .venv
BIN := $(VENV)/bin
CODE := training recsys serving infra tests

.DEFAULT_GOAL := help
.PHONY: help demo serve test check audit fix bench-quality bench-serving chaos-serving bench-recsys bench-training bench-streaming chaos-training check-cluster wheel lock clean

help:  ## what can be made
	@grep -E '^[a-z-]+:.*  ## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*  ## /  make \1|/' | \
		while IFS='|' read -r target text; do printf '%-16s %s\n' "$$target" "$$text"; done

demo: $(VENV)/.installed  ## from the shipped posts to recommendations, every step real (6 minutes)
	$(BIN)/commonspace demo

serve: $(VENV)/.installed  ## the demo's model, index and map behind the API and the web page
	@test -f build/demo/summary.json || $(BIN)/commonspace demo
	@test -f build/demo/map.made || { $(BIN)/commonspace communities --workspace build/demo/workspace \
		>/dev/null && touch build/demo/map.made; }
	$(BIN)/commonspace serve --workspace build/demo/workspace $(ARGS)

test: $(VENV)/.installed-dev  ## the whole test suite (20 minutes on 2 cores)
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

check: $(VENV)/.installed-dev  ## lint, format, types, who may import whom
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/pyright
	$(BIN)/lint-imports

fix: $(VENV)/.installed-dev  ## what lint and format can mend by themselves
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

bench-quality: $(VENV)/.installed  ## every model and claim on the shipped posts, into docs/benchmarks (25 minutes)
	$(BIN)/commonspace benchmark --to docs/benchmarks $(ARGS)

bench-serving: $(VENV)/.installed-dev  ## throughput, latency and contract of the service, into docs/benchmarks (20 minutes)
	@test -f build/demo/summary.json || $(BIN)/commonspace demo
	$(BIN)/python -m infra.benchmarks.serving build/demo/workspace docs/benchmarks/serving.json build/bench-serving

chaos-serving: $(VENV)/.installed-dev  ## kill its parts, overrun it, kill all of it, into docs/benchmarks (15 minutes)
	@test -f build/demo/summary.json || $(BIN)/commonspace demo
	$(BIN)/python -m infra.benchmarks.chaos build/demo/workspace docs/benchmarks/chaos-serving.json build/chaos-serving

# Reactions are measured on films: FILMS=<folder of ml-latest-small>; ARGS="latency killed" measures those alone.
bench-recsys: $(VENV)/.installed-evaluation  ## the recommender beside its baselines, its speed and safety, into docs/benchmarks (2 hours)
	@test -f build/demo/summary.json || $(BIN)/commonspace demo
	$(BIN)/python -m infra.benchmarks.recsys docs/benchmarks/recsys.json build/bench-recsys "$(FILMS)" $(ARGS)

bench-training: $(VENV)/.installed-dev  ## speed and memory of training beside its baselines, into docs/benchmarks (20 minutes)
	$(BIN)/python -m infra.benchmarks.training docs/benchmarks/training.json build/bench-training $(ARGS)

bench-streaming: $(VENV)/.installed-dev  ## a hundred thousand posts and a million through every stage, into docs/benchmarks (40 minutes)
	$(BIN)/python -m infra.benchmarks.streaming docs/benchmarks/training.json build/bench-streaming $(ARGS)

chaos-training: $(VENV)/.installed-dev  ## kills, full disks, torn files, lost trackers while it trains, into docs/benchmarks (30 minutes)
	$(BIN)/python -m infra.benchmarks.chaos_training docs/benchmarks/chaos-training.json build/chaos-training $(ARGS)

check-cluster: $(VENV)/.installed-dev  ## the processes of the compose file here, from a training to an answer (15 minutes)
	$(BIN)/python -m infra.benchmarks.cluster docs/benchmarks/training.json build/check-cluster $(ARGS)

audit: $(VENV)/.installed-dev  ## known vulnerabilities of the pinned versions, if they can be looked up
	$(BIN)/python infra/setup/audit.py constraints.txt

wheel: $(VENV)/.installed-dev  ## build the wheel and run the demo from it, outside of this folder
	infra/setup/wheel.sh $(BIN)/python $(ARGS)

lock: $(VENV)/bin/python  ## write constraints.txt anew from the latest versions that fit together
	infra/setup/lock.sh "$(BIN)/python" constraints.txt

clean:  ## remove what was built and installed, the workspace with its models included
	rm -rf build .venv *.egg-info .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# A stamp a set of packages: a second run installs nothing, a changed requirement does.
$(VENV)/bin/python:
	@infra/setup/venv.sh "$(PYTHON)" $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	infra/setup/install.sh $(BIN)/python .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	infra/setup/install.sh $(BIN)/python '.[dev]'
	@touch $(VENV)/.installed $@

$(VENV)/.installed-evaluation: pyproject.toml constraints.txt | $(VENV)/bin/python
	infra/setup/install.sh $(BIN)/python '.[dev,evaluation]'
	@touch $(VENV)/.installed $(VENV)/.installed-dev $@
