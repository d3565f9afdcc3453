# Every target installs what it needs into .venv from the hash-pinned locks in requirements/.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEERS := .venv-peers
PEERS_MPC := .venv-peers-mpc
WORKERS ?= 2
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input

.PHONY: help demo test test-long lint proto contracts lock bench bench-peers bench-peers-mpc clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.python: 
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "tallystick needs Python 3.11 or newer ($(PYTHON) is older)"; exit 1; }
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python requirements/demo.lock pyproject.toml
	@echo "installing the pinned packages (about a minute on a fresh machine)"
	@$(INSTALL) --require-hashes -r requirements/demo.lock
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements/dev.lock
	@echo "installing the development packages"
	@$(INSTALL) --require-hashes -r requirements/dev.lock
	@touch $@

demo: $(VENV)/.demo ## a city, three parties, a ledger: questions, proofs, cheats (under 5 minutes)
	@$(BIN)/tallystick demo

test: $(VENV)/.dev ## every test (under 10 minutes on two cores)
	@$(BIN)/python -m pytest -q -m "not slow" -n $(WORKERS) --dist loadgroup

test-long: $(VENV)/.dev ## the minutes-long suites
	@$(BIN)/python -m pytest -q -m slow

lint: $(VENV)/.dev ## style, types, import rule, generated files
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m proto.generate --check
	@$(BIN)/python -m ledger.compile --check

proto: $(VENV)/.dev ## regenerate the gRPC modules
	@$(BIN)/python -m proto.generate

contracts: $(VENV)/.dev ## recompile the contracts into ledger/artifacts
	@$(BIN)/python -m ledger.compile

lock: $(VENV)/.python ## recompute the locks from pyproject.toml
	@$(INSTALL) uv
	@$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --extra demo --extra connectors pyproject.toml requirements/build.in -o requirements/demo.lock
	@$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes --extra demo --extra connectors --extra dev pyproject.toml requirements/build.in -c requirements/demo.lock -o requirements/dev.lock
	@$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes requirements/peers.in -o requirements/peers.lock
	@$(BIN)/uv pip compile -q --python-version 3.11 --generate-hashes requirements/peers-mpc.in -o requirements/peers-mpc.lock

$(PEERS)/.peers: requirements/peers.lock benchmarks/peers/package-lock.json
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "the peers need Python 3.11 or newer"; exit 1; }
	@command -v npm >/dev/null || { echo "npm is missing: ffjavascript and snarkjs need Node.js 20 or newer"; exit 1; }
	@echo "installing the benchmarks' peers: zksnake, py_ecc, galois, ffjavascript, snarkjs"
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/peers.lock
	@npm ci --prefix benchmarks/peers --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

$(PEERS_MPC)/.peers: requirements/peers-mpc.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "SPU has wheels for Python 3.11 here, not for $(PYTHON)"; exit 1; }
	@echo "installing what the MPC benchmark measures beside: SPU, MPyC"
	@$(PYTHON) -m venv $(PEERS_MPC)
	@$(PEERS_MPC)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/peers-mpc.lock
	@touch $@

bench: $(VENV)/.dev ## measure proofs, then kernels; prints ratios (minutes)
	@$(BIN)/python -m benchmarks prove --sizes 12 16 20
	@$(BIN)/python -m benchmarks kernels

bench-peers: $(PEERS)/.peers ## install what `python -m benchmarks prove|kernels --peers` measures beside

bench-peers-mpc: $(PEERS_MPC)/.peers ## install what `python -m benchmarks mpc --peers` measures beside

clean: ## remove what the targets made
	@rm -rf $(VENV) $(PEERS) $(PEERS_MPC) benchmarks/peers/node_modules build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info
