# Nothing here needs root, and every target can be run again at any time.
.DEFAULT_GOAL := help
.PHONY: help book pdf results release-check settings lab test test-all test-oldest lint checkpoints bench clean

# smoke, quick or paper: how much compute the studies may use. The results of quick ship; to compute them takes hours.
# gpu is for `make checkpoints` alone: networks for 128 and 256 pixels, side by side on one large GPU.
PROFILE ?= quick
# How many networks `make checkpoints` trains at a time, a core each, and after how many minutes it saves them and ends.
TOGETHER ?= 1
MINUTES ?=
# Anything: what was stored or cached before this moment is computed anew.
FRESH ?=
ifneq ($(FRESH),)
export SPECTRAL_COLLAPSE_FRESH := $(shell date +%s)
endif
# A Python 3.11 to 3.13, the first one found.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)

# What `make checkpoints` trains: the autoencoder first, the others use it; what others begin with stays in data/runs.
STARTS := textures-sd textures-plain-first textures-plain-second textures-plain-third textures-plain textures-first \
	bbbc021-rendered-sd bbbc021-rendered-first edges2shoes-rendered-sd
SHIPPED := textures bbbc021-rendered edges2shoes-rendered bbbc021-dit textures-flow photos
# In three stages, of which the first two want a GPU. All networks of bbbc021 and edges2shoes want the real images.
LONG := bbbc021-plain edges2shoes-plain
AFTER := bbbc021-first bbbc021-second bbbc021 edges2shoes-first edges2shoes-second edges2shoes-third edges2shoes
ifeq ($(PROFILE),gpu)
RECIPES ?= autoencoder $(SHIPPED) edges2shoes-256
TOGETHER = $(words $(RECIPES))
else
RECIPES ?= autoencoder $(STARTS) $(SHIPPED) $(foreach one,$(LONG),$(one)-first $(one)-second $(one)) $(AFTER)
endif
# What `make settings` chooses the methods' settings for.
DATASETS ?= textures_x8 bbbc021_x8 edges2shoes

# OpenMP's threads shall not spin while they wait: beside other busy processes everything would be many times slower.
export GOMP_SPINCOUNT ?= 1000
# Tests and pages run in as many processes as there are cores: threads on top would wait for each other.
book test test-all test-oldest: export OMP_NUM_THREADS ?= 1

VENV := .venv
BIN := $(VENV)/bin
# Written once the environment is complete; older than either of its two sources, it is brought up to date.
READY := $(VENV)/ready
# The same for the oldest versions that are supported.
OLDEST := .venv-oldest

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "PROFILE=smoke|quick|paper sets how much compute the book's studies use (now: $(PROFILE)), gpu is for checkpoints; FRESH=1 computes all anew"

# Sets up the environment that a target lies in, with the versions of its second source.
define set_up
	@test -n "$(PYTHON)" || { echo "no Python 3.11 to 3.13 was found: install one, or name it with PYTHON=/path/to/python" >&2; exit 1; }
	@echo "== Setting up $(@D) with $(PYTHON) and the packages of $(word 2,$^)"
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --no-compile --constraint $(word 2,$^) --editable '.[book,dask,scores,test]' # Python compiles what it imports
	@$(@D)/bin/python .ci/fit_torchvision.py
	@touch $@
endef

$(READY): pyproject.toml constraints.txt
	$(set_up)

$(OLDEST)/ready: pyproject.toml constraints-oldest.txt
	$(set_up)

book: $(READY)  ## set up, run the Pareto study and build the book, from the results that ship
	@echo "== Running the Pareto study (profile $(PROFILE)), unless its result ships or is in the store under data/results"
	@mkdir -p build
	$(BIN)/papermill notebooks/pareto.ipynb build/pareto.ipynb -p profile $(PROFILE)
	@echo "== Building the book: every notebook is executed, studies that are in the store are not computed again"
	SPECTRAL_COLLAPSE_PROFILE=$(PROFILE) $(BIN)/jupyter-book build -W --keep-going book/
	@echo "== The book is at book/_build/html/index.html"

pdf: book  ## build the book and print it to one PDF, with Chromium or Chrome
	SPECTRAL_COLLAPSE_PROFILE=$(PROFILE) $(BIN)/jupyter-book build --builder singlehtml book/
	$(BIN)/python .ci/print_book.py book/_build/singlehtml/index.html book/_build/book.pdf

results: $(READY)  ## set up and compute what the book's pages show and does not ship yet, into data/results/shipped (goes on where it stopped)
	$(BIN)/spectral-collapse results update

settings: $(READY)  ## set up and choose the methods' settings anew, on validation images, into src/spectral_collapse/studies/chosen.toml
	$(BIN)/python -c 'import sys; from spectral_collapse.studies import chosen, tuning; chosen.write(tuning.STUDY.each(sys.argv[2:], profile=sys.argv[1]))' quick $(DATASETS)

release-check: $(READY)  ## set up and fail unless all that the pages show ships, made by this code, and nothing else
	$(BIN)/spectral-collapse results status --check

lab: $(READY)  ## set up and open JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks

test: $(READY)  ## set up and run the tests, but for those that start processes of their own
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m 'not processes'

test-all: $(READY)  ## set up and run all tests
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

test-oldest: $(OLDEST)/ready  ## run the tests with the oldest supported versions (set up in .venv-oldest; some GB on the first run)
	$(OLDEST)/bin/python -m pytest --numprocesses auto --dist worksteal

lint: $(READY)  ## set up, check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

checkpoints: $(READY)  ## set up and train the recipes in turn, at low priority, TOGETHER at a time (days; goes on where it stopped)
	$(BIN)/spectral-collapse relay $(RECIPES) --profile $(PROFILE) --together $(TOGETHER) $(if $(MINUTES),--minutes $(MINUTES))

bench: $(READY)  ## set up and measure speed, memory and the steps of the Pareto grid
	@set -e; for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script; done

clean:  ## remove what was built; the environment, downloads, runs and stored results stay
	rm -rf build dist book/_build .pytest_cache .ruff_cache .hypothesis src/*.egg-info
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
