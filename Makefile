# make run | make watch | make board | make bench | make schema | make docs
# make test | make test-all | make test-slurm | make unit | make lint
# make watch STUDY=cifar10 shows how far a study is, while it runs; make board what its trainings have come to.
# make watch WAIT=--wait waits for the next run of a study that has ended.
# make results STUDY=digits | make pictures STUDY=digits
# An environment is set up in .venv from envs/; VENV=/some/venv uses one that is there already.

VENV ?= .venv
PYTHON ?= python3
CORES ?= 4
STUDY ?= digits
WORKERS ?= 2
export PATH := $(abspath $(VENV))/bin:$(PATH)
# Where it is set, each of the many processes of a study, and of the tests, would compile the code again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run watch board test test-all test-rest test-slurm unit lint bench schema docs results pictures

ifeq ($(VENV),.venv)
ready := .venv/ready
else
ready := given
endif

run: $(ready)
	snakemake --cores $(CORES) --resources gpu=1

watch: $(ready)
	@python workflow/scripts/watch.py results/$(STUDY) $(WAIT)

board: $(ready)
	@find results/$(STUDY) -name 'events.out.tfevents*' 2>/dev/null | grep -q . || \
	    { echo "error: results/$(STUDY) holds no run yet; STUDY=name names another study"; exit 1; }
	tensorboard --logdir results/$(STUDY)

# What a change has to pass: all but the tests marked `full`, in WORKERS processes. The pages are tested in a real
# browser, which is installed first where it can be; else those tests say why not.
test: $(ready)
	tests/browser/install.sh
	python -m pytest -n $(WORKERS) -m "not full and not slurm"

# Everything but SLURM; test-rest is what test-all has and test has not.
test-all: $(ready)
	tests/browser/install.sh
	python -m pytest -n $(WORKERS) -m "not slurm"

test-rest: $(ready)
	python -m pytest -n $(WORKERS) -m full tests/workflow tests/stub_gpu

# A real SLURM of one node, started by the tests; what it needs is installed first, where it is not there.
test-slurm: $(ready)
	tests/slurm/install.sh
	@python -c 'import snakemake_executor_plugin_slurm' 2>/dev/null || { \
	    echo "installs envs/requirements-slurm.txt in $(VENV)"; \
	    python -m pip install --disable-pip-version-check -q -r envs/requirements-slurm.txt; }
	python -m pytest tests/slurm

unit: $(ready)
	python -m pytest -n $(WORKERS) tests/unit

lint: $(ready)
	ruff check
	ruff format --check
	snakefmt --check Snakefile rules workflow/Snakefile
	snakemake --lint

# BENCH holds options of `python -m bench`: make bench BENCH="--only training --networks cnn"
bench: $(ready)
	PYTHONPATH=workflow/scripts python -m bench $(BENCH)

schema: $(ready)
	PYTHONPATH=workflow/scripts python -m kd.config.schema > config/schema.json

# The site, in the folder site/. The variable silences an advertisement of the theme's.
docs: $(ready)
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict

# docs/results/$(STUDY).md, from the results of a study that is finished
results: $(ready)
	PYTHONPATH=workflow/scripts python -m docsite.results results/$(STUDY)

# The pictures of the README, from the results of a study that is finished; needs Graphviz and Chromium.
pictures: $(ready)
	python -m docsite.pictures results/$(STUDY)

# pip speaks only of what it downloads, so that the gigabytes of torch are not waited for in silence.
.venv/ready: envs/requirements.txt envs/requirements-timm.txt envs/requirements-docs.txt envs/requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "error: $$($(PYTHON) --version) is too old; Python 3.11 or newer is needed (PYTHON=python3.12 make ...)"; exit 1; }
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install --disable-pip-version-check -r envs/requirements-dev.txt
	touch $@

.PHONY: given
given:
	@test -x $(VENV)/bin/snakemake || \
	    { echo "error: VENV=$(VENV) holds no snakemake; install envs/requirements-dev.txt there, or leave VENV out"; exit 1; }
