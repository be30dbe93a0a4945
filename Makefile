# Every target does what it needs first. Settings are the variables LESIONLENS_*; see README.md.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
RUN := .venv/bin/python
INSTALLED := .venv/installed
HEIF_INSTALLED := .venv/installed-heif
BUILD := $(or $(LESIONLENS_BUILD),build)
STORE := $(or $(LESIONLENS_ARCHIVE),model_store/model-store)
TRAINED := $(BUILD)/model/card.json
ARCHIVE := $(STORE)/melanoma.mar
SAMPLES := web/static/samples/1.jpg
CLUSTER = $(or $(CONTEXT),$(LESIONLENS_CONTEXT))
KUBECTL = $(or $(wildcard .venv/bin/kubectl),kubectl) $(if $(LESIONLENS_KUBECONFIG),--kubeconfig "$(LESIONLENS_KUBECONFIG)")
ROLLOUT = $(if $(CONTEXT),LESIONLENS_CONTEXT="$(CONTEXT)") $(if $(URL),LESIONLENS_URL="$(URL)") $(RUN) -m k8s.rollout
# Hashes of all files of a version: `pip install --require-hashes` takes no other. No index is written down.
COMPILE := build/lock/bin/uv pip compile --quiet --python-version 3.11 --no-header --generate-hashes --no-emit-index-url
# Of the tests: one more than there are cores, for many of them wait; each computes with one thread.
PROCESSES ?= $(shell echo $$(( $$(nproc) + 1 )))
PYTEST := OMP_NUM_THREADS=1 $(RUN) -m pytest --numprocesses $(PROCESSES) --dist loadscope --no-loadscope-reorder
# Threads that wait sleep: spinning, they make a forward pass several times slower as soon as
# anything else runs on the same cores. On an idle machine sleeping costs about a fifth.
export OMP_WAIT_POLICY ?= PASSIVE
# NumPy's threads know no policy, only how long they spin: 2^4 cycles instead of 2^26.
export OPENBLAS_THREAD_TIMEOUT ?= 4

.PHONY: help setup check data audit train report explain-report archive serve key certificate page demo test lint format rules thresholds dashboards monitor drift-report bench loadtest overload attack fuzz measure-access measure-training measure-report measure-decoding measure-explanations measure-explaining measure-features measure-gpu measure-page measure-request measure-telemetry screenshots samples docs images sbom pod namespace publish deploy rollback cluster-test lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(if $(HEIF),$(HEIF_INSTALLED)) ## Create .venv with every package at its fixed version; HEIF=yes also reads HEIC and AVIF

data: $(INSTALLED) ## Find and check the photographs (LESIONLENS_DATA, Kaggle or drawn ones)
	$(RUN) -m training data

audit: $(INSTALLED) ## Find near-duplicates among the photographs, and across train and test
	$(RUN) -m training audit

train: $(INSTALLED) ## Fit, calibrate, evaluate and export the model; FINETUNE=head, layer4 or all
	$(RUN) -m training train $(if $(FINETUNE),--finetune $(FINETUNE))

report: $(TRAINED) ## Measure the trained model: reports/<version>/ with page, plots, numbers, model card
	$(RUN) -m training report

explain-report: $(TRAINED) ## Measure what its explanations are worth: explanations.html beside the report (20 minutes)
	$(RUN) -m training explain-report

archive: $(ARCHIVE) ## Pack the trained model as melanoma.mar (trains if nothing is trained)

serve: $(ARCHIVE) ## Serve the archive with TorchServe until Ctrl-C
	@exec $(RUN) -m serving

key: $(INSTALLED) ## List the API keys; NAME=ward-3 makes one, with VERBS=predict EXPIRES=2027-12-31; REVOKE=... ends one
	@$(RUN) -m serving.front.access $(if $(NAME),--name "$(NAME)") $(if $(VERBS),--verbs "$(VERBS)") \
		$(if $(EXPIRES),--expires "$(EXPIRES)") $(if $(REVOKE),--revoke "$(REVOKE)")

certificate: $(INSTALLED) ## Make a certificate for a trial of TLS, for this machine's names and NAMES=...
	@$(RUN) -m serving.front.access.certificate --names "$(NAMES)"

page: $(SAMPLES) ## The upload page beside `make serve`, until Ctrl-C
	@exec $(RUN) -m web

demo: $(INSTALLED) ## All of it once: data, training, archive, server, predict, explain
	$(RUN) -m serving.demo

samples: $(SAMPLES) ## Draw the pictures that the page offers to try

docs: $(INSTALLED) ## Build the documentation's site in build/site; every link is checked
	@# Not --quiet: what is not said is not counted, and then nothing is strict.
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict
	@echo "open build/site/index.html"

test: $(SAMPLES) ## Run every test
	$(PYTEST)

check: lint $(SAMPLES) ## Check style and types, and run every test that starts no server, container or training
	$(PYTEST) -m "not slow"

