# make demo   the main job: set-up, then pictures, run, evaluation, report; ends by naming the report
# make test   set-up and the tests
# Both need Python 3.11 or newer, pip and make, and nothing else.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# the functions whose texts are translated
KEYWORDS := -k say -k phrase -k marked -k gapped -k plural:1,2 -k counted:1,2 -k _ -k gettext -k ngettext:1,2

.PHONY: demo test check simulate bench notebooks sample-reports languages clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.installed-demo
	$(BIN)/finauth-eval demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n auto --dist loadfile --ignore=tests/simulations

check: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/nbstripout --verify notebooks/*.ipynb

simulate: $(VENV)/.installed-dev
	$(BIN)/python -m pytest tests/simulations -n auto --timeout=1200

bench: $(VENV)/.installed-dev
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

# what reports look like, without any picture of a person; committed
sample-reports: demo
	$(BIN)/finauth-eval report reports/demo --by media_type --max-bpcer 0.2 --max-apcer 0.05 \
	    --cost miss=20,alarm=1 --prior 0.02 -o reports/sample/report.html
	$(BIN)/finauth-eval report reports/demo/version-5.1 --against reports/demo --by media_type \
	    -o reports/sample/comparison.html

# what pages say, into the catalogues of other languages: new texts appear there untranslated; then compiled
languages: $(VENV)/.installed-dev
	mkdir -p build
	$(BIN)/pybabel -q extract -F scripts/babel.cfg --no-default-keywords $(KEYWORDS) --add-location=file --sort-output \
	    -o build/finauth_eval.pot finauth_eval
	$(BIN)/pybabel -q update -D finauth_eval -i build/finauth_eval.pot -d finauth_eval/languages --no-fuzzy-matching \
	    --ignore-obsolete --ignore-pot-creation-date
	$(BIN)/pybabel -q compile -D finauth_eval -d finauth_eval/languages

notebooks: $(VENV)/.installed-dev demo
	$(BIN)/python -m pytest --nbmake --nbmake-timeout=300 notebooks -p no:cacheprovider

clean:
	rm -rf $(VENV) build dist .finauth-cache/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; this is " + sys.version) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo]'
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[demo,notebook,dev]'
	touch $@ $(VENV)/.installed-demo
