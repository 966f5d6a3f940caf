# Every target works in a fresh clone: it makes .venv, installs what it needs, and runs.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
BENCH_VENV := .venv-bench
DOCS_VENV := .venv-docs
# Two test processes share the cores: a matrix product then does best on one thread. Tests start many
# interpreters; none shall compile again what another has compiled, whatever the user has set.
TEST_ENVIRONMENT := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

.PHONY: train fast test format reference figures experiments bench beside stale record doctor handwriting pretrained test-all notebooks docs clean

train: $(VENV)/installed ## train the digit network; DATA=fashion on other data; ARGS="--seed 1" passes options on
	@$(MAKE) --no-print-directory fast || echo "numba cannot be installed here; training with NumPy alone"
	$(BIN)/inknet train $(if $(DATA),--data $(DATA)) $(ARGS)

fast: $(VENV)/installed-fast ## install the loops that numba compiles, and compile them

test: $(VENV)/installed-dev ## check style and types, run the tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@# the types are checked while tests wait; what is said of them is printed after the tests
	@said=$$(mktemp); trap 'rm -f $$said' EXIT; trap 'exit 130' INT; $(BIN)/mypy >$$said 2>&1 & types=$$!; \
	$(TEST_ENVIRONMENT) $(BIN)/pytest -n 2 --dist loadgroup $(TESTS) $(ARGS); tests=$$?; \
	wait $$types; types=$$?; echo "$(BIN)/mypy"; cat $$said; exit $$((tests ? tests : types))

test-all: TESTS := -m "slow or not slow"
test-all: test ## the same, with the tests that run for minutes

format: $(VENV)/installed-dev ## bring the code into form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

reference: $(VENV)/installed-dev ## write docs/reference from the code
	$(BIN)/python -m scripts.reference

figures: fast ## measure what the README claims, and write it there (about 12 minutes)
	$(BIN)/python scripts/figures.py

experiments: fast ## run what is missing of all studies, and write docs/experiments.md (about half an hour)
	$(BIN)/pip install --quiet --editable '.[experiments]'
	$(BIN)/inknet experiment run all --jobs 2 $(ARGS)
	$(BIN)/python scripts/experiments.py

bench: $(BENCH_VENV)/installed ## measure inknet against its peers, and write docs/performance.md (70 minutes; ARGS="--again" for all)
	$(BENCH_VENV)/bin/python -m benchmarks $(ARGS)

beside: $(VENV)/installed ## do the same task in six ways, and write docs/beside.md (10 minutes; ARGS="keras" for one of them)
	$(BIN)/python -m benchmarks.beside $(ARGS)

stale: $(VENV)/installed ## say which figures of docs/performance.md are older than the operations
	@$(BIN)/python -m benchmarks.stale

record: fast ## train for the fewest errors, and write docs/record.md (about two hours; ARGS="quick" for a part)
	$(BIN)/python scripts/record.py $(ARGS)

doctor: $(VENV)/installed-dev ## measure how often the doctor is right, and write docs/doctor.md (10 minutes)
	$(BIN)/python scripts/doctor.py $(ARGS)

handwriting: $(BENCH_VENV)/installed ## measure how real handwriting is read, and write docs/handwriting.md (half an hour; ARGS="speed" measures a part again)
	$(BENCH_VENV)/bin/python scripts/handwriting.py $(ARGS)

pretrained: fast ## train the model in the package on MNIST, and record its training there (about 3 minutes)
	$(BIN)/python scripts/pretrained.py $(ARGS)

notebooks: $(VENV)/installed-dev ## build the notebooks of docs/notebooks with their outputs, in build/notebooks
	$(BIN)/pip install --quiet 'jupytext>=1.16' ipykernel nbconvert
	mkdir -p build/notebooks
	cd build/notebooks && for text in ../../docs/notebooks/*.py; do \
		../../$(BIN)/jupytext --to ipynb --execute --output $$(basename $$text .py).ipynb $$text || exit 1; done

docs: $(DOCS_VENV)/installed ## build the documentation site, with all its programs, in build/site (a minute)
	$(DOCS_VENV)/bin/sphinx-build --fail-on-warning --keep-going --nitpicky --fresh-env \
		--doctree-dir build/doctrees docs build/site $(ARGS)

clean: ## remove what make made
	rm -rf $(VENV) $(BENCH_VENV) $(DOCS_VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "inknet needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/installed-fast: $(VENV)/installed
	$(BIN)/pip install --quiet --editable '.[fast]'
	$(BIN)/python -c 'from inknet.nn.ops import fastest; fastest().prepare("float32")'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	@touch $@

# The peers are large, so they have a place of their own.
$(BENCH_VENV)/installed: pyproject.toml benchmarks/requirements.txt
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/pip install --quiet --requirement benchmarks/requirements.txt --editable '.[fast]'
	@touch $@

# Sphinx and Jupyter's kernel are large, and no test needs them.
$(DOCS_VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(DOCS_VENV)
	$(DOCS_VENV)/bin/pip install --quiet --editable '.[docs]'
	@touch $@