lint: $(INSTALLED) ## Check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(INSTALLED) ## Put the code into shape
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

rules: $(INSTALLED) ## Write Prometheus' rules anew, from objectives.yaml and thresholds.json
	$(RUN) -m monitoring.build rules

thresholds: $(INSTALLED) ## Calibrate the drift thresholds anew by resampling (minutes)
	$(RUN) -m monitoring.build thresholds
	$(RUN) -m monitoring.build rules
	$(RUN) -m loadtests.tables

dashboards: $(INSTALLED) ## Write Grafana's dashboards anew
	$(RUN) -m monitoring.dashboards

monitor: $(INSTALLED) ## Prometheus, and Grafana where it is on PATH, beside `make serve`, until Ctrl-C
	@exec $(RUN) -m monitoring.local

drift-report: $(INSTALLED) ## Compare REFERENCE=... with CURRENT=...: two folders of photographs or two windows
	@test -n "$(REFERENCE)" -a -n "$(CURRENT)" || { echo "error: name what to compare:" \
		"make drift-report REFERENCE=folder CURRENT=folder, or REFERENCE=-2d/-1d CURRENT=-1d/now" >&2; exit 2; }
	@$(RUN) -m monitoring.drift_report "$(REFERENCE)" "$(CURRENT)"

measure-training: $(INSTALLED) ## Time photographs to archive: from nothing, with the cache, and layer4 (15 minutes)
	$(RUN) -m loadtests.training_time
	$(RUN) -m loadtests.tables

measure-report: $(TRAINED) ## Make the report of the trained model and keep its numbers for the pages
	$(RUN) -m loadtests.reports report docs/results/report.json
	$(RUN) -m loadtests.tables

measure-explanations: $(TRAINED) ## Measure every attribution method and keep the numbers for the pages (30 minutes)
	$(RUN) -m loadtests.reports explain-report docs/results/explanations.json
	$(RUN) -m loadtests.tables

measure-explaining: $(ARCHIVE) ## Time served explanations beside predictions (10 minutes)
	$(RUN) -m loadtests.explain_cost
	$(RUN) -m loadtests.tables

measure-request: $(ARCHIVE) ## Time the parts of one request
	$(RUN) -m loadtests.request_life
	$(RUN) -m loadtests.tables

measure-access: $(ARCHIVE) ## Time what a key and a token cost, and a server while somebody tries wrong keys (3 minutes)
	$(RUN) -m loadtests.access_cost
	$(RUN) -m loadtests.tables

measure-decoding: $(INSTALLED) ## Measure what every kind of hostile file costs the decoder (4 minutes)
	$(RUN) -m loadtests.decode_cost
	$(if $(wildcard $(HEIF_INSTALLED)),$(RUN) -m loadtests.decode_cost --heif)
	$(RUN) -m loadtests.tables

measure-page: $(ARCHIVE) $(SAMPLES) ## Time the upload page in Chromium, from a dropped photograph to its answer
	$(RUN) -m loadtests.page.timing
	$(RUN) -m loadtests.tables

screenshots: $(ARCHIVE) $(SAMPLES) ## Take the documentation's pictures of the upload page, in Chromium
	$(RUN) -m loadtests.page.pictures

measure-features: $(INSTALLED) ## Time feature extraction, and its memory over 10,000 drawn pictures (15 minutes)
	$(RUN) -m loadtests.feature_cost
	$(RUN) -m loadtests.tables

measure-gpu: $(INSTALLED) ## Fit FINETUNE=all with and without the GPU of this machine
	$(RUN) -m loadtests.gpu_time
	$(RUN) -m loadtests.tables

bench: $(ARCHIVE) ## Measure this project beside other servers of the same model (15 minutes)
	$(RUN) -m loadtests.bench
	$(RUN) -m loadtests.tables

loadtest: $(ARCHIVE) ## Users by Locust against HOST=... or a server of its own; SHAPE=steady, spike or soak
	@$(if $(SHAPE),LESIONLENS_LOAD_SHAPE=$(SHAPE)) $(RUN) -m loadtests.run --host "$(HOST)" --metrics "$(METRICS)" \
		$(if $(RESULT),--output $(RESULT))
	@$(if $(RESULT),$(RUN) -m loadtests.tables)

overload: $(ARCHIVE) ## Load a server with ten times what it carries
	$(RUN) -m loadtests.overload
	$(RUN) -m loadtests.tables

attack: $(ARCHIVE) ## Attack a server and a page of its own in every known way (3 minutes)
	$(RUN) -m loadtests.attack

fuzz: $(ARCHIVE) ## Send a server of its own 20,000 damaged requests; REQUESTS=... and SEED=... choose others
	$(RUN) -m loadtests.fuzz $(if $(REQUESTS),--requests $(REQUESTS)) $(if $(SEED),--seed $(SEED))

