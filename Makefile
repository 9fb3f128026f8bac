# From a fresh clone with Python >= 3.11, make and a package index:
#   make serve                           the example application on http://127.0.0.1:8080/
#   make serve SERVER=gevent PORT=9000   the same on another server and port
#   make test                            every check and test, through nox (see noxfile.py)
# PYTHON=python3.12 chooses the interpreter of .venv when that is made for the first time.

SERVER ?= waitress
PORT ?= 8080
PYTHON ?=

BUILTIN := auto wsgiref
SERVERS := $(sort $(BUILTIN) $(patsubst plugins/bottle-server-%/pyproject.toml,%,$(wildcard plugins/bottle-server-*/pyproject.toml)))
FOLDERS := core $(if $(filter $(SERVER),$(BUILTIN)),,plugins/bottle-server-$(SERVER))

# Stamps live in .venv, so that they vanish with it. Each depends on the files whose change needs another call of pip.
STAMPS := .venv/.stamps
IN_VENV := .venv/bin/python

help: ## list the targets
	@sed -n 's/^\([a-z ]*\):.*## /make \1\t/p' Makefile | expand -t 16

ifeq ($(filter $(SERVER),$(SERVERS)),)
serve: ; @$(error no server is called "$(SERVER)"; there are: $(SERVERS))
else
serve: $(STAMPS)/server-$(SERVER) ## serve the example application (SERVER=waitress PORT=8080)
	cd examples/board && exec ../../$(IN_VENV) -m bottle -s $(subst -,_,$(SERVER)) -b 127.0.0.1:$(PORT) app:app
endif

test: $(STAMPS)/server-$(SERVER) $(STAMPS)/nox ## run every check and test
	@scripts/install-system-packages
	@scripts/run-nox

lint types build isolation format: $(STAMPS)/nox ## one session: make lint, types, build, isolation, format
	$(IN_VENV) -m nox -s $@

clean: ## remove everything that can be made again
	rm -rf .venv .nox .cache dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMPS)/venv:
	@PYTHON='$(PYTHON)' scripts/make-venv
	@mkdir -p $(@D) && touch $@

$(STAMPS)/server-$(SERVER): $(FOLDERS:=/pyproject.toml) $(STAMPS)/venv
	$(IN_VENV) -m pip install --quiet $(addprefix -e ./,$(FOLDERS))
	@touch $@

$(STAMPS)/nox: pyproject.toml $(STAMPS)/venv
	$(IN_VENV) -m pip install --quiet $$($(IN_VENV) scripts/dependency_group.py nox)
	@touch $@

.PHONY: help serve test lint types build isolation format clean
