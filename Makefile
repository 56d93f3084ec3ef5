# `make study` and `make test` do everything from a fresh clone: each first makes .venv where it is absent or outdated.
# Works with GNU make 3.81 (macOS) and later.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help study results figures docs test test-oldest bad-inputs torture bench lab lint format notebooks lock clean

PYTHON  ?=        # an interpreter for .venv; by default python3.11, else python3
DATASET ?= SYNTH
SEEDS   ?= 3
CORES   ?= 2

# One thread per process: sums are then added in one order, so numbers repeat exactly, and cores go to whole runs.
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

# A text as one word of the shell, even with blanks, quotes or semicolons.
quoted = '$(subst ','\'',$(1))'

BIN       := .venv/bin
INSTALLED := .venv/.installed
PIP       := $(BIN)/python -m pip --disable-pip-version-check --no-input

# Stop with a sentence where a folder has no tables of the data set; the command that makes them.
needs = @test -f $(1)/$(call quoted,$(DATASET))/results.csv || \
	  { echo "there is no $(1)/"$(call quoted,$(DATASET))"/results.csv: run $(2) with the same DATASET first" >&2; exit 1; }

help: ## List the targets (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  Variables of study: DATASET=NAME SEEDS=3 CORES=2; ZSLCORE_DATA=folder with xlsa17/ and the images"

study: $(INSTALLED) ## Run the whole study: runs, tables, executed notebooks and the book (resumes where it stopped)
	PATH="$$PWD/$(BIN):$$PATH" snakemake --cores $(call quoted,$(CORES)) --rerun-incomplete --keep-incomplete \
	  --config dataset=$(call quoted,$(DATASET)) seeds=$(call quoted,$(SEEDS))

results: ## Keep the tables of a finished study in results/DATASET, which is committed
	$(call needs,report,make study)
	mkdir -p results/$(call quoted,$(DATASET))
	cp report/$(call quoted,$(DATASET))/{results,differences}.csv results/$(call quoted,$(DATASET))/

figures: $(INSTALLED) ## Draw the README's figure and write the tables of docs/ from those in results/
	$(BIN)/python -m zslcore.study.pages

docs: $(INSTALLED) ## Build the book from the committed notebooks and results, without running a study
	$(call needs,results,make results)
	$(BIN)/python -c "import sys; from zslcore.study.pages.book import build_book; print(build_book(sys.argv[1], 'build/book'))" \
	  results/$(call quoted,$(DATASET))

# A progress bar in a stored output would stay at 0 %, so the notebooks are run and compared without progress bars.
# Their features are computed at the same time as the unit tests, because only one process can compute them.
# Compiled modules are not kept, because those of the tests contain shape checks, and a notebook could load them.
test: export PYTHONDONTWRITEBYTECODE := 1
test: $(INSTALLED) lint ## Lint, then unit tests and doctests, then every notebook against its stored outputs
	@$(BIN)/zslcore features SYNTH > /dev/null 2>&1 & \
	echo "$(BIN)/pytest -n $(CORES) --dist worksteal"; \
	$(BIN)/pytest -n $(call quoted,$(CORES)) --dist worksteal; status=$$?; wait; exit $$status
	TQDM_DISABLE=1 $(BIN)/pytest -n $(call quoted,$(CORES)) --dist loadfile -o addopts= -q \
	  --nbval --nbval-current-env --nbval-sanitize-with notebooks/nbval.cfg notebooks

bench: $(INSTALLED) ## Measure speed against plain implementations and the floor of the machine: benchmarks/results.md
	$(BIN)/python -m benchmarks

# Without the type checks of the other tests, whose beartype is newer; an older kernel logs more when it is interrupted.
OLDEST := build/oldest
test-oldest: $(INSTALLED) ## Run the main tests with the oldest promised versions, in an environment of their own
	$(BIN)/python -m venv --clear $(OLDEST)
	$(BIN)/python tests/oldest.py > $(OLDEST)/requirements.txt
	$(OLDEST)/bin/python -m pip install --quiet -r $(OLDEST)/requirements.txt
	PYTHONPATH="$$PWD" $(OLDEST)/bin/python -m pytest -o addopts=--import-mode=importlib -q -p no:cacheprovider \
	  tests/losses tests/test_metrics.py tests/test_remse.py tests/test_config.py tests/test_sklearn.py \
	  tests/data/test_benchmark.py tests/data/test_matlab.py tests/training/test_fit.py \
	  tests/study/running/test_notebook_execution.py \
	  --deselect tests/study/running/test_notebook_execution.py::test_an_interrupted_notebook_says_so_in_one_line

