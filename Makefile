# make demo   a virtual environment with all that is needed, then the app on its default subject
# make test   the same with the tools for tests, then all tests
# make test-ray   the tests that need Ray, which the others do without
# make lint   format and lint rules, as .ci/run checks them
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-ray lint clean

demo: .venv/ready
	$(BIN)/streamlit run app.py -- studies/mnist-noisy

test: .venv/ready-dev
	$(BIN)/python -m pytest

test-ray: .venv/ready-ray
	$(BIN)/python -m pytest tests/pipeline/test_ray.py

lint: .venv/ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "error: Python 3.11 or newer is needed, found $$($(PYTHON) --version). Say which: make demo PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv .venv

# The import compiles the layout's kernels once, so that the first build does not have to.
.venv/ready: requirements.txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -c "import umap"
	touch $@

.venv/ready-dev: requirements-dev.txt .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

.venv/ready-ray: requirements-ray.txt .venv/ready-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-ray.txt
	touch $@

clean:
	rm -rf .venv
