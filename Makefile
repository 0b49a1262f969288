# The two commands for a newcomer. Each installs everything that it needs into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := out/demo
TRAIN := out/train-demo

.PHONY: demo test train-demo train-gpu wheel api

# Renders held-out songs, separates them with the systems that are here, and scores the written files.
demo: $(VENV)/.inference
	$(BIN)/python -m demo --out $(DEMO)/songs --test 4 --seconds 20
	$(BIN)/python evaluator/run.py --songs $(DEMO)/songs/test --out $(DEMO) \
		--system demo_no_mixer --system demo --system synthetic

# The paper's two steps in miniature, in about an hour on two CPU cores: songs, four separators, the
# Mixer, and their scores on held-out songs. After an interruption the same command continues.
train-demo: $(VENV)/.train
	$(BIN)/python -m demo --out $(TRAIN)/songs --train 100 --test 12 --seconds 24
	$(BIN)/python -m demo --out $(TRAIN)/mixer-songs --train 10 --test 0 --seconds 24 --seed 2
	mkdir -p $(TRAIN)/weights
	cp models/systems/demo.yaml models/systems/demo_no_mixer.yaml $(TRAIN)/weights
	for source in bass drums other vocals; do \
		$(BIN)/python -m training separator --source $$source --data $(TRAIN)/songs --config demo \
			--weights $(TRAIN)/weights --runs $(TRAIN)/runs --precision auto --resume || exit 1; \
	done
	$(BIN)/python -m training mixer --data $(TRAIN)/mixer-songs --config demo \
		--weights $(TRAIN)/weights --system $(TRAIN)/weights/demo_no_mixer.yaml --replace
	$(BIN)/python evaluator/run.py --songs $(TRAIN)/songs/test --out $(TRAIN)/evaluation \
		--curves $(TRAIN)/runs/demo \
		--system $(TRAIN)/weights/demo_no_mixer.yaml --system $(TRAIN)/weights/demo.yaml

# For ten minutes on a machine with one GPU and several cores: songs, one network for all four stems,
# and its SDR on held-out songs. The Python that runs it must have torch for that GPU.
train-gpu:
	$(PYTHON) -m training.gpu --out out/train-gpu --minutes 9

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -q --numprocesses 2 --dist loadfile

# Tests what `pip install` of the wheel gives a user without the repository.
wheel: $(VENV)/.test
	PYTHON=$(BIN)/python sh tools/try_wheel.sh

# The reference of what other programs may use, made from the docstrings: out/api/index.html.
api: $(VENV)/.api
	PYTHONPATH=. $(BIN)/python -m pdoc mdx mdx.audio.formats mdx.limit.policy mdx.systems.listing \
		evaluator.metrics evaluator.bss_eval evaluator.published --output-directory out/api

$(VENV)/bin/activate:
	@PYTHON='$(PYTHON)' sh tools/venv.sh $(VENV)

$(VENV)/.inference: pyproject.toml constraints.txt | $(VENV)/bin/activate
	@sh tools/install.sh $(VENV) --editable '.[demo,report,serve]'
	@touch $@

$(VENV)/.train: pyproject.toml constraints.txt | $(VENV)/bin/activate
	@sh tools/install.sh $(VENV) --editable '.[demo,report,serve,train]'
	@touch $@ $(VENV)/.inference

$(VENV)/.api: pyproject.toml constraints.txt | $(VENV)/bin/activate
	@sh tools/install.sh $(VENV) --editable '.[api,serve]'
	@touch $@

# tinysoundfont goes without its dependency, pyaudio, which is for loudspeakers and has no wheels.
$(VENV)/.test: pyproject.toml constraints.txt | $(VENV)/bin/activate
	@sh tools/install.sh $(VENV) --editable '.[test]'
	@sh tools/install.sh $(VENV) --no-deps tinysoundfont
	@touch $@ $(VENV)/.inference $(VENV)/.train
