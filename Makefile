# `make help` lists the targets. Its text is what follows ## here: the variables of a target | what it does.
#
# An environment is set up in .venv from envs/; VENV=/some/venv uses one that is there already.
# PIP_ARGS holds options of `pip install`, such as the index that has PyTorch for CPUs alone (docs/tutorial.md).
# ARGS holds options of Snakemake: make run ARGS="--resources gpu=2"

VENV ?= .venv
PYTHON ?= python3
PIP_ARGS ?=
CORES ?= all
ARGS ?=
# One more than the two cores that the tests are timed on: some wait for other processes.
WORKERS ?= 3
PORT ?= 8000
# Of a path with blanks abspath would make several.
export PATH := $(if $(filter /%,$(firstword $(VENV))),,$(CURDIR)/)$(VENV)/bin:$(PATH)
# Where it is set, each of the many processes of a study, and of the tests, would compile the code again.
unexport PYTHONDONTWRITEBYTECODE
# Recipes read these as variables of the shell, so that the shell runs no name as a command.
STUDY ?=
export STUDY DATA TEACHER

.DEFAULT_GOAL := help
.PHONY: help new plan run demo watch open board check export clean
.PHONY: test test-all test-rest test-slurm unit lint bench schema docs docs-serve docs-results pictures

# What a target needs: packages for a study, for the site, or for everything.
ifeq ($(VENV),.venv)
study := .venv/ready
site := .venv/ready-docs
all := .venv/ready-dev
else
study := has-snakemake
site := has-mkdocs
all := has-pytest
endif

config := config="$$(python workflow/scripts/find_study.py "$$STUDY")"
folder := folder="$$(python workflow/scripts/find_study.py --what folder "$$STUDY")"

help:
	@awk -F ' *## *| *[|] *' '/^##/ { printf "\n%s\n", $$2 } \
	    /^[a-z-]+:.*##.*[|]/ { sub(/:.*/, "", $$1); printf "  %-36s %s\n", "make " $$1 " " $$2, $$3 }' $(firstword $(MAKEFILE_LIST))
	@printf '\nSTUDY=x is config/x.yaml and results/x/; without it, the default study config/config.yaml.\n'

## A study
new: $(study) ## STUDY=x DATA=folder | write config/x.yaml for a folder of images
	@python workflow/scripts/new_study.py $(if $(STUDY),--study "$$STUDY") $(if $(DATA),--data "$$DATA") \
	    $(if $(TEACHER),--teacher "$$TEACHER")

plan: $(study) ## [STUDY=x] | how many jobs, how much time and how much disk a run needs
	@python workflow/scripts/plan_study.py --cores "$(CORES)" "$$STUDY"

run: $(study) ## [STUDY=x] [CORES=n] | train all networks of a study and write its report
	@$(config) && echo "snakemake --cores $(CORES) --configfile $$config $(ARGS)" && \
	    snakemake --cores $(CORES) --configfile "$$config" $(ARGS)

demo: $(study) ## | a study of one teacher and one student, in about two minutes
	@snakemake --cores $(CORES) --configfile config/demo.yaml $(ARGS)

watch: $(study) ## [STUDY=x] [WAIT=--wait] | show how far a running study is
	@$(folder) && python workflow/scripts/watch.py "$$folder" $(WAIT)

board: $(study) ## [STUDY=x] | show the learning curves in TensorBoard
	@$(folder) && { find "$$folder" -name 'events.out.tfevents*' 2>/dev/null | grep -q . || \
	    { echo "error: $$folder holds no run yet; STUDY=name names another study" >&2; exit 1; }; } && \
	    tensorboard --logdir "$$folder"

open: $(study) ## [STUDY=x] | open the report in the browser
	@python workflow/scripts/open_report.py "$$STUDY"

check: $(study) ## [STUDY=x] | compare the results with those in docs/results/
	@$(folder) && PYTHONPATH=workflow/scripts python -m docsite.check "$$folder"

export: $(study) ## [STUDY=x] [BEST=1] | export all students, or the most accurate one
	@$(config) && target=export && \
	    $(if $(BEST),target="$$(python workflow/scripts/best_student.py "$$STUDY")" &&) \
	    snakemake --cores $(CORES) --configfile "$$config" $(ARGS) -- "$$target"