bad-inputs: $(INSTALLED) ## Write the table of bad inputs in tests/README.md again
	$(BIN)/pytest --rewrite tests/bad_inputs

torture: $(INSTALLED) ## Kill, starve and damage a tiny study for 15 minutes; the outcome goes into tests/README.md
	$(BIN)/python -m tests.torture

# Jupyter asks root, which is the user of most containers, to confirm.
lab: $(INSTALLED) ## Open JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

lint: $(INSTALLED) ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED) ## Apply the style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(INSTALLED) ## Execute all notebooks again, in place (their outputs are what `make test` compares)
	TQDM_DISABLE=1 $(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb
	$(BIN)/nbstripout --keep-output --keep-count --keep-id --extra-keys 'metadata.widgets' notebooks/*.ipynb

# Linux wheels of torch need the CUDA libraries; elsewhere they neither exist nor are needed.
LINUX_ONLY := sys_platform == "linux" and platform_machine == "x86_64"
lock: ## Rewrite requirements.lock from what .venv holds (after: pip install -e '.[dev]' in a new .venv)
	@set -o pipefail; { sed -n '/^#/p' requirements.lock && \
	  $(PIP) freeze --all --exclude-editable --exclude pip --exclude wheel --exclude zslcore \
	    | sed -E 's/^((nvidia|cuda)-.*|triton==.*)$$/\1 ; $(LINUX_ONLY)/'; } > requirements.lock.new
	@mv requirements.lock.new requirements.lock

clean: ## Remove caches, build/ and reports; keep runs/, data/ and .venv
	rm -rf report build *.egg-info .pytest_cache .ruff_cache .hypothesis .snakemake
	find zslcore tests notebooks -name __pycache__ -prune -exec rm -rf {} + -o -name .ipynb_checkpoints -prune -exec rm -rf {} +

# The environment. It is made again where pip does not answer (an interrupted set-up). pip's many lines become a few.
$(INSTALLED): requirements.lock pyproject.toml
	@if ! $(PIP) --version >/dev/null 2>&1; then \
	  for python in $(if $(strip $(PYTHON)),$(call quoted,$(strip $(PYTHON))),python3.11 python3); do \
	    if "$$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "zslcore needs Python 3.11 or newer with its venv module; name one with: make PYTHON=/path/to/python3.11" >&2; exit 1; \
	  fi; \
	  echo "Creating .venv with $$("$$found" --version) ($$found)"; \
	  "$$found" -m venv .venv || exit 1; \
	fi
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "zslcore needs Python 3.11 or newer, but .venv has $$($(BIN)/python --version): remove .venv" >&2; exit 1; }
	@set -o pipefail; echo "Installing requirements.lock (some gigabytes on the first install; later ones come from pip's cache)"; \
	PYTHONUNBUFFERED=1 $(PIP) install --progress-bar off -r requirements.lock 2> .venv/pip-errors.log | { \
	  number=0; total=$$(grep -c == requirements.lock); \
	  while read -r verb name rest; do case "$$verb $$name" in \
	    "Collecting "*|"Processing "*|"Requirement already") number=$$((number + 1)); \
	      if [ $$((number % 25)) = 0 ] && [ $$number -le $$total ]; then echo "  looked up $$number of $$total packages"; fi ;; \
	    "Downloading "*|"Using cached"*) case "$$rest" in *[0-9][0-9][0-9].[0-9]" MB)"|*" GB)") echo "  $$verb $$name $$rest" ;; esac ;; \
	    "Installing collected") echo "  unpacking (a minute or two)" ;; \
	  esac; done; } || { grep -v '^WARNING' .venv/pip-errors.log >&2; exit 1; }
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "Installed in .venv"
