# Every path here is relative, so that the checkout may stand in a folder with spaces in its name.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo check test lint format docs site notebook bench clean

demo: $(VENV)/installed
	@$(BIN)/python -m gradcam_cli explain sample_images/egyptian_cat.jpg --class "Egyptian cat" \
	    --model efficientnet-lite0 --offline -o demo/
	@echo "Open the JPEG above: the heat is on what the model takes for a cat."

# Does the bundled model look at the objects of the sample pictures?
check: $(VENV)/installed
	$(BIN)/python -m gradcam_cli check sample_images/annotations.json --model efficientnet-lite0 \
	    --offline --min-top1 1 --min-lift 1.5 --min-object-drop 0.4 -o demo/

test: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pre-commit validate-config
	$(BIN)/pre-commit validate-manifest

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What is generated from the code; a test fails where it is not what the code has.
docs: $(VENV)/installed-dev
	$(BIN)/python -m docs.commands

# The documentation as a site, in build/site; a warning fails it.
site: $(VENV)/installed-docs
	$(BIN)/python -m docs.site
	@echo "Open build/site/index.html."

# Runs the notebook of the documentation anew.
notebook: $(VENV)/installed-dev
	$(BIN)/python -m docs.notebook

# For more rounds: make bench ROUNDS=15
bench: $(VENV)/installed-bench
	$(BIN)/python -m benchmarks.run $(if $(ROUNDS),--rounds $(ROUNDS))
	$(BIN)/python -m benchmarks.folder
	$(BIN)/python -m benchmarks.resume
	$(BIN)/python -m benchmarks.passes
	$(BIN)/python -m benchmarks.families
	$(BIN)/python -m benchmarks.methods
	$(BIN)/python -m benchmarks.boxes
	$(BIN)/python -m benchmarks.coverage
	$(BIN)/python -m benchmarks.growth
	$(BIN)/python -m benchmarks.check
	$(BIN)/python -m benchmarks.precision

clean:
	rm -rf $(VENV) demo build dist *.egg-info

$(VENV)/installed: pyproject.toml
	@echo "Installing into $(VENV); TensorFlow is large, this takes a minute or two."
	$(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) --editable ".[dev]"
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(PIP) --editable ".[docs]"
	@touch $@

$(VENV)/installed-bench: $(VENV)/installed
	$(PIP) --editable ".[bench]"
	@touch $@