measure-telemetry: $(ARCHIVE) ## Time requests with and without metrics
	$(RUN) -m loadtests.telemetry_cost
	$(RUN) -m loadtests.tables

images: $(SAMPLES) ## Build the container images, or IMAGE=serving; with Docker, podman or buildah
	$(RUN) -m k8s.images $(IMAGE)

sbom: $(INSTALLED) ## List what is in the images, as CycloneDX, in build/sbom
	$(RUN) -m k8s.images --sbom $(IMAGE)

pod: $(INSTALLED) ## Run the serving image as the manifests say, and what must not run (buildah, podman, runc)
	CI=true $(RUN) -m pytest tests/e2e/test_container.py tests/e2e/test_container_refusals.py

publish: $(ARCHIVE) ## Put the archive where a cluster finds it, under its digest; OVERLAY=... names it there
	@$(if $(RELEASES),LESIONLENS_RELEASES="$(RELEASES)") $(RUN) -m k8s.rollout publish $(OVERLAY)

namespace: $(INSTALLED) ## Create the namespace of OVERLAY=... on the cluster CONTEXT=..., once, as its administrator
	@test -n "$(OVERLAY)" -a -n "$(CLUSTER)" || { echo "error: name both:" \
		"make namespace OVERLAY=local CONTEXT=kind-lesionlens" >&2; exit 2; }
	@$(KUBECTL) --context "$(CLUSTER)" apply --filename "k8s/overlays/$(OVERLAY)/namespace.yaml"

deploy: $(INSTALLED) ## Apply OVERLAY=local or another, wait, ask; CONTEXT=... names the cluster
	@$(ROLLOUT) deploy $(OVERLAY) $(if $(PHOTO),--photograph "$(PHOTO)")

rollback: $(INSTALLED) ## Go back to what OVERLAY=... ran before
	@$(ROLLOUT) rollback $(OVERLAY) $(if $(PHOTO),--photograph "$(PHOTO)")

cluster-test: $(ARCHIVE) ## Test a cluster with KServe, in a namespace of its own; CONTEXT=... names it, ONLY=... chooses, KEEP=yes
	@test -n "$(CLUSTER)" || { echo "error: name the cluster: make cluster-test CONTEXT=kind-lesionlens" >&2; exit 2; }
	@LESIONLENS_CLUSTER_CONTEXT="$(CLUSTER)" LESIONLENS_CLUSTER_ARCHIVE="$(STORE)" \
		$(if $(KEEP),LESIONLENS_CLUSTER_KEEP="$(KEEP)") $(if $(OUTPUT),LESIONLENS_CLUSTER_OUTPUT="$(OUTPUT)") \
		$(RUN) -m pytest tests/cluster --verbose -rN --tb=short -k "$(ONLY)"

lock: ## Choose versions anew within requirements.in, and the images' from them
	$(PYTHON) -m venv build/lock && build/lock/bin/pip install --quiet uv==0.13.9
	$(COMPILE) --universal --upgrade requirements.in --output-file requirements.txt
	$(COMPILE) --universal --constraint requirements.txt requirements-heif.in --output-file requirements-heif.txt
	for image in serving training page; do $(COMPILE) --python-platform linux --constraint requirements.txt \
		$$(test $$image = serving && echo --override k8s/images/serving/left_out.txt) \
		k8s/images/$$image/requirements.in --output-file k8s/images/$$image/requirements.txt; done
	$(COMPILE) --python-platform linux --constraint requirements.txt --override k8s/images/serving/cuda_left_out.txt \
		k8s/images/serving/cuda.in --output-file k8s/images/serving/cuda.txt
	$(COMPILE) --universal --upgrade .github/audit.in --output-file .github/audit.txt

clean: ## Remove what can be made again, the feature cache included; .venv stays
	rm -rf "$(BUILD)" "$(STORE)" reports .pytest_cache .mypy_cache .ruff_cache

# Written last, so an interrupted install is begun again.
$(SAMPLES): training/samples.py training/synthetic.py training/pigment.py | $(INSTALLED)
	$(RUN) -m training.samples $(@D)

$(INSTALLED): requirements.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
		sys.exit(0 if (3, 11) <= v < (3, 14) else \
		"error: Python 3.11 to 3.13 is needed, this is %d.%d; name another with make PYTHON=python3.12" % v)'
	$(PYTHON) -m venv .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.txt
	@touch $@

# Alone and not with the other packages: it is an operator's choice, and `make setup` without HEIF leaves it.
$(HEIF_INSTALLED): requirements-heif.txt | $(INSTALLED)
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--require-hashes --requirement requirements-heif.txt
	@touch $@

# What was trained stays until `make train`; new handlers only need packing again.
$(TRAINED): | $(INSTALLED)
	$(RUN) -m training train

$(ARCHIVE): $(TRAINED) $(wildcard handlers/*.py handlers/*/*.py) training/archive.py | $(INSTALLED)
	$(RUN) -m training archive