clean: $(study) ## STUDY=x [YES=1] | delete results/x/; it asks first
	@python workflow/scripts/clean_study.py $(if $(YES),--yes) "$$STUDY"

## This project
# What a change has to pass: all but the tests marked `full`, in WORKERS processes. The pages are tested in a real
# browser, which is installed first where it can be; else those tests say why not.
test: $(all) ## [WORKERS=n] | the tests that a change has to pass
	tests/browser/install.sh
	python -m pytest -n $(WORKERS) -m "not full and not slurm"

# test-rest is what test-all has and test has not.
test-all: $(all) ## [WORKERS=n] | all tests but those of SLURM
	tests/browser/install.sh
	python -m pytest -n $(WORKERS) -m "not slurm"

test-rest: $(all)
	python -m pytest -n $(WORKERS) -m full

# A real SLURM of one node, started by the tests; what it needs is installed first, where it is not there.
test-slurm: $(all) ## | a study on a SLURM of one node, which the tests start
	tests/slurm/install.sh
	@python -c 'import snakemake_executor_plugin_slurm' 2>/dev/null || { \
	    echo "installs envs/requirements-slurm.txt in $(VENV)"; \
	    python -m pip install --disable-pip-version-check -q $(PIP_ARGS) -r envs/requirements-slurm.txt; }
	python -m pytest tests/slurm

unit: $(all) ## [WORKERS=n] | the unit tests alone
	python -m pytest -n $(WORKERS) -m "not full" tests/unit

lint: $(all) ## | check the style of the code
	ruff check
	ruff format --check
	snakefmt --check Snakefile rules workflow/Snakefile workflow/plan.smk
	snakemake --lint

# BENCH holds options of `python -m bench`: make bench BENCH="--only training --networks cnn"
bench: $(all) ## [BENCH=options] | time our training loops against the usual ones (45 minutes)
	PYTHONPATH=workflow/scripts python -m bench $(BENCH)

schema: $(all) ## | write config/schema.json, after a change of the schema
	@PYTHONPATH=workflow/scripts python -m kd.config.schema > config/schema.json.new || \
	    { rm -f config/schema.json.new; exit 1; }
	@mv config/schema.json.new config/schema.json && echo "wrote config/schema.json"

# The variable silences an advertisement of the theme's.
docs: $(site) ## | build the documentation site in site/
	NO_MKDOCS_2_WARNING=1 python -m mkdocs build --strict

docs-serve: docs ## [PORT=8000] | build the site and serve it on this machine, with search
	@python -m docsite.serve --port "$(PORT)"

docs-results: $(study) ## [STUDY=x] [YES=1] | write the page of a finished study in docs/results/
	@PYTHONPATH=workflow/scripts python -m docsite.results $(if $(YES),--yes) "$$STUDY"

# Needs Graphviz and Chromium.
pictures: $(all) ## [STUDY=x] | draw the pictures of the README from a finished study
	@PYTHONPATH=workflow/scripts python -m docsite.pictures "$$STUDY"

.venv/made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "error: $$($(PYTHON) --version) is too old; Python 3.11 or newer is needed (PYTHON=python3.12 make ...)" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@touch $@

# The site needs no PyTorch.
.venv/ready: envs/requirements.txt
.venv/ready-docs: envs/requirements-docs.txt
.venv/ready-dev: envs/requirements-dev.txt envs/requirements-timm.txt envs/requirements-docs.txt .venv/ready
.venv/ready .venv/ready-docs .venv/ready-dev: .venv/made
	@.venv/bin/python envs/install.py $(firstword $(filter envs/%,$^)) -- $(PIP_ARGS)
	@touch $@

.PHONY: has-snakemake has-mkdocs has-pytest
has-snakemake: needed := requirements.txt
has-mkdocs: needed := requirements-docs.txt
has-pytest: needed := requirements-dev.txt
has-snakemake has-mkdocs has-pytest: has-%:
	@test -x "$(VENV)/bin/$*" || \
	    { echo "error: VENV=$(VENV) holds no $*; install envs/$(needed) there, or leave VENV out" >&2; exit 1; }
