# The two commands a newcomer types. Each sets up all it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := out/demo

.PHONY: demo test

# Renders songs nobody trained on, separates them with the demo system, scores what was written.
demo: $(VENV)/.inference
	$(BIN)/python -m demo --out $(DEMO)/songs --test 4 --seconds 20
	$(BIN)/python evaluator/run.py --songs $(DEMO)/songs/test --out $(DEMO) \
		--system demo_no_mixer --system demo

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q --ignore tests/training
	# A DataLoader forks, and a process that has used OpenVINO does not survive that.
	$(BIN)/pytest -q tests/training

$(VENV)/bin/python:
	PYTHON=$(PYTHON) sh tools/venv.sh $(VENV)

$(VENV)/.inference: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[demo,report]'
	touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	# Its dependency, pyaudio, is for loudspeakers and has no wheels.
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps tinysoundfont==0.3.7
	touch $@ $(VENV)/.inference
